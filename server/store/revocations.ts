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
  /** By which nodes acknowledge it, where somebody waits for that. */
  revocationId: string | null;
  revokedAt: Date;
  expiresAt: Date;
}

export const LIVE_REVOCATION_COLUMNS = `
  revocations.id, user_id AS "userId", session_id AS "sessionId", generation, jti, reason,
  revocation_id AS "revocationId", revoked_at AS "revokedAt", expires_at AS "expiresAt"`;

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
      `SELECT ${LIVE_REVOCATION_COLUMNS} FROM revocations
       WHERE id > :afterId AND expires_at > :now ORDER BY id LIMIT :limit`,
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

interface TokenRevocation {
  userId: number;
  sessionId: string;
  jti: string;
  revocationId: string;
  now: Date;
  /** Until when the token could live. */
  expiresAt: Date;
}

/** Notes the end of one access token, whose session goes on. */
export async function insertTokenRevocation(trx: Trx, token: TokenRevocation): Promise<void> {
  await select(
    trx,
    `INSERT INTO revocations (user_id, session_id, jti, reason, revoked_at, expires_at,
                              revocation_id)
     VALUES (:userId, :sessionId, :jti, 'token_revoked', :now, :expiresAt, :revocationId)`,
    { ...token },
  );
}
