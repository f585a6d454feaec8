import { repeat } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { sessionsOf, type Revocation } from '../revocation/revocation.ts';
import type { PushedEvent } from '../use-cases/push-event.ts';
import type { CloseReason } from './close-codes.ts';
import type { Connection } from './connection.ts';

export const HEARTBEAT_SECONDS = 25;
/** To write to thousands in one turn of the event loop would hold up everybody else. */
const CHUNK = 50;
/** Sockets of a node without a lease are closed after this, if it has none then. */
const HOLD_MS = 300;

interface Membership {
  slice: Set<Connection>;
  cancelExpiry: () => void;
}

type ConnectionsContext = Pick<AppContext, 'clock' | 'log' | 'metrics' | 'lease' | 'revocations'>;

/** The sockets of this node: found by session and by user, kept alive by one timer, closed by revocations. */
export class Connections {
  readonly #members = new Map<Connection, Membership>();
  readonly #bySession = new Map<string, Set<Connection>>();
  readonly #byUser = new Map<number, Set<Connection>>();
  /** A slice of the sockets for each second of the heartbeat, so that the pings are spread out. */
  readonly #slices = Array.from({ length: HEARTBEAT_SECONDS }, () => new Set<Connection>());
  readonly #clock: ConnectionsContext['clock'];
  readonly #revocations: ConnectionsContext['revocations'];
  readonly #metrics: ConnectionsContext['metrics'];
  readonly #stopHeartbeat: () => void;
  #cancelLapse: () => void = () => undefined;
  #onArrival: (userId: number) => void = () => undefined;
  #delivered = Promise.resolve();
  #beat = 0;
  #joined = 0;

  constructor({ clock, log, metrics, lease, revocations }: ConnectionsContext) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#revocations = revocations;
    lease.onChange({
      onLapse: () => {
        this.#holdAll();
      },
      onRegain: () => {
        this.#releaseAll();
      },
    });
    this.#stopHeartbeat = repeat(clock, 1000, {
      task: () => {
        this.#pingNextSlice();
        return Promise.resolve();
      },
      onError: (error) => {
        log.error({ err: error }, 'heartbeat failed');
      },
    });
  }

  get size(): number {
    return this.#members.size;
  }

  countOfUser(userId: number): number {
    return this.#byUser.get(userId)?.size ?? 0;
  }

  /** From here on revocations find the connection, though its handshake is still to be answered. */
  add(connection: Connection): void {
    const { sessionId, userId, expiresAt } = connection.principal;
    const slice = this.#sliceOf(this.#joined++);
    const cancelExpiry = this.#clock.after(expiresAt * 1000 - this.#clock.now(), () => {
      connection.close('token_expired');
      this.#metrics.revocationPath.inc({ path: 'expiry' });
    });
    this.#members.set(connection, { slice, cancelExpiry });
    slice.add(connection);
    addTo(this.#bySession, sessionId, connection);
    if (!this.#byUser.has(userId)) this.#onArrival(userId);
    addTo(this.#byUser, userId, connection);
  }

  remove(connection: Connection): void {
    const member = this.#members.get(connection);
    if (member === undefined) return;
    this.#members.delete(connection);
    member.slice.delete(connection);
    member.cancelExpiry();
    removeFrom(this.#bySession, connection.principal.sessionId, connection);
    removeFrom(this.#byUser, connection.principal.userId, connection);
  }

  /** Gates every socket whose token is known to be dead before it returns, closes them, and tells how many they are. */
  revoke(revocation: Revocation): number {
    const { reason } = revocation;
    const dead = sessionsOf(revocation)
      .flatMap((id) => [...(this.#bySession.get(id) ?? [])])
      .filter(({ principal }) => this.#revocations.hasToken(principal.jti));
    for (const connection of dead) connection.gate(reason);
    void closeInChunks(dead, reason);
    return dead.length;
  }

  async closeAll(reason: CloseReason): Promise<void> {
    this.#stopHeartbeat();
    await closeInChunks([...this.#members.keys()], reason);
  }

  /** Nothing is served meanwhile; whoever can prove its knowledge in time, as after a pause, loses no socket. */
  #holdAll(): void {
    this.#metrics.leaseLost.inc();
    this.#cancelLapse = this.#clock.after(HOLD_MS, () => {
      const all = [...this.#members.keys()];
      this.#metrics.revocationPath.inc({ path: 'lease' }, all.length);
      for (const connection of all) connection.gate('no_proof');
      void closeInChunks(all, 'no_proof');
    });
  }

  #releaseAll(): void {
    this.#cancelLapse();
    for (const connection of this.#members.keys()) connection.release();
  }

  #sliceOf(index: number): Set<Connection> {
    return this.#slices[index % HEARTBEAT_SECONDS] ?? new Set();
  }

  /** Hands an event to those it is for, each in the order in which events come; tells how many they are. */
  deliver({ to, event, data }: PushedEvent): number {
    const connections =
      'user_id' in to
        ? [...(this.#byUser.get(to.user_id) ?? [])]
        : [...this.#members.keys()].filter(({ principal }) => principal.role === to.role);
    const served = connections.filter(({ gatedFor, isOpen }) => isOpen && gatedFor === null);
    // One event after the other, though each may take many turns of the loop.
    this.#delivered = this.#delivered.then(() =>
      inChunks(served, (connection) => {
        connection.send({ type: 'event', event, data });
      }),
    );
    return served.length;
  }

  /** Who holds a socket here. */
  userIds(): number[] {
    return [...this.#byUser.keys()];
  }

  /** @param listener Is told of each user whose first socket here it is. */
  onArrival(listener: (userId: number) => void): void {
    this.#onArrival = listener;
  }

  #pingNextSlice(): void {
    for (const connection of this.#sliceOf(this.#beat++)) {
      if (connection.isAlive) connection.ping();
      else connection.close('no_pong');
    }
  }
}

function closeInChunks(connections: Connection[], reason: CloseReason): Promise<void> {
  return inChunks(connections, (connection) => {
    connection.close(reason);
  });
}

async function inChunks(
  connections: Connection[],
  act: (connection: Connection) => void,
): Promise<void> {
  for (let start = 0; start < connections.length; start += CHUNK) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const connection of connections.slice(start, start + CHUNK)) act(connection);
  }
}

function addTo<Key>(index: Map<Key, Set<Connection>>, key: Key, connection: Connection): void {
  const found = index.get(key);
  if (found === undefined) index.set(key, new Set([connection]));
  else found.add(connection);
}

function removeFrom<Key>(index: Map<Key, Set<Connection>>, key: Key, connection: Connection): void {
  const found = index.get(key);
  found?.delete(connection);
  if (found?.size === 0) index.delete(key);
}
