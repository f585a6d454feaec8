import { select, type Db } from './database.ts';

/** Deletes up to `limit` rows that expired before `before`, and tells how many. Nodes that do so at once share the work. */
export async function deleteExpiredRows(
  db: Db,
  table: 'sessions' | 'revocations',
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  const rows = await select(
    db,
    `DELETE FROM ${table} WHERE id IN (
       SELECT id FROM ${table} WHERE expires_at < :before ORDER BY expires_at LIMIT :limit
       FOR UPDATE SKIP LOCKED
     ) RETURNING 1`,
    { before, limit },
  );
  return rows.length;
}
