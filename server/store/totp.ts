import { select, selectOne, type Db, type Trx } from './database.ts';

export interface Totp {
  id: number;
  userId: number;
  /** Encrypted. */
  secret: string;
  /** The newest time step that a code was accepted for. */
  lastStep: number | null;
  /** False while its set-up has only begun. */
  isEnabled: boolean;
}

export function findTotp(db: Db, userId: number): Promise<Totp | null> {
  return selectOne<Totp>(
    db,
    `SELECT totp.id, user_id AS "userId", secret, last_step AS "lastStep",
            totp_enabled AS "isEnabled"
     FROM totp JOIN users ON users.id = user_id WHERE user_id = :userId`,
    { userId },
  );
}

/** Whether the user has a second factor that is on. */
export async function hasSecondFactor(db: Db, userId: number): Promise<boolean> {
  const row = await selectOne(db, 'SELECT 1 FROM users WHERE id = :userId AND totp_enabled', {
    userId,
  });
  return row !== null;
}

/** Begins a set-up, in the place of one that was begun before. Only for a locked user without a second factor. */
export async function replaceTotp(
  trx: Trx,
  { userId, secret, now }: { userId: number; secret: string; now: Date },
): Promise<void> {
  await select(trx, 'DELETE FROM totp WHERE user_id = :userId', { userId });
  await select(
    trx,
    'INSERT INTO totp (user_id, secret, created_at) VALUES (:userId, :secret, :now)',
    { userId, secret, now },
  );
}

/** Sets the encrypted secret of a locked user. */
export async function setTotpSecret(
  trx: Trx,
  { userId, secret }: Pick<Totp, 'userId' | 'secret'>,
): Promise<void> {
  await select(trx, 'UPDATE totp SET secret = :secret WHERE user_id = :userId', { userId, secret });
}

/** Accepts a time step: of many at once with the same one, or an older one, one gets true. */
export async function spendTotpStep(
  trx: Trx,
  { id, userId, step }: Pick<Totp, 'id' | 'userId'> & { step: number },
): Promise<boolean> {
  const row = await selectOne(
    trx,
    `UPDATE totp SET last_step = :step
     WHERE user_id = :userId AND id = :id AND (last_step IS NULL OR last_step < :step)
     RETURNING 1`,
    { id, userId, step },
  );
  return row !== null;
}

/**
 * Turns the second factor on, unless it is on, and tells whether it did. The session that showed it has both
 * factors from now on, and its next tokens say so (RFC 8176).
 */
export async function enableTotp(
  trx: Trx,
  { userId, sessionId, amr }: { userId: number; sessionId: string; amr: string[] },
): Promise<boolean> {
  const row = await selectOne(
    trx,
    `WITH enabled AS (
       UPDATE users SET totp_enabled = true WHERE id = :userId AND NOT totp_enabled RETURNING id
     ), noted AS (
       UPDATE sessions SET amr = amr || :amr FROM enabled WHERE sessions.id = :sessionId
     )
     SELECT id FROM enabled`,
    { userId, sessionId, amr },
  );
  return row !== null;
}

/** Turns the second factor off, and forgets its secret. */
export async function deleteTotp(trx: Trx, userId: number): Promise<void> {
  await select(trx, 'DELETE FROM totp WHERE user_id = :userId', { userId });
  await select(trx, 'UPDATE users SET totp_enabled = false WHERE id = :userId', { userId });
}

export type TotpSecret = Pick<Totp, 'userId' | 'secret'>;

/** The encrypted secrets of the users after `afterUserId`, in the order of their ids. */
export async function listTotpSecrets(
  db: Db,
  { afterUserId, limit }: { afterUserId: number; limit: number },
): Promise<TotpSecret[]> {
  return select(
    db,
    `SELECT user_id AS "userId", secret FROM totp
     WHERE user_id > :afterUserId ORDER BY user_id LIMIT :limit`,
    { afterUserId, limit },
  );
}

/** Puts `to` in the place of `from`, and tells whether it did: not where another value is there, or none. */
export async function replaceTotpSecret(
  db: Db,
  { userId, from, to }: { userId: number; from: string; to: string },
): Promise<boolean> {
  const row = await selectOne(
    db,
    'UPDATE totp SET secret = :to WHERE user_id = :userId AND secret = :from RETURNING 1',
    { userId, from, to },
  );
  return row !== null;
}
