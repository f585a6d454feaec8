import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from './processes.ts';

export const ASYMMETRIC = ['RS256', 'ES256', 'EdDSA'] as const;
export type Asymmetric = (typeof ASYMMETRIC)[number];

const GENERATE = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

const directory = makeDirectory();
let written = 0;

/** A new private key in a file, as openssl would write it. */
export function writeKeyFile(algorithm: Asymmetric): string {
  const file = join(directory, `${++written}-${algorithm}.pem`);
  const { privateKey } = GENERATE[algorithm]();
  writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return file;
}

/** The variables of a node that signs with a new key of an algorithm. */
export function signingWith(algorithm: Asymmetric): Record<string, string> {
  return { JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY_FILE: writeKeyFile(algorithm) };
}
