import { select, type Db } from './database.ts';

/** The tables whose rows expire: what a row is known by, and in which order the oldest are found. */
const TABLES = {
  revocations: { key: 'id', order: 'id' },
  sessions: { key: 'id', order: 'expires_at' },
  refresh_tokens: { key: 'jti', order: 'expires_at' },
  failed_attempts: { key: 'counter', order: 'expires_at' },
  one_time_tokens: { key: 'token_hash', order: 'expires_at' },
};

export type ExpiringTable = keyof typeof TABLES;

/** Deletes up to `limit` rows that expired before `before`, and tells how many. Nodes that do so at once share the work. */
export async function deleteExpiredRows(
  db: Db,
  table: ExpiringTable,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  const { key, order } = TABLES[table];
  const rows = await select(
    db,
    `DELETE FROM ${table} WHERE ${key} IN (
       SELECT ${key} FROM ${table} WHERE expires_at < :before ORDER BY ${order} LIMIT :limit
       FOR UPDATE SKIP LOCKED
     ) RETURNING 1`,
    { before, limit },
  );
  return rows.length;
}
