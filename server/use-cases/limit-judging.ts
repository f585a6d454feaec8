import type { AppContext } from '../context.ts';
import { tooManyAttempts } from '../errors.ts';
import { MAX_FAILURES } from './check-second-factor.ts';

const PLACES = { max: MAX_FAILURES, ttlMs: 60_000 };

/**
 * Judges a second factor, of a user as many at once as may be wrong: judging a backup code costs a hash for each
 * that is left.
 * @throws `too_many_attempts`, `service_unavailable`
 */
export async function withPlace<Result>(
  { ephemeral }: Pick<AppContext, 'ephemeral'>,
  userId: number,
  act: () => Promise<Result>,
): Promise<Result> {
  const key = `2fa:guesses:${userId}`;
  if ((await ephemeral.increment(key, PLACES)) === null) throw tooManyAttempts(1);
  try {
    return await act();
  } finally {
    await ephemeral.decrement(key).catch(() => undefined);
  }
}
