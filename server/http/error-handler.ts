import type { ErrorRequestHandler, Response } from 'express';
import { AppError, errorHeaders, toAppError, toProblem, type ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import { toOAuthError } from './oauth-error.ts';
import { stateOf } from './request-state.ts';
import type { ErrorShape } from './surface.ts';

/** What the body parser, the router and the routers of extensions throw, by `type` where they give one, else by status. */
const LIBRARY_ERRORS: Record<string, ErrorCode> = {
  'entity.parse.failed': 'malformed_json',
  'entity.too.large': 'payload_too_large',
  'encoding.unsupported': 'unsupported_media_type',
  'charset.unsupported': 'unsupported_media_type',
  '401': 'invalid_token',
  '403': 'insufficient_permissions',
  '404': 'not_found',
  '413': 'payload_too_large',
  '415': 'unsupported_media_type',
};

function fromLibrary(error: unknown): AppError | null {
  if (error instanceof AppError) return null;
  // Of a path that cannot be decoded: nothing has that name.
  if (error instanceof URIError) return new AppError('not_found', { cause: error });
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') {
    return null;
  }
  if (error.status < 400 || error.status > 499) return null;
  const type = 'type' in error ? String(error.type) : '';
  const code = LIBRARY_ERRORS[type] ?? LIBRARY_ERRORS[String(error.status)] ?? 'invalid_request';
  return new AppError(code, { cause: error });
}

/** The one place that writes an error answer. A fault of ours is logged; the client is told only its id. */
export function errorHandler(log: Log, shape: ErrorShape = 'problem'): ErrorRequestHandler {
  // Express tells an error handler by its four parameters.
  // eslint-disable-next-line max-params
  return (error: unknown, _req, res, next) => {
    const refusal = fromLibrary(error) ?? toAppError(error);
    const { requestId } = stateOf(res);
    if (refusal.status >= 500) {
      const level = refusal.status === 500 ? 'error' : 'warn';
      log[level]({ err: refusal.cause ?? error, request_id: requestId }, refusal.message);
    }
    if (res.headersSent) {
      next(error);
      return;
    }
    SEND[shape](res, refusal);
  };
}

const SEND = { problem: sendProblem, oauth: sendOAuthError } satisfies Record<ErrorShape, unknown>;

function sendProblem(res: Response, error: AppError): void {
  res.set(errorHeaders(error));
  res.set('Cache-Control', 'no-store');
  res.status(error.status).send(JSON.stringify(toProblem(error, stateOf(res).requestId)));
}

function sendOAuthError(res: Response, error: AppError): void {
  const { status, body } = toOAuthError(error);
  // A status that is not 401 here asks for no credentials.
  res.set(errorHeaders(status === error.status ? error : withStatus(error, status)));
  res.set({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store', Pragma: 'no-cache' });
  res.status(status).send(JSON.stringify(body));
}

function withStatus({ code, headers, retryAfterSeconds }: AppError, status: number): AppError {
  return new AppError(code, {
    status,
    headers,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
