import type { Clock } from '../clock.ts';

/** The sessions that this node knows to have ended, each kept until no token of it can live. */
export class RevocationSet {
  readonly #deadUntil = new Map<string, number>();
  readonly #clock: Clock;
  readonly #lifeMs: number;

  constructor(clock: Clock, lifeMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  add(sessionIds: readonly string[]): void {
    const now = this.#clock.now();
    for (const [id, until] of this.#deadUntil) {
      // All live equally long, so the first that still counts ends the search.
      if (until > now) break;
      this.#deadUntil.delete(id);
    }
    for (const id of sessionIds) {
      // Taken out first: a map keeps a key where it was first put, and they are in the order of their ends.
      this.#deadUntil.delete(id);
      this.#deadUntil.set(id, now + this.#lifeMs);
    }
  }

  has(sessionId: string): boolean {
    return this.#deadUntil.has(sessionId);
  }
}
