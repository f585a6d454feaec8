/** Holds clients in a process of its own, as a worker of bench/worker.ts. */
import { setTimeout as sleep } from 'node:timers/promises';

import { doJobs } from '../../bench/worker.ts';
import { Client, type Kind } from './client.ts';
import { findMissing } from './missing.ts';

export type ClientJob =
  | { open: { url: string; clients: { kind: Kind; token: string }[] } }
  | { settle: { patienceMs: number } }
  | { report: { sentAt: number[] } };

export interface ClientResult {
  online: number;
  reports: ClientReport[];
}

/** What became of one client. */
export interface ClientReport {
  kind: Kind;
  isOnline: boolean;
  drains: number;
  offline: { ms: number; toldMs: number }[];
  closes: [code: number, count: number][];
  refusals: [status: number, count: number][];
  knownMissing: number;
  silentlyMissing: number[];
}

const AT_ONCE = 25;
const PATIENCE_MS = 30_000;

const clients: Client[] = [];

doJobs(async (job: ClientJob): Promise<ClientResult> => {
  if ('open' in job) await open(job.open);
  if ('settle' in job) await untilOnline(performance.now() + job.settle.patienceMs);
  const online = clients.filter(({ isOnline }) => isOnline).length;
  const reports = 'report' in job ? clients.map((client) => report(client, job.report)) : [];
  return { online, reports };
});

async function open({
  url,
  clients: wanted,
}: {
  url: string;
  clients: { kind: Kind; token: string }[];
}) {
  const deadline = performance.now() + PATIENCE_MS;
  for (const { kind, token } of wanted) {
    const client = new Client(kind, url, token);
    clients.push(client);
    client.connect();
    const isCrowded = () => clients.filter(({ isOnline }) => !isOnline).length >= AT_ONCE;
    while (isCrowded() && performance.now() < deadline) await sleep(2);
  }
  await untilOnline(deadline);
}

async function untilOnline(deadline: number): Promise<void> {
  const isWaiting = () => clients.some(({ isOnline }) => !isOnline);
  while (isWaiting() && performance.now() < deadline) await sleep(10);
}

function report(client: Client, { sentAt }: { sentAt: number[] }): ClientReport {
  const { known, silent } = findMissing(client.entries, sentAt);
  return {
    kind: client.kind,
    isOnline: client.isOnline,
    drains: client.drains,
    offline: client.offline,
    closes: [...client.closes],
    refusals: [...client.refusals],
    knownMissing: known.length,
    silentlyMissing: silent,
  };
}
