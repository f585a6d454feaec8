import type { RequestHandler } from 'express';
import { AppError } from '../errors.ts';
import { hasBody, readBody } from './read-body.ts';

const JSON_TYPE = /^application\/json *(; *charset="?utf-8"?)?$/i;

/** Reads a JSON body. */
export const readJson: RequestHandler = async (req, _res, next) => {
  if (hasBody(req)) {
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
