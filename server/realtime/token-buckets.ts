import type { Clock } from '../clock.ts';

interface BucketOptions {
  /** So many at once, */
  burst: number;
  /** and then one in this time. */
  intervalMs: number;
}

/** A bucket of uses for each key: empty after a burst, and filled again one by one. Full ones are forgotten. */
export class TokenBuckets<Key> {
  readonly #fullAt = new Map<Key, number>();
  readonly #clock: Clock;
  readonly #options: BucketOptions;

  constructor(clock: Clock, options: BucketOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Takes a use of this key; false, and nothing is taken, where there is none. */
  take(key: Key): boolean {
    const { burst, intervalMs } = this.#options;
    const now = this.#clock.steady();
    const fullAt = Math.max(now, this.#fullAt.get(key) ?? 0) + intervalMs;
    if (fullAt > now + burst * intervalMs) return false;
    this.#forgetFull(now);
    // Taken out first: a map keeps a key where it was first put, and they are in the order of their last use.
    this.#fullAt.delete(key);
    this.#fullAt.set(key, fullAt);
    return true;
  }

  #forgetFull(now: number): void {
    for (const [key, fullAt] of this.#fullAt) {
      if (fullAt > now) return;
      this.#fullAt.delete(key);
    }
  }
}
