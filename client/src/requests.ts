import { MedallionError } from './errors.ts';
import { abortReason, parseProblem, throwIfAborted, type Http, type HttpRequest } from './http.ts';
import type { Refresher } from './refresher.ts';
import type { SessionKeeper, Turn } from './session-keeper.ts';

/** Refusals of the access token, which another one may mend; other 401s are of a password or a code. */
const TOKEN_CODES = ['invalid_token', 'token_revoked'];

type Signal = AbortSignal | null | undefined;

interface RequestParts {
  keeper: SessionKeeper;
  refresher: Refresher;
  http: Http;
}

/** Requests in the name of the session: refreshed before the token expires, and once after a 401. */
export class Requests {
  readonly #parts: RequestParts;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  /** Always in the name of the session that there is now, or not at all. @throws MedallionError */
  async ask(request: Omit<HttpRequest, 'token'>): Promise<unknown> {
    const { http } = this.#parts;
    const { signal } = request;
    const turn = this.#begin(signal);
    const token = await this.#freshToken(turn, signal);
    try {
      return await http.ask({ ...request, token });
    } catch (error) {
      if (!(error instanceof MedallionError) || !isTokenRefused(error)) throw error;
    }
    return http.ask({ ...request, token: await this.#otherToken(turn, { stale: token, signal }) });
  }

  /**
   * As `fetch`. A 401 is given to the caller where the body can be sent only once: the token has been refreshed by then.
   * @throws MedallionError `no_answer`, `signed_out`; the signal's reason
   */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const { signal, body } = init;
    const turn = this.#begin(signal);
    const token = await this.#freshToken(turn, signal);
    const response = await this.#send(path, { init, token });
    if (!(await isRefusal(response))) return response;
    const next = await this.#otherToken(turn, { stale: token, signal });
    return isStream(body) ? response : this.#send(path, { init, token: next });
  }

  #begin(signal: Signal): Turn {
    throwIfAborted(signal);
    return this.#parts.keeper.turn;
  }

  #freshToken(turn: Turn, signal: Signal): Promise<string> {
    return unlessAborted(this.#parts.refresher.freshToken(turn), signal);
  }

  async #otherToken(
    turn: Turn,
    { stale, signal }: { stale: string; signal: Signal },
  ): Promise<string> {
    const { keeper, refresher } = this.#parts;
    await unlessAborted(refresher.refresh(turn, stale), signal);
    keeper.assertCurrent(turn);
    return keeper.stored.accessToken;
  }

  #send(path: string, { init, token }: { init: RequestInit; token: string }): Promise<Response> {
    const { http } = this.#parts;
    return http.fetch(path, { ...init, headers: http.headers({ token }, init.headers) });
  }
}

/** Of a route that says nothing of its own, a 401 can only be of the token. */
function isTokenRefused({ status, code }: { status: number; code: unknown }): boolean {
  return status === 401 && (typeof code !== 'string' || code === '' || TOKEN_CODES.includes(code));
}

async function isRefusal(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  const { code } = parseProblem(await response.clone().text());
  return isTokenRefused({ status: 401, code });
}

/** A stream, or what is iterated: it is used up by the first time that it is sent. */
function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return 'getReader' in body || Symbol.asyncIterator in body;
}

/** One caller's signal ends only that caller's waiting: the others go on to wait for the same. */
async function unlessAborted<T>(promise: Promise<T>, signal: Signal): Promise<T> {
  if (!signal) return promise;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => {
      reject(abortReason(signal));
    };
  });
  signal.addEventListener('abort', stop);
  try {
    if (signal.aborted) stop();
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
