import { repeat } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { presenceKey, PRESENCE_SECONDS } from '../use-cases/count-online.ts';
import type { Connections } from './connections.ts';

const INTERVAL_MS = (PRESENCE_SECONDS * 1000) / 3;

type PresenceContext = Pick<AppContext, 'ephemeral' | 'clock' | 'log'>;

/**
 * Notes who holds a socket on this node, again and again: whoever is noted by no node any more, because the sockets are
 * closed or the node is dead, is forgotten by itself. Gives what ends it.
 */
export function keepPresence(ctx: PresenceContext, connections: Connections): () => void {
  const stopNoting = repeat(ctx.clock, INTERVAL_MS, {
    task: () => note(ctx, connections.userIds()),
    onError: (error) => {
      ctx.log.debug({ err: error }, 'who is online is not noted yet');
    },
  });
  connections.onArrival((userId) => {
    note(ctx, [userId]).catch(() => undefined);
  });
  return stopNoting;
}

async function note({ ephemeral, clock }: PresenceContext, userIds: number[]): Promise<void> {
  const byKey = Map.groupBy(userIds, presenceKey);
  const seen = { at: clock.now(), ttlMs: PRESENCE_SECONDS * 1000 };
  await Promise.all(
    Array.from(byKey, ([key, members]) => ephemeral.see(key, members.map(String), seen)),
  );
}
