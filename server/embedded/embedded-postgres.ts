import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from 'pg';

import { openCluster, SUPERUSER, type Cluster, type ClusterOptions } from './postgres-cluster.ts';
import {
  connectWhenReady,
  createDatabase,
  DATABASE,
  isPassing,
  takeLock,
} from './postgres-owner.ts';
import {
  endPostmaster,
  findPostmaster,
  launchPostmaster,
  signalPostmaster,
  type Postmaster,
} from './postgres-process.ts';

export interface EmbeddedPostgres {
  /** Of the database `medallion`, as its superuser. */
  url: string;
  /** Whether it was still running: its owner had been killed. */
  adopted: boolean;
  /** Shuts PostgreSQL down; resolves when it is gone, also when it had been killed. Never hangs. */
  stop: () => Promise<void>;
  /** For a process that must exit at once: tells PostgreSQL to, and waits for nothing. */
  killNow: () => void;
}

interface Connected {
  postmaster: Postmaster;
  /** Holds the lock of the directory's owner for as long as the owner lives. */
  owner: Client;
  adopted: boolean;
}

const ATTEMPTS = 10;
const RETRY_DELAY_MS = 200;
const ADOPTION_PATIENCE_MS = 10_000;
const START_PATIENCE_MS = 60_000;

/**
 * What PostgreSQL says when another process was faster, to the port or to the cluster, and when the
 * processes of one that was killed are still ending.
 */
const IS_PASSING = /could not bind|"postmaster\.pid" already exists|memory block .* still in use/;

/**
 * Starts a real PostgreSQL for this directory, or takes over the one that a killed server left.
 * Throws one sentence when the binaries are missing, or when another live server uses the directory.
 */
export async function startEmbeddedPostgres(options: ClusterOptions): Promise<EmbeddedPostgres> {
  const cluster = await openCluster(options);
  const { postmaster, owner, adopted } = await becomeOwner(cluster);
  const { pid } = postmaster;
  if (adopted) options.log(`Took over PostgreSQL (process ${pid}) from a server that was killed.`);
  return {
    url: urlOf(cluster, postmaster),
    adopted,
    stop: async () => {
      await endPostmaster(pid, cluster.dataDirectory);
      owner.end().catch(() => undefined);
    },
    killNow: () => void signalPostmaster(pid, cluster.dataDirectory, 'SIGQUIT'),
  };
}

/** The same for a command beside the server: what a live server runs for this directory is used, and left running. */
export async function openEmbeddedPostgres(
  options: ClusterOptions,
): Promise<Pick<EmbeddedPostgres, 'url' | 'stop'>> {
  try {
    return await startEmbeddedPostgres(options);
  } catch (error) {
    if (!(error instanceof InUse)) throw error;
    return { url: error.url, stop: () => Promise.resolve() };
  }
}

/** A live server owns the directory. */
class InUse extends Error {
  readonly url: string;

  constructor(cluster: Cluster, postmaster: Postmaster) {
    super(`Another Medallion server is using ${dirname(cluster.logFile)}.`);
    this.url = urlOf(cluster, postmaster);
  }
}

function urlOf({ password }: Cluster, { port }: Postmaster): string {
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${DATABASE}`;
}

async function becomeOwner(cluster: Cluster): Promise<Connected> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const connected = (await adopt(cluster)) ?? (await launch(cluster));
    if (connected && (await claim(cluster, connected))) return connected;
    await sleep(RETRY_DELAY_MS);
  }
  throw failure(cluster);
}

/** False when PostgreSQL went down meanwhile, under a server that was just ending. */
async function claim(cluster: Cluster, { owner, postmaster }: Connected): Promise<boolean> {
  try {
    if (await takeLock(owner)) {
      await createDatabase(owner);
      return true;
    }
  } catch (error) {
    if (isPassing(error)) return false;
    await endPostmaster(postmaster.pid, cluster.dataDirectory);
    throw error;
  }
  await owner.end();
  throw new InUse(cluster, postmaster);
}

async function adopt(cluster: Cluster): Promise<Connected | null> {
  const postmaster = findPostmaster(cluster.dataDirectory);
  if (!postmaster) return null;
  try {
    const owner = await connectWhenReady(cluster, postmaster, ADOPTION_PATIENCE_MS);
    return { postmaster, owner, adopted: true };
  } catch {
    await endPostmaster(postmaster.pid, cluster.dataDirectory);
    return null;
  }
}

async function launch(cluster: Cluster): Promise<Connected | null> {
  const postmaster = await launchPostmaster(cluster);
  try {
    const owner = await connectWhenReady(cluster, postmaster, START_PATIENCE_MS);
    return { postmaster, owner, adopted: false };
  } catch (error) {
    await endPostmaster(postmaster.pid, cluster.dataDirectory);
    if (IS_PASSING.test(readFileSync(cluster.logFile, 'utf8'))) return null;
    throw failure(cluster, error);
  }
}

function failure(cluster: Cluster, cause?: unknown): Error {
  const tail = readFileSync(cluster.logFile, 'utf8').trim().split('\n').slice(-8).join('\n');
  return new Error(`PostgreSQL did not start (${cluster.logFile}):\n${tail}`, { cause });
}
