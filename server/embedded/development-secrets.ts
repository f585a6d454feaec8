import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const NAMES = ['JWT_SECRET_KEY', 'HASH_PEPPER', 'DATABASE_ENCRYPTION_KEY'] as const;

/**
 * The secrets of a development server: made once, kept in the data directory, readable by its owner alone, and
 * the same for servers that start at the same moment.
 */
export async function developmentSecrets(directory: string): Promise<Record<string, string>> {
  const file = join(directory, 'secrets.json');
  const kept = await readSecrets(file);
  const missing = NAMES.filter((name) => kept[name] === undefined);
  if (missing.length === 0) return kept;
  const made = missing.map((name) => [name, randomBytes(32).toString('base64')]);
  const secrets = { ...kept, ...(Object.fromEntries(made) as Record<string, string>) };
  await mkdir(directory, { recursive: true });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  if (missing.length < NAMES.length) await rename(draft, file);
  // A link, unlike a write, is whole at once and leaves the secrets of a faster server alone.
  else await link(draft, file).catch(unlessExists);
  await rm(draft, { force: true });
  return readSecrets(file);
}

/** For a `link`: what is there already was made by a faster server. */
export function unlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

async function readSecrets(file: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
}
