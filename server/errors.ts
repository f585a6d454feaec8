interface ErrorDefinition {
  status: number;
  /** What the client is told, unless the throw site has a more exact sentence. */
  sentence: string;
}

/** Every error a client can be answered with. `docs/errors.md` has a heading for each. */
export const ERRORS = {
  invalid_request: { status: 400, sentence: 'The request is not valid' },
  unsupported_grant_type: { status: 400, sentence: 'There is no such grant type here' },
  malformed_json: { status: 400, sentence: 'The body is not a JSON object' },
  token_in_url: {
    status: 400,
    sentence: 'Never send a token in the URL: use the Authorization header or the subprotocol',
  },
  weak_password: { status: 400, sentence: 'This password cannot be used' },
  invalid_one_time_token: { status: 400, sentence: 'Invalid or expired link' },
  otp_not_found: { status: 400, sentence: 'OTP expired or not found' },
  invalid_otp: { status: 401, sentence: 'Invalid OTP' },
  invalid_token: { status: 401, sentence: 'Invalid or expired token' },
  token_revoked: { status: 401, sentence: 'Token has been revoked' },
  invalid_refresh_token: { status: 401, sentence: 'Invalid or expired refresh token' },
  invalid_credentials: { status: 401, sentence: 'Invalid email or password' },
  invalid_client: { status: 401, sentence: 'Unknown API client, or wrong secret' },
  two_factor_required: { status: 401, sentence: 'A second factor is required' },
  invalid_challenge: { status: 401, sentence: 'Invalid or expired challenge' },
  invalid_two_factor_code: { status: 401, sentence: 'Invalid code' },
  insufficient_user_authentication: { status: 401, sentence: 'Sign in again to do this' },
  insufficient_permissions: { status: 403, sentence: 'Insufficient permissions' },
  role_not_allowed: { status: 403, sentence: 'This role cannot be taken by signing in' },
  account_disabled: { status: 403, sentence: 'This account is disabled' },
  origin_not_allowed: { status: 403, sentence: 'This origin is not allowed' },
  not_found: { status: 404, sentence: 'Not found' },
  method_not_allowed: { status: 405, sentence: 'This method is not allowed here' },
  account_exists: { status: 409, sentence: 'There is an account with this e-mail or username' },
  email_already_verified: { status: 409, sentence: 'The e-mail address is verified already' },
  session_limit_reached: {
    status: 409,
    sentence: 'There are as many sessions as allowed: sign out on another device first',
  },
  no_email: { status: 409, sentence: 'The user has no e-mail address that mails go to' },
  last_admin: { status: 409, sentence: 'There would be no admin left' },
  two_factor_enabled: { status: 409, sentence: 'The second factor is on already' },
  two_factor_not_enabled: { status: 409, sentence: 'The second factor is not set up' },
  payload_too_large: { status: 413, sentence: 'The body is larger than 16 KiB' },
  unsupported_media_type: {
    status: 415,
    sentence: 'Send application/json in UTF-8, not compressed',
  },
  request_timeout: { status: 408, sentence: 'The request did not arrive in time' },
  headers_too_large: { status: 431, sentence: 'The headers are larger than 16 KiB' },
  upgrade_required: { status: 426, sentence: 'This address speaks WebSocket' },
  too_many_attempts: { status: 429, sentence: 'Too many attempts' },
  otp_cooldown: { status: 429, sentence: 'A code was just sent' },
  rate_limited: { status: 429, sentence: 'Too many requests' },
  too_many_sockets: { status: 429, sentence: 'This user holds too many sockets' },
  internal_error: { status: 500, sentence: 'Something went wrong on our side' },
  sms_unavailable: { status: 503, sentence: 'The message could not be sent, try again shortly' },
  service_unavailable: {
    status: 503,
    sentence: 'The service cannot answer now, try again shortly',
  },
  busy: { status: 503, sentence: 'Too many sign-ins at once, try again shortly' },
  draining: { status: 503, sentence: 'This node is stopping, connect to another' },
  node_busy: { status: 503, sentence: 'Too many connect to this node at once, try again shortly' },
  node_full: { status: 503, sentence: 'This node is full, connect to another' },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERRORS;

/** One fault of a request's input: where it is (`body.phone_number`) and what is wrong with it. */
export interface InputIssue {
  path: string;
  message: string;
}

export interface AppErrorOptions {
  /** Replaces the catalogue's sentence. */
  detail?: string;
  /** Replaces the catalogue's status. */
  status?: number;
  /** Sent as `Retry-After` (RFC 9110 §10.2.3). */
  retryAfterSeconds?: number;
  issues?: InputIssue[];
  /** How long ago the person may have signed in (RFC 9470 §3). */
  maxAgeSeconds?: number;
  /** Headers that the answer must carry beside those that its status brings along. */
  headers?: Record<string, string>;
  cause?: unknown;
}

/** A refusal with a stable code; anything else that is thrown is a fault of ours. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  readonly maxAgeSeconds: number | undefined;
  readonly issues: InputIssue[] | undefined;
  readonly headers: Record<string, string>;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(options.detail ?? ERRORS[code].sentence, { cause: options.cause });
    this.code = code;
    this.status = options.status ?? ERRORS[code].status;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (this.status === 503 ? 1 : undefined);
    this.maxAgeSeconds = options.maxAgeSeconds;
    this.issues = options.issues;
    this.headers = options.headers ?? {};
  }
}

/** The body of every error answer: problem details (RFC 9457 §3.1) with our code and the request's id. */
export function toProblem(error: AppError, requestId: string) {
  return {
    type: `urn:medallion:error:${error.code}`,
    title: ERRORS[error.code].sentence,
    status: error.status,
    detail: error.message,
    code: error.code,
    request_id: requestId,
    ...(error.issues === undefined ? {} : { errors: error.issues }),
  };
}

/** The headers that go with an error: RFC 9110 §10.2.3, for tokens RFC 6750 §3 and RFC 9470 §3, for API clients RFC 7617 §2. */
export function errorHeaders(error: AppError): Record<string, string> {
  const headers: Record<string, string> = {
    ...error.headers,
    'Content-Type': 'application/problem+json',
  };
  if (error.retryAfterSeconds !== undefined) {
    headers['Retry-After'] = String(error.retryAfterSeconds);
  }
  if (error.status !== 401) return headers;
  const basic = error.code === 'invalid_client' ? ', Basic realm="medallion", charset="UTF-8"' : '';
  const bearer = `Bearer realm="medallion"${bearerFault(error)}`;
  return { ...headers, 'WWW-Authenticate': bearer + basic };
}

/** What is wrong with the token that was sent, or with the sign-in behind it: RFC 6750 §3.1, RFC 9470 §3. */
function bearerFault({ code, message, maxAgeSeconds }: AppError): string {
  const describe = (fault: string) => `, error="${fault}", error_description="${message}"`;
  if (code === 'invalid_token' || code === 'token_revoked') return describe('invalid_token');
  if (code !== 'insufficient_user_authentication') return '';
  return describe(code) + (maxAgeSeconds === undefined ? '' : `, max_age="${maxAgeSeconds}"`);
}

/** The refusal of a locked number, in the words that clients know. */
export function tooManyAttempts(retryAfterSeconds: number): AppError {
  return new AppError('too_many_attempts', {
    detail: `Too many attempts. Try again in ${retryAfterSeconds} seconds`,
    retryAfterSeconds,
  });
}

/** Whether `error` says that a service we depend on cannot answer, so that a later retry may succeed. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof AppError && error.code === 'service_unavailable';
}

/** What the client is answered for whatever was thrown: a refusal as it is, all else as a fault of ours. */
export function toAppError(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError('internal_error', { cause: error });
}
