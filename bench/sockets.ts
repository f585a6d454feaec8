/**
 * Measures what a socket costs beside a bare ws server that verifies a JWT with jsonwebtoken and a KeyObject: the memory
 * of an idle one, with so many held at the same time, and the handshakes a second. `npm run bench:sockets` prints
 * tables in Markdown; with `-- --quick` only that everything runs is shown.
 */
import { readFileSync } from 'node:fs';

import type { CleanUp } from '../scripts/clean-up.ts';
import type { HandshakeJob, HandshakeResult } from './handshake-load.ts';
import { describeMachine, note, runBenchmark, type Services } from './services.ts';
import { measureMemory, type Memory } from './socket-memory.ts';
import { socketSystems, type SocketSystem } from './socket-systems.ts';
import { alternate, median } from './statistics.ts';
import { launchWorker } from './worker.ts';

const IS_QUICK = process.argv.includes('--quick');
const COUNTS = IS_QUICK ? [500] : [1000, 10_000, 20_000];
const PLAN = IS_QUICK
  ? { rounds: 2, ms: 500, warmUpMs: 500 }
  : { rounds: 7, ms: 3000, warmUpMs: 3000 };
const AT_ONCE = 64;
const WHOLE_RUN_MS = 5 * 60_000;
/** Files that a server has open beside its sockets. */
const OTHER_FILES = 200;

await runBenchmark({ limitMs: WHOLE_RUN_MS, run });

async function run(services: Services, start: CleanUp['start']): Promise<void> {
  const [medallion, bare] = await socketSystems(services);
  const lines = [
    ...(IS_QUICK ? ['**A quick run: these are no figures.**', ''] : []),
    ...(await reportMemory(medallion, bare)),
    '',
    ...(await reportHandshakes([medallion, bare], start)),
    '',
    await describeMachine(services),
  ];
  console.log(lines.join('\n'));
}

async function reportMemory(medallion: SocketSystem, bare: SocketSystem): Promise<string[]> {
  const rows: string[] = [];
  const most = openFilesAllowed() - OTHER_FILES;
  for (const wanted of COUNTS) {
    const count = Math.min(wanted, most);
    const [ours, theirs] = [
      await measureMemory(medallion, count),
      await measureMemory(bare, count),
    ];
    rows.push(memoryRow(count, ours, theirs));
    note(`${count} sockets are measured`);
  }
  return [
    'Memory of an idle authenticated socket, each of a user of its own, after a collection of garbage, bytes:',
    '',
    '| sockets | resident, Medallion | bare | ratio | heap and buffers, Medallion | bare | ratio |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ];
}

function memoryRow(count: number, ours: Memory, theirs: Memory): string {
  const cells = (['rss', 'heap'] as const).flatMap((kind) => [
    ours[kind].toFixed(0),
    theirs[kind].toFixed(0),
    (ours[kind] / theirs[kind]).toFixed(2),
  ]);
  return `| ${count} | ${cells.join(' | ')} |`;
}

async function reportHandshakes(
  systems: SocketSystem[],
  start: CleanUp['start'],
): Promise<string[]> {
  const worker = launchWorker<HandshakeJob, HandshakeResult>('handshake-load.ts');
  const load = await start(Promise.resolve(worker), ({ stop }) => stop());
  const running = [];
  for (const system of systems) {
    const server = await start(system.launch(), ({ stop }) => stop());
    const job = { port: Number(new URL(server.url).port), path: system.path, atOnce: AT_ONCE };
    running.push({ name: system.name, job: { ...job, tokens: system.tokens(1000) } });
  }
  note('measuring handshakes');
  const results = await alternate(running, {
    ...PLAN,
    measure: async ({ job }, ms) => (await load.run({ ...job, ms })).perSecond,
  });
  const rates = running.map((subject) => ({ subject, perSecond: results.get(subject) ?? [] }));
  const floor = median(rates.at(-1)?.perSecond ?? []);
  return [
    `Handshakes a second, ${AT_ONCE} at once, up to the first frame; medians of ${PLAN.rounds} rounds of ${PLAN.ms} ms:`,
    '',
    '| | a second | to the bare server | rounds |',
    '|---|---|---|---|',
    ...rates.map(({ subject, perSecond }) => {
      const rate = median(perSecond);
      const rounds = perSecond.map((value) => value.toFixed(0)).join(', ');
      return `| ${subject.name} | ${rate.toFixed(0)} | ${(rate / floor).toFixed(2)} | ${rounds} |`;
    }),
  ];
}

/** By this process, and so by those that it starts: Node takes as many as it may. */
function openFilesAllowed(): number {
  const [, hard = 'unlimited'] =
    /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === 'unlimited' ? Infinity : Number(hard);
}
