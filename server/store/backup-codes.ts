import { select, selectOne, type Db, type Trx } from './database.ts';

export interface BackupCode {
  id: string;
  codeHash: string;
}

/** The codes of a user that have not been used. */
export function listBackupCodes(db: Db, userId: number): Promise<BackupCode[]> {
  return select<BackupCode>(
    db,
    'SELECT id, code_hash AS "codeHash" FROM backup_codes WHERE user_id = :userId ORDER BY id',
    { userId },
  );
}

/** How many codes a user has left; none before the second factor is on. */
export async function countBackupCodes(db: Db, userId: number): Promise<number> {
  const row = await selectOne<{ remaining: number }>(
    db,
    `SELECT count(*)::integer AS remaining FROM backup_codes JOIN users ON users.id = user_id
     WHERE user_id = :userId AND totp_enabled`,
    { userId },
  );
  return row?.remaining ?? 0;
}

/** Uses a code: of many at once one gets true. */
export async function spendBackupCode(
  trx: Trx,
  { userId, id }: { userId: number; id: string },
): Promise<boolean> {
  const row = await selectOne(
    trx,
    'DELETE FROM backup_codes WHERE user_id = :userId AND id = :id RETURNING 1',
    { userId, id },
  );
  return row !== null;
}

/** Voids what is left of a user's codes, and sets new ones. Only for a locked user. */
export async function replaceBackupCodes(
  trx: Trx,
  { userId, codeHashes }: { userId: number; codeHashes: string[] },
): Promise<void> {
  await select(trx, 'DELETE FROM backup_codes WHERE user_id = :userId', { userId });
  await select(
    trx,
    `INSERT INTO backup_codes (user_id, code_hash)
     SELECT :userId, code_hash FROM unnest(CAST(:codeHashes AS text[])) AS code_hash`,
    { userId, codeHashes },
  );
}
