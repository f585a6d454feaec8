import type { Clock } from '../clock.ts';
import type { EphemeralMaps } from './ephemeral-maps.ts';
import type { EphemeralStore } from './ephemeral-store.ts';
import { BEAT_MS, NodeBeats, nodeIdOf } from './node-beats.ts';

/** What is noted is noted anew every five minutes, a part of it with each beat. */
const BEATS_PER_ROUND = 120;
const TTL_MS = 3 * BEATS_PER_ROUND * BEAT_MS;

interface PlacesContext {
  ephemeral: EphemeralStore;
  clock: Clock;
  nodeId: string;
}

function keyOf(userId: number): string {
  return `sockets:${userId}`;
}

/**
 * Which sockets each user holds, on all nodes: a map for each user, of connections to the node that holds each. A
 * place lives as long as its node beats, so that only what changes costs a command. Where the store cannot answer,
 * every method rejects with `service_unavailable`.
 */
export class SocketPlaces {
  readonly beatMs = BEAT_MS;
  readonly beatsPerRound = BEATS_PER_ROUND;
  readonly #maps: EphemeralMaps;
  readonly #beats: NodeBeats;

  constructor({ ephemeral, clock, nodeId }: PlacesContext) {
    this.#maps = ephemeral.maps;
    this.#beats = new NodeBeats({ maps: ephemeral.maps, clock, nodeId });
  }

  /** Changes when the store may have lost what this node has noted, and all of it must be noted anew. */
  get term(): string {
    return this.#beats.name;
  }

  beginTerm(): void {
    this.#beats.beginTerm();
  }

  /** Keeps the places of this node alive; false where they must be noted anew. */
  beat(): Promise<boolean> {
    return this.#beats.beat();
  }

  endEarlierTerms(): Promise<void> {
    return this.#beats.endEarlierTerms();
  }

  /** Gives up all places of this node. */
  end(): Promise<void> {
    return this.#beats.end();
  }

  /** Takes a place where the user has fewer than `max` on all nodes together; tells whether it did. */
  async take(userId: number, connectionId: string, max: number): Promise<boolean> {
    const key = keyOf(userId);
    const place = { field: connectionId, value: this.term };
    const limits = { max, ttlMs: TTL_MS };
    if (await this.#maps.addBelow(key, place, limits)) return true;
    const { dead } = await this.#read(key);
    if (dead.length === 0) return false;
    // Connection ids are never used again: what is dead stays so.
    await this.#maps.delete(key, dead);
    return this.#maps.addBelow(key, place, limits);
  }

  /** Notes places without a question, as after an outage: nobody is disconnected for what happened meanwhile. */
  async note(userId: number, connectionIds: readonly string[]): Promise<void> {
    const { term } = this;
    await this.#maps.set(
      keyOf(userId),
      Object.fromEntries(connectionIds.map((id) => [id, term])),
      TTL_MS,
    );
  }

  async release(userId: number, connectionId: string): Promise<void> {
    await this.#maps.delete(keyOf(userId), [connectionId]);
  }

  /** How many sockets a user holds on each node, by node id. */
  async countByNode(userId: number): Promise<Map<string, number>> {
    const { live } = await this.#read(keyOf(userId));
    return new Map(
      Array.from(Map.groupBy(live, nodeIdOf), ([nodeId, places]) => [nodeId, places.length]),
    );
  }

  async #read(key: string): Promise<{ live: string[]; dead: string[] }> {
    // In this order: whoever has a place by the first is known by the second, if it lives.
    const [places] = await Promise.all([this.#maps.getAll(key), this.#beats.look()]);
    const entries = Object.entries(places);
    return {
      live: entries.filter(([, name]) => this.#beats.isLive(name)).map(([, name]) => name),
      dead: entries.filter(([, name]) => !this.#beats.isLive(name)).map(([id]) => id),
    };
  }
}
