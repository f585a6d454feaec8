import type { Clock } from '../clock.ts';

interface LeaseListener {
  /** Nothing may be served from now on. */
  onLapse: () => void;
  /** It may again. */
  onRegain: () => void;
}

/**
 * How long this node may go on serving what it knows: for so long after its last proof that it knew every revocation.
 * Judged at each look and not by a timer alone, which a process that was stopped would run late.
 */
export class Lease {
  readonly #clock: Clock;
  readonly #lengthMs: number;
  readonly #listeners: LeaseListener[] = [];
  readonly #waiting = new Set<() => void>();
  #provenAt = -Infinity;
  #hasLapsed = true;
  #cancelTimer: () => void = () => undefined;

  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
  }

  get isHeld(): boolean {
    const isHeld = this.#leftMs() > 0;
    if (!isHeld) this.#lapse();
    return isHeld;
  }

  /** Milliseconds since the moment up to which this node is known to know everything; Infinity before the first. */
  get proofAgeMs(): number {
    return this.#clock.steady() - this.#provenAt;
  }

  onChange(listener: LeaseListener): void {
    this.#listeners.push(listener);
  }

  /** Whether it is held within this time. */
  whenHeld(patienceMs: number): Promise<boolean> {
    if (this.isHeld) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = this.#clock.after(patienceMs, () => {
        this.#waiting.delete(wake);
        resolve(this.isHeld);
      });
      const wake = () => {
        cancel();
        resolve(true);
      };
      this.#waiting.add(wake);
    });
  }

  /** @param sentAt On the steady clock: when what has been answered was asked. */
  prove(sentAt: number): void {
    if (sentAt <= this.#provenAt) return;
    this.#provenAt = sentAt;
    if (this.#leftMs() <= 0) return;
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.after(this.#leftMs() + 1, () => {
      if (!this.isHeld) this.#lapse();
    });
    if (!this.#hasLapsed) return;
    this.#hasLapsed = false;
    for (const { onRegain } of this.#listeners) onRegain();
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  stop(): void {
    this.#cancelTimer();
  }

  #leftMs(): number {
    return this.#provenAt + this.#lengthMs - this.#clock.steady();
  }

  #lapse(): void {
    if (this.#hasLapsed) return;
    this.#hasLapsed = true;
    for (const { onLapse } of this.#listeners) onLapse();
  }
}
