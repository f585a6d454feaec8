import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { keyedHash } from '../crypto/keyed-hash.ts';
import { AppError, tooManyAttempts } from '../errors.ts';
import { lockedOutMail } from '../messaging/mails.ts';
import { afterCommit, inTransaction, type Trx } from '../store/database.ts';
import {
  countLoginFailure,
  deleteLoginFailures,
  findLoginFailures,
  type LoginFailures,
} from '../store/login-failures.ts';
import { findUserByEmail, lockUser, type UserWithPassword } from '../store/users.ts';

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
  failureEvent: 'login_failed' | 'password_change_failed' | 'account_deletion_failed';
}

/** A password that was right a moment ago; what it is spent on calls `confirmPassword` in its transaction. */
export interface CheckedPassword {
  user: UserWithPassword;
  /** Whether the hash is of an older kind, and the password should be hashed anew. */
  needsUpgrade: boolean;
  /** What its failures are counted under. */
  counter: string;
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
  const now = new Date(ctx.clock.now());
  const counter = counterOf(ctx, input);
  const [user, failures] = await Promise.all([
    findUserByEmail(ctx.db, input.email),
    findLoginFailures(ctx.db, { emailHash: counter, now }),
  ]);
  assertNotLocked(ctx, failures);
  const stored = user?.passwordHash ?? null;
  const { isCorrect, needsUpgrade } = await ctx.passwords.verify(input.password, stored);
  if (user === null || !isCorrect) throw await countFailure(ctx, input, user);
  return { user, needsUpgrade, counter };
}

/**
 * Spends a checked password: locks its user, and forgets the failures before it.
 * @throws `invalid_credentials` where the password was changed meanwhile, `too_many_attempts` where the
 * address was locked meanwhile
 */
export async function confirmPassword(
  ctx: PasswordContext,
  trx: Trx,
  { user, counter }: CheckedPassword,
): Promise<UserWithPassword> {
  const locked = await lockUser(trx, user.id);
  if (locked?.passwordVersion !== user.passwordVersion || locked.email !== user.email) {
    throw new AppError('invalid_credentials');
  }
  const failures = await deleteLoginFailures(trx, counter);
  const isCounting = failures !== null && failures.expiresAt.getTime() > ctx.clock.now();
  assertNotLocked(ctx, isCounting ? failures : null);
  return locked;
}

function counterOf({ emailHashKey }: PasswordContext, input: CheckInput): string {
  const place = input.failureEvent === 'login_failed' ? 'login' : 'session';
  return keyedHash(emailHashKey, `${place} ${input.email.toLowerCase()}`);
}

function assertNotLocked(ctx: PasswordContext, failures: LoginFailures | null): void {
  if (failures !== null && failures.failures >= ctx.config.maxLoginAttempts) {
    throw locked(ctx, failures);
  }
}

function locked(ctx: PasswordContext, { expiresAt }: LoginFailures): AppError {
  return tooManyAttempts(Math.ceil((expiresAt.getTime() - ctx.clock.now()) / 1000));
}

/** Counts, records and, on the last one allowed, tells the owner; live sessions are left alone. */
async function countFailure(
  ctx: PasswordContext,
  input: CheckInput,
  user: UserWithPassword | null,
): Promise<AppError> {
  const { maxLoginAttempts, lockoutSeconds } = ctx.config;
  const now = new Date(ctx.clock.now());
  const expiresAt = new Date(now.getTime() + lockoutSeconds * 1000);
  const event = { at: now, userId: user?.id ?? null, client: input.client };
  return inTransaction(ctx.db, async (trx) => {
    const emailHash = counterOf(ctx, input);
    const maxFailures = maxLoginAttempts;
    const counted = await countLoginFailure(trx, { emailHash, now, expiresAt, maxFailures });
    await recordAudit(ctx, trx, { ...event, type: input.failureEvent });
    if (counted.failures > maxLoginAttempts) return locked(ctx, counted);
    if (counted.failures === maxLoginAttempts) {
      await recordAudit(ctx, trx, { ...event, type: 'account_locked' });
      afterCommit(trx, () => {
        alert(ctx, user, lockedOutMail({ lockedUntil: expiresAt, ip: input.client.ip }));
      });
    }
    return new AppError('invalid_credentials');
  });
}

function alert(
  { mails }: PasswordContext,
  user: UserWithPassword | null,
  mail: ReturnType<typeof lockedOutMail>,
): void {
  const email = user?.email ?? null;
  if (email !== null) mails.send(email, mail);
}
