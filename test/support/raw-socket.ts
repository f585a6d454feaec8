import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { atEnd } from './teardown.ts';

/** A TCP connection to a node, for what a WebSocket library would never send, or never leave out. */
export interface RawPeer {
  socket: Socket;
  /** All that has come since the last `take`. */
  received: () => Buffer;
  /** Resolves when `isEnough` of what has come; fails when the node ends the connection before. */
  until: (isEnough: (received: Buffer) => boolean) => Promise<Buffer>;
  /** Hands out what has come, or this many bytes of it, and forgets it. */
  take: (length?: number) => Buffer;
  /** Resolves when the connection is gone, however it ended. */
  closed: Promise<void>;
}

const PATIENCE_MS = 5000;
const HEAD_END = '\r\n\r\n';

export async function connectTcp(url: string): Promise<RawPeer> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  atEnd(() => {
    socket.destroy();
  });
  let buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => (buffer = Buffer.concat([buffer, chunk])));
  const closed = new Promise<void>((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  const until = async (isEnough: (received: Buffer) => boolean): Promise<Buffer> => {
    const deadline = Date.now() + PATIENCE_MS;
    while (!isEnough(buffer)) {
      assert.ok(!socket.destroyed, `the node ended the connection after: ${buffer.toString()}`);
      assert.ok(Date.now() < deadline, `nothing more came after: ${buffer.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return buffer;
  };
  const take = (length = buffer.length): Buffer => {
    const taken = buffer.subarray(0, length);
    buffer = buffer.subarray(length);
    return taken;
  };
  return { socket, received: () => buffer, until, take, closed };
}

interface Handshake {
  method?: string;
  path?: string;
  /** On top of a good handshake's headers; undefined leaves one out. */
  headers?: Record<string, string | undefined>;
}

/** The text of an opening handshake (RFC 6455 §4.1). */
export function handshakeText({ method = 'GET', path = '/ws', headers = {} }: Handshake): string {
  const all: Record<string, string | undefined> = {
    Host: 'node',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export interface RawAnswer {
  status: number;
  headers: Record<string, string | undefined>;
  body: string;
  peer: RawPeer;
}

/** Sends a handshake and reads the head of the answer, and of a refusal the body. */
export async function shakeHands(url: string, handshake: Handshake = {}): Promise<RawAnswer> {
  const peer = await connectTcp(url);
  peer.socket.write(handshakeText(handshake));
  await peer.until((bytes) => bytes.includes(HEAD_END));
  const [statusLine = '', ...lines] = textBefore(peer.received(), HEAD_END).split('\r\n');
  const headers: Record<string, string | undefined> = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const status = Number(statusLine.split(' ')[1]);
  const length = Number(headers['content-length'] ?? 0);
  const bodyStart = peer.received().indexOf(HEAD_END) + HEAD_END.length;
  await peer.until((bytes) => bytes.length >= bodyStart + length);
  const body = peer
    .received()
    .subarray(bodyStart, bodyStart + length)
    .toString();
  const rest = peer.take().subarray(bodyStart + length);
  if (rest.length > 0) peer.socket.unshift(rest);
  return { status, headers, body, peer };
}

function textBefore(bytes: Buffer, mark: string): string {
  return bytes.subarray(0, bytes.indexOf(mark)).toString();
}

/** A socket that was opened by hand: nothing answers pings or closes but the test. */
export async function openRawSocket(url: string, token: string): Promise<RawPeer> {
  const headers = { Authorization: `Bearer ${token}` };
  const { status, peer } = await shakeHands(url, { headers });
  assert.equal(status, 101);
  await peer.until((bytes) => bytes.includes('"ready"'));
  peer.take();
  return peer;
}

const OPCODES = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

interface RawFrame {
  opcode: keyof typeof OPCODES;
  payload: Buffer;
}

/** A client's frame (RFC 6455 §5.2), masked with zeros, which leaves the payload readable. */
export function encodeFrame(
  opcode: RawFrame['opcode'],
  payload: string | Buffer = '',
  { isFinal = true, isMasked = true } = {},
): Buffer {
  const data = Buffer.from(payload);
  const extended = data.length < 126 ? 0 : data.length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended + (isMasked ? 4 : 0));
  head[0] = (isFinal ? 0x80 : 0) | OPCODES[opcode];
  head[1] = (isMasked ? 0x80 : 0) | (extended === 0 ? data.length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(data.length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(data.length), 2);
  return Buffer.concat([head, data]);
}

/** The whole frames of a server's stream; what is cut off at its end is left out. */
export function decodeFrames(bytes: Buffer): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const extended = short < 126 ? 0 : short === 126 ? 2 : 8;
    const start = at + 2 + extended;
    if (start > bytes.length) break;
    const length =
      extended === 0
        ? short
        : extended === 2
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    if (start + length > bytes.length) break;
    frames.push({ opcode: nameOf(bytes[at] ?? 0), payload: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}

function nameOf(firstByte: number): RawFrame['opcode'] {
  const names = Object.keys(OPCODES) as RawFrame['opcode'][];
  const name = names.find((candidate) => OPCODES[candidate] === (firstByte & 0x0f));
  assert.ok(name, `the node sent a frame of the unknown kind ${firstByte}`);
  return name;
}

/** The code of a close frame. */
export function closeCodeOf(frame: RawFrame): number {
  assert.equal(frame.opcode, 'close');
  return frame.payload.readUInt16BE(0);
}
