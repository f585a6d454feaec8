import { createPrivateKey, type KeyObject } from 'node:crypto';

/** Of what tokens may be signed with, by the algorithm that it stands for: one key, one algorithm (RFC 8725 §3.1). */
export const KEY_OF_ALGORITHM = {
  RS256: 'an RSA key',
  ES256: 'a P-256 key',
  EdDSA: 'an Ed25519 key',
} as const;

export type AsymmetricAlgorithm = keyof typeof KEY_OF_ALGORITHM;

export interface PrivateKey {
  algorithm: AsymmetricAlgorithm;
  privateKey: KeyObject;
}

/** Why a file cannot be signed with, in a sentence that quotes nothing of it. */
export class PrivateKeyError extends Error {
  override readonly name = 'PrivateKeyError';
}

const LABEL = /^-----BEGIN ([A-Z0-9 ]+)-----/gm;
const MIN_RSA_BITS = 2048;
/** More cost milliseconds a signature, and seconds to derive another from. */
const MAX_RSA_BITS = 8192;

/**
 * Reads the one private key of a PEM file (PKCS#8, RFC 5958, not encrypted).
 * @throws PrivateKeyError
 */
export function readPrivateKey(pem: string): PrivateKey {
  const labels = Array.from(pem.matchAll(LABEL), ([, label]) => label);
  const fault = labelFault(labels);
  if (fault !== undefined) throw new PrivateKeyError(fault);
  const privateKey = parse(pem);
  return { algorithm: algorithmOf(privateKey), privateKey };
}

function labelFault(labels: (string | undefined)[]): string | undefined {
  const [label] = labels;
  if (label === undefined) return 'holds no key in PEM';
  if (labels.length > 1) return 'holds more than one thing, and must hold one private key alone';
  if (label === 'PRIVATE KEY') return undefined;
  if (label === 'ENCRYPTED PRIVATE KEY') return 'is encrypted, and must be without a passphrase';
  if (!label.endsWith('PRIVATE KEY')) return 'holds no private key';
  return 'is not in PKCS#8; openssl pkcs8 -topk8 -nocrypt -in <file> makes it so';
}

function parse(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new PrivateKeyError('holds a private key that cannot be read: it is damaged');
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): AsymmetricAlgorithm {
  const { modulusLength = 0, namedCurve } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256';
  if (asymmetricKeyType !== 'rsa') {
    throw new PrivateKeyError(`must hold ${Object.values(KEY_OF_ALGORITHM).join(' or ')}`);
  }
  if (modulusLength < MIN_RSA_BITS || modulusLength > MAX_RSA_BITS) {
    throw new PrivateKeyError(
      `holds an RSA key of ${modulusLength} bits, and must have ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`,
    );
  }
  return 'RS256';
}
