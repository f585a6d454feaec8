import { randomBytes, timingSafeEqual } from 'node:crypto';
import speakeasy from 'speakeasy';

const SECRET_BYTES = 32;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const DIGITS = 6;
export const STEP_SECONDS = 30;
/** Neighbours that are accepted: a clock that is off, a slow hand (RFC 6238 §5.2: one at most). */
const NEAR_STEPS = [-1, 0, 1];

/** 256 random bits in base32 without padding: 52 characters. speakeasy's own generator is biased. */
export function generateTotpSecret(): string {
  // 52 digits of five bits: four zero bits fill the last (RFC 4648 §6).
  const bits = BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`) << 4n;
  const digits = Array.from(bits.toString(32).padStart(52, '0'), (digit) => parseInt(digit, 32));
  return digits.map((digit) => BASE32.charAt(digit)).join('');
}

/** A code, when it came in, and the newest step that one was accepted for so far (null: none). */
interface TotpAttempt {
  code: string;
  nowSeconds: number;
  after: number | null;
}

/**
 * The time step (RFC 6238 §4.2, 30 s from the epoch) that a six-digit code is for, of the current one and its two
 * neighbours, newer than `after`; null where it is for none. Takes equally long wherever the code fits.
 */
export function findTotpStep(
  secret: string,
  { code, nowSeconds, after }: TotpAttempt,
): number | null {
  if (!/^\d{6}$/.test(code)) return null;
  const given = Buffer.from(code);
  const current = Math.floor(nowSeconds / STEP_SECONDS);
  const steps = NEAR_STEPS.map((offset) => current + offset).filter((step) =>
    timingSafeEqual(given, Buffer.from(codeOf(secret, step))),
  );
  // The newest, should a code be that of two steps: it must not be accepted for the other one later.
  const step = steps.at(-1) ?? null;
  return step !== null && (after === null || step > after) ? step : null;
}

/** speakeasy's own `verify` compares numbers that `parseInt` read: it would take `1234.5` for `001234`. */
function codeOf(secret: string, step: number): string {
  return speakeasy.hotp({ secret, encoding: 'base32', counter: step, digits: DIGITS });
}

/** What an authenticator app is set up with. */
interface TotpAccount {
  secret: string;
  issuer: string;
  accountName: string;
}

/** `otpauth://totp/<issuer>:<account name>?…`, as authenticator apps read it from a QR code. */
export function totpUrl({ secret, issuer, accountName }: TotpAccount): string {
  // speakeasy encodes the query alone, and puts the issuer nowhere else.
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(accountName)}`;
  return speakeasy.otpauthURL({
    secret,
    encoding: 'base32',
    label,
    issuer,
    algorithm: 'sha1',
    digits: DIGITS,
    period: STEP_SECONDS,
  });
}
