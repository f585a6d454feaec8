import { recordAudit, type Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { findTotpStep } from '../crypto/totp.ts';
import { AppError } from '../errors.ts';
import { backupCodeUsedMail, twoFactorLockedMail } from '../messaging/mails.ts';
import { countBackupCodes, listBackupCodes, spendBackupCode } from '../store/backup-codes.ts';
import { inTransaction, type Trx } from '../store/database.ts';
import { findTotp, spendTotpStep, type Totp } from '../store/totp.ts';
import {
  assertNotLocked,
  countFailure,
  forgetFailures,
  type AttemptLimit,
} from './count-failures.ts';
import { decryptTotp } from './encrypt-totp.ts';
import { mailUser } from './mail-user.ts';

export type SecondFactorContext = Pick<
  AppContext,
  'db' | 'clock' | 'log' | 'mails' | 'passwords' | 'encryptionKeys'
>;

/** Of one method, before it is locked for a quarter of an hour. */
export const MAX_FAILURES = 5;
export const LOCKOUT_SECONDS = 15 * 60;

/** A code of an authenticator app, or one of those that were written down. */
export interface SecondFactor {
  method: 'totp' | 'backup_code';
  code: string;
}

interface CheckInput {
  userId: number;
  factor: SecondFactor;
  client: Client;
}

/** A code that was right a moment ago; what it is spent on calls `confirmSecondFactor` in its transaction. */
export interface CheckedSecondFactor extends Omit<CheckInput, 'factor'> {
  limit: AttemptLimit;
  use: { method: 'totp'; id: number; step: number } | { method: 'backup_code'; id: string };
}

/**
 * Judges a code of a second factor that is on. Failures are counted for each user and method: locked out with one,
 * a person still has the other, and a new challenge gives no new attempts.
 * @throws `invalid_two_factor_code`, `too_many_attempts`, `busy`, `service_unavailable`
 */
export async function checkSecondFactor(
  ctx: SecondFactorContext,
  { userId, factor, client }: CheckInput,
): Promise<CheckedSecondFactor> {
  const limit = secondFactorLimit(userId, factor.method);
  const [totp] = await Promise.all([findTotp(ctx.db, userId), assertNotLocked(ctx, ctx.db, limit)]);
  const use =
    totp?.isEnabled !== true
      ? null
      : factor.method === 'totp'
        ? judgeTotp(ctx, totp, factor.code)
        : await judgeBackupCode(ctx, userId, factor.code);
  if (use === null) throw await recordFailure(ctx, { userId, factor, client }, limit);
  return { userId, client, limit, use };
}

/**
 * Spends a checked code, for a locked user: each works once, on all nodes.
 * @throws `invalid_two_factor_code` where it was spent meanwhile, `too_many_attempts` where it was locked
 */
export async function confirmSecondFactor(
  ctx: SecondFactorContext,
  trx: Trx,
  checked: CheckedSecondFactor,
): Promise<void> {
  const { userId, use, limit } = checked;
  const isSpent =
    use.method === 'totp'
      ? await spendTotpStep(trx, { userId, ...use })
      : await spendBackupCode(trx, { userId, id: use.id });
  if (!isSpent) throw new AppError('invalid_two_factor_code');
  await forgetFailures(ctx, trx, limit);
  if (use.method === 'backup_code') await recordBackupCode(ctx, trx, checked);
}

/** The time step of a right code that is newer than those accepted before. */
export function judgeTotp(
  ctx: Pick<AppContext, 'clock' | 'encryptionKeys'>,
  totp: Totp,
  code: string,
): { method: 'totp'; id: number; step: number } | null {
  const { secret } = decryptTotp(ctx, totp);
  const nowSeconds = epochSeconds(ctx.clock);
  const step = findTotpStep(secret, { code, nowSeconds, after: totp.lastStep });
  return step === null ? null : { method: 'totp', id: totp.id, step };
}

async function judgeBackupCode(ctx: SecondFactorContext, userId: number, code: string) {
  for (const { id, codeHash } of await listBackupCodes(ctx.db, userId)) {
    const { isCorrect } = await ctx.passwords.verify(code, codeHash);
    if (isCorrect) return { method: 'backup_code' as const, id };
  }
  return null;
}

/** What the wrong codes of a user are counted under. */
export function secondFactorLimit(userId: number, method: SecondFactor['method']): AttemptLimit {
  return {
    counter: `${method} ${userId}`,
    maxFailures: MAX_FAILURES,
    lockoutSeconds: LOCKOUT_SECONDS,
  };
}

async function recordFailure(
  ctx: SecondFactorContext,
  { userId, factor, client }: CheckInput,
  limit: AttemptLimit,
): Promise<AppError> {
  const { method } = factor;
  const event = { at: new Date(ctx.clock.now()), userId, client, details: { method } };
  return inTransaction(ctx.db, async (trx) => {
    const { isLast, lockedUntil, refusal } = await countFailure(ctx, trx, limit);
    await recordAudit(ctx, trx, { ...event, type: 'two_factor_failed' });
    if (isLast) {
      await recordAudit(ctx, trx, { ...event, type: 'two_factor_locked' });
      await mailUser(ctx, trx, {
        userId,
        mail: twoFactorLockedMail({ lockedUntil, ip: client.ip }),
      });
    }
    return refusal ?? new AppError('invalid_two_factor_code');
  });
}

async function recordBackupCode(
  ctx: SecondFactorContext,
  trx: Trx,
  { userId, client }: CheckedSecondFactor,
): Promise<void> {
  const at = new Date(ctx.clock.now());
  const remaining = await countBackupCodes(trx, userId);
  const details = { remaining };
  await recordAudit(ctx, trx, { type: 'backup_code_used', at, userId, client, details });
  await mailUser(ctx, trx, { userId, mail: backupCodeUsedMail({ at, ip: client.ip, remaining }) });
}
