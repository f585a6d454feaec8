/**
 * Holds sockets in a process of its own, so that they cost the one that measures nothing. On stdin: one line
 * of JSON, `Handshake[]`. On stdout: how many are open, when all are. The end of stdin is its end.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { WebSocket } from 'ws';

import type { Handshake } from './systems.ts';

const AT_ONCE = 25;

const sockets: WebSocket[] = [];
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
  }
}
