import { randomBytes } from 'node:crypto';

/** Upper-case letters and digits, but those that are taken for each other: I and 1, O and 0. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** A random code to be written down: five bits a character, without bias, as there are 32 of them. */
export function generateBackupCode(length: number): string {
  return Array.from(randomBytes(length), (byte) => ALPHABET.charAt(byte % ALPHABET.length)).join(
    '',
  );
}
