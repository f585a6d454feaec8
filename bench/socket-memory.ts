import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ServerProcess } from '../scripts/server-process.ts';
import type { SocketSystem } from './socket-systems.ts';

/** In bytes. */
export interface Memory {
  /** What the process has of the machine. */
  rss: number;
  /** What is in use: the heap of V8, and what hangs on it. */
  heap: number;
}

/** Opened and closed before anything is counted, so that the code, its caches and the room for young objects are there. */
const WARM_UP = 2000;
const SETTLE_MS = 1500;

/** What each of so many idle sockets costs a fresh server. */
export async function measureMemory(system: SocketSystem, count: number): Promise<Memory> {
  const server = await system.launch();
  try {
    const toHandshake = (token: string) => ({
      url: `${server.url.replace('http', 'ws')}${system.path}`,
      headers: { authorization: `Bearer ${token}` },
    });
    const handshakes = system.tokens(count).map(toHandshake);
    await hold(system.tokens(WARM_UP).map(toHandshake), () => Promise.resolve());
    const before = await readMemory(server);
    const after = await hold(handshakes, () => readMemory(server));
    return { rss: (after.rss - before.rss) / count, heap: (after.heap - before.heap) / count };
  } finally {
    await server.stop();
  }
}

/** Holds sockets in a process of their own while something is looked at. */
async function hold<Seen>(handshakes: object[], look: () => Promise<Seen>): Promise<Seen> {
  const holder = spawn(process.execPath, [join(import.meta.dirname, 'hold-sockets.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
  holder.stdin.write(`${JSON.stringify(handshakes)}\n`);
  assert.equal(Number((await lines.next()).value), handshakes.length);
  await sleep(SETTLE_MS);
  const seen = await look();
  holder.stdin.end();
  await once(holder, 'exit');
  await sleep(SETTLE_MS);
  return seen;
}

async function readMemory({ child, output }: ServerProcess): Promise<Memory> {
  const told = () => [...output().matchAll(/^memory (\{.*\})$/gm)].map(([, json = '']) => json);
  const before = told().length;
  child.kill('SIGUSR2');
  while (told().length === before) await sleep(20);
  return JSON.parse(told().at(-1) ?? '') as Memory;
}
