import type { Clock } from '../clock.ts';
import type { Connection } from './connection.ts';

/** So long before its token expires a socket is told. */
const WARNING_SECONDS = 60;

interface Second {
  connections: Set<Connection>;
  cancel: () => void;
}

interface Listeners {
  onExpiring: (connections: Connection[]) => void;
  onExpired: (connections: Connection[]) => void;
}

/** When the tokens of sockets expire: by the second, as tokens do, so that thousands need no timers of their own. */
export class Expiries {
  readonly #seconds = new Map<number, Second>();
  readonly #clock: Clock;
  readonly #listeners: Listeners;

  constructor(clock: Clock, listeners: Listeners) {
    this.#clock = clock;
    this.#listeners = listeners;
  }

  add(connection: Connection): void {
    const { expiresAt } = connection.principal;
    const second = this.#seconds.get(expiresAt) ?? this.#watch(expiresAt);
    second.connections.add(connection);
  }

  remove(connection: Connection): void {
    const { expiresAt } = connection.principal;
    const second = this.#seconds.get(expiresAt);
    second?.connections.delete(connection);
    if (second?.connections.size !== 0) return;
    second.cancel();
    this.#seconds.delete(expiresAt);
  }

  /** Whether those that expire with the connection have been told already. */
  isExpiring({ principal }: Connection): boolean {
    return this.#msUntil(principal.expiresAt - WARNING_SECONDS) <= 0;
  }

  #watch(expiresAt: number): Second {
    const connections = new Set<Connection>();
    const cancelEnd = this.#clock.after(this.#msUntil(expiresAt), () => {
      this.#seconds.delete(expiresAt);
      this.#listeners.onExpired([...connections]);
    });
    const warnsInMs = this.#msUntil(expiresAt - WARNING_SECONDS);
    const cancelWarning =
      warnsInMs <= 0
        ? () => undefined
        : this.#clock.after(warnsInMs, () => {
            this.#listeners.onExpiring([...connections]);
          });
    const cancel = () => {
      cancelEnd();
      cancelWarning();
    };
    const second = { connections, cancel };
    this.#seconds.set(expiresAt, second);
    return second;
  }

  #msUntil(seconds: number): number {
    return seconds * 1000 - this.#clock.now();
  }
}
