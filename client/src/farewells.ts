import { authPathOf } from './auth-paths.ts';
import { BackOff } from './back-off.ts';
import { isPassing } from './errors.ts';
import type { Http } from './http.ts';
import type { StoredSession } from './stored-session.ts';
import type { Timing } from './timing.ts';

const BACK_OFF = { baseMs: 1000, capMs: 60_000 };
/** With the waits between them a quarter of an hour and more. */
const ATTEMPTS = 30;

/** Tells the service of sessions that were signed out here: until it has answered. */
export class Farewells {
  readonly #http: Http;
  readonly #timing: Timing;
  readonly #cancels = new Set<() => void>();

  constructor({ http, timing }: { http: Http; timing: Timing }) {
    this.#http = http;
    this.#timing = timing;
  }

  /** Resolves after the first attempt; where that had no answer, others follow. */
  async tell(session: StoredSession): Promise<void> {
    await this.#attempt(session, new BackOff(BACK_OFF, this.#timing));
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  async #attempt(session: StoredSession, backOff: BackOff, attempts = 1): Promise<void> {
    const { kind, accessToken, refreshToken } = session;
    try {
      await this.#http.ask({
        method: 'POST',
        path: authPathOf(kind, '/logout'),
        token: accessToken,
        // Enough by itself when the access token has expired; also where a refresh has just used it.
        body: { refresh_token: refreshToken },
      });
    } catch (error) {
      // Any other refusal says that the session is over already.
      if (!isPassing(error) || attempts === ATTEMPTS) return;
      const waitMs = Math.max((error.retryAfterSeconds ?? 0) * 1000, backOff.nextMs());
      const cancel = this.#timing.after(waitMs, () => {
        this.#cancels.delete(cancel);
        void this.#attempt(session, backOff, attempts + 1);
      });
      this.#cancels.add(cancel);
    }
  }
}
