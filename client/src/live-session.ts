import type { Refresher } from './refresher.ts';
import type { SessionKeeper, Turn } from './session-keeper.ts';
import type { SignedOut } from './users.ts';

interface LiveSessionParts {
  keeper: SessionKeeper;
  refresher: Refresher;
  /** Asks the service for this session's user: it refreshes, and finds out when the session is over. */
  ask: () => Promise<unknown>;
}

/** The one session that a live socket is of, and none that comes after it. */
export class LiveSession {
  readonly #parts: LiveSessionParts;
  readonly #turn: Turn;

  /** @throws `signed_out` where nobody is signed in. */
  constructor(parts: LiveSessionParts) {
    this.#parts = parts;
    this.#turn = parts.keeper.turn;
  }

  /** Null when the session is over. */
  get token(): string | null {
    const { keeper } = this.#parts;
    return keeper.isCurrent(this.#turn) ? keeper.stored.accessToken : null;
  }

  /** Of the access token. */
  get remainingMs(): number {
    return this.#parts.keeper.remainingMs;
  }

  /** Of the access token, when it was new. */
  get lifetimeMs(): number {
    return this.token === null ? 0 : this.#parts.keeper.stored.expiresInSeconds * 1000;
  }

  freshToken(): Promise<string> {
    return this.#parts.refresher.freshToken(this.#turn);
  }

  refresh(stale: string): Promise<void> {
    return this.#parts.refresher.refresh(this.#turn, stale);
  }

  async ask(): Promise<void> {
    this.#parts.keeper.assertCurrent(this.#turn);
    await this.#parts.ask();
  }

  forget(why: SignedOut): void {
    void this.#parts.keeper.forget(this.#turn, why);
  }

  onEnd(listener: (detail: string) => void): () => void {
    return this.#parts.keeper.events.on('signedOut', ({ detail }) => {
      listener(detail);
    });
  }

  onRefreshed(listener: () => void): () => void {
    return this.#parts.keeper.events.on('refreshed', listener);
  }
}
