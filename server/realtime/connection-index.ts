import type { Connection } from './connection.ts';

/** Connections by a key. Most keys have one, which costs no set of its own: a node holds tens of thousands. */
export class ConnectionIndex<Key> {
  readonly #byKey = new Map<Key, Connection | Set<Connection>>();

  get size(): number {
    return this.#byKey.size;
  }

  keys(): Key[] {
    return [...this.#byKey.keys()];
  }

  of(key: Key): Connection[] {
    const found = this.#byKey.get(key);
    if (found === undefined) return [];
    return found instanceof Set ? [...found] : [found];
  }

  countOf(key: Key): number {
    const found = this.#byKey.get(key);
    return found instanceof Set ? found.size : Number(found !== undefined);
  }

  add(key: Key, connection: Connection): void {
    const found = this.#byKey.get(key);
    if (found === undefined) this.#byKey.set(key, connection);
    else if (found instanceof Set) found.add(connection);
    else this.#byKey.set(key, new Set([found, connection]));
  }

  remove(key: Key, connection: Connection): void {
    const found = this.#byKey.get(key);
    if (found instanceof Set) found.delete(connection);
    if (this.countOf(key) === 0 || found === connection) this.#byKey.delete(key);
  }
}
