import { AppError } from '../errors.ts';

export interface QueueLimits {
  /** How many tasks run at once. */
  concurrency: number;
  /** How many more may wait for their turn. */
  maxWaiting: number;
}

/** Runs tasks first come, first served, and refuses what would wait too long. */
export class HashQueue {
  readonly #limits: QueueLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * The result of `task`, once it has had its turn.
   * @throws `busy` at once when all the places to wait in are taken, and whatever `task` throws
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.#takePlace();
    try {
      return await task();
    } finally {
      this.#givePlace();
    }
  }

  #takePlace(): Promise<void> | undefined {
    if (this.#running < this.#limits.concurrency) {
      this.#running++;
      return undefined;
    }
    if (this.#waiting.length >= this.#limits.maxWaiting) {
      throw new AppError('busy', { retryAfterSeconds: 1 });
    }
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#waiting.push(() => {
      resolve(undefined);
    });
    return promise;
  }

  /** The place goes straight to the next in line: no newcomer can take it in between. */
  #givePlace(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }
}
