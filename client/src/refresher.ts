import { authPathOf } from './auth-paths.ts';
import { BackOff } from './back-off.ts';
import { isPassing, MedallionError, signedOutError } from './errors.ts';
import { badAnswer, type Http } from './http.ts';
import type { SessionKeeper, Tokens, Turn } from './session-keeper.ts';
import { isToken } from './stored-session.ts';
import { sleep, type Timing } from './timing.ts';
import type { Vault } from './vault.ts';

const ATTEMPTS = 3;
const BACK_OFF = { baseMs: 500, capMs: 4000 };
/** A caller is told of the failure rather than let wait longer than this. */
const LONGEST_WAIT_MS = 10_000;
/** Refreshed so long before the access token expires, or, for short-lived ones, at four fifths of their life. */
const MARGIN_MS = 30_000;

/** What says that the session is over, and not that something was wrong on the way. */
const FINAL_CODES = ['invalid_refresh_token', 'token_revoked', 'invalid_token'];

interface RefresherParts {
  keeper: SessionKeeper;
  vault: Vault;
  http: Http;
  timing: Timing;
}

/** Renews the access token, one request at a time however many wait for it. */
export class Refresher {
  readonly #parts: RefresherParts;
  #running: { turn: Turn; stale: string; done: Promise<void> } | null = null;
  /** The service has said when to come back; by the steady clock. */
  #barred: { untilMs: number; error: MedallionError } | null = null;

  constructor(parts: RefresherParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the session has another access token than `stale`.
   * @throws `signed_out`; what kept the service from answering, the session living on
   */
  refresh(turn: Turn, stale: string): Promise<void> {
    const { keeper } = this.#parts;
    if (!keeper.isCurrent(turn)) return Promise.reject(signedOutError());
    if (keeper.stored.accessToken !== stale) return Promise.resolve();
    const running = this.#running;
    if (running?.turn === turn) {
      if (running.stale === stale) return running.done;
      // It is about the token before, which another tab has exchanged.
      const again = () => this.refresh(turn, stale);
      return running.done.then(again, again);
    }
    const done = this.#persist(turn, stale).finally(() => {
      if (this.#running?.done === done) this.#running = null;
    });
    this.#running = { turn, stale, done };
    return done;
  }

  /** An access token that is good for a while yet. @throws `signed_out`, or as `refresh` */
  async freshToken(turn: Turn): Promise<string> {
    const { keeper } = this.#parts;
    keeper.assertCurrent(turn);
    const { accessToken, expiresInSeconds } = keeper.stored;
    const marginMs = Math.min(MARGIN_MS, expiresInSeconds * 200);
    if (keeper.remainingMs <= marginMs) {
      await this.refresh(turn, accessToken).catch((error: unknown) => {
        // The old one will do while it lasts.
        if (keeper.remainingMs <= 0) throw error;
      });
    }
    keeper.assertCurrent(turn);
    return keeper.stored.accessToken;
  }

  async #persist(turn: Turn, stale: string): Promise<void> {
    const { keeper, vault, timing } = this.#parts;
    const backOff = new BackOff(BACK_OFF, timing);
    await this.#waitUntilAllowed();
    for (let attempt = 1; ; attempt += 1) {
      keeper.assertCurrent(turn);
      try {
        await vault.exclusively(() => this.#tryOnce(turn, stale));
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        const waitMs = Math.max(this.#bar(error), backOff.nextMs());
        if (attempt === ATTEMPTS || waitMs > LONGEST_WAIT_MS) throw error;
        await sleep(timing, waitMs);
      }
    }
  }

  async #waitUntilAllowed(): Promise<void> {
    const { timing } = this.#parts;
    const waitMs = (this.#barred?.untilMs ?? 0) - timing.steady();
    if (this.#barred === null || waitMs <= 0) return;
    if (waitMs > LONGEST_WAIT_MS) throw this.#barred.error;
    await sleep(timing, waitMs);
  }

  #bar(error: MedallionError): number {
    const waitMs = (error.retryAfterSeconds ?? 0) * 1000;
    if (waitMs > 0) this.#barred = { untilMs: this.#parts.timing.steady() + waitMs, error };
    return waitMs;
  }

  /** Inside `exclusively`. */
  async #tryOnce(turn: Turn, stale: string): Promise<void> {
    const { keeper, http } = this.#parts;
    // Whoever held the lock before may have refreshed, or signed out.
    await this.#follow(turn);
    const { kind, accessToken, refreshToken } = keeper.stored;
    if (accessToken !== stale) return;
    let tokens: Tokens;
    try {
      const body = { refresh_token: refreshToken };
      const path = authPathOf(kind, '/refresh');
      tokens = readTokens(await http.ask({ method: 'POST', path, body }));
    } catch (error) {
      if (!isFinal(error)) throw error;
      await this.#follow(turn);
      // Where there is no lock, another tab may have used the token first: its successor is there.
      if (keeper.stored.refreshToken !== refreshToken) return;
      await this.#giveUp(turn, error);
      throw signedOutError();
    }
    await this.#follow(turn);
    await keeper.renew(turn, tokens);
  }

  async #giveUp(turn: Turn, { detail }: MedallionError): Promise<void> {
    const { keeper, vault } = this.#parts;
    const { id } = keeper.stored;
    // Not awaited: it waits for what is being done here.
    void keeper.forget(turn, { reason: 'refresh_refused', detail });
    await vault.eraseNow(id);
  }

  /** Does as the storage says. @throws `signed_out` where it has another session, or none */
  async #follow(turn: Turn): Promise<void> {
    const { keeper, vault } = this.#parts;
    const stored = await vault.read();
    keeper.assertCurrent(turn);
    if (stored !== undefined) keeper.adopt(stored);
    keeper.assertCurrent(turn);
  }
}

function isFinal(error: unknown): error is MedallionError {
  return (
    error instanceof MedallionError && error.status === 401 && FINAL_CODES.includes(error.code)
  );
}

interface TokensAnswer {
  access_token?: unknown;
  refresh_token?: unknown;
  expires_in?: unknown;
}

/** @throws `bad_answer` */
export function readTokens(answer: unknown): Tokens {
  const { access_token, refresh_token, expires_in } = (answer ?? {}) as TokensAnswer;
  if (!isToken(access_token) || typeof expires_in !== 'number') throw badAnswer();
  if (refresh_token !== undefined && !isToken(refresh_token)) throw badAnswer();
  return {
    accessToken: access_token,
    expiresInSeconds: expires_in,
    ...(refresh_token !== undefined && { refreshToken: refresh_token }),
  };
}
