import type { Timing } from './timing.ts';

/** The service pings more often than that; a page cannot see pings, so it asks for a frame. */
const SILENCE_FACTOR = 1.5;
const PONG_PATIENCE_MS = 10_000;

interface HeartbeatParts {
  timing: Timing;
  /** Sends what is answered. */
  ping: () => void;
  /** Nothing has come, though it was asked for. */
  onDead: () => void;
}

/**
 * Finds connections that are dead without a word, as on a phone that changed its network. After a silence one frame is asked
 * for; any that comes is a sign of life.
 */
export class Heartbeat {
  readonly #parts: HeartbeatParts;
  #silenceMs = 0;
  #heardAtMs = 0;
  #isAsking = false;
  #cancel: (() => void) | null = null;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  start(heartbeatSeconds: number): void {
    this.#silenceMs = heartbeatSeconds * 1000 * SILENCE_FACTOR;
    this.heard();
    this.#listen();
  }

  heard(): void {
    this.#heardAtMs = this.#parts.timing.steady();
    this.#isAsking = false;
  }

  /** Asks now: something may have happened to the network. */
  probe(): void {
    if (this.#cancel === null || this.#isAsking) return;
    this.#isAsking = true;
    this.#wait(PONG_PATIENCE_MS, () => {
      if (this.#isAsking) this.#parts.onDead();
      else this.#listen();
    });
    this.#parts.ping();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** One timer for all frames: when it is due, it waits for the rest. */
  #listen(): void {
    const silentMs = this.#parts.timing.steady() - this.#heardAtMs;
    if (silentMs >= this.#silenceMs) this.probe();
    else
      this.#wait(this.#silenceMs - silentMs, () => {
        this.#listen();
      });
  }

  #wait(ms: number, task: () => void): void {
    this.#cancel?.();
    this.#cancel = this.#parts.timing.after(ms, task);
  }
}
