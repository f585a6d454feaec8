import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { isProcess } from './is-process.ts';
import { canEnter, findAccount, type Account } from './postgres-account.ts';
import { findBinaries } from './postgres-binaries.ts';
import { readOrMakePassword } from './postgres-password.ts';

/** The superuser, and the owner of the database. */
export const SUPERUSER = 'medallion';

/** What PostgreSQL may see of our environment: nothing that is ours. */
export const POSTGRES_ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };

const FALLBACK = '/var/lib/medallion';

export interface ClusterOptions {
  /** Where the cluster, its password and its log are kept; made when it does not exist. */
  directory: string;
  /** Takes one plain sentence for the person who started the server. */
  log: (sentence: string) => void;
  /** False trades safety after a power cut for speed: for tests. Default: true. */
  durable?: boolean;
}

export interface Cluster {
  dataDirectory: string;
  logFile: string;
  binaries: string;
  account: Account;
  password: string;
  durable: boolean;
}

/** Finds the cluster of this directory, or creates it. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  await mkdir(options.directory, { recursive: true });
  const directory = await realpath(options.directory);
  const link = join(directory, 'postgres');
  const account = findAccount(link);
  const cluster = {
    dataDirectory: link,
    logFile: join(directory, 'postgres.log'),
    binaries: await findBinaries(account),
    account,
    password: await readOrMakePassword(directory),
    durable: options.durable ?? true,
  };
  if (!existsSync(link)) await createCluster(cluster, directory, options.log);
  const dataDirectory = await realpath(link);
  if (canEnter(account, dataDirectory)) return { ...cluster, dataDirectory };
  throw new Error(
    `PostgreSQL runs as user ${account?.uid ?? 'unknown'}, who cannot enter ${dataDirectory}: move it to a path that everybody may traverse, or set DATABASE_URL.`,
  );
}

/** A cluster appears under its name when it is complete, so a start that was killed leaves none. */
async function createCluster(
  cluster: Cluster,
  directory: string,
  log: (sentence: string) => void,
): Promise<void> {
  // A link to a cluster that is gone; checked in one go, or it could be that of a faster process.
  if (!existsSync(cluster.dataDirectory)) rmSync(cluster.dataDirectory, { force: true });
  const isReachable = canEnter(cluster.account, directory);
  const draft = await makeDraft(isReachable ? directory : FALLBACK);
  try {
    const data = await initialise(cluster, draft);
    if (isReachable) await rename(data, cluster.dataDirectory);
    else await keepElsewhere(data, cluster.dataDirectory, log);
  } catch (error) {
    if (!existsSync(cluster.dataDirectory)) throw error; // else another process was faster
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** A directory that names its maker, so that what a killed process left can be told and removed. */
async function makeDraft(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  if (parent === FALLBACK) await chmod(parent, 0o755);
  for (const name of readdirSync(parent)) {
    const maker = /^postgres-new-(\d+)-/.exec(name)?.[1];
    if (maker === undefined || isProcess(Number(maker))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
  return mkdtemp(join(parent, `postgres-new-${process.pid}-`));
}

async function keepElsewhere(
  data: string,
  name: string,
  log: (sentence: string) => void,
): Promise<void> {
  const directory = dirname(name);
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  const place = join(FALLBACK, `${hash}-${randomBytes(3).toString('hex')}`);
  await rename(data, place);
  try {
    await symlink(place, name);
  } catch (error) {
    await rm(place, { recursive: true });
    throw error;
  }
  log(`The user that runs PostgreSQL cannot enter ${directory}: its data is in ${place}.`);
}

async function initialise(cluster: Cluster, draft: string): Promise<string> {
  const data = join(draft, 'data');
  const passwordFile = join(draft, 'password');
  await writeFile(passwordFile, cluster.password, { mode: 0o600 });
  for (const path of cluster.account ? [passwordFile, draft] : []) {
    await chown(path, cluster.account?.uid ?? 0, cluster.account?.gid ?? 0);
  }
  const args = [`--pgdata=${data}`, `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`];
  args.push('--auth=scram-sha-256', '--encoding=UTF8', '--no-locale', '--no-instructions');
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8');
  if (!cluster.durable) args.push('--no-sync', '--no-data-checksums');
  const options = { ...cluster.account, cwd: '/', env: POSTGRES_ENVIRONMENT };
  try {
    await promisify(execFile)(join(cluster.binaries, 'initdb'), args, options);
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const reason = stderr || message;
    throw new Error(`PostgreSQL could not create its cluster: ${reason}`, { cause: error });
  }
  return data;
}
