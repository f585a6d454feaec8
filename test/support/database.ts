import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { recordClients, recordedPrefixes } from './secret-record.ts';
import { assertNoSecretAtRest, type Storage } from './secrets-at-rest.ts';
import { atEnd } from './teardown.ts';

/** A variable that the test runner sets. */
export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run the tests with npm test`);
  return value;
}

async function asAdmin(sql: string): Promise<void> {
  const client = new Client({ connectionString: required('TEST_DATABASE_URL') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A database cloned from the migrated template, and dropped after the file. */
export async function cloneDatabase(): Promise<string> {
  const name = `${required('TEST_TEMPLATE_DATABASE')}_${randomBytes(6).toString('hex')}`;
  await asAdmin(`CREATE DATABASE ${name} TEMPLATE ${required('TEST_TEMPLATE_DATABASE')}`);
  atEnd(() => asAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  const url = new URL(required('TEST_DATABASE_URL'));
  url.pathname = `/${name}`;
  return url.href;
}

/** Once the nodes are stopped, and before it is dropped, it is searched for every secret that they were sent. */
async function createDatabase(): Promise<string> {
  recordClients();
  const url = await cloneDatabase();
  atEnd(() => assertNoSecretAtRest(storageAt(url)));
  return url;
}

/** Where the nodes on a database keep what they keep. */
export function storageAt(url: string): Storage {
  return {
    databaseUrl: url,
    redisUrl: required('TEST_REDIS_URL'),
    redisPrefixes: recordedPrefixes(),
  };
}

let database: Promise<string> | undefined;

/** The URL of the file's database. */
export function databaseUrl(): Promise<string> {
  database ??= createDatabase();
  return database;
}

/** Runs SQL beside the app, as an operator would. */
export async function query<Row extends object>(
  sql: string,
  bindings: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ connectionString: await databaseUrl() });
  await client.connect();
  try {
    return (await client.query<Row>(sql, bindings)).rows;
  } finally {
    await client.end();
  }
}
