import { repeat } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { sessionsOf, type Revocation } from '../revocation/revocation.ts';
import type { Principal } from '../use-cases/authenticate-token.ts';
import type { PushedEvent } from '../use-cases/push-event.ts';
import type { CloseReason } from './close-codes.ts';
import { closeAll } from './closing.ts';
import { ConnectionIndex } from './connection-index.ts';
import type { Connection } from './connection.ts';
import { Expiries } from './expiries.ts';
import { Heartbeat } from './heartbeat.ts';
import { inChunks } from './in-chunks.ts';
import { expiringFrame, type FrameOf } from './server-frames.ts';

/** Sockets of a node without a lease are closed after this, if it has none then. */
const HOLD_MS = 300;

type ConnectionsContext = Pick<AppContext, 'clock' | 'log' | 'metrics' | 'lease' | 'revocations'>;

/** The sockets of this node: found by session and by user, kept alive by one timer, closed by revocations. */
export class Connections {
  readonly #heartbeat = new Heartbeat();
  readonly #bySession = new ConnectionIndex<string>();
  readonly #byUser = new ConnectionIndex<number>();
  readonly #clock: ConnectionsContext['clock'];
  readonly #revocations: ConnectionsContext['revocations'];
  readonly #metrics: ConnectionsContext['metrics'];
  readonly #expiries: Expiries;
  readonly #stopHeartbeat: () => void;
  #cancelLapse: () => void = () => undefined;
  #onArrival: (userId: number) => void = () => undefined;
  #onDeparture: (connection: Connection) => void = () => undefined;
  #onEmpty: () => void = () => undefined;
  #delivered = Promise.resolve();

  constructor({ clock, log, metrics, lease, revocations }: ConnectionsContext) {
    this.#clock = clock;
    this.#expiries = new Expiries(clock, {
      onExpiring: (connections) => {
        void inChunks(connections, tellExpiring);
      },
      onExpired: (connections) => {
        this.#closeAll(connections, { reason: 'token_expired', path: 'expiry' });
      },
    });
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
        this.#heartbeat.beat();
        return Promise.resolve();
      },
      onError: (error) => {
        log.error({ err: error }, 'heartbeat failed');
      },
    });
  }

  get size(): number {
    return this.#heartbeat.size;
  }

  countOfUser(userId: number): number {
    return this.#byUser.countOf(userId);
  }

  /** From here on revocations find the connection, though its handshake is still to be answered. */
  add(connection: Connection): void {
    const { sessionId, userId } = connection.principal;
    this.#heartbeat.add(connection);
    this.#expiries.add(connection);
    this.#bySession.add(sessionId, connection);
    if (this.#byUser.countOf(userId) === 0) this.#onArrival(userId);
    this.#byUser.add(userId, connection);
  }

  remove(connection: Connection): void {
    if (!this.#heartbeat.remove(connection)) return;
    const { sessionId, userId } = connection.principal;
    this.#expiries.remove(connection);
    connection.onClosed?.();
    this.#bySession.remove(sessionId, connection);
    this.#byUser.remove(userId, connection);
    this.#onDeparture(connection);
    if (this.size === 0) this.#onEmpty();
  }

  has(connection: Connection): boolean {
    return this.#heartbeat.has(connection);
  }

  /** Its handshake has been answered, and it has been sent its first frame. */
  opened(connection: Connection): void {
    if (this.#expiries.isExpiring(connection)) tellExpiring(connection);
  }

  /** The socket lives on by a newer token of its session; an older one changes nothing. */
  renew(connection: Connection, principal: Principal): void {
    if (principal.expiresAt < connection.principal.expiresAt) return;
    if (!this.has(connection)) return;
    this.#expiries.remove(connection);
    connection.renew(principal);
    this.#expiries.add(connection);
  }

  /** Gates every socket whose token is known to be dead before it returns, closes them, and tells how many they are. */
  revoke(revocation: Revocation): number {
    const { reason } = revocation;
    const dead = sessionsOf(revocation)
      .flatMap((id) => this.#bySession.of(id))
      .filter(({ principal }) => this.#revocations.hasToken(principal.jti));
    for (const connection of dead) connection.gate(reason);
    void closeAll(dead, reason);
    return dead.length;
  }

  async closeAll(reason: CloseReason): Promise<void> {
    this.#stopHeartbeat();
    await closeAll(this.list(), reason);
  }

  list(): Connection[] {
    return this.#heartbeat.list();
  }

  /** @param listener Is told once, when no socket is left. */
  onEmpty(listener: () => void): void {
    if (this.size === 0) listener();
    else this.#onEmpty = listener;
  }

  /** Nothing is served meanwhile; whoever can prove its knowledge in time, as after a pause, loses no socket. */
  #holdAll(): void {
    this.#metrics.leaseLost.inc();
    this.#cancelLapse = this.#clock.after(HOLD_MS, () => {
      this.#closeAll(this.list(), { reason: 'no_proof', path: 'lease' });
    });
  }

  /** Nothing of theirs is served from here on, though the last may be closed later than the first. */
  #closeAll(
    connections: Connection[],
    { reason, path }: { reason: CloseReason; path: string },
  ): void {
    this.#metrics.revocationPath.inc({ path }, connections.length);
    for (const connection of connections) connection.gate(reason);
    void closeAll(connections, reason);
  }

  #releaseAll(): void {
    this.#cancelLapse();
    for (const connection of this.list()) connection.release();
  }

  /** Hands an event to those it is for, each in the order in which events come; tells how many they are. */
  deliver({ to, event, data, latest_only }: PushedEvent): number {
    const connections =
      'user_id' in to
        ? this.#byUser.of(to.user_id)
        : this.list().filter(({ principal }) => principal.role === to.role);
    const served = connections.filter(({ gatedFor, isOpen }) => isOpen && gatedFor === null);
    const frame = JSON.stringify({ type: 'event', event, data } satisfies FrameOf<'event'>);
    // One event after the other, though each may take many turns of the loop.
    this.#delivered = this.#delivered.then(() =>
      inChunks(served, (connection) => {
        if (latest_only) connection.sendLatest(`event ${event}`, frame);
        else connection.send(frame);
      }),
    );
    return served.length;
  }

  /** Who holds a socket here. */
  userIds(): number[] {
    return this.#byUser.keys();
  }

  get userCount(): number {
    return this.#byUser.size;
  }

  ofUser(userId: number): Connection[] {
    return this.#byUser.of(userId);
  }

  /** @param listener Is told of each user whose first socket here it is. */
  onArrival(listener: (userId: number) => void): void {
    this.#onArrival = listener;
  }

  /** @param listener Is told of each connection that is removed, once. */
  onDeparture(listener: (connection: Connection) => void): void {
    this.#onDeparture = listener;
  }
}

function tellExpiring(connection: Connection): void {
  connection.send(expiringFrame(connection));
}
