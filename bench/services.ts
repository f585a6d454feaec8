import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';
import { Client } from 'pg';

import { cleanUpAtExit, type CleanUp } from '../scripts/clean-up.ts';
import { startRedisServer } from '../scripts/redis-server.ts';
import { startEmbeddedPostgres } from '../server/embedded/embedded-postgres.ts';

/** The PostgreSQL and Redis that a benchmark runs on: its own. */
export interface Services {
  directory: string;
  databaseUrl: string;
  redisUrl: string;
}

interface Benchmark {
  /** What it is called where it fails. */
  name?: string;
  limitMs: number;
  run: (services: Services, start: CleanUp['start']) => Promise<void>;
}

/** Runs a benchmark on services of its own, and ends the process; leaves nothing running behind. */
export async function runBenchmark({
  name = 'benchmark',
  limitMs,
  run,
}: Benchmark): Promise<never> {
  const { start, exit, isExiting } = cleanUpAtExit();
  setTimeout(() => {
    console.error(`The ${name} takes too long.`);
    void exit(1);
  }, limitMs).unref();
  try {
    const home = await start(makeHome(), (path) => rm(path, { recursive: true, force: true }));
    await run(await startServices(home, start), start);
    return await exit(0);
  } catch (error) {
    if (!isExiting()) console.error(`The ${name} failed: ${(error as Error).message}`);
    return await exit(1);
  }
}

async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(await realpath(tmpdir()), 'medallion-bench-'));
  await chmod(home, 0o711); // PostgreSQL may run as another user, who must be able to enter
  return home;
}

async function startServices(directory: string, start: CleanUp['start']): Promise<Services> {
  const postgres = startEmbeddedPostgres({ directory, log: note, durable: true });
  const redis = startRedisServer({ directory, log: note });
  const { url: databaseUrl } = await start(postgres, (started) => started.stop());
  const { url: redisUrl } = await start(redis, (started) => started.stop());
  return { directory, databaseUrl, redisUrl };
}

export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  await ask(serverUrl, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** The first value of the first row. */
export async function ask(url: string, sql: string, values: string[] = []): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Record<string, string>>(sql, values);
  await client.end();
  return Object.values(rows[0] ?? {})[0] ?? '';
}

/** More than one machine can ask for. */
const RAISED = '1000000/60';

/** The limits that would keep one machine from asking so often. */
export const RAISED_LIMITS = {
  OTP_LIMIT_PER_IP: RAISED,
  OTP_LIMIT_PER_NUMBER: RAISED,
  RATE_LIMIT_LOGIN: RAISED,
  RATE_LIMIT_REGISTER: RAISED,
  RATE_LIMIT_REFRESH: RAISED,
  RATE_LIMIT_API: RAISED,
  RATE_LIMIT_API_SESSION: RAISED,
  RATE_LIMIT_HANDSHAKES: RAISED,
  RATE_LIMIT_HANDSHAKES_PER_IP: RAISED,
};

/** Medallion's as in production, with its logs, but for the limits. */
export function medallionEnvironment(services: Services, smsUrl: string) {
  return {
    NODE_ENV: 'production',
    DATABASE_URL: services.databaseUrl,
    REDIS_URL: services.redisUrl,
    JWT_SECRET_KEY: randomBytes(32).toString('hex'),
    HASH_PEPPER: randomBytes(32).toString('hex'),
    DATABASE_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    SMS_PROVIDER: 'webhook',
    SMS_WEBHOOK_URL: smsUrl,
    SMS_WEBHOOK_SECRET: randomBytes(32).toString('hex'),
    MAX_SOCKETS_PER_USER: '20000',
    DRAIN_READINESS_SECONDS: '0',
    DRAIN_WINDOW_SECONDS: '0',
    ...RAISED_LIMITS,
  };
}

/** Posts JSON and gives the JSON of the answer. */
export async function post(url: string, body: object): Promise<unknown> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as unknown;
}

/** The machine and the versions, in one sentence. */
export async function describeMachine(services: Services): Promise<string> {
  return (
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ` +
    `Node ${process.versions.node}, PostgreSQL ${await postgresFacts(services)}, ` +
    `Redis ${await redisVersion(services)}, all on loopback.`
  );
}

async function postgresFacts({ databaseUrl }: Services): Promise<string> {
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    assert.equal(await ask(databaseUrl, `SHOW ${setting}`), 'on', `${setting} is off`);
  }
  const version = (await ask(databaseUrl, 'SHOW server_version')).split(' ')[0] ?? '';
  return `${version} (fsync on)`;
}

async function redisVersion({ redisUrl }: Services): Promise<string> {
  const redis = new Redis(redisUrl);
  const info = await redis.info('server');
  redis.disconnect();
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown';
}

/** For whoever watches: stdout has the table alone. */
export function note(sentence: string): void {
  console.error(sentence);
}
