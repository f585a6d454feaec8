/**
 * Measures what a request with a cookie costs: `GET /me` beside an app with express-session and connect-pg-simple on
 * the same PostgreSQL, in the same run, in turns. `npm run bench:cookies` prints a table in Markdown; with
 * `-- --quick` the rounds are too short for figures, and only show that everything runs.
 */
import { join } from 'node:path';

import type { CleanUp } from '../scripts/clean-up.ts';
import { launchServer, untilListening } from '../scripts/server-process.ts';
import { reportRates } from './account-report.ts';
import { dealLogins, startAccountSystems } from './account-systems.ts';
import type { CookieJob, CookieResult } from './cookie-load.ts';
import { describeMachine, note, RAISED_LIMITS, runBenchmark, type Services } from './services.ts';
import { alternate } from './statistics.ts';
import { launchWorker } from './worker.ts';

const IS_QUICK = process.argv.includes('--quick');
const PLAN = IS_QUICK
  ? { rounds: 2, ms: 1000, warmUpMs: 1000 }
  : { rounds: 7, ms: 3000, warmUpMs: 3000 };
const CLIENTS = 32;
const WHOLE_RUN_MS = 3 * 60_000;

await runBenchmark({ limitMs: WHOLE_RUN_MS, run });

async function run(services: Services, start: CleanUp['start']): Promise<void> {
  const { medallionUrl } = await startAccountSystems(services, start);
  const program = join(import.meta.dirname, 'session-app.ts');
  const env = { NODE_ENV: 'production', DATABASE_URL: services.databaseUrl };
  const launched = untilListening(launchServer({ env, cwd: services.directory, program }));
  const { url: appUrl } = await start(launched, (server) => server.stop());
  const worker = launchWorker<CookieJob, CookieResult>('cookie-load.ts');
  const load = await start(Promise.resolve(worker), ({ stop }) => stop());
  note('measuring GET /me');
  const medallion = { url: `${medallionUrl}/api/v1/auth/me`, cookies: await logIn(medallionUrl) };
  const cookies = await openSessions(appUrl);
  const reading = { url: `${appUrl}/me`, cookies };
  const idle = { url: `${appUrl}/session`, cookies };
  const untouched = { url: `${appUrl}/untouched/me`, cookies };
  const results = await alternate([medallion, reading, idle, untouched], {
    ...PLAN,
    measure: async (subject, ms) => (await load.run({ ...subject, ms })).perSecond,
  });
  const ratesOf = (subject: typeof medallion) => results.get(subject) ?? [];
  const limits = Object.entries(RAISED_LIMITS).map(([name, limit]) => `${name}=${limit}`);
  const lines = [
    ...(IS_QUICK ? ['**A quick run: these are no figures.**', ''] : []),
    `\`GET /api/v1/auth/me\` a second, ${CLIENTS} clients, each with a session of its own:`,
    ...reportRates({ name: 'Medallion', rates: ratesOf(medallion) }, [
      { name: 'express-session, reading the user', rates: ratesOf(reading) },
      { name: 'express-session, reading nothing', rates: ratesOf(idle) },
      { name: 'express-session, reading the user, noting no use', rates: ratesOf(untouched) },
    ]),
    `Load: node:http clients in a process of their own. Limits: ${limits.join(' ')}.`,
    '',
    await describeMachine(services),
  ];
  console.log(lines.join('\n'));
}

/** A session of Medallion for each client. */
async function logIn(medallionUrl: string): Promise<string[]> {
  const cookies: string[] = [];
  for (const [body = ''] of dealLogins(CLIENTS)) {
    cookies.push(await cookieOf(`${medallionUrl}/api/v1/auth/login`, body));
  }
  return cookies;
}

/** A session of the other app for each client, and for the same users. */
async function openSessions(appUrl: string): Promise<string[]> {
  const cookies: string[] = [];
  for (let user = 1; user <= CLIENTS; user += 1) {
    cookies.push(await cookieOf(`${appUrl}/login/${user}`, '{}'));
  }
  return cookies;
}

async function cookieOf(url: string, body: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
}
