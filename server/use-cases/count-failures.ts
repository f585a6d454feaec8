import type { AppContext } from '../context.ts';
import { tooManyAttempts, type AppError } from '../errors.ts';
import type { Db, Trx } from '../store/database.ts';
import {
  countFailedAttempt,
  deleteFailedAttempts,
  findFailedAttempts,
  type FailedAttempts,
} from '../store/failed-attempts.ts';

/** What failures are counted under, how many there may be, and for how long the next are refused then. */
export interface AttemptLimit {
  counter: string;
  maxFailures: number;
  lockoutSeconds: number;
}

type CountContext = Pick<AppContext, 'clock'>;

/** @throws `too_many_attempts` while the counter is locked */
export async function assertNotLocked(
  ctx: CountContext,
  db: Db,
  limit: AttemptLimit,
): Promise<void> {
  const now = new Date(ctx.clock.now());
  refuseLocked(ctx, limit, await findFailedAttempts(db, { counter: limit.counter, now }));
}

/** A failure that has been counted. */
export interface CountedFailure {
  /** Of many at once one is the last that was allowed. */
  isLast: boolean;
  lockedUntil: Date;
  /** What to answer where there had been as many as allowed before: the verdict tells nothing then. */
  refusal: AppError | null;
}

/** Counts a failure, in one statement, so that guesses at once get no more answers than one after another. */
export async function countFailure(
  ctx: CountContext,
  trx: Trx,
  { counter, maxFailures, lockoutSeconds }: AttemptLimit,
): Promise<CountedFailure> {
  const now = new Date(ctx.clock.now());
  const expiresAt = new Date(now.getTime() + lockoutSeconds * 1000);
  const counted = await countFailedAttempt(trx, { counter, now, expiresAt, maxFailures });
  return {
    isLast: counted.failures === maxFailures,
    lockedUntil: counted.expiresAt,
    refusal: counted.failures > maxFailures ? locked(ctx, counted) : null,
  };
}

/** Forgets the failures before a success. @throws `too_many_attempts` where the counter was locked meanwhile */
export async function forgetFailures(
  ctx: CountContext,
  trx: Trx,
  limit: AttemptLimit,
): Promise<void> {
  const failures = await deleteFailedAttempts(trx, limit.counter);
  const isCounting = failures !== null && failures.expiresAt.getTime() > ctx.clock.now();
  refuseLocked(ctx, limit, isCounting ? failures : null);
}

function refuseLocked(
  ctx: CountContext,
  { maxFailures }: AttemptLimit,
  failures: FailedAttempts | null,
): void {
  if (failures !== null && failures.failures >= maxFailures) throw locked(ctx, failures);
}

function locked({ clock }: CountContext, { expiresAt }: FailedAttempts): AppError {
  return tooManyAttempts(Math.ceil((expiresAt.getTime() - clock.now()) / 1000));
}
