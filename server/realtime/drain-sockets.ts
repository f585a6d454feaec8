import type { AppContext } from '../context.ts';
import { closeAll } from './closing.ts';
import type { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import { inChunks } from './in-chunks.ts';
import type { FrameOf } from './server-frames.ts';

/** A client that connects elsewhere when it was told to has been let in there by the time its old socket is closed. */
const OVERLAP_MS = 1000;
/** Those that fall due within the same one are closed together. */
const STEP_MS = 20;

interface Leave {
  connection: Connection;
  reconnectAfterMs: number;
}

/**
 * Tells every socket when to reconnect, each at another moment of the window so that the other nodes are not crushed,
 * and closes it with 1012 a little later: whoever listens is never offline. Until then it is served as ever.
 * Resolves when all are closed, at the end of the window at the latest. In a hurry they are told the same, and closed
 * at once.
 */
export async function drainSockets(
  { clock, config, log }: Pick<AppContext, 'clock' | 'config' | 'log'>,
  connections: Connections,
  { isHurried }: { isHurried: boolean },
): Promise<void> {
  const windowMs = config.drainWindowSeconds * 1000;
  const overlapMs = Math.min(OVERLAP_MS, windowMs / 2);
  if (connections.size > 0) {
    log.info({ sockets: connections.size, window_ms: windowMs }, 'draining');
  }
  const leaves = refuseUnfinished(connections.list()).map((connection) => ({
    connection,
    reconnectAfterMs: Math.floor(Math.random() * (windowMs - overlapMs)),
  }));
  await inChunks(leaves, ({ connection, reconnectAfterMs }) => {
    const frame: FrameOf<'drain'> = { type: 'drain', reconnect_after_ms: reconnectAfterMs };
    connection.send(frame);
  });
  if (!isHurried && windowMs > 0) {
    await closeInTurn({ clock, connections }, { leaves, lateMs: overlapMs });
  }
  await connections.closeAll('draining');
}

/** A handshake that is under way finds its connection gated, and is answered with 503. Gives those that are open. */
function refuseUnfinished(all: Connection[]): Connection[] {
  for (const connection of all) if (!connection.isOpen) connection.gate('draining');
  return all.filter(({ isOpen }) => isOpen);
}

/** Closes each so much later than it was told to reconnect. Resolves when that is done, or when none is left. */
async function closeInTurn(
  { clock, connections }: { clock: AppContext['clock']; connections: Connections },
  { leaves, lateMs }: { leaves: Leave[]; lateMs: number },
): Promise<void> {
  const steps = Map.groupBy(leaves, (leave) => Math.ceil(leave.reconnectAfterMs / STEP_MS));
  if (steps.size === 0) return;
  const isDone = Promise.withResolvers<undefined>();
  connections.onEmpty(() => {
    isDone.resolve(undefined);
  });
  let waiting = steps.size;
  const timers = Array.from(steps, ([step, due]) =>
    clock.after(step * STEP_MS + lateMs, () => {
      const closing = due.map(({ connection }) => connection);
      void closeAll(closing, 'draining').then(() => {
        if ((waiting -= 1) === 0) isDone.resolve(undefined);
      });
    }),
  );
  await isDone.promise;
  for (const cancel of timers) cancel();
}
