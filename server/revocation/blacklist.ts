import { parseJti } from '../crypto/jwt.ts';
import type { EphemeralStore } from '../ephemeral/ephemeral-store.ts';
import type { AppContext } from '../context.ts';
import { AppError, isUnavailable } from '../errors.ts';
import type { Db } from '../store/database.ts';
import { forEachLiveRevocation } from '../store/revocations.ts';
import { fromRow, type Revocation } from './revocation.ts';

const WHOLE_SESSION = '*';
const REBUILD_RETRY_MS = 1000;
/** A process that was stopped for a while proves its knowledge anew at once: nobody is refused for that. */
const LEASE_PATIENCE_MS = 300;

/** `jwt:blacklist:{jti}`, or, with a session id in its place, the end of all that session's tokens. */
function blacklistKey(id: string): string {
  return `jwt:blacklist:${id}`;
}

type BlacklistContext = Pick<
  AppContext,
  'ephemeral' | 'db' | 'clock' | 'log' | 'revocations' | 'lease' | 'isDraining'
>;

/**
 * What the ephemeral store knows of revoked tokens. The store may have lost it: after every new connection
 * it is written anew from PostgreSQL, and not asked until that is done.
 */
export class Blacklist {
  readonly #ephemeral: EphemeralStore;
  readonly #db: Db;
  readonly #ctx: BlacklistContext;
  #isComplete = false;
  #rebuilds = 0;

  constructor(ctx: BlacklistContext) {
    this.#ctx = ctx;
    this.#ephemeral = ctx.ephemeral;
    this.#db = ctx.db;
    ctx.ephemeral.onConnected(() => {
      this.#isComplete = false;
      void this.#rebuild(++this.#rebuilds);
    });
  }

  /** Writes all that a revocation says, a key each. */
  add({ session_ids, generations, jtis }: Revocation, ttlMs: number): Promise<void>[] {
    return [
      ...session_ids.map((id) => this.#ephemeral.set(blacklistKey(id), WHOLE_SESSION, ttlMs)),
      // Of a session that has ended meanwhile, or of a later change, the higher mark stays.
      ...Object.entries(generations).map(([id, generation]) =>
        this.#ephemeral.raise(blacklistKey(id), generation, ttlMs),
      ),
      ...jtis.map((jti) => this.addToken(jti, ttlMs)),
    ];
  }

  addToken(jti: string, ttlMs: number): Promise<void> {
    return this.#ephemeral.set(blacklistKey(jti), 'revoked', ttlMs);
  }

  /**
   * Whether a verified token was revoked. What this node knows decides, and the store, where it answers, may know it
   * sooner.
   * @throws `service_unavailable` where the node cannot prove that it knows everything
   */
  async isRevoked(jti: string): Promise<boolean> {
    const { revocations, lease } = this.#ctx;
    if (revocations.hasToken(jti)) return true;
    if (!lease.isHeld && !(await lease.whenHeld(LEASE_PATIENCE_MS)))
      throw new AppError('service_unavailable');
    const isListed = this.#isComplete && (await this.#find(jti));
    // What was learned while the store was asked.
    return isListed || revocations.hasToken(jti);
  }

  async #find(jti: string): Promise<boolean> {
    const { sessionId, generation } = parseJti(jti);
    try {
      const keys = [blacklistKey(jti), blacklistKey(sessionId)];
      const [byToken = null, bySession = null] = await this.#ephemeral.getEach(keys);
      if (byToken !== null || bySession === WHOLE_SESSION) return true;
      return bySession !== null && generation <= Number(bySession);
    } catch (error) {
      if (isUnavailable(error)) return false;
      throw error;
    }
  }

  async #rebuild(attempt: number): Promise<void> {
    try {
      await this.#writeAll();
      // A connection made meanwhile has its own rebuild under way.
      this.#isComplete = attempt === this.#rebuilds;
    } catch (error) {
      if (this.#ctx.isDraining()) return;
      this.#ctx.log.warn({ err: error }, 'the blacklist is not rebuilt yet, PostgreSQL answers');
      this.#ctx.clock.after(REBUILD_RETRY_MS, () => {
        if (attempt === this.#rebuilds) void this.#rebuild(attempt);
      });
    }
  }

  #writeAll(): Promise<void> {
    const now = this.#ctx.clock.now();
    return forEachLiveRevocation(this.#db, new Date(now), async (batch) => {
      await Promise.all(
        batch.flatMap((row) => this.add(fromRow(row), row.expiresAt.getTime() - now)),
      );
    });
  }
}
