import type { MessageTypes } from '../../../server/realtime/messages.ts';
import { expectedFor, toKey } from './expected-answer.ts';

const MAX_FRAME_BYTES = 16 * 1024;
const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const MAX_CONTROL_BYTES = 125;

/** What a stream of bytes after the handshake must bring about (RFC 6455 §5 to §7). */
export interface Verdict {
  /** What is answered, as keys; of those before a close some may be cut off by it. */
  answers: string[];
  /** The code of the close frame that must come, 1005 for one without a code; null where the socket stays open. */
  close: number | null;
  /** Whether a whole frame has just ended, so that another one may follow. */
  isAtBoundary: boolean;
}

interface Head {
  isFinal: boolean;
  opcode: number;
  length: number;
  mask: Buffer;
  end: number;
}

/** A message of several frames, as far as it has come. */
interface Message {
  opcode: number;
  parts: Buffer[];
  length: number;
}

/** Reads a stream as the server must, up to the first thing that closes the socket. */
export function judgeStream(types: MessageTypes, bytes: Buffer): Verdict {
  const answers: string[] = [];
  let message: Message | null = null;
  for (let at = 0; at < bytes.length;) {
    const head = readHead(bytes, at, message);
    if (head === 'cut off') return { answers, close: null, isAtBoundary: false };
    if (typeof head === 'number') return { answers, close: head, isAtBoundary: false };
    const end = head.end + head.length;
    if (end > bytes.length) return { answers, close: null, isAtBoundary: false };
    const payload = unmasked(bytes.subarray(head.end, end), head.mask);
    at = end;
    if (head.opcode >= CLOSE) {
      if (head.opcode === CLOSE) return { answers, close: echoOf(payload), isAtBoundary: false };
      if (head.opcode === PING) answers.push(pongKey(payload));
      continue;
    }
    message ??= { opcode: head.opcode, parts: [], length: 0 };
    message.parts.push(payload);
    message.length += payload.length;
    if (!head.isFinal) continue;
    const close = judgeMessage(types, message, answers);
    if (close !== null) return { answers, close, isAtBoundary: false };
    message = null;
  }
  return { answers, close: null, isAtBoundary: true };
}

function unmasked(payload: Buffer, mask: Buffer): Buffer {
  return Buffer.from(payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
}

export function pongKey(payload: Buffer): string {
  return `pong frame ${payload.toString('hex')}`;
}

/** The head of a frame, or the code that it is refused with. */
function readHead(bytes: Buffer, at: number, message: Message | null): Head | number | 'cut off' {
  if (at + 2 > bytes.length) return 'cut off';
  const [first, second] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)];
  const [isFinal, opcode] = [first >= 0x80, first & 0x0f];
  const [isMasked, short] = [second >= 0x80, second & 0x7f];
  const isKnown = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode);
  if ((first & 0x70) !== 0 || !isKnown || !isMasked) return 1002;
  if (opcode >= CLOSE && (!isFinal || short > MAX_CONTROL_BYTES)) return 1002;
  if (opcode === CLOSE && short === 1) return 1002;
  if (opcode < CLOSE && (opcode === CONTINUATION) !== (message !== null)) return 1002;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (at + 2 + lengthBytes > bytes.length) return 'cut off';
  const length = lengthBytes === 0 ? short : readLength(bytes, at + 2, lengthBytes);
  if (opcode < CLOSE && (message?.length ?? 0) + length > MAX_FRAME_BYTES) return 1009;
  const end = at + 2 + lengthBytes + 4;
  if (end > bytes.length) return 'cut off';
  return { isFinal, opcode, length, mask: bytes.subarray(end - 4, end), end };
}

function readLength(bytes: Buffer, at: number, size: 2 | 8): number {
  return size === 2 ? bytes.readUInt16BE(at) : Number(bytes.readBigUInt64BE(at));
}

function echoOf(payload: Buffer): number {
  if (payload.length === 0) return 1005;
  const code = payload.readUInt16BE(0);
  const isStandard = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  if (!isStandard && (code < 3000 || code > 4999)) return 1002;
  return toText(payload.subarray(2)) === null ? 1007 : code;
}

/** Adds its answer, or gives the code that it is closed with. */
function judgeMessage(types: MessageTypes, message: Message, answers: string[]): number | null {
  if (message.opcode === BINARY) return 4400;
  const text = toText(Buffer.concat(message.parts));
  if (text === null) return 1007;
  const expected = expectedFor(types, text);
  if ('closes' in expected) return expected.closes;
  answers.push(toKey(expected.kind, expected.ref));
  return null;
}

function toText(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
