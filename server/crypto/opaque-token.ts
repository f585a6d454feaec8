import { hash, randomBytes } from 'node:crypto';

/** A random string of `bytes` bytes of entropy in base64url: 16 bytes are 22 characters. */
export function generateOpaqueToken(bytes = 16): string {
  return randomBytes(bytes).toString('base64url');
}

/** What is kept of a token that nobody can guess: SHA-256 is enough, and costs nothing on every request. */
export function hashOpaqueToken(token: string): string {
  return hash('sha256', token, 'base64url');
}
