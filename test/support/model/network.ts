import type { Timeline } from './timeline.ts';

export type Service = 'postgres' | 'redis';

/** How long a message takes; null where it is lost. */
export type Delay = number | null;

export interface Delays {
  postgres: readonly Delay[];
  redis: readonly Delay[];
}

/** Between processes and services: every message takes its time, and none passes a link that is cut. */
export class Network {
  readonly #timeline: Timeline;
  readonly #delays: Delays;
  readonly #sent = new Map<string, number>();
  readonly #cuts = new Map<string, number>();

  constructor(timeline: Timeline, delays: Delays) {
    this.#timeline = timeline;
    this.#delays = delays;
  }

  isCut(service: Service, place: number): boolean {
    return (this.#cuts.get(`${service} ${place}`) ?? 0) > 0;
  }

  cut(service: Service, place: number): () => void {
    const link = `${service} ${place}`;
    this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + 1);
    return () => {
      this.#cuts.set(link, (this.#cuts.get(link) ?? 0) - 1);
    };
  }

  /** Each link has its own sequence of delays, so that what happens on one does not change another. */
  send(service: Service, place: number, arrive: () => void): void {
    const link = `${service} ${place}`;
    const count = this.#sent.get(link) ?? 0;
    this.#sent.set(link, count + 1);
    const delays = this.#delays[service];
    const delay = delays[(count + place) % delays.length] ?? null;
    if (delay === null || this.isCut(service, place)) return;
    this.#timeline.after(delay, () => {
      if (!this.isCut(service, place)) arrive();
    });
  }
}
