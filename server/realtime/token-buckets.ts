import type { Clock } from '../clock.ts';
import { useBucket, type Bucket } from './use-bucket.ts';

/** A bucket of uses for each key: empty after a burst, and filled again one by one. Full ones are forgotten. */
export class TokenBuckets<Key> {
  readonly #fullAt = new Map<Key, number>();
  readonly #clock: Clock;
  readonly #bucket: Bucket;

  constructor(clock: Clock, bucket: Bucket) {
    this.#clock = clock;
    this.#bucket = bucket;
  }

  /** Takes a use of this key; false, and nothing is taken, where there is none. */
  take(key: Key): boolean {
    const now = this.#clock.steady();
    const fullAt = useBucket(this.#fullAt.get(key) ?? 0, this.#bucket, now);
    if (fullAt === null) return false;
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
