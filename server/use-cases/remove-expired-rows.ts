import type { AppContext } from '../context.ts';
import { deleteExpiredRows, type ExpiringTable } from '../store/expired-rows.ts';

const BATCH = 1000;
/** Expired sessions stay a day, so that a late question about them has an answer. */
const SESSION_GRACE_MS = 24 * 60 * 60 * 1000;

/** Deletes what nobody can ask for any more, in batches. */
export async function removeExpiredRows({
  db,
  clock,
}: Pick<AppContext, 'db' | 'clock'>): Promise<void> {
  const now = clock.now();
  const graces: [ExpiringTable, number][] = [
    ['revocations', 0],
    ['failed_attempts', 0],
    ['one_time_tokens', 0],
    ['refresh_tokens', 0],
    ['sessions', SESSION_GRACE_MS],
  ];
  for (const [table, graceMs] of graces) {
    const some = { before: new Date(now - graceMs), limit: BATCH };
    while ((await deleteExpiredRows(db, table, some)) === BATCH);
  }
}
