import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import type { Limiter, LimiterOptions } from './ephemeral-store.ts';

/** How a store runs a command, so that its outages are told apart from the library's answers. */
type Guard = <Answer>(command: () => Promise<Answer>) => Promise<Answer>;

/** A limiter of the library's as ours: the library rejects with its answer where the limit is reached. */
export function createLimiter(
  library: RateLimiterAbstract,
  options: LimiterOptions,
  guard: Guard,
): Limiter {
  return {
    options,
    consume: (key) =>
      guard(() =>
        library.consume(key).then(
          (result) => answer(true, result),
          (error: unknown) => {
            if (error instanceof RateLimiterRes) return answer(false, error);
            throw error;
          },
        ),
      ),
    async reward(key) {
      await guard(() => library.reward(key));
    },
  };
}

function answer(isAllowed: boolean, result: RateLimiterRes) {
  return { isAllowed, remaining: result.remainingPoints, resetMs: result.msBeforeNext };
}
