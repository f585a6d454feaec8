/**
 * Measures the end of very many sockets at once: 10,000 of one session, held on node B, whose session is logged out
 * through node A. `npm run bench:mass` prints how long it takes until the last one is closed, and for how long the
 * event loop of node B was blocked meanwhile.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { CleanUp } from '../scripts/clean-up.ts';
import { describeMachine, note, runBenchmark, type Services } from './services.ts';
import { startMedallion, type System } from './systems.ts';

const SOCKETS = 10_000;
const ROUNDS = 5;
const WHOLE_RUN_MS = 5 * 60_000;
/** What the library's histogram shows where nothing blocks: the time between its own looks. */
const RESOLUTION_MS = 10;

await runBenchmark({ limitMs: WHOLE_RUN_MS, run });

async function run(services: Services, start: CleanUp['start']): Promise<void> {
  const system = await start(startMedallion(services), async ({ nodes }) => {
    await Promise.all(nodes.map((node) => node.stop()));
  });
  const rounds = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    rounds.push(await measure(system));
    note(`round ${round} of ${ROUNDS} is done`);
  }
  const lines = [
    `${SOCKETS} sockets of one session, held on the other node, ms:`,
    '',
    '| round | until the first is closed | until the last is closed | longest block of the event loop |',
    '|---|---|---|---|',
    ...rounds.map(({ firstMs, lastMs, blockMs }, index) => {
      const numbers = [firstMs, lastMs, blockMs].map((value) => value.toFixed(1));
      return `| ${index + 1} | ${numbers.join(' | ')} |`;
    }),
    '',
    await describeMachine(services),
  ];
  console.log(lines.join('\n'));
}

async function measure({ nodes, createSession }: System) {
  const { handshake, logout } = await createSession();
  const holder = spawn(process.execPath, [join(import.meta.dirname, 'hold-sockets.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
  holder.stdin.write(`${JSON.stringify(Array.from({ length: SOCKETS }, () => handshake))}\n`);
  assert.equal(Number((await lines.next()).value), SOCKETS);
  const metrics = `${nodes[1]?.url ?? ''}/metrics`;
  await longestBlockMs(metrics);
  const sentAt = performance.timeOrigin + performance.now();
  const answer = await fetch(logout.url, { method: 'POST', headers: logout.headers });
  assert.equal(answer.status, 200);
  const closed = JSON.parse(String((await lines.next()).value)) as { first: number; last: number };
  const blockMs = await longestBlockMs(metrics);
  holder.stdin.end();
  await once(holder, 'exit');
  return { firstMs: closed.first - sentAt, lastMs: closed.last - sentAt, blockMs };
}

/** Since it was last asked. */
async function longestBlockMs(metrics: string): Promise<number> {
  const text = await (await fetch(metrics)).text();
  const [, seconds] = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text) ?? [];
  return Math.max(0, Number(seconds) * 1000 - RESOLUTION_MS);
}
