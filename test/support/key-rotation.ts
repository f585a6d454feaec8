import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  createEncryptionKeys,
  decrypt,
  encrypt,
  type EncryptionKeys,
} from '../../server/crypto/encryption.ts';
import { generateTotpSecret } from '../../server/crypto/totp.ts';
import { databaseUrl, query } from './database.ts';
import { makeDirectory } from './processes.ts';
import { atEnd } from './teardown.ts';

const SCRIPT = join(import.meta.dirname, '../../scripts/rotate-encryption-key.ts');
const directory = makeDirectory();

export const newSecret = (): string => randomBytes(32).toString('base64');
export const OLD_KEY = newSecret();
export const NEW_KEY = newSecret();
/** The environment of a node that has changed keys. */
export const BOTH = { DATABASE_ENCRYPTION_KEY: NEW_KEY, DATABASE_ENCRYPTION_KEY_PREVIOUS: OLD_KEY };
/** The keys of nodes that know both, before the change and after it. */
export const oldFirst = createEncryptionKeys([OLD_KEY, NEW_KEY]);
export const newFirst = createEncryptionKeys([NEW_KEY, OLD_KEY]);
const onlyNew = createEncryptionKeys([NEW_KEY]);

/** Users with a second factor under these keys, and what each one's secret is. */
export async function addUsers(keys: EncryptionKeys, count = 1): Promise<Map<number, string>> {
  const users = await query<{ id: number }>(
    `INSERT INTO users (email, roles, created_at)
     SELECT gen_random_uuid() || '@example.com', '{rider}', now() FROM generate_series(1, $1)
     RETURNING id`,
    [count],
  );
  const secrets = new Map(users.map(({ id }) => [id, generateTotpSecret()]));
  const values = Array.from(secrets, ([id, plaintext]) =>
    encrypt(keys, { plaintext, boundTo: `totp:${id}` }),
  );
  await query(
    `INSERT INTO totp (user_id, secret, created_at)
     SELECT user_id, secret, now() FROM unnest($1::int[], $2::text[]) AS given (user_id, secret)`,
    [[...secrets.keys()], values],
  );
  return secrets;
}

export async function storedOf(userId: number): Promise<string | undefined> {
  const [row] = await query<{ secret: string }>('SELECT secret FROM totp WHERE user_id = $1', [
    userId,
  ]);
  return row?.secret;
}

export async function setStored(userId: number, value: string): Promise<void> {
  await query('UPDATE totp SET secret = $2 WHERE user_id = $1', [userId, value]);
}

/** Asserts that each secret is what it was, and can be read with the new key alone. */
export async function assertUnderNewKey(...groups: Map<number, string>[]): Promise<void> {
  const rows = await query<{ user_id: number; secret: string }>('SELECT user_id, secret FROM totp');
  const stored = new Map(rows.map(({ user_id, secret }) => [user_id, secret]));
  for (const [id, plaintext] of groups.flatMap((group) => [...group])) {
    const ciphertext = stored.get(id) ?? '';
    assert.equal(decrypt(onlyNew, { ciphertext, boundTo: `totp:${id}` }), plaintext);
  }
}

/** Runs the script; nothing that it says may hold a key or a value. */
export async function runRotation(env: Record<string, string> = {}, cwd = directory) {
  const child = spawn(process.execPath, [SCRIPT], {
    cwd,
    env: { PATH: process.env.PATH, DATABASE_URL: await databaseUrl(), ...env },
  });
  atEnd(() => child.kill('SIGKILL'));
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, 'close')) as [number | null];
  const [stdout, stderr] = await output;
  for (const secret of [OLD_KEY, NEW_KEY, 'v1.']) assert.ok(!(stdout + stderr).includes(secret));
  return { code, stdout, stderr };
}
