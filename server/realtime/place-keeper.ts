import { repeat } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { isUnavailable } from '../errors.ts';
import type { Connection } from './connection.ts';
import type { Connections } from './connections.ts';

/** After an outage everything is noted anew, by and by: nobody else is to wait for it. */
const CHUNK = 200;

type KeeperContext = Pick<AppContext, 'config' | 'clock' | 'log' | 'places' | 'ephemeral'>;

/** Takes a place for each socket of this node among those that its user may hold on all nodes, and keeps it. */
export class PlaceKeeper {
  readonly #ctx: KeeperContext;
  readonly #connections: Connections;
  /** Those whose handshake still asks for a place: whoever notes them anew would grant it. */
  readonly #asking = new Set<Connection>();
  readonly #stopBeating: () => void;
  #isStopped = false;
  /** Who is still to be noted in this round. */
  #round: number[] = [];

  constructor(ctx: KeeperContext, connections: Connections) {
    this.#ctx = ctx;
    this.#connections = connections;
    ctx.ephemeral.onConnected(() => {
      this.#noteAll().catch(this.#onError);
    });
    connections.onDeparture((connection) => {
      this.#release(connection);
    });
    this.#stopBeating = repeat(ctx.clock, ctx.places.beatMs, {
      task: () => this.#beat(),
      onError: this.#onError,
    });
  }

  /**
   * Whether the user of a registered connection may hold it beside all others; without an answer of the store,
   * whoever may by this node's own count.
   */
  async take(connection: Connection): Promise<boolean> {
    const { places, config } = this.#ctx;
    const { userId } = connection.principal;
    const { term } = places;
    this.#asking.add(connection);
    try {
      if (!(await places.take(userId, connection.id, config.maxSocketsPerUser))) return false;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
    } finally {
      this.#asking.delete(connection);
    }
    // Its client has hung up meanwhile, or all others were noted anew.
    if (!this.#connections.has(connection)) this.#release(connection);
    else if (places.term !== term) this.#noteUser(userId).catch(this.#onError);
    return true;
  }

  /** The node stops: its sockets count no longer, so that each client finds a place on another before its own is closed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopBeating();
    await this.#ctx.places.end().catch(this.#onError);
  }

  readonly #onError = (error: unknown): void => {
    const level = isUnavailable(error) ? 'debug' : 'error';
    this.#ctx.log[level]({ err: error }, 'the sockets of this node are not noted yet');
  };

  async #beat(): Promise<void> {
    if (await this.#ctx.places.beat()) await this.#noteNext();
    else await this.#noteAll();
  }

  /** The store may have lost what it was told, and may not have been told who has gone. */
  async #noteAll(): Promise<void> {
    if (this.#isStopped) return;
    const { places } = this.#ctx;
    places.beginTerm();
    const { term } = places;
    await places.beat();
    const userIds = this.#connections.userIds();
    for (let start = 0; start < userIds.length; start += CHUNK) {
      if (places.term !== term) return;
      await this.#noteUsers(userIds.slice(start, start + CHUNK));
    }
    await places.endEarlierTerms();
  }

  /** A part of all users, so that each comes up long before what is noted of it would be forgotten. */
  async #noteNext(): Promise<void> {
    if (this.#round.length === 0) this.#round = this.#connections.userIds();
    const { beatsPerRound } = this.#ctx.places;
    const share = Math.ceil(this.#connections.userCount / beatsPerRound);
    await this.#noteUsers(this.#round.splice(-share, share));
  }

  async #noteUsers(userIds: number[]): Promise<void> {
    await Promise.all(userIds.map((userId) => this.#noteUser(userId)));
  }

  async #noteUser(userId: number): Promise<void> {
    const held = this.#connections.ofUser(userId).filter((each) => !this.#asking.has(each));
    if (held.length === 0) return;
    await this.#ctx.places.note(
      userId,
      held.map(({ id }) => id),
    );
  }

  #release({ id, principal }: Connection): void {
    // What cannot be released now is of a term that ends when the store answers again.
    this.#ctx.places.release(principal.userId, id).catch(this.#onError);
  }
}
