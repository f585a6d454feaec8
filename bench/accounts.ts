/**
 * Measures what accounts cost: refreshes a second beside a bare route that runs the same SQL, logins a second
 * beside the bare hash, and how much slower `GET /me` is while logins keep the hash queue full. Each figure and
 * its floor are measured in the same run, in turns. `npm run bench:accounts` prints tables in Markdown; with
 * `-- --quick` the rounds are too short for figures, and only show that everything runs; `-- me`, `-- logins` and
 * `-- refreshes` measure only that.
 */
import type { CleanUp } from '../scripts/clean-up.ts';
import {
  CHAINS,
  HASHES_AT_ONCE,
  LOGIN_CLIENTS,
  ME_PER_SECOND,
  measureCeiling,
  measureLogins,
  measureMe,
  measureRefreshes,
  type Bench,
  type Workers,
} from './account-figures.ts';
import { reportLogins, reportMe, reportRefreshes } from './account-report.ts';
import { startAccountSystems } from './account-systems.ts';
import { describeMachine, note, RAISED_LIMITS, runBenchmark, type Services } from './services.ts';
import { launchWorker } from './worker.ts';

const IS_QUICK = process.argv.includes('--quick');
const PLAN = IS_QUICK
  ? {
      refreshes: { rounds: 2, ms: 1000, warmUpMs: 1000 },
      logins: { rounds: 2, ms: 1000, warmUpMs: 500 },
      me: { rounds: 1, ms: 2000, warmUpMs: 500 },
      ceiling: { rounds: 1, ms: 1000, warmUpMs: 500 },
    }
  : {
      refreshes: { rounds: 5, ms: 2000, warmUpMs: 2000 },
      logins: { rounds: 5, ms: 3000, warmUpMs: 1000 },
      me: { rounds: 3, ms: 10_000, warmUpMs: 1000 },
      ceiling: { rounds: 3, ms: 1000, warmUpMs: 1000 },
    };

const FIGURES: Record<string, (bench: Bench) => Promise<string[]>> = {
  refreshes: async (bench) => {
    const refreshes = await measureRefreshes(bench, PLAN.refreshes);
    const ceiling = await measureCeiling(bench, PLAN.ceiling);
    return [
      `Refreshes a second, ${CHAINS} clients, each with a chain of its own:`,
      ...reportRefreshes({ ...refreshes, ceiling }),
    ];
  },
  logins: async (bench) => [
    `Logins a second, ${LOGIN_CLIENTS} clients, ${HASHES_AT_ONCE} hashed at once:`,
    ...reportLogins(await measureLogins(bench, PLAN.logins)),
  ],
  me: async (bench) => [
    `\`GET /api/auth/me\` of one session, ${ME_PER_SECOND} requests a second, ms:`,
    ...reportMe(await measureMe(bench, PLAN.me)),
  ],
};
const ASKED = Object.keys(FIGURES).filter((name) => process.argv.includes(name));

const WHOLE_RUN_MS = 3 * 60_000;

await runBenchmark({ limitMs: WHOLE_RUN_MS, run });

async function run(services: Services, start: CleanUp['start']): Promise<void> {
  const systems = await startAccountSystems(services, start);
  const bench = { ...systems, ...(await startWorkers(start)) };
  const lines = IS_QUICK ? ['**A quick run: these are no figures.**', ''] : [];
  for (const [name, measure] of Object.entries(FIGURES)) {
    if (ASKED.length > 0 && !ASKED.includes(name)) continue;
    note(`measuring ${name}`);
    lines.push(...(await measure(bench)));
  }
  const limits = Object.entries(RAISED_LIMITS).map(([name, limit]) => `${name}=${limit}`);
  lines.push(`Load: node:http clients in processes of their own. Limits: ${limits.join(' ')}.`);
  console.log([...lines, '', await describeMachine(services)].join('\n'));
}

async function startWorkers(start: CleanUp['start']): Promise<Workers> {
  const launch = <Job, Result>(program: string) =>
    start(Promise.resolve(launchWorker<Job, Result>(program)), (worker) => worker.stop());
  return {
    closed: await launch('closed-load.ts'),
    steady: await launch('steady-load.ts'),
    hash: await launch('bare-hash.ts'),
  };
}
