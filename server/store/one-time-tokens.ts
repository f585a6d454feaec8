import { select, selectOne, type Db, type Trx } from './database.ts';
import { PASSWORD_COLUMNS, USER_COLUMNS, type UserWithPassword } from './users.ts';

export type TokenPurpose = 'reset_password' | 'verify_email';

interface NewToken {
  tokenHash: string;
  now: Date;
  expiresAt: Date;
}

/** Who asked for a new password, and whether there is a token for it now. */
interface ResetRequest {
  userId: number;
  /** As it was registered, however it was typed. */
  email: string;
  isMade: boolean;
}

/**
 * Makes a token for whoever has this address, unless the account is disabled or `isAllowed` says no; null where
 * nobody has it. One statement for all cases, so that its time tells them not apart. The lock waits for a user who is
 * just being erased.
 */
export function insertResetToken(
  trx: Trx,
  token: NewToken & { email: string; isAllowed: boolean },
): Promise<ResetRequest | null> {
  return selectOne<ResetRequest>(
    trx,
    `WITH owner AS (
       SELECT id, email, is_active FROM users WHERE lower(email) = lower(:email) FOR KEY SHARE
     ), made AS (
       INSERT INTO one_time_tokens (token_hash, user_id, purpose, email, created_at, expires_at)
       SELECT :tokenHash, id, 'reset_password', email, :now, :expiresAt FROM owner
       WHERE is_active AND :isAllowed
       RETURNING user_id
     )
     SELECT id AS "userId", email, EXISTS (SELECT FROM made) AS "isMade" FROM owner`,
    { ...token },
  );
}

/** Makes a token for the address that a user has, and gives it; null where there is neither user nor address. */
export async function insertVerificationToken(
  trx: Trx,
  token: NewToken & { userId: number },
): Promise<string | null> {
  const row = await selectOne<{ email: string }>(
    trx,
    `INSERT INTO one_time_tokens (token_hash, user_id, purpose, email, created_at, expires_at)
     SELECT :tokenHash, id, 'verify_email', email, :now, :expiresAt FROM users
     WHERE id = :userId AND email IS NOT NULL FOR KEY SHARE
     RETURNING email`,
    { ...token },
  );
  return row?.email ?? null;
}

interface PresentedToken {
  tokenHash: string;
  purpose: TokenPurpose;
  now: Date;
}

/** An active user who still has the address that the token was mailed to. */
const OWNER = `
  users JOIN (
    SELECT user_id, email AS mailed_to FROM one_time_tokens
    WHERE token_hash = :tokenHash AND purpose = :purpose AND expires_at > :now
  ) AS token ON user_id = id AND lower(mailed_to) = lower(email)
  WHERE is_active`;

/** Whose token it is; null where it opens nothing. */
export function findTokenOwner(db: Db, token: PresentedToken): Promise<UserWithPassword | null> {
  return selectOne<UserWithPassword>(
    db,
    `SELECT ${USER_COLUMNS}, ${PASSWORD_COLUMNS} FROM ${OWNER}`,
    { ...token },
  );
}

/**
 * Uses a token up, and gives whose it was; null where it opens nothing. The user's row is locked first, as everywhere
 * else; of many at once one finds the token there still.
 */
export function spendOneTimeToken(
  trx: Trx,
  token: PresentedToken,
): Promise<UserWithPassword | null> {
  return selectOne<UserWithPassword>(
    trx,
    `WITH owner AS (
       SELECT users.* FROM ${OWNER} FOR NO KEY UPDATE OF users
     ), spent AS (
       DELETE FROM one_time_tokens USING owner
       WHERE token_hash = :tokenHash AND user_id = owner.id
       RETURNING user_id
     )
     SELECT ${USER_COLUMNS}, ${PASSWORD_COLUMNS} FROM owner JOIN spent ON user_id = id`,
    { ...token },
  );
}

/** Voids what is left of a user's tokens of one kind. */
export async function deleteOneTimeTokens(
  trx: Trx,
  { userId, purpose }: { userId: number; purpose: TokenPurpose },
): Promise<void> {
  await select(trx, 'DELETE FROM one_time_tokens WHERE user_id = :userId AND purpose = :purpose', {
    userId,
    purpose,
  });
}
