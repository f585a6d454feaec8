/**
 * Asks as fast as it is answered, with a cookie for each client and on a connection that it keeps. A worker.
 */
import { Agent } from 'node:http';

import { send } from './http-client.ts';
import { doJobs } from './worker.ts';

export interface CookieJob {
  url: string;
  ms: number;
  /** One for each client. */
  cookies: string[];
}

export interface CookieResult {
  /** Of the requests that were answered in time. */
  perSecond: number;
}

const agent = new Agent({ keepAlive: true });

doJobs(async ({ url, ms, cookies }: CookieJob): Promise<CookieResult> => {
  const endsAt = performance.now() + ms;
  let answered = 0;
  const runClient = async (cookie: string) => {
    while (performance.now() < endsAt) {
      await send({ agent, url, method: 'GET', headers: { cookie, 'user-agent': 'bench' } });
      if (performance.now() <= endsAt) answered += 1;
    }
  };
  await Promise.all(cookies.map(runClient));
  return { perSecond: (answered * 1000) / ms };
});
