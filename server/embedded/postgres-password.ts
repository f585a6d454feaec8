import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The superuser's password, from a file of this directory that only its owner can read. */
export async function readOrMakePassword(directory: string): Promise<string> {
  const file = join(directory, 'postgres-password');
  if (!existsSync(file)) {
    if (existsSync(join(directory, 'postgres'))) {
      throw new Error(`${file} is gone: restore it, or remove ${directory} to start from nothing.`);
    }
    await makePassword(file);
  }
  return readFile(file, 'utf8');
}

/** A link, unlike a write, is whole at once, and leaves the password of a faster process alone. */
async function makePassword(file: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, randomBytes(24).toString('base64url'), { mode: 0o600 });
  try {
    await link(draft, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    await rm(draft);
  }
}
