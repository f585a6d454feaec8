import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorHeaders, toProblem, type AppError } from './errors.ts';

/**
 * Answers with an HTTP error where there is no HTTP response to do it with, a handshake for one, and ends
 * the connection, whether or not the peer reads it.
 */
export function refuseSocket(socket: Duplex, error: AppError, requestId: string): void {
  const body = JSON.stringify(toProblem(error, requestId));
  const headers = {
    ...errorHeaders(error),
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Request-Id': requestId,
    'Cache-Control': 'no-store',
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const reason = STATUS_CODES[error.status] ?? '';
  socket.end(`HTTP/1.1 ${error.status} ${reason}\r\n${lines.join('')}\r\n${body}`, () => {
    socket.destroy();
  });
  setTimeout(() => socket.destroy(), 1000).unref();
}
