import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError, type ErrorCode } from '../errors.ts';
import { refuseSocket } from '../refuse-socket.ts';

/** What Node's parser gives up on, by its error's code; everything else is simply not HTTP. */
const CODES: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Answers the HTTP server's `clientError`: bytes that never became a request. */
export function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  refuseSocket(socket, new AppError(CODES[error.code ?? ''] ?? 'invalid_request'), randomUUID());
}

/** What Express itself does not route: a target that is no path, or an answer that broke off when it had begun. */
export function refuseUnrouted({ socket }: IncomingMessage, res: ServerResponse): void {
  if (res.headersSent) socket.destroy();
  else refuseSocket(socket, new AppError('invalid_request'), randomUUID());
}
