/** Asks at a steady pace, whether it is answered or not, and takes the time of each answer. A worker. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { send } from './http-client.ts';
import { percentile } from './statistics.ts';
import { doJobs } from './worker.ts';

export interface SteadyJob {
  url: string;
  accessToken: string;
  perSecond: number;
  ms: number;
}

/** Milliseconds from the sending of a request to the end of its answer. */
export interface SteadyResult {
  p50: number;
  p99: number;
  slowest: number;
  /** How late this process itself was to send, at its 99th percentile: not part of the others. */
  lateP99: number;
}

const agent = new Agent({ keepAlive: true });

doJobs(async ({ url, accessToken, perSecond, ms }: SteadyJob): Promise<SteadyResult> => {
  const headers = { authorization: `Bearer ${accessToken}`, 'user-agent': 'bench' };
  const times: Promise<number>[] = [];
  const late: number[] = [];
  const startsAt = performance.now();
  for (let dueMs = 0; dueMs < ms; dueMs += 1000 / perSecond) {
    const waitMs = startsAt + dueMs - performance.now();
    if (waitMs > 0) await sleep(Math.ceil(waitMs));
    late.push(performance.now() - startsAt - dueMs);
    times.push(takeTime(url, headers));
  }
  const sorted = (await Promise.all(times)).sort(ascending);
  return {
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    slowest: sorted.at(-1) ?? NaN,
    lateP99: percentile(late.sort(ascending), 0.99),
  };
});

async function takeTime(url: string, headers: Record<string, string>): Promise<number> {
  const sentAt = performance.now();
  await send({ agent, url, method: 'GET', headers });
  return performance.now() - sentAt;
}

function ascending(one: number, other: number): number {
  return one - other;
}
