/**
 * Holds sockets in a process of its own, so that they cost the one that measures nothing. On stdin: one line
 * of JSON, `Handshake[]`. On stdout: how many are open, when all are; and when none is any more, when the first and the
 * last was closed, in milliseconds since the epoch. The end of stdin is its end.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { WebSocket } from 'ws';

import type { Handshake } from './systems.ts';

const AT_ONCE = 25;

const sockets: WebSocket[] = [];
const closed: number[] = [];
const input = createInterface({ input: process.stdin });
input.once('close', () => process.exit());
const [line] = (await once(input, 'line')) as [string];
const waiting = JSON.parse(line) as Handshake[];
await Promise.all(Array.from({ length: AT_ONCE }, openWaiting));
console.log(sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length);

async function openWaiting(): Promise<void> {
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const socket = new WebSocket(next.url, { headers: next.headers });
    await once(socket, 'message');
    sockets.push(socket);
    socket.once('close', noteClose);
  }
}

function noteClose(): void {
  closed.push(performance.timeOrigin + performance.now());
  if (closed.length < sockets.length || waiting.length > 0) return;
  console.log(JSON.stringify({ first: closed[0], last: closed.at(-1) }));
}
