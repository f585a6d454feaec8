import type { Redis } from 'ioredis';

/** Whoever writes so many at once is under load, and then writes no more often than this. */
const MANY = 8;
const LOAD_INTERVAL_MS = 2;
/** What follows an urgent message does not compete with it for the processor. */
const URGENT_INTERVAL_MS = 1;

/**
 * The commands of one turn of the event loop go to Redis in one write, and under load those of two milliseconds: a write
 * costs more than what is written. The library's own pipelines cost three to five times as much (docs/benchmarks.md).
 */
export class GatheredWrites {
  readonly #client: Redis;
  /** The connection whose commands are being gathered. */
  #stream: Pick<Redis['stream'], 'cork' | 'uncork'> | null = null;
  #cancel: () => void = () => undefined;
  #gathered = 0;
  #intervalMs = 0;
  #flushedAt = -Infinity;

  constructor(client: Redis) {
    this.#client = client;
  }

  /** A command is about to be sent: it waits for those that come with it. */
  begin(): void {
    this.#gathered += 1;
    if (this.#stream !== null || this.#client.status !== 'ready') return;
    this.#stream = this.#client.stream;
    this.#stream.cork();
    const isSoon = performance.now() - this.#flushedAt < this.#intervalMs;
    this.#cancel = later(isSoon ? this.#intervalMs : 0, () => {
      this.#flush(this.#gathered < MANY ? 0 : LOAD_INTERVAL_MS);
    });
  }

  /** What has been sent waits no longer. */
  flushNow(): void {
    this.#flush(URGENT_INTERVAL_MS);
  }

  #flush(intervalMs: number): void {
    if (this.#stream === null) return;
    this.#cancel();
    this.#stream.uncork();
    this.#stream = null;
    this.#gathered = 0;
    this.#intervalMs = intervalMs;
    this.#flushedAt = performance.now();
  }
}

/** After this time, or at the end of this turn of the event loop. */
function later(delayMs: number, task: () => void): () => void {
  if (delayMs > 0) {
    const timer = setTimeout(task, delayMs);
    return () => {
      clearTimeout(timer);
    };
  }
  const immediate = setImmediate(task);
  return () => {
    clearImmediate(immediate);
  };
}
