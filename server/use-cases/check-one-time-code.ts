import { recordAudit, type AuditEventType, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { AppError, tooManyAttempts } from '../errors.ts';
import { inTransaction } from '../store/database.ts';
import { findUserByPhone } from '../store/users.ts';
import {
  assertNotLocked,
  CODE_SECONDS,
  codeKeys,
  hashCode,
  LOCKOUT_SECONDS,
  MAX_FAILURES,
} from './one-time-code.ts';

type CheckContext = Pick<AppContext, 'ephemeral' | 'codeHashKey' | 'db' | 'clock' | 'log'>;

interface CheckInput {
  /** E.164. */
  phoneNumber: string;
  code: string;
  client: Client;
}

/**
 * Spends a right code on `act`, of many at once only one. If `act` fails, the code is given back: nobody
 * needs a new code because of a fault of ours.
 *
 * A guess takes a place before it is judged, and there are as many places as failures allowed: a hundred
 * guesses at once are three. Right ones give their place back, so that only a third wrong one locks. A new
 * code gives neither new places nor forgives failures.
 * @throws `otp_not_found`, `invalid_otp`, `too_many_attempts`, `service_unavailable`, and what `act` throws
 */
export async function withOneTimeCode<Result>(
  ctx: CheckContext,
  input: CheckInput,
  act: () => Promise<Result>,
): Promise<Result> {
  const { phoneNumber, code } = input;
  const keys = codeKeys(phoneNumber);
  await assertNotLocked(ctx, phoneNumber);
  await takePlace(ctx, phoneNumber);
  const taken = await ctx.ephemeral.takeIfEqual(keys.code, hashCode(ctx, { phoneNumber, code }));
  if (taken === 'absent') {
    await ctx.ephemeral.decrement(keys.guesses);
    throw new AppError('otp_not_found');
  }
  if (taken === 'different') throw await countFailure(ctx, keys, input);
  try {
    const result = await act();
    await forget(ctx, keys);
    return result;
  } catch (error) {
    await Promise.allSettled([
      ctx.ephemeral.setIfAbsent(keys.code, taken.value, taken.ttlMs),
      ctx.ephemeral.decrement(keys.guesses),
    ]);
    throw error;
  }
}

type Keys = ReturnType<typeof codeKeys>;

const GUESS_LIMITS = { ttlMs: CODE_SECONDS * 1000, max: MAX_FAILURES };

async function takePlace(ctx: CheckContext, phoneNumber: string): Promise<void> {
  const place = await ctx.ephemeral.increment(codeKeys(phoneNumber).guesses, GUESS_LIMITS);
  if (place !== null) return;
  // All places are taken: the number was locked just now, or will have been judged in a moment.
  await assertNotLocked(ctx, phoneNumber);
  throw tooManyAttempts(1);
}

async function countFailure(ctx: CheckContext, keys: Keys, input: CheckInput): Promise<AppError> {
  // The count and the places that it stands for are forgotten together, five minutes after the last.
  const [failures] = await Promise.all([
    ctx.ephemeral.increment(keys.failures, GUESS_LIMITS),
    ctx.ephemeral.renew(keys.failures, GUESS_LIMITS.ttlMs),
    ctx.ephemeral.renew(keys.guesses, GUESS_LIMITS.ttlMs),
  ]);
  const isLast = failures === null || failures >= MAX_FAILURES;
  if (!isLast) {
    await recordFailure(ctx, input, ['one_time_code_failed']);
    const detail = `Invalid OTP. ${MAX_FAILURES - failures} attempts remaining`;
    return new AppError('invalid_otp', { detail });
  }
  // The lockout outlives both counts, so that three new attempts come after it, and not before.
  await ctx.ephemeral.set(keys.lockout, '1', LOCKOUT_SECONDS * 1000);
  await ctx.ephemeral.delete(keys.code);
  await recordFailure(ctx, input, ['one_time_code_failed', 'phone_number_locked']);
  return tooManyAttempts(LOCKOUT_SECONDS);
}

/** The failure counts, and the lockout stands, whether or not PostgreSQL can be told of it now. */
async function recordFailure(
  ctx: CheckContext,
  { phoneNumber, client }: CheckInput,
  types: AuditEventType[],
): Promise<void> {
  try {
    const user = await findUserByPhone(ctx.db, phoneNumber);
    const at = new Date(ctx.clock.now());
    await inTransaction(ctx.db, async (trx) => {
      for (const type of types) {
        await recordAudit(ctx, trx, { type, at, userId: user?.id ?? null, client });
      }
    });
  } catch (error) {
    ctx.log.warn({ err: error }, 'a wrong one-time code is not on record');
  }
}

/** The sign-in stands: what fails to be forgotten runs out by itself. */
async function forget(ctx: CheckContext, keys: Keys): Promise<void> {
  await Promise.allSettled(
    [keys.failures, keys.guesses, keys.cooldown].map((key) => ctx.ephemeral.delete(key)),
  );
}
