/**
 * What Medallion is measured against: the least that can end a session on another node. A logout commits one
 * row in PostgreSQL and publishes through Redis; whoever holds the session's socket closes it. Nothing else:
 * no tokens, no checks, no limits, no logs.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { WebSocketServer, type WebSocket } from 'ws';

const CHANNEL = 'bare:revocations';
const LOGOUT_CODE = 4500;

const { DATABASE_URL = '', REDIS_URL = '' } = process.env;
const database = new Pool({ connectionString: DATABASE_URL });
const redis = new Redis(REDIS_URL);
const subscriber = new Redis(REDIS_URL);
const sockets = new Map<string, WebSocket>();

const server = createServer((request, response) => {
  logOut(sessionOf(request.url)).then(
    () => response.end('{"message":"Logged out"}'),
    () => response.writeHead(500).end(),
  );
});

new WebSocketServer({ server }).on('connection', (socket, request) => {
  const session = sessionOf(request.url);
  sockets.set(session, socket);
  socket.on('close', () => sockets.delete(session));
  socket.send('{"type":"ready"}');
});

subscriber.on('message', (_channel, session) => {
  sockets.get(session)?.close(LOGOUT_CODE, 'logout');
});

await subscriber.subscribe(CHANNEL);
await database.query('CREATE TABLE IF NOT EXISTS logouts (session_id text PRIMARY KEY)');
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`The bare server listens on http://127.0.0.1:${port}`);
});
process.on('SIGTERM', () => process.exit(0));

async function logOut(session: string): Promise<void> {
  await database.query('INSERT INTO logouts (session_id) VALUES ($1)', [session]);
  await redis.publish(CHANNEL, session);
}

function sessionOf(path = '/'): string {
  return new URL(path, 'http://node').searchParams.get('session') ?? '';
}
