import { BackOff, type BackOffOptions } from './back-off.ts';
import type { Timing } from './timing.ts';

export interface ConnectOptions {
  /** Of the waits between attempts, which are drawn at random: the longest first one, and the longest of all. */
  backOff?: Partial<BackOffOptions>;
  /** The back-off begins anew after a connection that was open for so long: 30 seconds by default. */
  stableMs?: number;
}

const BACK_OFF = { baseMs: 500, capMs: 30_000 };
const STABLE_MS = 30_000;

/** How long to wait before the next connection, by what became of the last ones. */
export class ReconnectDelay {
  readonly #timing: Timing;
  readonly #backOff: BackOff;
  readonly #stableMs: number;
  /** By the steady clock: when the node that stops wants its client to come back. */
  #drainedAtMs: number | null = null;
  #cancelStable = (): void => undefined;

  constructor(timing: Timing, { backOff, stableMs = STABLE_MS }: ConnectOptions) {
    this.#timing = timing;
    this.#backOff = new BackOff({ ...BACK_OFF, ...backOff }, timing);
    this.#stableMs = stableMs;
  }

  /** A connection that is soon lost again proves nothing: only one that lasts does. */
  opened(): void {
    this.#cancelStable = this.#timing.after(this.#stableMs, () => {
      this.#backOff.reset();
    });
  }

  ended(): void {
    this.#cancelStable();
  }

  drain(reconnectAfterMs: number): void {
    this.#drainedAtMs = this.#timing.steady() + reconnectAfterMs;
  }

  /** After what may well happen again. */
  backOffMs(): number {
    this.#drainedAtMs = null;
    return this.#backOff.nextMs();
  }

  /** After what another token mends: nothing, but it must not happen again and again. */
  atOnceMs(): number {
    this.#drainedAtMs = null;
    return this.#backOff.nextUnlessFirstMs();
  }

  /** After a planned stop: as the node said. */
  drainedMs(): number {
    if (this.#drainedAtMs === null) return this.backOffMs();
    const restMs = this.#drainedAtMs - this.#timing.steady();
    return Math.max(restMs, this.atOnceMs());
  }
}
