import { randomBytes } from 'node:crypto';

/** A random string of `bytes` bytes of entropy in base64url: 16 bytes are 22 characters. */
export function generateOpaqueToken(bytes = 16): string {
  return randomBytes(bytes).toString('base64url');
}
