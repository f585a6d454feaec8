import { repeat } from '../clock.ts';
import type { AppContext } from '../context.ts';
import {
  forEachLiveRevocation,
  listRevocationsSince,
  readOldestRunning,
  type LiveRevocation,
} from '../store/revocations.ts';
import { RevocationSet } from './revocation-set.ts';
import { fromRow, revocationLifeMs, revocationSchema, type Revocation } from './revocation.ts';

const CHANNEL = 'medallion:revocations';
const CATCH_UP_INTERVAL_MS = 2000;

type Listener = (revocation: Revocation) => void;
type FeedContext = Pick<AppContext, 'config' | 'ephemeral' | 'db' | 'clock' | 'log'>;

/**
 * Revocations as this node learns of them: its own at once, those of other nodes through the ephemeral store,
 * and whatever got lost on the way from PostgreSQL, every two seconds and after every interruption.
 */
export class RevocationFeed {
  readonly #ctx: FeedContext;
  readonly #dead: RevocationSet;
  readonly #listeners: Listener[] = [];
  /** Messages on their way, which come back to us as to everybody. */
  readonly #own = new Set<string>();
  /** The oldest transaction that may still have been running when we last read; null before the first time. */
  #readUpTo: string | null = null;
  #isBehind = false;
  #isStopped = false;
  #stopCatchingUp: () => void = () => undefined;

  constructor(ctx: FeedContext) {
    this.#ctx = ctx;
    this.#dead = new RevocationSet(ctx.clock, revocationLifeMs(ctx.config));
  }

  /** Resolves when this node knows every revocation that was committed before the call. */
  async start(): Promise<void> {
    this.#ctx.ephemeral.subscribe(CHANNEL, {
      onMessage: (message) => {
        this.#receive(message);
      },
      onSubscribed: () => void this.catchUp(),
    });
    await this.#read();
    this.#stopCatchingUp = repeat(this.#ctx.clock, CATCH_UP_INTERVAL_MS, {
      task: () => this.catchUp(),
      onError: () => undefined,
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopCatchingUp();
  }

  /** Whether this node has heard that a session has ended; if not, others may still know better. */
  hasEnded(sessionId: string): boolean {
    return this.#dead.hasEnded(sessionId);
  }

  /** The same of an access token: its session has ended, or the token's generation, or that token alone. */
  hasToken(jti: string): boolean {
    return this.#dead.hasToken(jti);
  }

  onRevocation(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Acts on this node before it returns; resolves when the other nodes have been told. */
  publish(revocation: Revocation): Promise<void> {
    const message = JSON.stringify(revocation);
    this.#own.add(message);
    const told = this.#ctx.ephemeral.publish(CHANNEL, message);
    this.#emit(revocation);
    return told.finally(() => this.#own.delete(message));
  }

  #receive(message: string): void {
    if (this.#own.has(message)) return;
    try {
      this.#emit(revocationSchema.parse(JSON.parse(message)));
    } catch (error) {
      this.#ctx.log.error({ err: error }, 'a revocation could not be read');
    }
  }

  /** Reads what was committed and not heard; where PostgreSQL is away, nothing, and the next time does. */
  async catchUp(): Promise<void> {
    try {
      await this.#read();
      this.#isBehind = false;
    } catch (error) {
      if (this.#isBehind || this.#isStopped) return;
      this.#isBehind = true;
      this.#ctx.log.warn({ err: error }, 'revocations cannot be read from PostgreSQL');
    }
  }

  async #read(): Promise<void> {
    const { db, clock } = this.#ctx;
    if (this.#readUpTo === null) {
      const readUpTo = await readOldestRunning(db);
      await forEachLiveRevocation(db, new Date(clock.now()), (batch) => {
        this.#emitAll(batch);
      });
      this.#readUpTo = readUpTo;
    } else {
      const { revocations, readUpTo } = await listRevocationsSince(db, this.#readUpTo);
      this.#emitAll(revocations);
      this.#readUpTo = readUpTo;
    }
  }

  #emitAll(revocations: LiveRevocation[]): void {
    for (const row of revocations) this.#emit(fromRow(row));
  }

  #emit(revocation: Revocation): void {
    this.#dead.add(revocation);
    for (const listener of this.#listeners) listener(revocation);
  }
}
