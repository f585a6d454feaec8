import type { CloseReason } from './close-codes.ts';
import type { Connection } from './connection.ts';
import { CHUNK, nextTurn } from './in-chunks.ts';

/** So many may be closing before the next ones are told, if their peers are quick. */
const MAX_CLOSING = 4 * CHUNK;
const PATIENCE_MS = 4;

/**
 * Closes sockets, the first ones before it returns. What a close brings along, the peer's answer and the end of the
 * connection, is work for later turns of the event loop, and that of thousands would come in one: so the next are told
 * when most of these are gone.
 */
export async function closeAll(connections: Connection[], reason: CloseReason): Promise<void> {
  let closing = 0;
  const onClosed = () => (closing -= 1);
  for (let start = 0; start < connections.length; start += CHUNK) {
    const waitingSince = performance.now();
    while (closing > MAX_CLOSING && performance.now() - waitingSince < PATIENCE_MS) {
      await nextTurn();
    }
    for (const connection of connections.slice(start, start + CHUNK)) {
      if (!connection.close(reason)) continue;
      connection.onClosed = onClosed;
      closing += 1;
    }
    await nextTurn();
  }
}
