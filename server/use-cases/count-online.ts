import type { AppContext } from '../context.ts';

/** For so long after it was last noted a user counts as online. */
export const PRESENCE_SECONDS = 15;
/** No key holds the whole world. */
const SHARDS = 32;

/** Where it is noted that a user is online. */
export function presenceKey(userId: number): string {
  return keyOf(userId % SHARDS);
}

function keyOf(shard: number): string {
  return `presence:${shard}`;
}

/** How many users hold a socket on any node. @throws `service_unavailable` */
export async function countOnline({
  ephemeral,
  clock,
}: Pick<AppContext, 'ephemeral' | 'clock'>): Promise<number> {
  const since = clock.now() - PRESENCE_SECONDS * 1000;
  const counts = await Promise.all(
    Array.from({ length: SHARDS }, (_, shard) => ephemeral.countSeen(keyOf(shard), since)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
