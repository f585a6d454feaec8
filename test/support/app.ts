import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import supertest from 'supertest';
import { createApp, type App, type Overrides } from '../../server/app.ts';
import { loadSettings } from '../../server/config.ts';
import { exempt, watchAnswers } from './api/watch-answers.ts';
import { databaseUrl, required } from './database.ts';
import { recordEnvironment, recordOutbox } from './secret-record.ts';
import { atEnd } from './teardown.ts';

/** Before this file's Redis keys and channels: files run in parallel on one Redis. */
export const REDIS_PREFIX = `test:${randomBytes(6).toString('hex')}:`;

export interface TestApp extends App {
  url: string;
  request: ReturnType<typeof supertest>;
}

export interface TestAppOptions extends Overrides {
  /** Which ephemeral store: Redis unless said otherwise. */
  store?: 'redis' | 'memory';
  /** Environment variables on top of those that a test needs. */
  env?: Record<string, string>;
}

/** A thirtieth of what real ones cost: the tests hash some thousands. */
const TEST_COST = { memoryCost: 1024, timeCost: 1, parallelism: 1 };

const SECRETS = {
  JWT_SECRET_KEY: randomBytes(32).toString('base64'),
  HASH_PEPPER: randomBytes(32).toString('base64'),
  DATABASE_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
};

/** The variables that a server of this test file runs with. */
export async function testEnvironment(
  options: Pick<TestAppOptions, 'store' | 'env'> = {},
): Promise<Record<string, string>> {
  const env = {
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    ...SECRETS,
    DATABASE_URL: await databaseUrl(),
    DATABASE_POOL_SIZE: '5',
    OTP_LIMIT_PER_IP: '100000/60',
    RATE_LIMIT_LOGIN: '100000/60',
    RATE_LIMIT_REGISTER: '100000/60',
    RATE_LIMIT_REFRESH: '100000/60',
    RATE_LIMIT_API: '100000/60',
    RATE_LIMIT_API_SESSION: '100000/60',
    RATE_LIMIT_SOCKET_MESSAGES: '1000000/1',
    RATE_LIMIT_HANDSHAKES: '100000/60',
    RATE_LIMIT_HANDSHAKES_PER_IP: '100000/60',
    DRAIN_READINESS_SECONDS: '0',
    DRAIN_WINDOW_SECONDS: '0',
    ...(options.store === 'memory'
      ? {}
      : { REDIS_URL: required('TEST_REDIS_URL'), REDIS_KEY_PREFIX: REDIS_PREFIX }),
    ...options.env,
  };
  recordEnvironment(env);
  return env;
}

/** A node in this process, listening, stopped after the file. Two of them share database and Redis. */
export async function startApp(options: TestAppOptions = {}): Promise<TestApp> {
  const { store, env, ...overrides } = options;
  const settings = loadSettings(
    await testEnvironment({ ...(store && { store }), ...(env && { env }) }),
    (path) => readFileSync(path, 'utf8'),
  );
  const app = await createApp(settings, {
    log: pino({ level: process.env.TEST_LOG ?? 'silent' }),
    passwordCost: TEST_COST,
    ...overrides,
    extensions: (overrides.extensions ?? []).map(exempt),
  });
  watchAnswers(app.server);
  atEnd(() => app.close());
  recordOutbox(app.context.outbox);
  await new Promise<void>((resolve) => app.server.listen(0, '127.0.0.1', resolve));
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return { ...app, url, request: supertest(url) };
}

/** A client on the tests' Redis that adds this file's prefix to its keys. */
export function openRedis(): Redis {
  const redis = new Redis(required('TEST_REDIS_URL'), { keyPrefix: REDIS_PREFIX });
  atEnd(() => {
    redis.disconnect();
  });
  return redis;
}
