import { EventEmitter } from 'node:events';
import type { Clock } from '../clock.ts';
import type {
  EphemeralStore,
  Found,
  Limiter,
  LimiterOptions,
  Placed,
  Subscriber,
  Taken,
} from './ephemeral-store.ts';
import { createLocalLimiter } from './limiter.ts';
import { MemoryMaps } from './memory-maps.ts';
import { distanceM, type Circle, type Point } from './sphere.ts';

interface Entry {
  value: string;
  expiresAt: number;
}

interface Area {
  points: Map<string, Point>;
  expiresAt: number;
}

const SWEEP_INTERVAL_MS = 30_000;

/** The ephemeral store of a single node: what Redis is to several, lost when the process ends. */
export class MemoryStore implements EphemeralStore {
  readonly maps: MemoryMaps;
  readonly #entries = new Map<string, Entry>();
  readonly #seen = new Map<string, Map<string, number>>();
  readonly #areas = new Map<string, Area>();
  readonly #channels = new EventEmitter();
  readonly #clock: Clock;
  #cancelSweep: () => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.maps = new MemoryMaps(clock);
    this.#cancelSweep = this.#scheduleSweep();
  }

  get(key: string): Promise<string | null> {
    return Promise.resolve(this.#find(key)?.value ?? null);
  }

  getEach(keys: readonly string[]): Promise<(string | null)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  set(key: string, value: string, ttlMs: number): Promise<void> {
    this.#entries.set(key, { value, expiresAt: this.#clock.now() + ttlMs });
    return Promise.resolve();
  }

  async setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean> {
    if (this.#find(key) !== null) return false;
    await this.set(key, value, ttlMs);
    return true;
  }

  async replace(key: string, value: string, ttlMs: number): Promise<Taken | null> {
    const entry = this.#find(key);
    await this.set(key, value, ttlMs);
    return entry === null ? null : this.#taken(entry);
  }

  async raise(key: string, value: number, ttlMs: number): Promise<void> {
    const entry = this.#find(key);
    if (entry === null || Number(entry.value) < value) await this.set(key, String(value), ttlMs);
  }

  delete(key: string): Promise<void> {
    this.#entries.delete(key);
    return Promise.resolve();
  }

  takeIfEqual(key: string, expected: string): Promise<Taken | 'absent' | 'different'> {
    const entry = this.#find(key);
    if (entry === null) return Promise.resolve('absent');
    if (entry.value !== expected) return Promise.resolve('different');
    this.#entries.delete(key);
    return Promise.resolve(this.#taken(entry));
  }

  increment(key: string, limits: { ttlMs: number; max: number }): Promise<number | null> {
    const entry = this.#find(key);
    const count = Number(entry?.value ?? 0) + 1;
    if (count > limits.max) return Promise.resolve(null);
    const expiresAt = entry?.expiresAt ?? this.#clock.now() + limits.ttlMs;
    this.#entries.set(key, { value: String(count), expiresAt });
    return Promise.resolve(count);
  }

  renew(key: string, ttlMs: number): Promise<void> {
    const entry = this.#find(key);
    if (entry !== null) entry.expiresAt = this.#clock.now() + ttlMs;
    return Promise.resolve();
  }

  decrement(key: string): Promise<void> {
    const entry = this.#find(key);
    if (entry !== null) entry.value = String(Math.max(0, Number(entry.value) - 1));
    return Promise.resolve();
  }

  ttlMs(key: string): Promise<number | null> {
    const entry = this.#find(key);
    return Promise.resolve(entry === null ? null : entry.expiresAt - this.#clock.now());
  }

  see(
    key: string,
    members: readonly string[],
    { at, ttlMs }: { at: number; ttlMs: number },
  ): Promise<void> {
    const seen = this.#seen.get(key) ?? new Map<string, number>();
    for (const member of members) seen.set(member, at);
    for (const [member, when] of seen) if (when <= at - ttlMs) seen.delete(member);
    this.#seen.set(key, seen);
    return Promise.resolve();
  }

  countSeen(key: string, since: number): Promise<number> {
    const times = [...(this.#seen.get(key)?.values() ?? [])];
    return Promise.resolve(times.filter((when) => when > since).length);
  }

  async setLatest(key: string, value: { at: number }, ttlMs: number): Promise<void> {
    const entry = this.#find(key);
    const latest = entry === null ? null : (JSON.parse(entry.value) as { at: number });
    if (latest === null || latest.at <= value.at) await this.set(key, JSON.stringify(value), ttlMs);
  }

  place(key: string, { member, point }: Placed, ttlMs: number): Promise<void> {
    const points = this.#pointsOf(key).set(member, point);
    this.#areas.set(key, { points, expiresAt: this.#clock.now() + ttlMs });
    return Promise.resolve();
  }

  findWithin(key: string, { center, radiusM }: Circle, limit: number): Promise<Found[]> {
    const found = Array.from(this.#pointsOf(key), ([member, point]) => ({
      member,
      distanceM: distanceM(center, point),
    })).filter((each) => each.distanceM <= radiusM);
    found.sort((one, other) => one.distanceM - other.distanceM);
    return Promise.resolve(found.slice(0, limit));
  }

  createLimiter(options: LimiterOptions): Limiter {
    return createLocalLimiter(options);
  }

  publish(channel: string, message: string): Promise<void> {
    this.#channels.emit(channel, message);
    return Promise.resolve();
  }

  subscribe(channel: string, { onMessage, onSubscribed }: Subscriber): void {
    this.#channels.on(channel, onMessage);
    onSubscribed();
  }

  onConnected(listener: () => void): void {
    listener();
  }

  waitUntilConnected(): Promise<boolean> {
    return Promise.resolve(true);
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#cancelSweep();
    this.#channels.removeAllListeners();
    return Promise.resolve();
  }

  #find(key: string): Entry | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (entry.expiresAt > this.#clock.now()) return entry;
    this.#entries.delete(key);
    return null;
  }

  #pointsOf(key: string): Map<string, Point> {
    const area = this.#areas.get(key);
    if (area !== undefined && area.expiresAt > this.#clock.now()) return area.points;
    this.#areas.delete(key);
    return new Map();
  }

  #taken(entry: Entry): Taken {
    return { value: entry.value, ttlMs: entry.expiresAt - this.#clock.now() };
  }

  #scheduleSweep(): () => void {
    return this.#clock.after(SWEEP_INTERVAL_MS, () => {
      for (const key of this.#entries.keys()) this.#find(key);
      this.maps.sweep();
      for (const key of this.#areas.keys()) this.#pointsOf(key);
      this.#cancelSweep = this.#scheduleSweep();
    });
  }
}
