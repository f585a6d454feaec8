import { MedallionError, type FieldError } from './errors.ts';
import type { Timing } from './timing.ts';

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface HttpRequest {
  method: string;
  /** From the root of the service on. */
  path: string;
  query?: Query | undefined;
  /** Is sent as JSON. */
  body?: unknown;
  headers?: Record<string, string> | undefined;
  token?: string | undefined;
  signal?: AbortSignal | undefined;
}

interface HttpOptions {
  baseUrl: string;
  fetch: typeof fetch;
  deviceId: () => string;
  timing: Timing;
  timeoutMs: number;
}

/** Requests to the service, and to nobody else: what a path cannot do is to name another host. */
export class Http {
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** The parsed answer; undefined for an empty one. @throws MedallionError; the signal's reason if it is aborted */
  async ask(request: HttpRequest): Promise<unknown> {
    const { method, path, query, body, token } = request;
    const headers = this.headers({ ...(token !== undefined && { token }) }, request.headers);
    if (body !== undefined) headers.set('Content-Type', 'application/json');
    const init: RequestInit = {
      method,
      headers,
      cache: 'no-store',
      // A redirect could send the body, and so a refresh token, anywhere.
      redirect: 'error',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    return this.#withTimeout(request.signal, async (signal) => {
      const response = await this.fetch(path + queryString(query), { ...init, signal });
      const answer = await response.text();
      if (!response.ok) throw refusalOf(response, answer);
      return parseAnswer(answer);
    });
  }

  /** @throws MedallionError `no_answer`; the signal's reason if it is aborted */
  async fetch(path: string, init: RequestInit): Promise<Response> {
    const url = this.#options.baseUrl + assertPath(path);
    const send = this.#options.fetch;
    try {
      return await send(url, { credentials: 'omit', ...init });
    } catch (error) {
      throw init.signal?.aborted ? error : noAnswer();
    }
  }

  headers({ token }: { token?: string }, given?: RequestInit['headers']): Headers {
    const headers = new Headers(given);
    headers.set('X-Device-Id', this.#options.deviceId());
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
    return headers;
  }

  /** `AbortSignal.any` and `timeout` are not in React Native. */
  async #withTimeout<T>(
    given: AbortSignal | undefined,
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(given);
    const { timing, timeoutMs } = this.#options;
    const controller = new AbortController();
    const abort = () => {
      controller.abort();
    };
    const cancel = timing.after(timeoutMs, abort);
    given?.addEventListener('abort', abort);
    try {
      return await task(controller.signal);
    } catch (error) {
      throwIfAborted(given);
      throw error instanceof MedallionError ? error : noAnswer();
    } finally {
      cancel();
      given?.removeEventListener('abort', abort);
    }
  }
}

/** As `signal.throwIfAborted`, which React Native does not have. */
export function throwIfAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted === true) throw abortReason(signal);
}

export function abortReason({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new AbortError();
}

class AbortError extends Error {
  override readonly name = 'AbortError';

  constructor() {
    super('The call was aborted');
  }
}

function noAnswer(): MedallionError {
  const detail = 'The service did not answer';
  return new MedallionError({ status: 0, code: 'no_answer', detail });
}

function assertPath(path: string): string {
  if (/^\/(?![/\\])/.test(path)) return path;
  const detail = 'A path begins with one slash: the token goes to the service and to nobody else';
  throw new MedallionError({ status: 0, code: 'invalid_call', detail });
}

/** `URLSearchParams` is half done in React Native. */
function queryString(query: Query = {}): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return pairs.length > 0 ? `?${pairs.join('&')}` : '';
}

function parseAnswer(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw badAnswer();
  }
}

/** What was answered is not what the service answers: a captive portal, a proxy's page. */
export function badAnswer(): MedallionError {
  const detail = 'What answered was not the service';
  return new MedallionError({ status: 0, code: 'bad_answer', detail });
}

interface Problem {
  code?: unknown;
  detail?: unknown;
  errors?: unknown;
}

function refusalOf({ status, headers }: Response, text: string): MedallionError {
  const problem = parseProblem(text);
  const { code, detail, errors } = problem;
  return new MedallionError({
    status,
    code: typeof code === 'string' ? code : '',
    detail: typeof detail === 'string' ? detail : `The service answered with ${status}`,
    errors: Array.isArray(errors) ? (errors as FieldError[]) : [],
    requestId: headers.get('X-Request-Id'),
    retryAfterSeconds: secondsOf(headers.get('Retry-After')),
  });
}

export function parseProblem(text: string): Problem {
  try {
    const problem: unknown = JSON.parse(text);
    return typeof problem === 'object' && problem !== null ? problem : {};
  } catch {
    return {};
  }
}

function secondsOf(header: string | null): number | null {
  const seconds = Number(header ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
