/**
 * Measures how long a live socket outlives the logout of its session: from the request to node A to the close
 * event at the client, whose socket is on node B among thousands of others; beside a server that does nothing
 * else, on the same PostgreSQL and Redis, in the same run. `npm run bench:revocation` prints a table in Markdown.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { WebSocket } from 'ws';

import type { CleanUp } from '../scripts/clean-up.ts';
import { createDatabase, describeMachine, note, runBenchmark, type Services } from './services.ts';
import { percentile } from './statistics.ts';
import {
  startBareSystem,
  startMedallion,
  type Handshake,
  type Session,
  type System,
} from './systems.ts';

const SOCKETS = 4000;
const ROUNDS = 25;
/** The first calls of every function are interpreted, not compiled: of neither system's speed. */
const WARM_UP_ROUNDS = 25;
const LOGOUTS_PER_ROUND = 40;
const GAP_MS = 5;
const PATIENCE_MS = 10_000;
const WHOLE_RUN_MS = 5 * 60_000;
const LOGOUT_CODE = 4500;

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

await runBenchmark({ limitMs: WHOLE_RUN_MS, run });

async function run(services: Services, start: CleanUp['start']): Promise<void> {
  const bare = { ...services, databaseUrl: await createDatabase(services.databaseUrl, 'bare') };
  const systems = [
    await start(startMedallion(services), stopSystem),
    await start(startBareSystem(bare), stopSystem),
  ];
  for (const system of systems) await holdSockets(system, start);
  const times = new Map(systems.map((system) => [system, [] as number[][]]));
  for (let round = 1 - WARM_UP_ROUNDS; round <= ROUNDS; round += 1) {
    // Who goes first changes.
    for (const system of round % 2 === 0 ? systems : systems.toReversed()) {
      const measured = await measureRound(system);
      if (round > 0) times.get(system)?.push(measured);
    }
    note(round > 0 ? `round ${round} of ${ROUNDS} is done` : 'warming up');
  }
  await report(services, times);
}

async function stopSystem({ nodes }: System): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()));
}

/** Opens the sockets that nobody logs out, in a process of their own. */
async function holdSockets(system: System, start: CleanUp['start']): Promise<void> {
  const handshakes: Handshake[] = [];
  while (handshakes.length < SOCKETS) {
    const { handshake } = await system.createSession();
    handshakes.push(...Array.from({ length: system.socketsPerSession }, () => handshake));
  }
  const holder = await start(Promise.resolve(launchHolder()), endHolder);
  holder.stdin?.write(`${JSON.stringify(handshakes)}\n`);
  const [held] = (await once(createInterface({ input: holder.stdout ?? process.stdin }), 'line', {
    signal: AbortSignal.timeout(60_000),
  })) as [string];
  assert.equal(Number(held), SOCKETS, `${system.name} holds ${held} sockets`);
  note(`${system.name} holds ${held} sockets on node B`);
}

function launchHolder(): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'hold-sockets.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

async function endHolder(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return;
  holder.kill();
  await once(holder, 'exit');
}

async function measureRound(system: System): Promise<number[]> {
  const victims = [];
  for (let count = 0; count < LOGOUTS_PER_ROUND; count += 1) {
    const session = await system.createSession();
    const socket = new WebSocket(session.handshake.url, { headers: session.handshake.headers });
    await once(socket, 'message');
    victims.push({ session, socket });
  }
  const times: number[] = [];
  for (const { session, socket } of victims) {
    times.push(await measureLogout(session, socket));
    await sleep(GAP_MS);
  }
  return times;
}

/** Milliseconds from the request until the client's socket is closed. */
async function measureLogout({ logout }: Session, socket: WebSocket): Promise<number> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  let closedAt = 0;
  const closed = once(socket, 'close', { signal }).then(([code]) => {
    assert.equal(code, LOGOUT_CODE);
  });
  socket.once('close', () => (closedAt = performance.now()));
  const sentAt = performance.now();
  const answered = once(
    request(logout.url, { method: 'POST', headers: logout.headers, agent }).end(logout.body),
    'response',
    { signal },
  ).then(([response]) => {
    const answer = response as IncomingMessage;
    assert.equal(answer.statusCode, 200);
    return answer.toArray();
  });
  await Promise.all([closed, answered]);
  return closedAt - sentAt;
}

async function report(services: Services, times: Map<System, number[][]>): Promise<void> {
  const [ours, bare] = Array.from(times, ([{ name }, rounds]) => summarise(name, rounds));
  assert.ok(ours && bare);
  const ratio = (key: 'p50' | 'p99') => (ours[key] / bare[key]).toFixed(2);
  const lines = [
    `From the logout request to the close of the socket on the other node, ${SOCKETS} sockets held, ms:`,
    '',
    '| | logouts | p50 | p99 | slowest | medians of the rounds |',
    '|---|---|---|---|---|---|',
    ours.row,
    bare.row,
    `| ratio | | ${ratio('p50')} | ${ratio('p99')} | | |`,
    '',
    await describeMachine(services),
  ];
  console.log(lines.join('\n'));
}

function summarise(name: string, rounds: number[][]) {
  const sorted = rounds.flat().sort((one, other) => one - other);
  const p50 = percentile(sorted, 0.5);
  const p99 = percentile(sorted, 0.99);
  const medians = rounds.map((round) => {
    const values = round.toSorted((one, other) => one - other);
    return percentile(values, 0.5).toFixed(2);
  });
  const numbers = [p50, p99, sorted.at(-1) ?? NaN].map((value) => value.toFixed(2));
  const row = `| ${name} | ${sorted.length} | ${numbers.join(' | ')} | ${medians.join(', ')} |`;
  return { p50, p99, row };
}
