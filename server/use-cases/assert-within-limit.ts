import type { Limiter } from '../ephemeral/ephemeral-store.ts';
import { AppError } from '../errors.ts';

/** Counts a use. @throws `rate_limited` where it is one too many */
export async function assertWithinLimit(limiter: Limiter, key: string): Promise<void> {
  const answer = await limiter.consume(key);
  if (answer.isAllowed) return;
  const retryAfterSeconds = Math.max(1, Math.ceil(answer.resetMs / 1000));
  throw new AppError('rate_limited', { retryAfterSeconds });
}
