import { recordAudit, type AuditEventType, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { keyedHash } from '../crypto/keyed-hash.ts';
import { AppError } from '../errors.ts';
import { lockedOutMail } from '../messaging/mails.ts';
import { afterCommit, inTransaction, type Trx } from '../store/database.ts';
import { findUserByEmail, lockUser, type UserWithPassword } from '../store/users.ts';
import {
  assertNotLocked,
  countFailure,
  forgetFailures,
  type AttemptLimit,
} from './count-failures.ts';

export type PasswordContext = Pick<
  AppContext,
  'db' | 'clock' | 'config' | 'log' | 'mails' | 'passwords' | 'emailHashKey'
>;

interface CheckInput {
  email: string;
  password: string;
  client: Client;
  /**
   * What a wrong password is recorded as. Those of a signed-in user are counted apart from those of logins, so
   * that whoever locks a person out does not keep them from changing their password.
   */
  failureEvent: PasswordFailureEvent;
}

export type PasswordFailureEvent = Extract<
  AuditEventType,
  'login_failed' | 'password_change_failed' | 'account_deletion_failed' | 'two_factor_change_failed'
>;

/** A password that was right a moment ago; what it is spent on calls `confirmPassword` in its transaction. */
export interface CheckedPassword {
  user: UserWithPassword;
  /** Whether the hash is of an older kind, and the password should be hashed anew. */
  needsUpgrade: boolean;
  /** What its failures are counted under. */
  limit: AttemptLimit;
}

/**
 * Judges a password. Unknown addresses are counted, locked and answered like known ones, and take as long.
 * Guesses at once are judged at once, but a verdict counts only while fewer failures than allowed were counted
 * before it: as many guesses are answered as one after another, and the locked out learn nothing.
 * @throws `invalid_credentials`, `too_many_attempts`, `busy`, `service_unavailable`
 */
export async function checkPassword(
  ctx: PasswordContext,
  input: CheckInput,
): Promise<CheckedPassword> {
  const place = input.failureEvent === 'login_failed' ? 'login' : 'session';
  const limit = passwordLimit(ctx, place, input.email);
  const [user] = await Promise.all([
    findUserByEmail(ctx.db, input.email),
    assertNotLocked(ctx, ctx.db, limit),
  ]);
  const stored = user?.passwordHash ?? null;
  const { isCorrect, needsUpgrade } = await ctx.passwords.verify(input.password, stored);
  if (user === null || !isCorrect) throw await recordFailure(ctx, input, { user, limit });
  return { user, needsUpgrade, limit };
}

/**
 * Spends a checked password: locks its user, and forgets the failures before it.
 * @throws `invalid_credentials` where the password was changed meanwhile, `too_many_attempts` where the
 * address was locked meanwhile
 */
export async function confirmPassword(
  ctx: PasswordContext,
  trx: Trx,
  { user, limit }: CheckedPassword,
): Promise<UserWithPassword> {
  const locked = await lockUser(trx, user.id);
  if (locked?.passwordVersion !== user.passwordVersion || locked.email !== user.email) {
    throw new AppError('invalid_credentials');
  }
  await forgetFailures(ctx, trx, limit);
  return locked;
}

/** What the wrong passwords of an address are counted under: those of logins, or of whoever is signed in. */
export function passwordLimit(
  { config, emailHashKey }: Pick<AppContext, 'config' | 'emailHashKey'>,
  place: 'login' | 'session',
  email: string,
): AttemptLimit {
  return {
    counter: keyedHash(emailHashKey, `${place} ${email.toLowerCase()}`),
    maxFailures: config.maxLoginAttempts,
    lockoutSeconds: config.lockoutSeconds,
  };
}

/** Counts, records and, on the last one allowed, tells the owner; live sessions are left alone. */
async function recordFailure(
  ctx: PasswordContext,
  { client, failureEvent }: CheckInput,
  { user, limit }: { user: UserWithPassword | null; limit: AttemptLimit },
): Promise<AppError> {
  const event = { at: new Date(ctx.clock.now()), userId: user?.id ?? null, client };
  return inTransaction(ctx.db, async (trx) => {
    const { isLast, lockedUntil, refusal } = await countFailure(ctx, trx, limit);
    await recordAudit(ctx, trx, { ...event, type: failureEvent });
    if (isLast) {
      await recordAudit(ctx, trx, { ...event, type: 'account_locked' });
      const email = user?.email ?? null;
      afterCommit(trx, () => {
        if (email !== null) ctx.mails.send(email, lockedOutMail({ lockedUntil, ip: client.ip }));
      });
    }
    return refusal ?? new AppError('invalid_credentials');
  });
}
