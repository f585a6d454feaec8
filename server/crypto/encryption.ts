import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';
import { isOneForm } from './base64url.ts';
import { deriveKey, keyedHash } from './keyed-hash.ts';

/** The keys of what is encrypted in the database. */
export interface EncryptionKeys {
  current: EncryptionKey;
  /** All that are known, the current one among them, by their id. */
  known: ReadonlyMap<string, KeyObject>;
}

interface EncryptionKey {
  id: string;
  key: KeyObject;
}

const ALGORITHM = 'aes-256-gcm';
const VERSION = 'v1';
/** NIST SP 800-38D §8.2.2: 96 random bits, for no more than 2^32 values under one key. */
const IV_BYTES = 12;
/** Said to the cipher: Node would take a shorter tag as well, which is easier to forge. */
const TAG = { authTagLength: 16 };
const VALUE = new RegExp(`^${VERSION}\\.([\\w-]{11})\\.([\\w-]{16})\\.([\\w-]+)$`);

/**
 * Makes the keys of the current secret and, while it is being changed, of a second one that is only read with.
 * A key id is derived from its secret: the same on all nodes, and it reveals nothing.
 */
export function createEncryptionKeys(secrets: [string, ...string[]]): EncryptionKeys {
  const known = new Map(secrets.map(toKey).map(({ id, key }) => [id, key]));
  return { current: toKey(secrets[0]), known };
}

function toKey(secret: string): EncryptionKey {
  return {
    id: keyedHash(deriveKey(secret, 'encryption/kid'), 'kid').slice(0, 11),
    key: deriveKey(secret, 'encryption'),
  };
}

/** What is encrypted, and the one place that it can be decrypted for, such as `totp:<user id>`. */
interface Plain {
  plaintext: string;
  boundTo: string;
}

/** `v1.<key id>.<iv>.<ciphertext and tag>`, by AES-256-GCM under the current key; another value each time. */
export function encrypt({ current }: EncryptionKeys, { plaintext, boundTo }: Plain): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, current.key, iv, TAG);
  cipher.setAAD(authenticated(current.id, boundTo));
  const sealed = [cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()];
  return `${VERSION}.${current.id}.${encode(iv)}.${encode(Buffer.concat(sealed))}`;
}

/** A value of `encrypt`, and the place where it was found. */
interface Encrypted {
  ciphertext: string;
  boundTo: string;
}

/**
 * What was encrypted.
 * @throws Error where the value is under an unknown key, was changed, or was made for another place; it quotes
 * no part of the value.
 */
export function decrypt(keys: EncryptionKeys, { ciphertext, boundTo }: Encrypted): string {
  const [, id = '', iv = '', sealed = ''] = VALUE.exec(ciphertext) ?? [];
  if (id === '') throw new Error('This is no encrypted value');
  const key = keys.known.get(id);
  if (key === undefined) throw new Error('The value is encrypted under a key that is not known');
  try {
    return open({ key, iv: decode(iv), sealed: decode(sealed) }, authenticated(id, boundTo));
  } catch {
    throw new Error('The encrypted value was changed, or belongs elsewhere');
  }
}

interface Sealed {
  key: KeyObject;
  iv: Buffer;
  /** The ciphertext and, after it, the tag. */
  sealed: Buffer;
}

function open({ key, iv, sealed }: Sealed, aad: Buffer): string {
  const decipher = createDecipheriv(ALGORITHM, key, iv, TAG);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-TAG.authTagLength));
  const start = decipher.update(sealed.subarray(0, -TAG.authTagLength));
  return Buffer.concat([start, decipher.final()]).toString('utf8');
}

/** Whether a value of `encrypt` is under the current key: one that is not waits for the change of keys. */
export function isUnderCurrentKey({ current }: EncryptionKeys, ciphertext: string): boolean {
  return ciphertext.startsWith(`${VERSION}.${current.id}.`);
}

/** Unambiguous: neither the version nor a key id has a dot. */
function authenticated(id: string, boundTo: string): Buffer {
  return Buffer.from(`${VERSION}.${id}.${boundTo}`);
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64url');
}

/** Throws where another text stands for the same bytes: of each value there is one form. */
function decode(text: string): Buffer {
  if (!isOneForm(text)) throw new Error('Not the one form of these bytes');
  return Buffer.from(text, 'base64url');
}
