import { setTimeout as sleep } from 'node:timers/promises';

import { wallMs } from './client.ts';

const REQUEST_TIMEOUT_MS = 10_000;

/** Requests that are made again and again through the load balancer; whatever is not answered with 200 is noted. */
export class Traffic {
  answered = 0;
  slowestMs = 0;
  readonly failures: string[] = [];
  /** When each event was sent, by its number. */
  readonly sentAt: number[] = [];
  readonly #url: string;
  readonly #running: Promise<void>[] = [];
  #isStopped = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** Asks for the owner of each token in turn. */
  askForOwners(tokens: string[], { every }: { every: number }): void {
    this.#repeat(every, (turn) =>
      this.#send('/api/v2/auth/me', {
        headers: { authorization: `Bearer ${tokens[turn % tokens.length] ?? ''}` },
      }),
    );
  }

  /** Pushes numbered events to all riders, each when the one before it has been answered. */
  pushEvents(authorization: string, { every }: { every: number }): void {
    this.#repeat(every, (number) => {
      this.sentAt.push(wallMs());
      return this.#send('/api/admin/realtime/events', {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ to: { role: 'rider' }, event: 'number', data: { number } }),
      });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  #repeat(every: number, act: (turn: number) => Promise<void>): void {
    const run = async () => {
      for (let turn = 0; !this.#isStopped; turn += 1) {
        await Promise.all([act(turn), sleep(every)]);
      }
    };
    this.#running.push(run());
  }

  async #send(path: string, request: RequestInit): Promise<void> {
    const sentAt = performance.now();
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    try {
      const answer = await fetch(this.#url + path, { ...request, signal });
      const text = await answer.text();
      if (answer.status === 200) this.answered += 1;
      else this.failures.push(`${path}: ${answer.status} ${text}`);
    } catch (error) {
      const { cause, message } = error as Error;
      this.failures.push(`${path}: ${cause instanceof Error ? cause.message : message}`);
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - sentAt);
  }
}
