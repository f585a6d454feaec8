import type { Connection } from './connection.ts';

export const HEARTBEAT_SECONDS = 25;

/** Every connection, in slices: one for each second of the heartbeat, so that the pings are spread out. */
export class Heartbeat {
  readonly #slices = Array.from({ length: HEARTBEAT_SECONDS }, () => new Set<Connection>());
  #joined = 0;
  #beat = 0;

  get size(): number {
    return this.#slices.reduce((sum, { size }) => sum + size, 0);
  }

  add(connection: Connection): void {
    connection.slice = this.#joined++ % HEARTBEAT_SECONDS;
    this.#sliceAt(connection.slice).add(connection);
  }

  has(connection: Connection): boolean {
    return this.#sliceAt(connection.slice).has(connection);
  }

  /** False where it was not there. */
  remove(connection: Connection): boolean {
    return this.#sliceAt(connection.slice).delete(connection);
  }

  list(): Connection[] {
    return this.#slices.flatMap((slice) => [...slice]);
  }

  /** Pings the slice of the next second, and closes those of it that have not been heard since the last time. */
  beat(): void {
    for (const connection of this.#sliceAt(this.#beat++ % HEARTBEAT_SECONDS)) {
      if (connection.isAlive) connection.ping();
      else connection.close('no_pong');
    }
  }

  #sliceAt(index: number): Set<Connection> {
    return this.#slices[index] ?? new Set();
  }
}
