import { repeat } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { presenceKey, PRESENCE_SECONDS } from '../use-cases/count-online.ts';
import type { Connections } from './connections.ts';

const INTERVAL_MS = (PRESENCE_SECONDS * 1000) / 3;
/** Who arrives together is noted together: after a restart of a node that is everybody. */
const GATHER_MS = 100;

type PresenceContext = Pick<AppContext, 'ephemeral' | 'clock' | 'log'>;

/**
 * Notes who holds a socket on this node, again and again: whoever is noted by no node any more, because the sockets are
 * closed or the node is dead, is forgotten by itself. Gives what ends it.
 */
export function keepPresence(ctx: PresenceContext, connections: Connections): () => void {
  const onError = (error: unknown) => {
    ctx.log.debug({ err: error }, 'who is online is not noted yet');
  };
  const arrived: number[] = [];
  connections.onArrival((userId) => {
    arrived.push(userId);
    if (arrived.length > 1) return;
    ctx.clock.after(GATHER_MS, () => {
      note(ctx, arrived.splice(0)).catch(onError);
    });
  });
  const task = () => note(ctx, connections.userIds());
  return repeat(ctx.clock, INTERVAL_MS, { task, onError });
}

async function note({ ephemeral, clock }: PresenceContext, userIds: number[]): Promise<void> {
  const byKey = Map.groupBy(userIds, presenceKey);
  const seen = { at: clock.now(), ttlMs: PRESENCE_SECONDS * 1000 };
  // One after the other: all at once would hold up the event loop for as long as thousands take.
  for (const [key, members] of byKey) await ephemeral.see(key, members.map(String), seen);
}
