const MAX_COOKIES = 10_000;

/**
 * The cookies that this node has found a session for, by their hashes: such a request is counted for its session
 * before PostgreSQL is asked, and any other for its address. It says nothing of whether the session lives.
 */
export class KnownCookies {
  readonly #sessionIds = new Map<string, string>();

  get(cookieHash: string): string | null {
    return this.#sessionIds.get(cookieHash) ?? null;
  }

  add(cookieHash: string, sessionId: string): void {
    if (this.#sessionIds.has(cookieHash)) return;
    this.#sessionIds.set(cookieHash, sessionId);
    if (this.#sessionIds.size <= MAX_COOKIES) return;
    const [oldest] = this.#sessionIds.keys();
    if (oldest !== undefined) this.#sessionIds.delete(oldest);
  }
}
