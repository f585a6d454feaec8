import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { createEd25519Key, createP256Key, createRsaKey } from './key-from-seed.ts';
import { deriveKey, keyedHash } from './keyed-hash.ts';
import type { AsymmetricAlgorithm, PrivateKey } from './private-key.ts';

/** What a key of tokens is made from: a secret or a private key, and so the algorithm. */
export type TokenSecret = { algorithm: 'HS256'; secret: string } | PrivateKey;

/** A key of one kind of token, and the only algorithm that it is used with. */
export interface SigningKey {
  algorithm: TokenSecret['algorithm'];
  kid: string;
  /** Signs: the secret or the private key. */
  key: KeyObject;
  /** Verifies: the secret or the public key. */
  verifyingKey: KeyObject;
  /** What other services verify with; null where there is only a secret. */
  publicJwk: PublicJwk | null;
}

/** A public key as RFC 7517 §4 has it, with the members of its type. */
export interface PublicJwk extends Record<string, string> {
  kty: string;
  kid: string;
  use: 'sig';
  alg: AsymmetricAlgorithm;
}

/** Which key a kind of token is signed with. */
interface KeyPurpose {
  name: string;
  /** Whether a private key is used as it was given, or another is derived from it. */
  signsWith: 'given key' | 'derived key';
}

/** Makes the key of one kind of token. It is the same on all nodes, and its id reveals nothing of it. */
export async function createSigningKey(
  purpose: KeyPurpose,
  secret: TokenSecret,
): Promise<SigningKey> {
  if (secret.algorithm === 'HS256') return secretKey(purpose, secret.secret);
  const { algorithm, privateKey } = secret;
  const isGiven = purpose.signsWith === 'given key';
  const key = isGiven ? privateKey : await derivePrivateKey(secret, `jwt/${purpose.name}`);
  const verifyingKey = createPublicKey(key);
  const members = publicMembers(verifyingKey);
  const kid = thumbprint(members);
  const publicJwk: PublicJwk = { ...members, kid, use: 'sig', alg: algorithm };
  return { algorithm, kid, key, verifyingKey, publicJwk };
}

function secretKey({ name }: KeyPurpose, secret: string): SigningKey {
  const key = deriveKey(secret, `jwt/${name}`);
  const kid = keyedHash(deriveKey(secret, `jwt/${name}/kid`), 'kid').slice(0, 11);
  return { algorithm: 'HS256', kid, key, verifyingKey: key, publicJwk: null };
}

/** More than this costs seconds; it is what 128 bits of security need, and a third more. */
const MAX_DERIVED_RSA_BITS = 4096;

/** Another key of the same type, of which one cannot come back to the first. */
async function derivePrivateKey(
  { algorithm, privateKey }: PrivateKey,
  purpose: string,
): Promise<KeyObject> {
  const seed = deriveKey(String(privateKey.export({ format: 'jwk' }).d), purpose).export();
  if (algorithm === 'EdDSA') return createEd25519Key(seed);
  if (algorithm === 'ES256') return createP256Key(seed);
  const bits = privateKey.asymmetricKeyDetails?.modulusLength ?? 0;
  return createRsaKey(seed, Math.min(bits - (bits % 16), MAX_DERIVED_RSA_BITS));
}

/** The members that make the key what it is, in the order of RFC 7638 §3.2. */
function publicMembers(key: KeyObject): Record<string, string> & { kty: string } {
  const { crv, e, kty, n, x, y } = key.export({ format: 'jwk' }) as Record<string, string>;
  const members = { crv, e, kty, n, x, y };
  return JSON.parse(JSON.stringify(members)) as Record<string, string> & { kty: string };
}

/** RFC 7638 §3: whoever has the public key can tell its id. */
function thumbprint(members: Record<string, string>): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}
