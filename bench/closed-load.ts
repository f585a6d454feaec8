/**
 * Asks as fast as it is answered: each client sends its next request when the last one has been answered, on a
 * connection that it keeps. A worker.
 */
import { Agent } from 'node:http';

import { send } from './http-client.ts';
import { doJobs } from './worker.ts';

export interface ClosedJob {
  url: string;
  ms: number;
  /** What each client posts, in turn. */
  clients: string[][];
  /** Whether what was posted is used up, and the refresh token of the answer is posted in its place. */
  isChained: boolean;
}

export interface ClosedResult {
  /** Of the requests that were answered in time. */
  perSecond: number;
  /** The clients of a job that goes on from here. */
  clients: string[][];
}

const agent = new Agent({ keepAlive: true });

doJobs(async ({ url, ms, clients, isChained }: ClosedJob): Promise<ClosedResult> => {
  const endsAt = performance.now() + ms;
  let answered = 0;
  const runClient = async (bodies: string[]) => {
    while (performance.now() < endsAt) {
      const body = bodies.shift() ?? '';
      const answer = await send({ agent, url, method: 'POST', headers: headersOf(body), body });
      if (performance.now() <= endsAt) answered += 1;
      bodies.push(isChained ? toNext(answer) : body);
    }
  };
  await Promise.all(clients.map(runClient));
  return { perSecond: (answered * 1000) / ms, clients };
});

function headersOf(body: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'bench',
  };
}

function toNext(answer: string): string {
  const { refresh_token } = JSON.parse(answer) as { refresh_token: string };
  return JSON.stringify({ refresh_token });
}
