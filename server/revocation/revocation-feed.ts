import type { AppContext } from '../context.ts';
import type { LiveRevocation } from '../store/revocations.ts';
import { RecentRevocations } from './recent-revocations.ts';
import { RevocationSet } from './revocation-set.ts';
import { fromRow, readRevocation, revocationLifeMs, type Revocation } from './revocation.ts';

const CHANNEL = 'medallion:revocations';

/** How a node learned of a revocation. */
export type Path = 'push' | 'proof' | 'peer';

/** Acts on a revocation before it returns, and tells how many sockets it gated. */
type Listener = (revocation: Revocation) => number;
type FeedContext = Pick<AppContext, 'config' | 'ephemeral' | 'clock' | 'log' | 'metrics'>;

/**
 * Revocations as this node learns of them, and acts on: its own at once, those of other nodes through the ephemeral
 * store, and, whatever became of that, by the proof.
 */
export class RevocationFeed {
  readonly #ctx: FeedContext;
  readonly #dead: RevocationSet;
  readonly #listeners: Listener[] = [];
  readonly #recent: RecentRevocations;
  /** Messages on their way, which come back to us as to everybody. */
  readonly #own = new Set<string>();
  #onActed: (revocation: Revocation, sockets: number) => void = () => undefined;

  constructor(ctx: FeedContext) {
    this.#ctx = ctx;
    this.#dead = new RevocationSet(ctx.clock, revocationLifeMs(ctx.config));
    this.#recent = new RecentRevocations(ctx);
  }

  /** @param listener Is told what this node has acted on, and how many sockets were gated for it. */
  onActed(listener: (revocation: Revocation, sockets: number) => void): void {
    this.#onActed = listener;
  }

  /** @param onSubscribed Whatever was published before may have been missed. */
  start(onSubscribed: () => void): void {
    const onMessage = (message: string) => {
      this.#receive(message);
    };
    this.#ctx.ephemeral.subscribe(CHANNEL, { onMessage, onSubscribed });
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
    this.#act(revocation, 'push');
    return told.finally(() => this.#own.delete(message));
  }

  /** Acts on what was read, as far as it is news. */
  learn(rows: readonly LiveRevocation[], path: Path): void {
    this.hear(rows.map(fromRow), path);
  }

  /** The same of what another node has heard. */
  hear(revocations: readonly Revocation[], path: Path): void {
    for (const revocation of revocations) {
      if (!this.#dead.has(revocation)) this.#act(revocation, path);
    }
  }

  /** What this node has heard in the last so many milliseconds, in whatever way. */
  heardWithin(ms: number): Revocation[] {
    return this.#recent.within(ms);
  }

  #receive(message: string): void {
    if (this.#own.has(message)) return;
    try {
      this.#act(readRevocation(message), 'push');
    } catch (error) {
      this.#ctx.log.error({ err: error }, 'a revocation could not be read');
    }
  }

  #act(revocation: Revocation, path: Path): void {
    this.#dead.add(revocation);
    const gated = this.#listeners.map((listener) => listener(revocation));
    const now = this.#ctx.clock.now();
    this.#recent.add(revocation);
    this.#onActed(
      revocation,
      gated.reduce((sum, count) => sum + count, 0),
    );
    // Nobody waits for it, and the sockets and the other nodes do for what comes next.
    setImmediate(() => {
      this.#count(revocation, { path, now });
    });
  }

  #count({ committed_at }: Revocation, { path, now }: { path: Path; now: number }): void {
    const { revocationPath, revocationLatency } = this.#ctx.metrics;
    revocationPath.inc({ path });
    if (committed_at === undefined) return;
    revocationLatency.observe(Math.max(0, now - Date.parse(committed_at)) / 1000);
  }
}
