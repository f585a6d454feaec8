/** So many at once, and as many again spread over so many seconds. */
export interface BucketSize {
  points: number;
  seconds: number;
}

const MIN_SPREAD_SECONDS = 2;
const MAX_SPREAD_SECONDS = 60;

/** Lets through what its tokens last for; they come back evenly. Times are in ms, of one clock. */
export class TokenBucket {
  readonly #size: BucketSize;
  #tokens: number;
  /** Those turned away who have not had the time to come back and be let through. */
  #turnedAway = 0;
  #refilledAt: number;

  constructor(size: BucketSize, now: number) {
    this.#size = size;
    this.#tokens = size.points;
    this.#refilledAt = now;
  }

  hasToken(now: number): boolean {
    const { points, seconds } = this.#size;
    const refill = (Math.max(0, now - this.#refilledAt) / 1000) * (points / seconds);
    this.#tokens = Math.min(points, this.#tokens + refill);
    this.#turnedAway = Math.max(0, this.#turnedAway - refill);
    this.#refilledAt = now;
    return this.#tokens >= 1;
  }

  /** Where `hasToken` said that there is one. */
  take(): void {
    this.#tokens -= 1;
  }

  /** After how many seconds to come back: at random, over the longer the more are told so, as all would come at once. */
  turnAway(): number {
    this.#turnedAway += 1;
    const { points, seconds } = this.#size;
    const spread = (2 * this.#turnedAway * seconds) / points;
    const spreadSeconds = Math.min(MAX_SPREAD_SECONDS, Math.max(MIN_SPREAD_SECONDS, spread));
    return 1 + Math.floor(Math.random() * spreadSeconds);
  }
}
