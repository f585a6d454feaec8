import type { Frame } from './frames.ts';
import type { LiveConnection } from './live-connection.ts';
import type { LiveSession } from './live-session.ts';
import type { Timing } from './timing.ts';

/** So long before the expiry, or, for short-lived tokens, at four fifths of their life. */
const MARGIN_MS = 60_000;
const RETRY_MS = 10_000;

interface RenewalParts {
  session: LiveSession;
  timing: Timing;
  /** The open one; null where there is none. */
  connection: () => LiveConnection | null;
  ask: (frame: Frame) => Promise<Frame>;
  /** The connection has not taken the new token. */
  onFailed: () => void;
}

/** Keeps a connection alive beyond the token that it was opened with: a new one is sent in a `refresh` frame. */
export class TokenRenewal {
  readonly #parts: RenewalParts;
  #cancel = (): void => undefined;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** The connection is open: it may live by an older token than there is by now. */
  start(): void {
    this.tell();
    this.#schedule();
  }

  stop(): void {
    this.#cancel();
  }

  /** Gets a new token; that there is one is then told by `tell`. */
  renew(): void {
    const { session, timing, connection } = this.#parts;
    const current = connection();
    if (current === null) return;
    session.refresh(current.token).catch(() => {
      if (connection() !== current) return;
      this.#cancel();
      this.#cancel = timing.after(RETRY_MS, () => {
        this.renew();
      });
    });
  }

  /** Lets the connection live by the session's present token. */
  tell(): void {
    const { session, connection, ask, onFailed } = this.#parts;
    const current = connection();
    const token = session.token;
    if (current === null || token === null || current.token === token) return;
    current.token = token;
    ask({ type: 'refresh', access_token: token }).catch(() => {
      // The connection may have ended by that, which is its own affair.
      if (connection() === current && current.token === token) onFailed();
    });
    this.#schedule();
  }

  #schedule(): void {
    const { session, timing } = this.#parts;
    const marginMs = Math.min(MARGIN_MS, session.lifetimeMs / 5);
    this.#cancel();
    this.#cancel = timing.after(Math.max(0, session.remainingMs - marginMs), () => {
      this.renew();
    });
  }
}
