/** Maps of text to text, each of them one key that lives `ttlMs` from when a field of it was last set. */
export interface EphemeralMaps {
  /** All fields; none where there is no such map. */
  getAll(key: string): Promise<Record<string, string>>;
  set(key: string, fields: Readonly<Record<string, string>>, ttlMs: number): Promise<void>;
  /** Adds a field where the map has fewer than `max`; tells whether it did. */
  addBelow(
    key: string,
    added: { field: string; value: string },
    limits: { max: number; ttlMs: number },
  ): Promise<boolean>;
  /** Adds one to a field that counts. */
  increment(key: string, field: string, ttlMs: number): Promise<number>;
  delete(key: string, fields: readonly string[]): Promise<void>;
}
