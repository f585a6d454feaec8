/**
 * Keeps the services of one test run: PostgreSQL, Redis and a temporary directory. It is a process
 * of its own, in its own session, so that it survives whatever happens to the runner, and cleans up.
 *
 * On stdout: one line of JSON, `TestServices`. On stdin: the process group of the tests, when they
 * run; its end means that the runner has ended, however that came about.
 */
import { randomBytes } from 'node:crypto';
import { globSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Client } from 'pg';

import { startEmbeddedPostgres } from '../server/embedded/embedded-postgres.ts';
import { endPostmaster, findPostmaster } from '../server/embedded/postgres-process.ts';
import { answersPing, startRedisServer } from './redis-server.ts';

export interface TestServices {
  databaseUrl: string;
  redisUrl: string;
  /** The temporary directory of the tests. */
  directory: string;
  /** The name that the template database and all its copies begin with. */
  template: string;
}

type CleanUp = () => Promise<unknown>;

const log = (sentence: string) => {
  console.error(sentence);
};

for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
// The runner, and the terminal, may be gone before we are.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const cleanUps: CleanUp[] = [];
let testGroup = 0;

const runnerEnded = new Promise<void>((resolve) => {
  process.once('SIGTERM', resolve);
  createInterface({ input: process.stdin })
    .on('line', (line) => (testGroup = Number(line)))
    .once('close', resolve);
});

try {
  const services = await startServices();
  process.stdout.write(`${JSON.stringify(services)}\n`);
  await runnerEnded;
} catch (error) {
  log((error as Error).message);
  process.exitCode = 1;
}
killTests();
for (const cleanUp of cleanUps.reverse()) {
  await cleanUp().catch((error: unknown) => {
    log(`Could not clean up: ${(error as Error).message}`);
  });
}
process.exit();

async function startServices(): Promise<TestServices> {
  const home = await mkdtemp(join(await realpath(tmpdir()), 'medallion-test-'));
  cleanUps.push(() => rm(home, { recursive: true, force: true }));
  await chmod(home, 0o711); // PostgreSQL may run as another user, who must be able to enter
  const directory = join(home, 'tests');
  await mkdir(directory);
  cleanUps.push(() => removeClusters(home));

  const template = `medallion_template_${randomBytes(4).toString('hex')}`;
  const redisUrl = process.env.TEST_REDIS_URL ?? (await startRedis(home));
  const databaseUrl = process.env.TEST_DATABASE_URL ?? (await startPostgres(home));
  await checkDatabase(databaseUrl);
  if (!(await answersPing(redisUrl)))
    throw new Error('The Redis of TEST_REDIS_URL does not answer.');
  if (process.env.TEST_DATABASE_URL) cleanUps.push(() => dropDatabases(databaseUrl, template));
  return { databaseUrl, redisUrl, directory, template };
}

async function startPostgres(home: string): Promise<string> {
  const postgres = await startEmbeddedPostgres({ directory: home, log, durable: false });
  cleanUps.push(() => {
    postgres.killNow(); // nothing in it is worth a clean shutdown
    return postgres.stop();
  });
  return postgres.url;
}

async function startRedis(home: string): Promise<string> {
  const redis = await startRedisServer({ directory: home, log });
  cleanUps.push(redis.stop);
  return redis.url;
}

async function checkDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
  } catch (error) {
    const reason = (error as Error).message || (error as { code?: string }).code;
    throw new Error(`The PostgreSQL of TEST_DATABASE_URL does not answer: ${reason ?? 'unknown'}.`);
  }
}

/** In an own PostgreSQL they go with it; one that the developer gave is left as it was found. */
async function dropDatabases(url: string, template: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ datname: string }>(
    'select datname from pg_database where starts_with(datname, $1)',
    [template],
  );
  for (const { datname } of rows) {
    await client.query(`drop database ${client.escapeIdentifier(datname)} with (force)`);
  }
  await client.end();
}

/** Also the PostgreSQL of a test that was killed, and a cluster that is kept elsewhere. */
async function removeClusters(home: string): Promise<void> {
  for (const path of globSync(join(home, '{.,tests/*,tests/*/*}/postgres'))) {
    const dataDirectory = await realpath(path);
    const postmaster = findPostmaster(dataDirectory);
    if (postmaster) await endPostmaster(postmaster.pid, dataDirectory);
    await rm(dataDirectory, { recursive: true, force: true });
  }
}

/** And all that they started: a server that a test left behind is in the same group. */
function killTests(): void {
  if (testGroup <= 1) return;
  try {
    process.kill(-testGroup, 'SIGKILL');
  } catch {
    // They have ended.
  }
}
