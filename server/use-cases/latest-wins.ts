import type { Clock } from '../clock.ts';

type Task = () => Promise<void>;

interface Turn {
  /** The newest task that came meanwhile. */
  next: Task | null;
  cancel: () => void;
}

interface LatestWinsOptions {
  intervalMs: number;
  /** A task that had to wait has failed: whoever offered it has been answered long ago. */
  onLateFailure: (error: unknown) => void;
}

/** Runs tasks by key, in their order and no more often than the interval allows: of those that wait, only the newest. */
export class LatestWins<Key> {
  readonly #turns = new Map<Key, Turn>();
  readonly #clock: Clock;
  readonly #options: LatestWinsOptions;

  constructor(clock: Clock, options: LatestWinsOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Resolves when the task has run, or at once if it must wait. Rejects if it ran at once and failed. */
  async offer(key: Key, task: Task): Promise<void> {
    const turn = this.#turns.get(key);
    if (turn === undefined) await this.#run(key, task);
    else turn.next = task;
  }

  async #run(key: Key, task: Task): Promise<void> {
    const cancel = this.#clock.after(this.#options.intervalMs, () => {
      this.#end(turn, key);
    });
    const turn: Turn = { next: null, cancel };
    this.#turns.set(key, turn);
    try {
      await task();
    } catch (error) {
      // What is offered next is not to wait and then fail unseen: it is tried, and its failure answered.
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
      turn.cancel();
      throw error;
    }
  }

  #end({ next }: Turn, key: Key): void {
    this.#turns.delete(key);
    if (next !== null) this.#run(key, next).catch(this.#options.onLateFailure);
  }
}
