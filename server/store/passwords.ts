import { select, type Db, type Trx } from './database.ts';

/** A new password may not be one of so many before it, the current one included. */
const HISTORY_LENGTH = 5;

/** Sets a password and notes it in the history, which keeps the newest. */
export async function setPassword(
  trx: Trx,
  { userId, passwordHash, now }: { userId: number; passwordHash: string; now: Date },
): Promise<void> {
  await select(
    trx,
    `UPDATE users SET password_hash = :passwordHash, password_version = password_version + 1
     WHERE id = :userId`,
    { userId, passwordHash },
  );
  await select(
    trx,
    `INSERT INTO password_history (user_id, password_hash, set_at)
     VALUES (:userId, :passwordHash, :now)`,
    { userId, passwordHash, now },
  );
  await select(
    trx,
    `DELETE FROM password_history WHERE user_id = :userId AND id NOT IN (
       SELECT id FROM password_history WHERE user_id = :userId ORDER BY id DESC LIMIT :kept)`,
    { userId, kept: HISTORY_LENGTH },
  );
}

/** The same password under another hash. */
export async function replacePasswordHash(
  trx: Trx,
  { userId, passwordHash }: { userId: number; passwordHash: string },
): Promise<void> {
  await select(trx, 'UPDATE users SET password_hash = :passwordHash WHERE id = :userId', {
    userId,
    passwordHash,
  });
}

/** The hashes that a new password must not match, the newest first. */
export async function listPasswordHashes(db: Db, userId: number): Promise<string[]> {
  const rows = await select<{ passwordHash: string }>(
    db,
    `SELECT password_hash AS "passwordHash" FROM password_history
     WHERE user_id = :userId ORDER BY id DESC LIMIT :limit`,
    { userId, limit: HISTORY_LENGTH },
  );
  return rows.map(({ passwordHash }) => passwordHash);
}
