import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../../server/clock.ts';

interface Happening {
  at: number;
  task: () => void;
}

/** The one time of a model: what is due is done in its order, and each has its consequences before the next. */
export class Timeline {
  #now = 0;
  #due: Happening[] = [];

  get now(): number {
    return this.#now;
  }

  after(delayMs: number, task: () => void): () => void {
    const happening = { at: this.#now + Math.max(0, delayMs), task };
    const later = this.#due.findIndex(({ at }) => at > happening.at);
    this.#due.splice(later < 0 ? this.#due.length : later, 0, happening);
    return () => {
      this.#due = this.#due.filter((other) => other !== happening);
    };
  }

  async run(untilMs: number): Promise<void> {
    for (;;) {
      await settle();
      const [next] = this.#due;
      if (next === undefined || next.at > untilMs) break;
      this.#due.shift();
      this.#now = next.at;
      next.task();
    }
    this.#now = untilMs;
  }
}

/** Promises run until they wait for the timeline; streams take two turns of the event loop. */
async function settle(): Promise<void> {
  await turn();
  await turn();
}

const EPOCH = Date.UTC(2026, 0, 1);

/** The clock of one process: its timers end with it, and its steady time is its own. */
export class ProcessClock implements Clock {
  isStopped = false;
  readonly #timeline: Timeline;
  readonly #startedAt: number;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.#startedAt = timeline.now;
  }

  now(): number {
    return EPOCH + this.#timeline.now;
  }

  steady(): number {
    return this.#timeline.now - this.#startedAt;
  }

  after(delayMs: number, task: () => void): () => void {
    return this.#timeline.after(delayMs, () => {
      if (!this.isStopped) task();
    });
  }
}
