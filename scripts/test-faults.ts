/**
 * Breaks what Medallion depends on while sessions are being ended, and measures at the client for how long a revoked
 * socket is served: `npm run test:faults`, or `node scripts/test-faults.ts <part of a name>`. Prints a table in
 * Markdown, and fails where a row is not as docs/revocation.md claims.
 */
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findLibrary } from '../test/faults/fake-time.ts';
import { brokenRow, type Row } from '../test/faults/judgement.ts';
import { COMBINED_FAULTS, NODE_FAULTS } from '../test/faults/node-faults.ts';
import { makeTemplateCluster } from '../test/faults/postgres.ts';
import { POSTGRES_FAULTS } from '../test/faults/postgres-faults.ts';
import { REDIS_FAULTS } from '../test/faults/redis-faults.ts';
import { toTable } from '../test/faults/report.ts';
import { runScenario, type Scenario } from '../test/faults/scenario.ts';
import { Scope } from '../test/faults/scope.ts';
import { cleanUpAtExit } from './clean-up.ts';

const AT_ONCE = 4;
const WHOLE_RUN_MS = 10 * 60_000;

const { start, exit, isExiting } = cleanUpAtExit();

setTimeout(() => {
  console.error('The fault suite takes too long.');
  void exit(1);
}, WHOLE_RUN_MS).unref();

try {
  await exit(await run(process.argv[2] ?? ''));
} catch (error) {
  if (!isExiting()) console.error(error);
  await exit(1);
}

async function run(wanted: string): Promise<number> {
  const all = [...REDIS_FAULTS, ...POSTGRES_FAULTS, ...NODE_FAULTS, ...COMBINED_FAULTS];
  const scenarios = all.filter(({ name }) => name.includes(wanted));
  if (scenarios.length === 0) throw new Error(`There is no scenario named ${wanted}.`);
  findLibrary(); // before anything is started
  const home = await start(makeHome(), (path) => rm(path, { recursive: true, force: true }));
  const template = join(home, 'template');
  await start(makeTemplateCluster(template), () => undefined);
  const rows = await runAll(scenarios, { home, template });
  console.log(toTable(rows));
  const broken = rows.filter(({ complaints }) => complaints.length > 0);
  for (const { name, complaints } of broken) console.error(`${name}: ${complaints.join('; ')}`);
  return broken.length === 0 ? 0 : 1;
}

/** Several at once: they mostly wait. */
async function runAll(
  scenarios: Scenario[],
  { home, template }: { home: string; template: string },
): Promise<Row[]> {
  const rows: Row[] = [];
  const waiting = [...scenarios.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (isExiting()) return;
      const [index, scenario] = next;
      const scope = await start(Promise.resolve(new Scope()), (each) => each.close());
      const directory = join(home, `scenario-${index}`);
      const row = await runScenario(scope, scenario, { template, directory }).catch(
        (error: unknown) => brokenRow(scenario.name, error),
      );
      if (isExiting()) return;
      rows[index] = row;
      console.error(`${row.complaints.length === 0 ? '✔' : '✖'} ${scenario.name}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return rows;
}

async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(await realpath(tmpdir()), 'medallion-faults-'));
  await chmod(home, 0o711); // PostgreSQL may run as another user, who must be able to enter
  return home;
}
