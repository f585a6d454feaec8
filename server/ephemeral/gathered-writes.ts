import type { Redis } from 'ioredis';

const INTERVAL_MS = 1;

/**
 * The commands of one turn of the event loop go to Redis in one write, and under load those of a millisecond: a write costs
 * more than what is written. The library's own pipelines cost three to five times as much (docs/benchmarks.md).
 */
export class GatheredWrites {
  readonly #client: Redis;
  /** The connection whose commands are being gathered. */
  #stream: Pick<Redis['stream'], 'cork' | 'uncork'> | null = null;
  #flushedAt = -Infinity;

  constructor(client: Redis) {
    this.#client = client;
  }

  /** What is sent from here on waits for what comes with it. */
  begin(): void {
    if (this.#stream !== null || this.#client.status !== 'ready') return;
    this.#stream = this.#client.stream;
    this.#stream.cork();
    const flush = () => {
      this.flush();
    };
    if (performance.now() - this.#flushedAt < INTERVAL_MS) setTimeout(flush, INTERVAL_MS);
    else setImmediate(flush);
  }

  /** What has been sent waits no longer. */
  flush(): void {
    this.#stream?.uncork();
    this.#stream = null;
    this.#flushedAt = performance.now();
  }
}
