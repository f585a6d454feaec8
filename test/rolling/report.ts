import { median } from '../../bench/statistics.ts';
import type { ClientReport } from './client-process.ts';
import { KINDS, type Kind } from './client.ts';
import type { Stop } from './nodes.ts';
import type { Traffic } from './traffic.ts';

/** For a handshake, and for what a client was told and the clocks of two processes differ in. */
const ALLOWANCE_MS = 1000;

export interface Outcome {
  stops: Stop[];
  reports: ClientReport[];
  traffic: Traffic;
}

const NAMES: Record<Kind, string> = {
  early: 'connects when it was told to, before the close',
  at_close: 'connects after the close, when the time has passed',
  after_close: 'counts the time from the close',
};

/** What is not as docs/sockets.md claims. */
export function complaintsOf({ stops, reports, traffic }: Outcome): string[] {
  const count = (isWrong: (report: ClientReport) => boolean) => reports.filter(isWrong).length;
  const checks: [number, string][] = [
    [stops.filter(({ exitCode }) => exitCode !== 0).length, 'nodes did not stop by themselves'],
    [count(({ isOnline }) => !isOnline), 'clients were not online in the end'],
    [count(isOfflineTooLong), 'clients were offline for longer than told and a second'],
    [count(({ drains, offline }) => drains !== offline.length), 'clients did not move when told'],
    [count(({ drains }) => drains === 0), 'clients were never told to move'],
    [count(({ silentlyMissing: { length } }) => length > 0), 'clients missed an event silently'],
    [closesOf(reports).filter(([code]) => code !== 1012).length, 'close codes were not 1012'],
    [
      refusalsOf(reports).filter(([status]) => status !== 503).length,
      'statuses of refused handshakes were not 503',
    ],
    [traffic.failures.length, `requests failed: ${traffic.failures.slice(0, 5).join('; ')}`],
  ];
  return checks.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
}

/** Whoever connects by the time since the frame waits for nothing when the socket is closed. */
function isOfflineTooLong({ kind, offline }: ClientReport): boolean {
  return offline.some(
    ({ ms, toldMs }) => ms > ALLOWANCE_MS + (kind === 'after_close' ? toldMs : 0),
  );
}

/** The tables in Markdown. */
export function toTables(outcome: Outcome): string {
  const { stops, reports, traffic } = outcome;
  const nodes = stops.map(({ name, sockets, stoppedMs, startedMs }) => [
    name,
    String(sockets),
    whole(stoppedMs),
    whole(startedMs),
  ]);
  const clients = KINDS.map((kind) =>
    rowOf(
      kind,
      reports.filter((each) => each.kind === kind),
    ),
  );
  return [
    table(['node', 'sockets at the signal', 'ended after, ms', 'listened again after, ms'], nodes),
    table(
      [
        'client',
        'how many',
        'moves',
        'told, ms: median, longest',
        'offline, ms: median, longest',
        'events missed, each before a `ready`',
      ],
      clients,
    ),
    `Requests: ${traffic.answered} answered with 200, ${traffic.failures.length} failed, the slowest after ` +
      `${whole(traffic.slowestMs)} ms. Events: ${traffic.sentAt.length}. Closes: ${show(closesOf(reports))}. ` +
      `Refused handshakes: ${show(refusalsOf(reports))}.`,
  ].join('\n\n');
}

function rowOf(kind: Kind, reports: ClientReport[]): string[] {
  const moves = reports.flatMap(({ offline }) => offline);
  const missed = reports.reduce((total, { knownMissing }) => total + knownMissing, 0);
  return [
    NAMES[kind],
    String(reports.length),
    String(moves.length),
    spread(moves.map(({ toldMs }) => toldMs)),
    spread(moves.map(({ ms }) => ms)),
    String(missed),
  ];
}

function spread(values: number[]): string {
  if (values.length === 0) return 'none';
  return `${whole(median(values))}, ${whole(Math.max(...values))}`;
}

function closesOf(reports: ClientReport[]): [number, number][] {
  return sum(reports.flatMap(({ closes }) => closes));
}

function refusalsOf(reports: ClientReport[]): [number, number][] {
  return sum(reports.flatMap(({ refusals }) => refusals));
}

function sum(counts: [number, number][]): [number, number][] {
  const total = new Map<number, number>();
  for (const [key, count] of counts) total.set(key, (total.get(key) ?? 0) + count);
  return [...total];
}

function show(counts: [number, number][]): string {
  return counts.map(([key, count]) => `${count} with ${key}`).join(', ') || 'none';
}

function whole(value: number): string {
  return value.toFixed(0);
}

function table(headings: string[], rows: string[][]): string {
  const lines = [headings, headings.map(() => '---'), ...rows];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}
