import { select, type Db } from './database.ts';

export interface LiveRevocation {
  id: string;
  userId: number;
  sessionId: string;
  reason: string;
  expiresAt: Date;
}

const BATCH = 1000;

/** Hands over, in batches, every revocation that may still concern a living token. */
export async function forEachLiveRevocation(
  db: Db,
  now: Date,
  handle: (batch: LiveRevocation[]) => void | Promise<void>,
): Promise<void> {
  let afterId = '0';
  for (;;) {
    const batch = await select<LiveRevocation>(
      db,
      `SELECT id, user_id AS "userId", session_id AS "sessionId", reason, expires_at AS "expiresAt"
       FROM revocations WHERE id > :afterId AND expires_at > :now ORDER BY id LIMIT :limit`,
      { afterId, now, limit: BATCH },
    );
    await handle(batch);
    const last = batch.at(-1);
    if (last === undefined || batch.length < BATCH) return;
    afterId = last.id;
  }
}

/** The oldest transaction that is still running: whatever commits from now on is as old at least. */
export async function readOldestRunning(db: Db): Promise<string> {
  const [row] = await select<{ xmin: string }>(
    db,
    'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin',
  );
  if (row === undefined) throw new Error('PostgreSQL gave no snapshot');
  return row.xmin;
}

/**
 * The revocations of the transaction `since` and of later ones, and where to go on next time. A transaction
 * that takes its number early and commits late is not missed: until it ends, no snapshot's xmin passes it.
 */
export async function listRevocationsSince(
  db: Db,
  since: string,
): Promise<{ revocations: LiveRevocation[]; readUpTo: string }> {
  const rows = await select<{ xmin: string } & (LiveRevocation | { id: null })>(
    db,
    `SELECT snapshot.xmin, id, user_id AS "userId", session_id AS "sessionId", reason,
            expires_at AS "expiresAt"
     FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin) AS snapshot
     LEFT JOIN revocations ON xid >= CAST(:since AS xid8)`,
    { since },
  );
  const revocations = rows.filter((row) => row.id !== null);
  return { revocations, readUpTo: rows[0]?.xmin ?? since };
}
