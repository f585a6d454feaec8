/**
 * What Medallion's sockets are measured against: the least that holds authenticated sockets. A handshake verifies a
 * JWT with a key made once; each socket is known by its user and answers `ping`. No revocation, no limits, no logs.
 */
import { createSecretKey } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import jsonwebtoken from 'jsonwebtoken';
import { WebSocketServer, type WebSocket } from 'ws';

const key = createSecretKey(process.env.JWT_SECRET_KEY ?? '', 'utf8');
const sockets = new Map<number, WebSocket>();
const webSockets = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
});

const server = createServer((_request, response) => response.end('{}'));
server.on('upgrade', (request, socket, head) => {
  try {
    const userId = readUserId(request);
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      hold(userId, webSocket);
    });
  } catch {
    socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
  }
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`The bare server listens on http://127.0.0.1:${port}`);
});
process.on('SIGTERM', () => process.exit(0));

function readUserId({ headers }: IncomingMessage): number {
  const token = headers.authorization?.slice('Bearer '.length) ?? '';
  const claims = jsonwebtoken.verify(token, key, { algorithms: ['HS256'] });
  return (claims as { user_id: number }).user_id;
}

function hold(userId: number, webSocket: WebSocket): void {
  sockets.set(userId, webSocket);
  webSocket.on('message', (data: Buffer) => {
    const { type } = JSON.parse(data.toString()) as { type: string };
    if (type === 'ping') webSocket.send('{"type":"pong"}');
  });
  webSocket.on('error', () => undefined);
  webSocket.on('close', () => sockets.delete(userId));
  webSocket.send(`{"type":"ready","user_id":${userId}}`);
}
