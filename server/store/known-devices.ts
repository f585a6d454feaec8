import { selectOne, type Trx } from './database.ts';

/** A device that has not been seen for so long is forgotten when another one signs in. */
const MEMORY_MS = 400 * 24 * 60 * 60 * 1000;

/**
 * Notes that a user signed in from a device, and tells whether it is a new one among others. The first of all
 * is nothing to be alarmed at.
 */
export async function noteDevice(
  trx: Trx,
  { userId, device, now }: { userId: number; device: string; now: Date },
): Promise<{ isNew: boolean }> {
  const row = await selectOne<{ isNew: boolean }>(
    trx,
    `WITH others AS (
       SELECT EXISTS (
         SELECT FROM known_devices WHERE user_id = :userId AND device <> :device
       ) AS exist
     ), noted AS (
       INSERT INTO known_devices AS known (user_id, device, first_seen_at, last_seen_at)
       VALUES (:userId, :device, :now, :now)
       ON CONFLICT (user_id, device) DO UPDATE SET last_seen_at = excluded.last_seen_at
       RETURNING xmax = 0 AS inserted
     ), forgotten AS (
       DELETE FROM known_devices
       WHERE user_id = :userId AND device <> :device AND last_seen_at < :forgetBefore
     )
     SELECT noted.inserted AND others.exist AS "isNew" FROM noted, others`,
    { userId, device, now, forgetBefore: new Date(now.getTime() - MEMORY_MS) },
  );
  return { isNew: row?.isNew ?? false };
}
