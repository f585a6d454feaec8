import { AppError, ERRORS, toProblem, type AppErrorOptions, type ErrorCode } from '../errors.ts';
import { toOAuthError } from './oauth-error.ts';
import { headersOfStatus, RATE_LIMIT_HEADERS, referToHeaders } from './openapi-headers.ts';
import type { Route } from './route.ts';
import type { ErrorShape } from './surface.ts';

const SESSION_ERRORS = ['invalid_token', 'token_revoked', 'service_unavailable'] as const;
const STAFF_ERRORS = ['invalid_client', 'insufficient_permissions', 'two_factor_required'] as const;
const BODY_ERRORS = [
  'invalid_request',
  'malformed_json',
  'payload_too_large',
  'unsupported_media_type',
] as const;
/** What Node's parser refuses before there is a request. */
const BROKEN_REQUEST = ['invalid_request', 'request_timeout', 'headers_too_large'] as const;

/** What the errors of one operation have in common. */
interface ErrorSource {
  shape: ErrorShape;
  /** Whether staff sign in for it: a second factor that they lack is 403 then. */
  isForStaff: boolean;
  isLimited: boolean;
}

/** The codes that a route may be refused with: its own, and those that its declaration brings along. */
export function errorCodesOf({ auth, errors, roles, method, query, params }: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>([
    ...errors,
    ...(auth === 'bearer' || auth === 'cookie' || auth === 'staff' ? SESSION_ERRORS : []),
    ...(auth === 'staff' ? STAFF_ERRORS : []),
    ...(roles === undefined ? [] : (['insufficient_permissions'] as const)),
    ...(query === undefined ? [] : (['invalid_request'] as const)),
    ...(params === undefined ? [] : (['not_found'] as const)),
    // A body is looked at where none is taken, too: it must be empty.
    ...(method === 'get' ? [] : BODY_ERRORS),
    'rate_limited',
    'origin_not_allowed',
  ]);
  return [...codes];
}

/** The answers to what is refused, by status; each says which codes it has there. */
export function describeErrors(codes: ErrorCode[], source: ErrorSource): Record<string, object> {
  const errors = codes.map((code) => new AppError(code, optionsOf(code, source)));
  const byStatus = Map.groupBy(errors, (error) => statusOf(error, source.shape));
  const described = Array.from(byStatus, ([status, group]) => [
    status,
    describeStatus(status, group, source),
  ]);
  return {
    ...(Object.fromEntries(described) as Record<string, object>),
    default: { $ref: `#/components/responses/${UNEXPECTED[source.shape]}` },
  };
}

function describeStatus(status: number, errors: AppError[], { shape, isLimited }: ErrorSource) {
  const limits = isLimited && status === 429 ? RATE_LIMIT_HEADERS : [];
  return {
    description: errors.map(({ code }) => code).join(', '),
    headers: referToHeaders([...headersOfStatus(status), ...limits]),
    content: contentOf(errors, shape),
  };
}

function contentOf(errors: AppError[], shape: ErrorShape) {
  const examples = Object.fromEntries(
    errors.map((error) => [
      error.code,
      { $ref: `#/components/examples/${exampleName(error, shape)}` },
    ]),
  );
  if (shape === 'oauth') {
    return { 'application/json': { schema: refer('OAuthError'), examples } };
  }
  const code = { enum: errors.map((error) => error.code) };
  const schema = { allOf: [refer('Problem'), { properties: { code } }] };
  return { 'application/problem+json': { schema, examples } };
}

const UNEXPECTED = { problem: 'UnexpectedProblem', oauth: 'UnexpectedOAuthError' } as const;
const UNEXPECTED_CODES = ['internal_error', ...BROKEN_REQUEST] as const;

/** What any request may be answered: a fault of ours, or bytes that are no whole request. */
export function unexpectedResponses(): Record<string, object> {
  const errors = UNEXPECTED_CODES.map((code) => new AppError(code));
  const describe = (shape: ErrorShape) => ({
    description: 'A fault of ours, or bytes that never became a request',
    headers: referToHeaders(['X-Request-Id']),
    content: contentOf(errors, shape),
  });
  return {
    [UNEXPECTED.problem]: describe('problem'),
    [UNEXPECTED.oauth]: describe('oauth'),
  };
}

/** An example of every error in every form that it has in `described`, which is JSON. */
export function errorExamples(described: string): Record<string, object> {
  const isForStaff = [false, true];
  const errors = (Object.keys(ERRORS) as ErrorCode[]).flatMap((code) =>
    isForStaff.map((isForStaff) => new AppError(code, optionsOf(code, { isForStaff }))),
  );
  const examples = errors.flatMap((error): [string, object][] => [
    [exampleName(error, 'problem'), exampleOf(error, toProblem(error, REQUEST_ID))],
    [exampleName(error, 'oauth'), exampleOf(error, toOAuthError(error).body)],
  ]);
  return Object.fromEntries(examples.filter(([name]) => described.includes(`examples/${name}"`)));
}

const REQUEST_ID = '3f0c5a52-1d64-4f0e-9d1b-0c1f6f6f2a11';

function exampleOf({ code }: AppError, value: object) {
  return { summary: ERRORS[code].sentence, value };
}

function exampleName({ code, status }: AppError, shape: ErrorShape): string {
  const name = status === ERRORS[code].status ? code : `${code}_${status}`;
  return shape === 'oauth' ? `oauth_${name}` : name;
}

function statusOf(error: AppError, shape: ErrorShape): number {
  return shape === 'oauth' ? toOAuthError(error).status : error.status;
}

/** Sentences that say more than the catalogue's. */
const DETAILS: Partial<Record<ErrorCode, string>> = {
  invalid_otp: 'Invalid OTP. 2 attempts remaining',
  too_many_attempts: 'Too many attempts. Try again in 900 seconds',
};

function optionsOf(code: ErrorCode, { isForStaff }: Pick<ErrorSource, 'isForStaff'>) {
  const detail = DETAILS[code];
  const options: AppErrorOptions = detail === undefined ? {} : { detail };
  if (code === 'invalid_request')
    options.issues = [{ path: 'email', message: 'Give an e-mail address' }];
  if (code === 'two_factor_required' && isForStaff) options.status = 403;
  return options;
}

function refer(name: string) {
  return { $ref: `#/components/schemas/${name}` };
}
