import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { isProcess } from './is-process.ts';
import { POSTGRES_ENVIRONMENT, type Cluster } from './postgres-cluster.ts';

export interface Postmaster {
  pid: number;
  port: number;
}

/** How PostgreSQL is asked to end, and for how many milliseconds it is given to do so. */
const ENDINGS = [
  ['SIGINT', 5000],
  ['SIGQUIT', 7000],
  ['SIGKILL', 2000],
] as const;

const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=400',
  'timezone=UTC',
  'jit=off',
  'wal_level=minimal',
  'max_wal_senders=0',
  'log_checkpoints=off',
  // A statement that fails may hold a secret: the one who sent it gets the error, the log does not.
  'log_min_messages=log',
  'log_min_error_statement=panic',
];

const UNSAFE_BUT_FAST = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

/** A TCP port on 127.0.0.1 that was free a moment ago; the caller retries when it is taken. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The cluster's running PostgreSQL, by its `postmaster.pid`; null when there is none. */
export function findPostmaster(dataDirectory: string): Postmaster | null {
  const file = join(dataDirectory, 'postmaster.pid');
  if (!existsSync(file)) return null;
  const lines = readFileSync(file, 'utf8').split('\n');
  const pid = Number(lines[0]);
  if (isPostmaster(pid, dataDirectory)) return { pid, port: Number(lines[3]) };
  // Left by a crash. PostgreSQL would not start where its old number now is another process's.
  if (isProcess(pid)) rmSync(file, { force: true });
  return null;
}

/** Whether this process is the cluster's PostgreSQL: numbers are reused, and zombies still have one. */
export function isPostmaster(pid: number, dataDirectory: string): boolean {
  return ` ${readCommand(pid)} `.includes(` -D ${dataDirectory} `);
}

function readCommand(pid: number): string {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-ww', '-o', 'command=', '-p', `${pid}`], { encoding: 'utf8' }).stdout;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/**
 * Starts PostgreSQL in a session of its own, where ctrl-C in our terminal does not reach it: the
 * drain needs it. Its log is emptied at each start, so it does not grow for ever.
 */
export async function launchPostmaster(cluster: Cluster): Promise<Postmaster> {
  const port = await findFreePort();
  const settings = cluster.durable ? SETTINGS : [...SETTINGS, ...UNSAFE_BUT_FAST];
  const args = ['-D', cluster.dataDirectory, '-p', `${port}`];
  for (const setting of settings) args.push('-c', setting);

  writeFileSync(cluster.logFile, '');
  const log = openSync(cluster.logFile, 'a');
  const child = spawn(join(cluster.binaries, 'postgres'), args, {
    ...cluster.account,
    cwd: '/',
    env: POSTGRES_ENVIRONMENT,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return { pid: child.pid ?? 0, port };
}

/** Sends the signal, unless that process is no longer the cluster's PostgreSQL. */
export function signalPostmaster(
  pid: number,
  dataDirectory: string,
  signal: NodeJS.Signals,
): boolean {
  if (!isPostmaster(pid, dataDirectory)) return false;
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Ends PostgreSQL, more and more firmly. Resolves when it is gone, at once if it was; never hangs. */
export async function endPostmaster(pid: number, dataDirectory: string): Promise<void> {
  for (const [signal, patienceMs] of ENDINGS) {
    if (!signalPostmaster(pid, dataDirectory, signal)) return;
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if (!isPostmaster(pid, dataDirectory)) return;
      await sleep(10);
    }
  }
}
