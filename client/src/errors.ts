/** One wrong field of a request. */
export interface FieldError {
  path: string;
  message: string;
}

interface Refusal {
  /** The HTTP status; 0 where there was no answer, or nothing was asked. */
  status: number;
  code: string;
  detail: string;
  errors?: readonly FieldError[];
  requestId?: string | null;
  retryAfterSeconds?: number | null;
}

/**
 * A refusal by the service (RFC 9457), or by this client itself, whose codes are `no_answer`, `bad_answer`,
 * `signed_out`, `not_connected`, `connection_lost` and `invalid_call`. Holds no token, whatever it was about.
 */
export class MedallionError extends Error {
  override readonly name = 'MedallionError';
  readonly status: number;
  readonly code: string;
  /** A sentence for people. */
  readonly detail: string;
  readonly errors: readonly FieldError[];
  /** What the service's log knows the request by. */
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(refusal: Refusal) {
    super(refusal.detail);
    this.status = refusal.status;
    this.code = refusal.code;
    this.detail = refusal.detail;
    this.errors = refusal.errors ?? [];
    this.requestId = refusal.requestId ?? null;
    this.retryAfterSeconds = refusal.retryAfterSeconds ?? null;
  }
}

export function signedOutError(): MedallionError {
  return new MedallionError({
    status: 0,
    code: 'signed_out',
    detail: 'The session that this was asked for is signed out',
  });
}

/** Whether the same request may well succeed later: no answer, too many requests, a failing server. */
export function isPassing(error: unknown): error is MedallionError {
  if (!(error instanceof MedallionError)) return false;
  const { status, code } = error;
  return code === 'no_answer' || code === 'bad_answer' || status === 429 || status >= 500;
}
