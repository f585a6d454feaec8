import type { Clock } from '../clock.ts';
import type { EphemeralMaps } from './ephemeral-maps.ts';

/** One map of all nodes that live: how often each has beaten. */
const KEY = 'nodes';
const TTL_MS = 60_000;
export const BEAT_MS = 2500;
/** A node whose count stood still for so long is dead: with the beats before and after, within 15 s of its death. */
const SILENCE_MS = 9500;

interface Heard {
  beats: string;
  silentMs: number;
}

interface BeatsContext {
  maps: EphemeralMaps;
  clock: Clock;
  nodeId: string;
}

/**
 * Which nodes live: those whose counts go on, so that no node's clock is compared with another's. A node counts under
 * its id and the number of its term; when it begins another it disowns all that it noted before.
 */
export class NodeBeats {
  readonly #ctx: BeatsContext;
  #heard = new Map<string, Heard>();
  #heardAt = 0;
  #term = 0;
  #beats = 0;

  constructor(ctx: BeatsContext) {
    this.#ctx = ctx;
  }

  /** What this node is called in its present term. */
  get name(): string {
    return `${this.#ctx.nodeId}.${this.#term}`;
  }

  beginTerm(): void {
    this.#term += 1;
    this.#beats = 0;
  }

  /** Says that this node lives, and learns who else does; false where the store had forgotten it, or was made to. */
  async beat(): Promise<boolean> {
    const { name } = this;
    const [beats] = await Promise.all([this.#ctx.maps.increment(KEY, name, TTL_MS), this.look()]);
    if (name !== this.name) return true;
    const isRemembered = beats > this.#beats;
    this.#beats = beats;
    return isRemembered;
  }

  /** Learns who lives, and makes the store forget who does not. */
  async look(): Promise<void> {
    const { maps, clock } = this.#ctx;
    const counts = await maps.getAll(KEY);
    // Neither a pause of ours nor an outage of the store is anybody's silence.
    const sinceMs = Math.min(Math.max(0, clock.now() - this.#heardAt), 2 * BEAT_MS);
    this.#heardAt = clock.now();
    this.#heard = new Map(
      Object.entries(counts).map(([name, beats]) => {
        const before = this.#heard.get(name);
        return [name, { beats, silentMs: before?.beats === beats ? before.silentMs + sinceMs : 0 }];
      }),
    );
    await this.#forget((name) => name !== this.name && !this.isLive(name));
  }

  /** As of the last look. */
  isLive(name: string): boolean {
    const heard = this.#heard.get(name);
    return name === this.name || (heard !== undefined && heard.silentMs < SILENCE_MS);
  }

  /** All that is still noted under earlier terms of this node counts no longer. */
  async endEarlierTerms(): Promise<void> {
    await this.#forget((name) => name !== this.name && nodeIdOf(name) === this.#ctx.nodeId);
  }

  /** The node stops: at once it is no longer counted among those that live. */
  async end(): Promise<void> {
    await this.#ctx.maps.delete(KEY, [this.name]);
  }

  #forget(isForgotten: (name: string) => boolean): Promise<void> {
    return this.#ctx.maps.delete(KEY, [...this.#heard.keys()].filter(isForgotten));
  }
}

/** The node that is, or was, called this in one of its terms. */
export function nodeIdOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}
