import type { AppContext } from '../context.ts';
import { deleteOldRevocations } from '../store/revocations.ts';
import { deleteOldSessions } from '../store/sessions.ts';

const BATCH = 1000;
/** Expired sessions stay a day, so that a late question about them has an answer. */
const SESSION_GRACE_MS = 24 * 60 * 60 * 1000;

/** Deletes what nobody can ask for any more, in batches; nodes that do so at once share the work. */
export async function removeExpiredRows(ctx: Pick<AppContext, 'db' | 'clock'>): Promise<void> {
  const now = ctx.clock.now();
  await inBatches((limit) => deleteOldRevocations(ctx.db, { before: new Date(now), limit }));
  const before = new Date(now - SESSION_GRACE_MS);
  await inBatches((limit) => deleteOldSessions(ctx.db, { before, limit }));
}

async function inBatches(deleteSome: (limit: number) => Promise<number>): Promise<void> {
  while ((await deleteSome(BATCH)) === BATCH);
}
