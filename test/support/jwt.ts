import { createHmac } from 'node:crypto';

/** A part of a token, as whoever holds it can read it without any key. */
export function decodePart(token: string, part: 'header' | 'payload'): Record<string, unknown> {
  const text = token.split('.')[part === 'header' ? 0 : 1] ?? '';
  return JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
}

export function encodePart(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A token made by hand: any header, any claims, an HMAC-SHA-256 with any key. */
export function forge(header: unknown, payload: unknown, key: string): string {
  const signed = `${encodePart(header)}.${encodePart(payload)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}
