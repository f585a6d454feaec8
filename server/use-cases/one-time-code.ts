import type { AppContext } from '../context.ts';
import { keyedHash } from '../crypto/keyed-hash.ts';
import { tooManyAttempts } from '../errors.ts';

export const CODE_SECONDS = 5 * 60;
export const COOLDOWN_SECONDS = 60;
export const LOCKOUT_SECONDS = 15 * 60;
export const MAX_FAILURES = 3;

/** The keys of one number. Each lies in its own hash slot, so no command may touch two of them. */
export function codeKeys(phoneNumber: string) {
  return {
    code: `otp:${phoneNumber}`,
    failures: `otp:attempts:${phoneNumber}`,
    /** Guesses that are being judged, and those that were wrong: never more than may fail. */
    guesses: `otp:guesses:${phoneNumber}`,
    lockout: `otp:lockout:${phoneNumber}`,
    cooldown: `otp:cooldown:${phoneNumber}`,
  };
}

export function hashCode(
  ctx: Pick<AppContext, 'codeHashKey'>,
  { phoneNumber, code }: { phoneNumber: string; code: string },
): string {
  return keyedHash(ctx.codeHashKey, phoneNumber, code);
}

/** @throws `too_many_attempts` while the number is locked */
export async function assertNotLocked(
  ctx: Pick<AppContext, 'ephemeral'>,
  phoneNumber: string,
): Promise<void> {
  const lockedForMs = await ctx.ephemeral.ttlMs(codeKeys(phoneNumber).lockout);
  if (lockedForMs !== null) throw tooManyAttempts(Math.ceil(lockedForMs / 1000));
}
