import type { RequestHandler } from 'express';
import { AppError, type InputIssue } from '../errors.ts';
import { hasBody, readBody } from './read-body.ts';

const FORM_TYPE = /^application\/x-www-form-urlencoded *(; *charset="?utf-8"?)?$/i;

/** Reads the body of a form as RFC 6749 §3.2 has it: no parameter twice, and one without a value is none. */
export const readForm: RequestHandler = async (req, _res, next) => {
  if (hasBody(req)) {
    const isEncoded = (req.get('content-encoding') ?? 'identity') !== 'identity';
    if (isEncoded || !FORM_TYPE.test(req.get('content-type') ?? '')) {
      throw new AppError('unsupported_media_type', {
        detail: 'Send application/x-www-form-urlencoded in UTF-8, not compressed',
      });
    }
    req.body = parseForm(await readBody(req));
  }
  next();
};

function parseForm(text: string): Record<string, string> {
  const fields = new Map<string, string>();
  for (const pair of text.split('&').filter((each) => each !== '')) {
    const [encoded = ''] = pair.split('=', 1);
    const name = decode(encoded);
    if (fields.has(name)) throw refusal({ path: name, message: 'is sent twice' });
    fields.set(name, decode(pair.slice(encoded.length + 1)));
  }
  return Object.fromEntries([...fields].filter(([, value]) => value !== ''));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw refusal({ path: 'body', message: 'is not encoded as a form in UTF-8' });
  }
}

function refusal(issue: InputIssue): AppError {
  return new AppError('invalid_request', { issues: [issue] });
}
