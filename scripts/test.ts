/**
 * Runs the tests, on a PostgreSQL and a Redis of their own, or those of TEST_DATABASE_URL and
 * TEST_REDIS_URL: `node scripts/test.ts [test files]`. Without files: all, and their coverage.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { checkSecretReport } from './secret-report.ts';
import type { TestServices } from './test-services.ts';

const ROOT = join(import.meta.dirname, '..');
const LCOV = 'coverage/lcov.info';
const MINIMUM_COVERAGE = 90;
const FULLY_COVERED = ['jwt', 'eddsa-token', 'signing-key'].map(
  (name) => `server/crypto/${name}.ts`,
);
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** For one file: a test that waits for ever must not. */
const TIMEOUT_MS = 180_000;
const CLEAN_UP_PATIENCE_MS = 15_000;

const COVERAGE = [
  '--experimental-test-coverage',
  '--test-coverage-include=server/**',
  `--test-coverage-lines=${MINIMUM_COVERAGE}`,
  '--test-reporter=lcov',
  `--test-reporter-destination=${LCOV}`,
];

process.chdir(ROOT);
const keeper = spawn(process.execPath, ['scripts/test-services.ts'], {
  detached: true,
  stdio: ['pipe', 'pipe', 'inherit'],
});
keeper.stdin.on('error', () => undefined);
const keeperEnded = new Promise((resolve) => keeper.once('close', resolve));
for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => void finish(code));

try {
  await finish(await run(process.argv.slice(2)));
} catch (error) {
  // What goes wrong after ctrl-C goes wrong because of it.
  if (!isEnding()) console.error((error as Error).message);
  await finish(1);
}

/** The keeper ends the tests, then the services; were it stuck, it would go on after we are gone. */
async function finish(exitCode: number): Promise<never> {
  keeper.stdin.end();
  await Promise.race([keeperEnded, sleep(CLEAN_UP_PATIENCE_MS)]);
  process.exit(exitCode);
}

function isEnding(): boolean {
  return keeper.stdin.writableEnded;
}

async function run(named: string[]): Promise<number> {
  const missing = named.find((file) => !existsSync(file));
  if (missing) throw new Error(`There is no test file ${missing}.`);
  const files = named.length > 0 ? named : globSync('test/**/*.test.ts').sort();
  if (files.length === 0) throw new Error('There are no tests.');

  const services = await readServices();
  if (!services) return 1; // the keeper has said why
  await createTemplate(services);
  const isFullRun = named.length === 0;
  const exitCode = await runTests(services, files, isFullRun);
  const secretsExitCode = checkSecretReport(secretReport(services), isFullRun);
  if (exitCode !== 0 || !isFullRun) return exitCode;
  return Math.max(checkFullCoverage(), secretsExitCode);
}

/** Where every test file tells what secrets it searched for. */
function secretReport({ directory }: TestServices): string {
  return join(directory, 'secrets.ndjson');
}

async function readServices(): Promise<TestServices | null> {
  for await (const line of createInterface({ input: keeper.stdout })) {
    return JSON.parse(line) as TestServices;
  }
  return null;
}

async function createTemplate({ databaseUrl, template }: TestServices): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined); // a query that fails says so itself
  await client.connect();
  await client.query(`create database ${template}`);
  await client.end();

  const url = new URL(databaseUrl);
  url.pathname = `/${template}`;
  const migration = spawn(process.execPath, ['scripts/migrate.ts'], {
    env: { ...process.env, DATABASE_URL: url.href },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = waitFor(migration);
  const [output, errors] = await Promise.all([text(migration.stdout), text(migration.stderr)]);
  if ((await ended) !== 0) throw new Error(`The migrations failed:\n${output}${errors}`);
}

async function runTests(
  services: TestServices,
  files: string[],
  isFullRun: boolean,
): Promise<number> {
  // One file more than processors: much of a test is waiting.
  const args = ['--test', `--test-concurrency=${availableParallelism() + 1}`];
  args.push(`--test-timeout=${TIMEOUT_MS}`);
  args.push('--test-reporter=spec', '--test-reporter-destination=stdout');
  if (isFullRun) args.push(...COVERAGE);
  mkdirSync('coverage', { recursive: true });
  if (isEnding()) return 1; // nobody would end the tests any more
  // A group of their own: ctrl-C is ours to handle, and the keeper kills all that is in it.
  const tests = spawn(process.execPath, [...args, ...files], {
    detached: true,
    env: testEnvironment(services),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  keeper.stdin.write(`${tests.pid ?? 0}\n`);
  return waitFor(tests);
}

function testEnvironment(services: TestServices): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_ENV: 'test',
    TMPDIR: services.directory,
    TEST_DATABASE_URL: services.databaseUrl,
    TEST_TEMPLATE_DATABASE: services.template,
    TEST_REDIS_URL: services.redisUrl,
    TEST_SECRET_REPORT: secretReport(services),
  };
}

async function waitFor(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** What everything else rests on has no line that no test runs. */
function checkFullCoverage(): number {
  const records = readFileSync(LCOV, 'utf8').split('end_of_record');
  const isCovered = FULLY_COVERED.map((file) => {
    const record = records.find((candidate) => candidate.includes(`SF:${file}\n`)) ?? '';
    const uncovered = [...record.matchAll(/^DA:(\d+),0$/gm)].map((match) => match[1]);
    if (record && uncovered.length === 0) return true;
    const lines = uncovered.join(', ') || 'all';
    console.error(`${file} must be covered in full; lines that no test runs: ${lines}.`);
    return false;
  });
  return isCovered.every(Boolean) ? 0 : 1;
}
