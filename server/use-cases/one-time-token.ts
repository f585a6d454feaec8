import type { AppContext } from '../context.ts';
import { keyedHash } from '../crypto/keyed-hash.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import type { TokenPurpose } from '../store/one-time-tokens.ts';

/** 256 bits: nobody guesses one, however often they may try. */
const TOKEN_BYTES = 32;

export type OneTimeTokenContext = Pick<AppContext, 'oneTimeTokenKey'>;

/** A token to be mailed, and the hash of it that is kept. */
export function makeOneTimeToken(ctx: OneTimeTokenContext): { token: string; tokenHash: string } {
  const token = generateOpaqueToken(TOKEN_BYTES);
  return { token, tokenHash: hashOneTimeToken(ctx, token) };
}

export function hashOneTimeToken({ oneTimeTokenKey }: OneTimeTokenContext, token: string): string {
  return keyedHash(oneTimeTokenKey, token);
}

/**
 * What the mails to an address are counted under: those for each purpose by themselves, so that whoever has used up
 * the one does not keep the other from being sent.
 */
export function mailLimitKey(
  { emailHashKey }: Pick<AppContext, 'emailHashKey'>,
  purpose: TokenPurpose,
  email: string,
): string {
  return keyedHash(emailHashKey, `mail ${purpose} ${email.toLowerCase()}`);
}
