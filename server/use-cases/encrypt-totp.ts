import type { AppContext } from '../context.ts';
import { decrypt, encrypt } from '../crypto/encryption.ts';
import type { Totp } from '../store/totp.ts';

interface TotpPlain {
  userId: number;
  /** Base32. */
  secret: string;
  /** Backup codes that were shown, and are hashed when the set-up is confirmed. */
  pendingCodes?: string[];
}

type EncryptContext = Pick<AppContext, 'encryptionKeys'>;

/** The secret as it is stored, and, while it is being set up, the backup codes with it. */
export function encryptTotp(
  { encryptionKeys }: EncryptContext,
  { userId, secret, pendingCodes = [] }: TotpPlain,
): string {
  const plaintext = [secret, ...pendingCodes].join(' ');
  return encrypt(encryptionKeys, { plaintext, boundTo: totpBinding(userId) });
}

export function decryptTotp(
  { encryptionKeys }: EncryptContext,
  { userId, secret: ciphertext }: Pick<Totp, 'userId' | 'secret'>,
): { secret: string; pendingCodes: string[] } {
  const plaintext = decrypt(encryptionKeys, { ciphertext, boundTo: totpBinding(userId) });
  const [secret = '', ...pendingCodes] = plaintext.split(' ');
  return { secret, pendingCodes };
}

/** What the encrypted secret of a user is bound to: in another user's row it cannot be read. */
export function totpBinding(userId: number): string {
  return `totp:${userId}`;
}
