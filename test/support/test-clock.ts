import type { Clock } from '../../server/clock.ts';

interface Timer {
  dueAt: number;
  task: () => void;
}

/** A clock that runs with the real one and can be set forward; timers that fall due by that are run. */
export class TestClock implements Clock {
  readonly #timers = new Set<Timer>();
  #offsetMs = 0;

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  /** Setting the clock forward is no pause of the process: what a node knows does not grow old by it. */
  steady(): number {
    return performance.now();
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { dueAt: this.now() + delayMs, task };
    this.#timers.add(timer);
    const real = setTimeout(() => {
      this.#run(timer);
    }, delayMs).unref();
    return () => {
      this.#timers.delete(timer);
      clearTimeout(real);
    };
  }

  advance(ms: number): void {
    this.#offsetMs += ms;
    const due = [...this.#timers].filter(({ dueAt }) => dueAt <= this.now());
    for (const timer of due.sort((one, other) => one.dueAt - other.dueAt)) this.#run(timer);
  }

  #run(timer: Timer): void {
    if (this.#timers.delete(timer)) timer.task();
  }
}

/** A clock whose delays up to one length last until the test ends them. */
export class HoldingClock extends TestClock {
  readonly #heldMs: number;
  readonly #held: (() => void)[] = [];

  constructor(heldMs: number) {
    super();
    this.#heldMs = heldMs;
  }

  override after(delayMs: number, task: () => void): () => void {
    if (delayMs > this.#heldMs) return super.after(delayMs, task);
    this.#held.push(task);
    return () => undefined;
  }

  get held(): number {
    return this.#held.length;
  }

  release(): void {
    for (const task of this.#held.splice(0)) task();
  }
}
