import type { Request } from 'express';
import { AppError } from '../errors.ts';

const MAX_BODY_BYTES = 16 * 1024;

export function hasBody(req: Request): boolean {
  return req.get('content-length') !== '0' && req.is('*/*') !== null;
}

/**
 * The body as text. Our own, because Express's parsers answer a body that is too large only when all of it has
 * arrived, which may be never: here the first byte too many is answered, and the connection ended.
 */
export function readBody(req: Request): Promise<string> {
  if (Number(req.get('content-length') ?? 0) > MAX_BODY_BYTES) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) {
        chunks.push(chunk);
        return;
      }
      req.pause();
      reject(tooLarge());
    });
    req.on('end', () => {
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
    req.on('close', () => {
      // Nobody waits for the answer any more.
      if (!req.readableEnded) reject(new AppError('invalid_request'));
    });
  });
}

function tooLarge(): AppError {
  return new AppError('payload_too_large', { headers: { Connection: 'close' } });
}
