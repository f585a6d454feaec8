import { select, type Db, type Trx } from './database.ts';

export interface LiveRevocation {
  id: string;
  userId: number;
  sessionId: string;
  /** The highest generation of the session whose tokens are dead; null where it has ended, or one token has. */
  generation: number | null;
  /** The one token that is dead. */
  jti: string | null;
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
      `SELECT id, user_id AS "userId", session_id AS "sessionId", generation, jti, reason,
              expires_at AS "expiresAt"
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
    `SELECT snapshot.xmin, id, user_id AS "userId", session_id AS "sessionId", generation, jti,
            reason, expires_at AS "expiresAt"
     FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin) AS snapshot
     LEFT JOIN revocations ON xid >= CAST(:since AS xid8)`,
    { since },
  );
  const revocations = rows.filter((row) => row.id !== null);
  return { revocations, readUpTo: rows[0]?.xmin ?? since };
}

interface TokenRevocation {
  userId: number;
  sessionId: string;
  jti: string;
  now: Date;
  /** Until when the token could live. */
  expiresAt: Date;
}

/** Notes the end of one access token, whose session goes on. */
export async function insertTokenRevocation(trx: Trx, token: TokenRevocation): Promise<void> {
  await select(
    trx,
    `INSERT INTO revocations (user_id, session_id, jti, reason, revoked_at, expires_at)
     VALUES (:userId, :sessionId, :jti, 'token_revoked', :now, :expiresAt)`,
    { ...token },
  );
}
