import type { Server, ServerResponse } from 'node:http';
import { Server as TcpServer } from 'node:net';

/** A stopping node finishes what is under way, but no slower than this. */
const CLOSE_PATIENCE_MS = 6000;
const LOOK_EVERY_MS = 50;

/**
 * Keeps count of the answers that are under way, and gives what closes the server: no connection is accepted any more,
 * and it resolves when the last answer has been sent, or when there has been time enough for it.
 */
export function prepareClose(server: Server): () => Promise<void> {
  const underWay = new Set<ServerResponse>();
  server.on('request', (_request, response) => {
    underWay.add(response);
    response.once('close', () => underWay.delete(response));
  });
  return async () => {
    if (!server.listening) return;
    const deadline = setTimeout(() => {
      server.closeAllConnections();
    }, CLOSE_PATIENCE_MS).unref();
    // The library takes one for idle whose answer is complete though its reader has not got all of it yet.
    const idle = setInterval(() => {
      if (underWay.size === 0) server.closeIdleConnections();
    }, LOOK_EVERY_MS);
    // The HTTP server's own `close` would begin with closing those.
    await new Promise((resolve) => TcpServer.prototype.close.call(server, resolve));
    clearInterval(idle);
    clearTimeout(deadline);
  };
}
