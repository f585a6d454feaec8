import type { IncomingMessage } from 'node:http';
import { addressOf, limitKeyOf } from '../client-address.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { TokenBucket } from './token-bucket.ts';

/** An attacker with more addresses makes the oldest start anew, and is held by the node's own bucket. */
const MAX_ADDRESSES = 100_000;

interface Address {
  bucket: TokenBucket;
  takenAt: number;
}

type LimitsContext = Pick<AppContext, 'config' | 'clock'>;

/** How many handshakes this node takes on, in all and from one address. Looked at before a signature is verified. */
export class HandshakeLimits {
  readonly #ctx: LimitsContext;
  readonly #all: TokenBucket;
  /** The buckets that are not full, whoever took the last token longest ago first. */
  readonly #addresses = new Map<string, Address>();

  constructor(ctx: LimitsContext) {
    this.#ctx = ctx;
    this.#all = new TokenBucket(ctx.config.handshakeLimits.perNode, ctx.clock.now());
  }

  /** Counts a handshake. @throws `rate_limited` for its address, `node_busy` for all */
  count(request: IncomingMessage): void {
    const { config, clock } = this.#ctx;
    const now = clock.now();
    const key = limitKeyOf(addressOf(request, config.trustedProxyHops));
    this.#dropFull(now);
    const { perAddress } = config.handshakeLimits;
    const bucket = this.#addresses.get(key)?.bucket ?? new TokenBucket(perAddress, now);
    // One that is refused takes no token of either, and makes no entry.
    if (!bucket.hasToken(now)) {
      const retryAfterSeconds = bucket.turnAway();
      throw new AppError('rate_limited', {
        retryAfterSeconds,
        headers: {
          'RateLimit-Limit': String(perAddress.points),
          'RateLimit-Remaining': '0',
          'RateLimit-Reset': String(retryAfterSeconds),
        },
      });
    }
    if (!this.#all.hasToken(now)) {
      throw new AppError('node_busy', { retryAfterSeconds: this.#all.turnAway() });
    }
    bucket.take();
    this.#all.take();
    this.#addresses.delete(key);
    this.#addresses.set(key, { bucket, takenAt: now });
  }

  /** A bucket is full again in the time that fills an empty one. */
  #dropFull(now: number): void {
    const { seconds } = this.#ctx.config.handshakeLimits.perAddress;
    for (const [key, { takenAt }] of this.#addresses) {
      const isFull = now - takenAt >= seconds * 1000;
      if (!isFull && this.#addresses.size <= MAX_ADDRESSES) return;
      this.#addresses.delete(key);
    }
  }
}
