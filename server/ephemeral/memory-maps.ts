import type { Clock } from '../clock.ts';
import type { EphemeralMaps } from './ephemeral-maps.ts';

interface LivingMap {
  fields: Map<string, string>;
  expiresAt: number;
}

/** The maps of a single node. */
export class MemoryMaps implements EphemeralMaps {
  readonly #maps = new Map<string, LivingMap>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  getAll(key: string): Promise<Record<string, string>> {
    return Promise.resolve(Object.fromEntries(this.#find(key)?.fields ?? []));
  }

  set(key: string, fields: Readonly<Record<string, string>>, ttlMs: number): Promise<void> {
    const map = this.#renew(key, ttlMs);
    for (const [field, value] of Object.entries(fields)) map.set(field, value);
    return Promise.resolve();
  }

  addBelow(
    key: string,
    { field, value }: { field: string; value: string },
    { max, ttlMs }: { max: number; ttlMs: number },
  ): Promise<boolean> {
    if ((this.#find(key)?.fields.size ?? 0) >= max) return Promise.resolve(false);
    this.#renew(key, ttlMs).set(field, value);
    return Promise.resolve(true);
  }

  increment(key: string, field: string, ttlMs: number): Promise<number> {
    const map = this.#renew(key, ttlMs);
    const count = Number(map.get(field) ?? 0) + 1;
    map.set(field, String(count));
    return Promise.resolve(count);
  }

  delete(key: string, fields: readonly string[]): Promise<void> {
    const map = this.#find(key)?.fields;
    for (const field of fields) map?.delete(field);
    if (map?.size === 0) this.#maps.delete(key);
    return Promise.resolve();
  }

  /** Lets go of every map whose life is over. */
  sweep(): void {
    for (const key of this.#maps.keys()) this.#find(key);
  }

  #find(key: string): LivingMap | null {
    const map = this.#maps.get(key);
    if (map === undefined) return null;
    if (map.expiresAt > this.#clock.now()) return map;
    this.#maps.delete(key);
    return null;
  }

  #renew(key: string, ttlMs: number): Map<string, string> {
    const fields = this.#find(key)?.fields ?? new Map<string, string>();
    this.#maps.set(key, { fields, expiresAt: this.#clock.now() + ttlMs });
    return fields;
  }
}
