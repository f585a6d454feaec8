import { RateLimiterMemory, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { isUnavailable } from '../errors.ts';
import type { Limiter, LimiterOptions } from './ephemeral-store.ts';

/** Timers end at 2^31 ms: the library would forget a longer window at once, and limit nothing. */
const MAX_TIMER_SECONDS = 2_147_483;

/** How a store counts, and how it runs a command, so that its outages are told apart from answers. */
interface Backend {
  createCounter: (options: LimiterOptions) => RateLimiterAbstract;
  guard: <Answer>(command: () => Promise<Answer>) => Promise<Answer>;
}

/** A limiter on a store's counters. Within the limit, a use is one command. */
export function createLimiter(options: LimiterOptions, backend: Backend): Limiter {
  const { guard, createCounter } = backend;
  const counter = createCounter(options);
  const lockOut = createLockout(options, backend, counter);
  return {
    options,
    async consume(key) {
      // Counts as `consume` does, and answers where that rejects.
      const { consumedPoints, remainingPoints, msBeforeNext } = await guard(() =>
        counter.penalty(key),
      );
      const isAllowed = consumedPoints <= options.points;
      // Of all uses of a window that go over the limit, one is the first.
      const isBreach = consumedPoints === options.points + 1;
      const blockMs = isBreach ? await lockOut(key, msBeforeNext) : null;
      return { isAllowed, remaining: remainingPoints, resetMs: blockMs ?? msBeforeNext };
    },
    async reward(key) {
      await guard(() => counter.reward(key));
    },
  };
}

/** A limiter in this process's memory, for this node alone. */
export function createLocalLimiter(options: LimiterOptions): Limiter {
  return createLimiter(options, {
    createCounter: ({ points, seconds }) =>
      new RateLimiterMemory({ points, duration: Math.min(seconds, MAX_TIMER_SECONDS) }),
    guard: (command) => command(),
  });
}

/** Where the store does not answer, `local` counts: a limit neither refuses nor ends with its store. */
export function withFallback(limiter: Limiter, local: Limiter): Limiter {
  return {
    options: limiter.options,
    consume: (key) => limiter.consume(key).catch(unlessAway(() => local.consume(key))),
    reward: (key) => limiter.reward(key).catch(unlessAway(() => local.reward(key))),
  };
}

function unlessAway<Answer>(fallback: () => Promise<Answer>) {
  return (error: unknown): Promise<Answer> => {
    if (isUnavailable(error)) return fallback();
    throw error;
  };
}

/** Notes that a key went over its limit, and blocks it after too many breaches; gives how long, in ms. */
function createLockout(
  { name, lockout }: LimiterOptions,
  { createCounter, guard }: Backend,
  counter: RateLimiterAbstract,
): (key: string, windowMs: number) => Promise<number | null> {
  if (lockout === undefined) return () => Promise.resolve(null);
  const { points, seconds, blockSeconds } = lockout;
  const breaches = createCounter({ name: `${name}:breaches`, points, seconds });
  return async (key, windowMs) => {
    try {
      const { consumedPoints } = await guard(() => breaches.penalty(key));
      if (consumedPoints < points) return null;
      // The block takes the place of the window, and must not end before it.
      const lengthSeconds = Math.max(blockSeconds, Math.ceil(windowMs / 1000));
      await guard(() => counter.block(key, lengthSeconds));
      return lengthSeconds * 1000;
    } catch (error) {
      // The use has been counted, and refused: what could not be noted changes nothing of that.
      if (isUnavailable(error)) return null;
      throw error;
    }
  };
}
