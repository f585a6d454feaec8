import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import type { TestServices } from './test-services.ts';

const ROOT = join(import.meta.dirname, '..');
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const CLEAN_UP_PATIENCE_MS = 15_000;

export interface TestRun {
  services: TestServices;
  /** Runs test files with these further options of `node --test`; gives its exit code. */
  runFiles: (
    files: string[],
    options: { args: string[]; env?: Record<string, string> },
  ) => Promise<number>;
}

/**
 * Brings a PostgreSQL with a migrated template and a Redis, lets `work` run tests on them, takes everything down and ends
 * this process with the exit code that `work` gives.
 */
export async function runOnServices(work: (run: TestRun) => Promise<number>): Promise<never> {
  process.chdir(ROOT);
  const keeper = spawn(process.execPath, ['scripts/test-services.ts'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  keeper.stdin.on('error', () => undefined);
  const keeperEnded = new Promise((resolve) => keeper.once('close', resolve));
  /** The keeper ends the tests, then the services; were it stuck, it would go on after we are gone. */
  const finish = async (exitCode: number): Promise<never> => {
    keeper.stdin.end();
    await Promise.race([keeperEnded, sleep(CLEAN_UP_PATIENCE_MS)]);
    process.exit(exitCode);
  };
  const isEnding = () => keeper.stdin.writableEnded;
  for (const [signal, code] of Object.entries(SIGNALS))
    process.once(signal, () => void finish(code));

  try {
    const services = await readServices(keeper);
    if (!services) return await finish(1); // the keeper has said why
    await createTemplate(services);
    const runFiles: TestRun['runFiles'] = (files, options) => {
      if (isEnding()) return Promise.resolve(1); // nobody would end the tests any more
      const tests = spawnTests(files, { ...options, services });
      keeper.stdin.write(`${tests.pid ?? 0}\n`);
      return waitFor(tests);
    };
    return await finish(await work({ services, runFiles }));
  } catch (error) {
    // What goes wrong after ctrl-C goes wrong because of it.
    if (!isEnding()) console.error((error as Error).message);
    return await finish(1);
  }
}

/** The files that were named, which must be there, or else all that the patterns fit. */
export function chooseFiles(
  named: string[],
  { all, except = [] }: { all: string; except?: string[] },
): string[] {
  const missing = named.find((file) => !existsSync(file));
  if (missing) throw new Error(`There is no test file ${missing}.`);
  const files = named.length > 0 ? named : globSync(all, { exclude: except }).sort();
  if (files.length === 0) throw new Error('There are no tests.');
  return files;
}

/** Where every test file tells what secrets it searched for. */
export function secretReport({ directory }: TestServices): string {
  return join(directory, 'secrets.ndjson');
}

async function readServices({ stdout }: ChildProcess): Promise<TestServices | null> {
  if (stdout === null) return null;
  for await (const line of createInterface({ input: stdout })) {
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

interface SpawnOptions {
  args: string[];
  env?: Record<string, string>;
  services: TestServices;
}

function spawnTests(files: string[], { args, env, services }: SpawnOptions): ChildProcess {
  const options = [...args, '--test-reporter=spec', '--test-reporter-destination=stdout'];
  mkdirSync('coverage', { recursive: true });
  // A group of their own: ctrl-C is ours to handle, and the keeper kills all that is in it.
  return spawn(process.execPath, ['--test', ...options, ...files], {
    detached: true,
    env: { ...process.env, ...testEnvironment(services), ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

function testEnvironment(services: TestServices): Record<string, string> {
  return {
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
