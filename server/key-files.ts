import {
  KEY_OF_ALGORITHM,
  PrivateKeyError,
  readPrivateKey,
  type PrivateKey,
} from './crypto/private-key.ts';
import type { Environment } from './environment.ts';

/** The text of a file. Throws as `readFileSync` does. */
export type ReadFile = (path: string) => string;

type KeyFileName = 'JWT_PRIVATE_KEY_FILE' | 'JWT_PRIVATE_KEY_FILE_PREVIOUS';

/** The private keys that are configured, where they can be used. */
export interface KeyFiles {
  current: PrivateKey | undefined;
  previous: PrivateKey | undefined;
  faults: Map<KeyFileName, string>;
}

/** Reads the files of the private keys that the variables name. */
export function readKeyFiles(env: Environment, readFile: ReadFile): KeyFiles {
  const faults: KeyFiles['faults'] = new Map();
  const read = (name: KeyFileName): PrivateKey | undefined => {
    const path = env[name];
    if (path === undefined) return undefined;
    try {
      return readPrivateKey(readFile(path));
    } catch (error) {
      faults.set(name, sentenceOf(error));
      return undefined;
    }
  };
  const [current, previous] = [read('JWT_PRIVATE_KEY_FILE'), read('JWT_PRIVATE_KEY_FILE_PREVIOUS')];
  const fault = current && mismatch(env, current);
  if (fault !== undefined) faults.set('JWT_PRIVATE_KEY_FILE', fault);
  return { current, previous, faults };
}

function sentenceOf(error: unknown): string {
  if (error instanceof PrivateKeyError) return error.message;
  if (error instanceof Error && 'code' in error) return `cannot be read (${String(error.code)})`;
  throw error;
}

/** The algorithm is never taken from the key: what is meant is said, and must be there. */
function mismatch({ JWT_ALGORITHM }: Environment, { algorithm }: PrivateKey): string | undefined {
  if (JWT_ALGORITHM === 'HS256' || JWT_ALGORITHM === algorithm) return undefined;
  const [wanted, found] = [KEY_OF_ALGORITHM[JWT_ALGORITHM], KEY_OF_ALGORITHM[algorithm]];
  return `holds ${found}, and JWT_ALGORITHM=${JWT_ALGORITHM} needs ${wanted}`;
}
