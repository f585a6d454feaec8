import type { AppContext } from '../context.ts';
import type { ProofRead } from '../store/nodes.ts';
import type { Lease } from './lease.ts';
import { Peers } from './peers.ts';
import type { ProofSource } from './proof-source.ts';
import type { Path, RevocationFeed } from './revocation-feed.ts';

/** As parts of the lease: how often it is proven anew, and when a peer is asked for it. */
const INTERVAL = 0.4;
const ASK_PEERS_AFTER = 0.1;

export interface Node {
  readonly id: string;
  readonly startedAt: Date;
  /** How many it holds now. */
  countSockets: () => number;
}

type ProofContext = Pick<AppContext, 'config' | 'ephemeral' | 'clock' | 'log' | 'metrics'>;

interface ProofParts {
  node: Node;
  feed: RevocationFeed;
  lease: Lease;
  source: ProofSource;
}

/**
 * Keeps the lease: proves every two seconds, and after every interruption, that this node knows every revocation that
 * was committed before. Each proof counts from the moment it was asked for, and only once all that it told is acted on.
 */
export class Proof {
  readonly #ctx: ProofContext;
  readonly #parts: ProofParts;
  readonly #peers: Peers;
  readonly #leaseMs: number;
  /** The oldest transaction that may still have been running when we last read. */
  #readUpTo = '0';
  #peerIds: string[] = [];
  /** When somebody last read from PostgreSQL for this node. */
  #readAt = -Infinity;
  #isBehind = false;
  #isStopped = false;
  #cancelNext: () => void = () => undefined;

  constructor(ctx: ProofContext, parts: ProofParts) {
    this.#ctx = ctx;
    this.#parts = parts;
    this.#peers = new Peers(ctx, parts.node.id, {
      read: (since) => this.#read(since),
      heardWithin: (ms) => parts.feed.heardWithin(ms),
      peerIds: () => this.#peerIds,
    });
    this.#leaseMs = ctx.config.revocationLeaseSeconds * 1000;
  }

  /** Resolves when this node knows every revocation that was committed before the call. */
  async start(): Promise<void> {
    const { feed, lease, source } = this.#parts;
    this.#peers.start();
    lease.onChange({ onLapse: () => void this.prove(), onRegain: () => undefined });
    feed.start(() => void this.prove());
    const { clock } = this.#ctx;
    this.#readUpTo = await source.load((batch) => {
      feed.learn(batch, 'proof');
    });
    await this.#attempt(clock.steady());
    if (!lease.isHeld) throw new Error('PostgreSQL did not give a proof');
    this.#scheduleNext(clock.steady());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelNext();
    const { lease, node, source } = this.#parts;
    lease.stop();
    await source.leave(node.id);
  }

  /** Proves now; where nobody can, the next time does. */
  async prove(): Promise<void> {
    if (this.#isStopped) return;
    const { clock } = this.#ctx;
    const sentAt = clock.steady();
    const cancelAsking = clock.after(this.#leaseMs * ASK_PEERS_AFTER, () => void this.#askPeers());
    try {
      await this.#attempt(sentAt);
      cancelAsking();
      this.#isBehind = false;
    } catch (error) {
      this.#warn(error);
      if (clock.steady() - sentAt < this.#leaseMs * ASK_PEERS_AFTER) {
        cancelAsking();
        await this.#askPeers();
      }
    }
  }

  #warn(error: unknown): void {
    if (!this.#isBehind && !this.#isStopped) {
      this.#ctx.log.warn({ err: error }, 'PostgreSQL gives no proof of what was revoked');
    }
    this.#isBehind = true;
  }

  #scheduleNext(sentAt: number): void {
    if (this.#isStopped) return;
    const { clock } = this.#ctx;
    const dueInMs = Math.max(0, sentAt + this.#leaseMs * INTERVAL - clock.steady());
    this.#cancelNext = clock.after(dueInMs, () => {
      this.#scheduleNext(clock.steady());
      void this.prove();
    });
  }

  async #attempt(sentAt: number): Promise<void> {
    const read = await this.#read(this.#readUpTo);
    this.#accept(read, { sentAt, path: 'proof' });
    this.#ctx.metrics.proofRoundTrip.observe((this.#ctx.clock.steady() - sentAt) / 1000);
  }

  #read(since: string): Promise<ProofRead> {
    const { node, source } = this.#parts;
    const { id, startedAt, countSockets } = node;
    return source.read({ id, startedAt, sockets: countSockets() }, since);
  }

  async #askPeers(): Promise<void> {
    const { clock, config, metrics } = this.#ctx;
    const sentAt = clock.steady();
    const readAt = this.#readAt;
    const readMsAgo = sentAt - readAt;
    const answer = await this.#peers.ask(this.#peerIds, { since: this.#readUpTo, readMsAgo });
    if (answer === 'no answer' || this.#isStopped) return;
    metrics.peerRoundTrip.observe((clock.steady() - sentAt) / 1000);
    if ('readUpTo' in answer) this.#accept(answer, { sentAt, path: 'peer' });
    else if (readAt === this.#readAt && readMsAgo < config.revocationGraceSeconds * 1000) {
      // Through none of them can anything be committed, and this is what was.
      this.#parts.feed.hear(answer.heard, 'peer');
      this.#parts.lease.prove(sentAt);
    }
  }

  #accept(read: ProofRead, { sentAt, path }: { sentAt: number; path: Path }): void {
    if (this.#isStopped) return;
    this.#parts.feed.learn(read.revocations, path);
    if (BigInt(read.readUpTo) > BigInt(this.#readUpTo)) this.#readUpTo = read.readUpTo;
    if (sentAt > this.#readAt) {
      this.#readAt = sentAt;
      this.#peerIds = read.peerIds.filter((id) => id !== this.#parts.node.id);
    }
    this.#parts.lease.prove(sentAt);
  }
}
