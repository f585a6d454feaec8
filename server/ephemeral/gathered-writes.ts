import type { Redis } from 'ioredis';

/** Whoever writes so many at once is under load, */
const MANY = 8;
/** and writes no more often than this. */
const INTERVAL_MS = 2;

/**
 * The commands of one turn of the event loop go to Redis in one write, and under load those of two milliseconds: a write
 * costs more than what is written. The library's own pipelines cost three to five times as much (docs/benchmarks.md).
 */
export class GatheredWrites {
  readonly #client: Redis;
  /** The connection whose commands are being gathered. */
  #stream: Pick<Redis['stream'], 'cork' | 'uncork'> | null = null;
  #gathered = 0;
  #flushedAt = -Infinity;
  #isUnderLoad = false;

  constructor(client: Redis) {
    this.#client = client;
  }

  /** A command is about to be sent: it waits for those that come with it. */
  begin(): void {
    this.#gathered += 1;
    if (this.#stream !== null || this.#client.status !== 'ready') return;
    this.#stream = this.#client.stream;
    this.#stream.cork();
    const isSoon = performance.now() - this.#flushedAt < INTERVAL_MS;
    const flush = () => {
      this.flush();
    };
    if (this.#isUnderLoad && isSoon) setTimeout(flush, INTERVAL_MS);
    else setImmediate(flush);
  }

  /** What has been sent waits no longer. */
  flush(): void {
    if (this.#stream === null) return;
    this.#stream.uncork();
    this.#stream = null;
    this.#isUnderLoad = this.#gathered >= MANY;
    this.#gathered = 0;
    this.#flushedAt = performance.now();
  }
}
