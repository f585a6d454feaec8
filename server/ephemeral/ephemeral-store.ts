import type { EphemeralMaps } from './ephemeral-maps.ts';
import type { Circle, Point } from './sphere.ts';

/** A value that a command took away or replaced, and how long it had left to live. */
export interface Taken {
  value: string;
  ttlMs: number;
}

export interface LimiterOptions {
  name: string;
  /** So many `consume` calls in so many seconds for one key. */
  points: number;
  seconds: number;
  /** Repeated breach is punished where this is given. */
  lockout?: Lockout;
}

/** A key that goes over its limit in `points` windows within `seconds` is blocked for `blockSeconds`. */
export interface Lockout {
  points: number;
  seconds: number;
  blockSeconds: number;
}

export interface LimiterAnswer {
  isAllowed: boolean;
  remaining: number;
  /** Until the count starts anew, or the block ends. */
  resetMs: number;
}

/** Counts uses of a key in a window of time, for all nodes that share the store. */
export interface Limiter {
  readonly options: LimiterOptions;
  consume(key: string): Promise<LimiterAnswer>;
  /** Gives one use back. */
  reward(key: string): Promise<void>;
}

export interface Placed {
  member: string;
  point: Point;
}

/** A member of a key that was found within a circle. */
export interface Found {
  member: string;
  distanceM: number;
}

export interface Subscriber {
  onMessage: (message: string) => void;
  /** Messages come from now on; those before may have been lost. Again after every interruption. */
  onSubscribed: () => void;
}

/**
 * What is shared between nodes and may be lost: every value has an end, and PostgreSQL is the truth.
 * Each command is atomic and concerns one key. Where the store cannot answer in time, every method
 * rejects with `service_unavailable`.
 */
export interface EphemeralStore {
  readonly maps: EphemeralMaps;
  get(key: string): Promise<string | null>;
  /** A command for each key, which may be on different shards. */
  getEach(keys: readonly string[]): Promise<(string | null)[]>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  /** Sets where there is nothing; tells whether it did. */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>;
  /** Sets, and gives what was there before. */
  replace(key: string, value: string, ttlMs: number): Promise<Taken | null>;
  /** Sets a number where there is none or a lower one; what is no number stays. */
  raise(key: string, value: number, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** Deletes where the value is the expected one: of many callers with it, one gets it. */
  takeIfEqual(key: string, expected: string): Promise<Taken | 'absent' | 'different'>;
  /** Adds one to a count that lives `ttlMs` from its first; null, and nothing is changed, at `max`. */
  increment(key: string, limits: { ttlMs: number; max: number }): Promise<number | null>;
  /** Starts the life of a key anew, if there is one. */
  renew(key: string, ttlMs: number): Promise<void>;
  /** Takes one off, never below zero, and leaves the life of the count as it is. */
  decrement(key: string): Promise<void>;
  /** What is left of a key's life; null where there is no such key. */
  ttlMs(key: string): Promise<number | null>;
  /** Notes members of a key as seen at a moment. The key lives `ttlMs` from then, and forgets who was seen before that. */
  see(key: string, members: readonly string[], seen: { at: number; ttlMs: number }): Promise<void>;
  /** How many members of a key were seen after a moment. */
  countSeen(key: string, since: number): Promise<number>;
  /** Sets an object with a number `at`, unless there is one with a greater `at`. */
  setLatest(key: string, value: { at: number }, ttlMs: number): Promise<void>;
  /** Puts a member of a key at a point, to within a metre, wherever it was; the key lives `ttlMs` from the last of these. */
  place(key: string, placed: Placed, ttlMs: number): Promise<void>;
  /** The members of a key within a circle, the nearest first and no more than `limit`. */
  findWithin(key: string, circle: Circle, limit: number): Promise<Found[]>;
  createLimiter(options: LimiterOptions): Limiter;
  publish(channel: string, message: string): Promise<void>;
  /** Hears what any node publishes, this one included, whenever the store can be reached. */
  subscribe(channel: string, subscriber: Subscriber): void;
  /** Calls `listener` each time the store answers anew, and may have lost, or not been told, something. */
  onConnected(listener: () => void): void;
  /** Resolves when the store is reached and subscribed to, or, with false, after `patienceMs`. */
  waitUntilConnected(patienceMs: number): Promise<boolean>;
  /** Resolves if the store answers now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
