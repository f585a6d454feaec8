import type { Timing } from './timing.ts';

export interface BackOffOptions {
  /** The longest first wait. */
  baseMs: number;
  /** The longest wait of all. */
  capMs: number;
}

/**
 * Waits of exponential length with full jitter: anything from nothing to the longest, so that clients that were
 * cut off together do not come back together.
 */
export class BackOff {
  readonly #options: BackOffOptions;
  readonly #timing: Timing;
  #attempts = 0;

  constructor(options: BackOffOptions, timing: Timing) {
    this.#options = options;
    this.#timing = timing;
  }

  /** How long to wait before the next attempt. */
  nextMs(): number {
    const { baseMs, capMs } = this.#options;
    const longestMs = Math.min(capMs, baseMs * 2 ** this.#attempts);
    this.#attempts += 1;
    return this.#timing.random() * longestMs;
  }

  /** As `nextMs`, but the first attempt since `reset` need not wait. */
  nextUnlessFirstMs(): number {
    const isFirst = this.#attempts === 0;
    const ms = this.nextMs();
    return isFirst ? 0 : ms;
  }

  reset(): void {
    this.#attempts = 0;
  }
}
