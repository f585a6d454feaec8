import type { Request, RequestHandler } from 'express';
import { AppError } from '../errors.ts';

const MAX_BODY_BYTES = 16 * 1024;
const JSON_TYPE = /^application\/json *(; *charset="?utf-8"?)?$/i;

/**
 * Reads a JSON body. Our own, because express.json answers a body that is too large only when all of it has
 * arrived, which may be never: here the first byte too many is answered, and the connection ended.
 */
export const readJson: RequestHandler = async (req, _res, next) => {
  const isEmpty = req.get('content-length') === '0' || req.is('*/*') === null;
  if (!isEmpty) {
    const isEncoded = (req.get('content-encoding') ?? 'identity') !== 'identity';
    if (isEncoded || !JSON_TYPE.test(req.get('content-type') ?? '')) {
      throw new AppError('unsupported_media_type');
    }
    req.body = parseObject(await readBody(req));
  }
  next();
};

function parseObject(text: string): unknown {
  try {
    const value: unknown = text === '' ? {} : JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // The same answer as for a bare value.
  }
  throw new AppError('malformed_json');
}

function readBody(req: Request): Promise<string> {
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
