import { createHash, timingSafeEqual } from 'node:crypto';
import { generateOpaqueToken } from './opaque-token.ts';

const SCHEME = 'sha256:';

/** A new secret for an API client, of 256 bits: nobody guesses one, so a fast hash keeps it as well as a slow one. */
export function generateClientSecret(): { secret: string; hash: string } {
  const secret = generateOpaqueToken(32);
  return { secret, hash: hashClientSecret(secret) };
}

/** Whether the secret is the one of these hashes, in a time that tells nothing of them. */
export function isClientSecret(secret: string, hashes: readonly string[]): boolean {
  const given = Buffer.from(hashClientSecret(secret));
  return hashes
    .map((hash) => Buffer.from(hash))
    .map((hash) => hash.length === given.length && timingSafeEqual(hash, given))
    .some(Boolean);
}

function hashClientSecret(secret: string): string {
  return SCHEME + createHash('sha256').update(secret).digest('base64url');
}
