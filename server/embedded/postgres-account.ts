import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';

/** The operating-system user that PostgreSQL runs as; undefined means: the user of this process. */
export type Account = { uid: number; gid: number } | undefined;

/**
 * PostgreSQL refuses to run as root. Then it runs as the owner of the cluster, or, where there is
 * none yet, as `postgres` if the machine has that user, else as `nobody`.
 */
export function findAccount(dataDirectory: string): Account {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(dataDirectory, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const account = findUser(users, 'postgres') ?? findUser(users, 'nobody');
  if (account) return account;
  throw new Error(
    'PostgreSQL refuses to run as root: set DATABASE_URL, or add a system user named postgres.',
  );
}

function findUser(users: string[], name: string): Account {
  const fields = users.find((line) => line.startsWith(`${name}:`))?.split(':');
  return fields && { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** Whether the account can run this program: its path, its mode and its libraries. */
export function canRun(account: Account, program: string, args: string[]): boolean {
  return spawnSync(program, args, { ...account, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** Whether the account can traverse the path to this directory and enter it. */
export function canEnter(account: Account, directory: string): boolean {
  return account === undefined || canRun(account, 'test', ['-x', directory]);
}
