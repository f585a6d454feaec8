import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/**
 * Derives the key for one purpose from a secret (HKDF-SHA-256, RFC 5869), so that what is made
 * for one purpose never passes for another.
 */
export function deriveKey(secret: string, purpose: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `medallion/${purpose}`, 32)));
}

/** HMAC-SHA-256 of the parts, base64url. Parts are length-prefixed: `ab, c` and `a, bc` differ. */
export function keyedHash(key: KeyObject, ...parts: string[]): string {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(`${Buffer.byteLength(part)}:${part}`);
  return hmac.digest('base64url');
}
