import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';

import { SUPERUSER, type Cluster } from './postgres-cluster.ts';
import { isPostmaster, type Postmaster } from './postgres-process.ts';

/** The database of the application. */
export const DATABASE = 'medallion';

const LOCK_KEY = 7_104_201;
const LOCK_PATIENCE_MS = 2_000;

/** Connects as soon as PostgreSQL is ready. Throws when it ended, does not let us in, or is late. */
export async function connectWhenReady(
  cluster: Cluster,
  postmaster: Postmaster,
  patienceMs: number,
): Promise<Client> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await connect(cluster, postmaster.port);
    } catch (error) {
      const isOver = !isPassing(error) || performance.now() > deadline;
      if (isOver || !isPostmaster(postmaster.pid, cluster.dataDirectory)) throw error;
    }
    await sleep(15);
  }
}

async function connect(cluster: Cluster, port: number): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    password: cluster.password,
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: 2_000,
  });
  // Nobody awaits this connection while it is idle; a PostgreSQL that ends must not end the process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Whether trying again may help: no answer of PostgreSQL's (five characters), or "I am starting". */
export function isPassing(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return code.startsWith('57P0') || !/^[0-9][0-9A-Z]{4}$/.test(code);
}

/**
 * Takes the lock that says who owns the cluster. It lives as long as this connection, so that it is
 * gone soon after its owner is, however that ended. False when another live server keeps it.
 */
export async function takeLock(owner: Client): Promise<boolean> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    const { rows } = await owner.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1) as taken',
      [LOCK_KEY],
    );
    if (rows[0]?.taken) return true;
    if (performance.now() > deadline) return false;
    await sleep(50);
  }
}

/** Creates the application's database unless it exists. */
export async function createDatabase(owner: Client): Promise<void> {
  const { rowCount } = await owner.query('select from pg_database where datname = $1', [DATABASE]);
  if (rowCount === 0) await owner.query(`create database ${DATABASE}`);
}
