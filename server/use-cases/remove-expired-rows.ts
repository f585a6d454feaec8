import type { AppContext } from '../context.ts';
import { deleteExpiredRows } from '../store/expired-rows.ts';

const BATCH = 1000;
/** Expired sessions stay a day, so that a late question about them has an answer. */
const SESSION_GRACE_MS = 24 * 60 * 60 * 1000;

/** Deletes what nobody can ask for any more, in batches. */
export async function removeExpiredRows({
  db,
  clock,
}: Pick<AppContext, 'db' | 'clock'>): Promise<void> {
  const now = clock.now();
  const endOf = { revocations: new Date(now), sessions: new Date(now - SESSION_GRACE_MS) };
  for (const table of ['revocations', 'sessions'] as const) {
    const some = { before: endOf[table], limit: BATCH };
    while ((await deleteExpiredRows(db, table, some)) === BATCH);
  }
}
