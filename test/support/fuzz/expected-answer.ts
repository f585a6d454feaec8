import assert from 'node:assert/strict';
import { z } from 'zod';
import { ERRORS } from '../../../server/errors.ts';
import type { MessageTypes } from '../../../server/realtime/messages.ts';
import { description } from '../api/misfits.ts';
import { fitsAsSent } from '../api/watch-frames.ts';
import type { Frame } from '../socket.ts';

const MAX_FRAME_BYTES = 16 * 1024;

/** What a text must bring about: an answer of this kind with this ref, or a close with this code. */
export type Expected = { kind: string; ref: unknown } | { closes: number };

/** Said anew, beside the server's own way: of its table only the fields of each type are taken. */
export function expectedFor(types: MessageTypes, text: string): Expected {
  if (Buffer.byteLength(text) > MAX_FRAME_BYTES) return { closes: 1009 };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { closes: 4400 };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'unknown_type', ref: undefined };
  }
  const given = value as Record<string, unknown>;
  const ref = isRef(given.ref) ? given.ref : undefined;
  const handler = typeof given.type === 'string' ? types.get(given.type) : undefined;
  if (handler === undefined) return { kind: 'unknown_type', ref };
  const names = new Set([...Object.keys(handler.fields), 'type', 'ref']);
  const isWhole =
    Object.keys(given).every((name) => names.has(name)) &&
    (!Object.hasOwn(given, 'ref') || ref !== undefined) &&
    z.object(handler.fields).safeParse(value).success;
  assertDescribedAlike(given, { text, isWhole });
  if (!isWhole) return { kind: 'invalid_frame', ref };
  return { kind: given.type === 'ping' ? 'pong' : 'handled', ref };
}

/** Where zod counts halves of a character, and the published schema characters. */
const WIDE = /[\u{10000}-\u{10ffff}]|\\ud/iu;

/** The published schema must judge a frame as the server does. */
function assertDescribedAlike(
  frame: object,
  { text, isWhole }: { text: string; isWhole: boolean },
): void {
  if (WIDE.test(text)) return;
  assert.equal(fitsAsSent(description, frame) ?? isWhole, isWhole, text);
}

function isRef(value: unknown): boolean {
  return typeof value === 'string' ? value.length <= 128 : Number.isFinite(value);
}

const JUDGEMENTS = ['unknown_type', 'invalid_frame'];

/**
 * What an answer that came may have been expected as, the likeliest first: a handler, too, may find that its fields do
 * not fit. Fails where no client should ever get it.
 */
export function keysOf(frame: Frame): string[] {
  const kind = kindOf(frame);
  const kinds = kind === 'invalid_frame' ? [kind, 'handled'] : [kind];
  return kinds.map((each) => toKey(each, frame.ref));
}

function kindOf(frame: Frame): string {
  if (frame.type === 'pong') {
    assert.deepEqual(
      Object.keys(frame).filter((name) => name !== 'ref'),
      ['type'],
    );
    return 'pong';
  }
  if (frame.type !== 'error') return 'handled';
  const { code, detail } = frame;
  assert.ok(typeof code === 'string' && typeof detail === 'string' && detail !== '');
  if (JUDGEMENTS.includes(code)) return code;
  assert.ok(code in ERRORS && code !== 'internal_error', `a frame was answered with ${code}`);
  return 'handled';
}

/** An answer, or one that is expected, to be compared with others. */
export function toKey(kind: string, ref: unknown): string {
  return JSON.stringify({ kind, ref });
}
