import { pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { hash as hashArgon2, parseOptions, verify as verifyArgon2 } from '@node-rs/argon2';
import { compare as compareBcrypt } from 'bcrypt';
import { HashQueue, type QueueLimits } from './hash-queue.ts';

export interface Argon2Cost {
  memoryCost: number;
  timeCost: number;
  parallelism: number;
}

/** OWASP Password Storage Cheat Sheet: Argon2id, 19 MiB (here in KiB), two passes, one lane. */
export const OWASP_COST: Argon2Cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** What one verification may cost at most, so that an imported hash cannot hold a thread for long. */
const MAX_MEMORY_KIB = 256 * 1024;
const MAX_PASSES = 16;
const MAX_PBKDF2_ITERATIONS = 2_000_000;

/** Normalising takes time quadratic in the combining marks: 16,000 of them hold the event loop for 0.2 s. */
const MAX_NORMALIZED_LENGTH = 1024;

const BASE64 = '[A-Za-z0-9+/]';
const ARGON2ID_HASH = new RegExp(
  `^\\$argon2id\\$v=19\\$m=\\d{1,6},t=\\d{1,2},p=\\d{1,2}\\$${BASE64}{11,64}\\$${BASE64}{22,86}$`,
);
/** Costs up to 15, about two seconds; the 22nd and the last character carry only some of their bits. */
const BCRYPT_HASH =
  /^\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;
const PBKDF2_HASH = new RegExp(
  `^pbkdf2_sha256\\$([1-9]\\d{0,6})\\$([!-#%-~]{1,128})\\$(${BASE64}{42}[AEIMQUYcgkosw048]=)$`,
);

const derivePbkdf2 = promisify(pbkdf2);

interface StoredHash {
  /** Whether a hash of today would be stronger. */
  isWeak: boolean;
  verify: (password: string, pepper: Buffer) => Promise<boolean>;
}

interface HasherOptions extends QueueLimits {
  /** Mixed into every Argon2id hash: without it a stolen table of hashes cannot be guessed against. */
  pepper: Buffer;
  /** Of the hashes that are made; weaker ones are replaced at the next login. */
  cost?: Argon2Cost | undefined;
}

/** Hashes and verifies passwords in native threads, so many at once and no more. */
export class PasswordHasher {
  readonly #pepper: Buffer;
  readonly #cost: Argon2Cost;
  readonly #queue: HashQueue;
  readonly #verifyDummy: StoredHash['verify'];

  constructor({ pepper, cost = OWASP_COST, ...limits }: HasherOptions) {
    this.#pepper = pepper;
    this.#cost = cost;
    this.#queue = new HashQueue(limits);
    this.#verifyDummy = verifyOurs(generateDummyHash(cost));
  }

  get running(): number {
    return this.#queue.running;
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  /**
   * The Argon2id hash of a password, as a PHC string.
   * @throws `busy` when too many wait
   */
  hash(password: string): Promise<string> {
    const options = { ...this.#cost, secret: this.#pepper };
    return this.#queue.run(() => hashArgon2(normalizePassword(password), options));
  }

  /**
   * Whether the password is that of the hash, and whether the hash should be replaced by one of today's.
   * No account, no password and an unreadable hash cost as much as a wrong password of ours, so that
   * the time does not tell which accounts exist.
   * @throws `busy` when too many wait
   */
  async verify(
    password: string,
    storedHash: string | null,
  ): Promise<{ isCorrect: boolean; needsUpgrade: boolean }> {
    const known = storedHash === null ? null : readHash(storedHash, this.#cost);
    const verify = known?.verify ?? this.#verifyDummy;
    const isMatch = await this.#queue.run(() => verify(normalizePassword(password), this.#pepper));
    const isCorrect = known !== null && isMatch;
    return { isCorrect, needsUpgrade: isCorrect && known.isWeak };
  }
}

/** Whether `verify` can read the hash: the exact formats, at a cost that is bearable. */
export function isSupportedHash(hash: string): boolean {
  return readHash(hash, OWASP_COST) !== null;
}

/** libuv's pool has four threads unless told otherwise, and files and names are waited for in it as well. */
const MAX_DEFAULT_CONCURRENCY = 3;

/** How many hashes to compute at once: one core is left to the event loop, and one thread to everything else. */
export function defaultHashConcurrency(): number {
  return Math.min(MAX_DEFAULT_CONCURRENCY, Math.max(1, availableParallelism() - 1));
}

/**
 * The password in NFC, so that it is the same from every keyboard (NIST SP 800-63B-4 §3.1.1.2), neither
 * trimmed nor cut. What is far too long for a password of ours is left as it is.
 */
export function normalizePassword(password: string): string {
  return password.length > MAX_NORMALIZED_LENGTH ? password : password.normalize('NFC');
}

function readHash(hash: string, today: Argon2Cost): StoredHash | null {
  return readArgon2id(hash, today) ?? readBcrypt(hash) ?? readPbkdf2(hash);
}

function readArgon2id(hash: string, today: Argon2Cost): StoredHash | null {
  const cost = ARGON2ID_HASH.test(hash) ? parseArgon2id(hash) : null;
  if (cost === null || cost.memoryCost > MAX_MEMORY_KIB || cost.timeCost > MAX_PASSES) return null;
  return {
    isWeak: cost.memoryCost < today.memoryCost || cost.timeCost < today.timeCost,
    verify: verifyOurs(hash),
  };
}

function verifyOurs(hash: string): StoredHash['verify'] {
  return (password, pepper) => verifyArgon2(hash, password, { secret: pepper });
}

function parseArgon2id(hash: string) {
  try {
    return parseOptions(hash);
  } catch {
    return null;
  }
}

/**
 * bcrypt reads the first 72 bytes only: a property of the imported hash. They are cut here because the
 * library's `2a` wraps around at 256 bytes, and of equal bytes 2a, 2b and 2y make the same hash.
 */
function readBcrypt(hash: string): StoredHash | null {
  if (!BCRYPT_HASH.test(hash)) return null;
  const readable = hash.replace(/^\$2[ay]/, '$2b');
  return {
    isWeak: true,
    verify: (password) => compareBcrypt(Buffer.from(password).subarray(0, 72), readable),
  };
}

/** Django's format: the salt is used as the text that it is. */
function readPbkdf2(hash: string): StoredHash | null {
  const [, count, salt = '', base64 = ''] = PBKDF2_HASH.exec(hash) ?? [];
  const iterations = Number(count);
  if (count === undefined || iterations > MAX_PBKDF2_ITERATIONS) return null;
  const key = Buffer.from(base64, 'base64');
  return {
    isWeak: true,
    verify: async (password) =>
      timingSafeEqual(await derivePbkdf2(password, salt, iterations, key.length, 'sha256'), key),
  };
}

/** A hash that costs what ours cost. No password has it: it is random. */
function generateDummyHash({ memoryCost, timeCost, parallelism }: Argon2Cost): string {
  const random = [16, 32].map((bytes) => randomBytes(bytes).toString('base64').replaceAll('=', ''));
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${random.join('$')}`;
}
