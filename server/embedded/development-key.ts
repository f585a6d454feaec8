import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessExists } from './development-secrets.ts';

const GENERATE: Record<string, () => KeyObject> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  EdDSA: () => generateKeyPairSync('ed25519').privateKey,
};

/**
 * The file with the private key of a development server: made once, kept in the data directory, readable by its
 * owner alone. Null for an algorithm that has none.
 */
export async function developmentKeyFile(
  directory: string,
  algorithm: string,
): Promise<string | null> {
  const generate = GENERATE[algorithm];
  if (generate === undefined) return null;
  const file = join(directory, `jwt-${algorithm.toLowerCase()}.pem`);
  if (existsSync(file)) return file;
  await mkdir(directory, { recursive: true });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const pem = generate().export({ format: 'pem', type: 'pkcs8' });
  await writeFile(draft, pem, { mode: 0o600 });
  await link(draft, file).catch(unlessExists);
  await rm(draft, { force: true });
  return file;
}
