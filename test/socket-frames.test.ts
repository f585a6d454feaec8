import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { z } from 'zod';
import { AppError } from '../server/errors.ts';
import type { Extension } from '../server/extension.ts';
import { startApp } from './support/app.ts';
import { assertLives } from './support/live-sockets.ts';
import { signIn } from './support/phone.ts';
import {
  closeCodeOf,
  decodeFrames,
  encodeFrame,
  openRawSocket,
  shakeHands,
  type RawPeer,
} from './support/raw-socket.ts';
import { connect, listen, openWebSocket, type TestSocket } from './support/socket.ts';

const MAX_FRAME_BYTES = 16 * 1024;

const received: unknown[] = [];
const addMessages: Extension = ({ addMessage }) => {
  addMessage('book', {
    fields: { seats: z.int().min(1), note: z.string().optional() },
    handle: ({ principal }, frame) => {
      received.push(frame);
      return { type: 'booked', seats: frame.seats, role: principal.role };
    },
  });
  addMessage('later', {
    fields: { delay_ms: z.int() },
    handle: async (_connection, { delay_ms }) => {
      await new Promise((resolve) => setTimeout(resolve, delay_ms));
      return { type: 'done' };
    },
  });
  addMessage('refuse', {
    fields: {},
    handle: () => {
      throw new AppError('insufficient_permissions');
    },
  });
  addMessage('quiet', { fields: {}, handle: () => undefined });
  addMessage('push', {
    fields: {},
    handle: (connection) => {
      connection.send({ type: 'event', event: 'pushed', data: [1] });
      return undefined;
    },
  });
  addMessage('throw', {
    fields: {},
    handle: () => {
      throw new Error('a secret of ours');
    },
  });
  addMessage('reject', {
    fields: {},
    handle: () => Promise.reject(new Error('a secret of ours')),
  });
};

const app = await startApp({ extensions: [addMessages], env: { MAX_SOCKETS_PER_USER: '1000' } });
const { access_token: token } = await signIn(app);

function open(): Promise<TestSocket> {
  return connect(app.url, token);
}

test('a ping is answered by a pong', async () => {
  const socket = await open();
  socket.send({ type: 'ping' });
  assert.deepEqual(await socket.next('pong'), { type: 'pong' });
});

for (const ref of ['a1', '', 'ü€😀', 'x'.repeat(128), 0, 7, -1, 1.5, Number.MAX_SAFE_INTEGER]) {
  test(`a ref is given back as it came: ${JSON.stringify(ref).slice(0, 20)}`, async () => {
    const socket = await open();
    socket.send({ type: 'ping', ref });
    assert.deepEqual(await socket.next('pong'), { type: 'pong', ref });
  });
}

const UNFIT: Record<string, string> = {
  'an unknown type': '{"type":"teleport"}',
  'a type of another case': '{"type":"PING"}',
  'a type that every object has': '{"type":"toString"}',
  'the type __proto__': '{"type":"__proto__"}',
  'no type': '{}',
  'a type that is no string': '{"type":1}',
  'a type in an array': '{"type":["ping"]}',
  'a number': '1',
  'a string': '"ping"',
  'a boolean': 'true',
  null: 'null',
  'an array': '[{"type":"ping"}]',
  'a field that the type does not have': '{"type":"ping","more":1}',
  'a field named __proto__': '{"type":"ping","__proto__":{"a":1}}',
  'a field named constructor': '{"type":"ping","constructor":1}',
  'a ref that is null': '{"type":"ping","ref":null}',
  'a ref that is an object': '{"type":"ping","ref":{}}',
  'a ref that is an array': '{"type":"ping","ref":["a"]}',
  'a ref that is a boolean': '{"type":"ping","ref":true}',
  'a very deep value': `{"type":"ping","ref":${'['.repeat(4000)}${']'.repeat(4000)}}`,
};

for (const [name, text] of Object.entries(UNFIT)) {
  test(`JSON that fits no frame gets an error and the socket lives: ${name}`, async () => {
    const socket = await open();
    socket.send(text);
    const { code, detail, ...rest } = await socket.next('error');
    assert.deepEqual(rest, { type: 'error' });
    assert.match(String(code), /^[a-z_]+$/);
    assert.ok(typeof detail === 'string' && detail !== '');
    await assertLives(socket);
  });
}

test('an error names the frame that it answers', async () => {
  const socket = await open();
  for (const frame of [{ type: 'teleport' }, {}, { type: 'ping', more: 1 }, { type: 'throw' }]) {
    socket.send({ ...frame, ref: 'this one' });
    assert.equal((await socket.next('error')).ref, 'this one');
  }
});

for (const [name, text] of Object.entries({
  'nothing at all': '',
  'plain words': 'ping',
  'JSON that is cut off': '{"type":"ping"',
  'two JSON values': '{"type":"ping"}{"type":"ping"}',
  JavaScript: "{type:'ping'}",
})) {
  test(`text that is not JSON closes the socket with 4400: ${name}`, async () => {
    const socket = await open();
    socket.send(text);
    assert.equal((await socket.closed).code, 4400);
    assert.deepEqual(socket.frames, []);
  });
}

test('a binary frame closes the socket with 4400, even if it holds JSON', async () => {
  const socket = await open();
  socket.ws.send(Buffer.from('{"type":"ping"}'));
  assert.equal((await socket.closed).code, 4400);
  assert.deepEqual(socket.frames, []);
});

test('nothing that follows what is not the protocol is processed', async () => {
  const peer = await openRawSocket(app.url, token);
  const before = received.length;
  const book = encodeFrame('text', '{"type":"book","seats":1}');
  peer.socket.write(Buffer.concat([encodeFrame('binary', 'x'), book, book]));
  await peer.closed;
  assert.equal(received.length, before);
  assert.deepEqual(decodeFrames(peer.received()).map(closeCodeOf), [4400]);
});

test('a frame of 16 KiB is read, and one byte more closes the socket with 1009', async () => {
  const socket = await open();
  const text = '{"type":"ping"}';
  socket.send(text.padEnd(MAX_FRAME_BYTES));
  assert.deepEqual(await socket.next('pong'), { type: 'pong' });
  socket.send(text.padEnd(MAX_FRAME_BYTES + 1));
  assert.equal((await socket.closed).code, 1009);
});

/** The code that a peer is closed with after these bytes, the first after `ready`. */
async function closeCodeAfter(peer: RawPeer, ...bytes: Buffer[]): Promise<number> {
  peer.socket.write(Buffer.concat(bytes));
  await peer.closed;
  const last = decodeFrames(peer.received()).at(-1);
  assert.ok(last, 'the connection ended without a close frame');
  return closeCodeOf(last);
}

const ANNOUNCED_TERABYTE = Buffer.from([0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const FIRST_PART = { isFinal: false };
const RESERVED_BIT = Buffer.from([0xc1, 0x80, 0, 0, 0, 0]);
const RESERVED_OPCODE = Buffer.from([0x83, 0x80, 0, 0, 0, 0]);
const BROKEN: Record<string, { bytes: Buffer[]; code: number }> = {
  'a frame that announces a terabyte': { bytes: [ANNOUNCED_TERABYTE], code: 1009 },
  'fragments that are too large together': {
    bytes: [
      encodeFrame('text', ' '.repeat(MAX_FRAME_BYTES), FIRST_PART),
      encodeFrame('continuation', '{}'),
    ],
    code: 1009,
  },
  'text that is not UTF-8': { bytes: [encodeFrame('text', Buffer.from([0xc3, 0x28]))], code: 1007 },
  'a frame without a mask': { bytes: [encodeFrame('text', '{}', { isMasked: false })], code: 1002 },
  'a reserved bit': { bytes: [RESERVED_BIT], code: 1002 },
  'a reserved opcode': { bytes: [RESERVED_OPCODE], code: 1002 },
  'a continuation of nothing': { bytes: [encodeFrame('continuation', '{}')], code: 1002 },
  'a ping that is too long': { bytes: [encodeFrame('ping', 'x'.repeat(126))], code: 1002 },
  'a ping in fragments': { bytes: [encodeFrame('ping', 'x', FIRST_PART)], code: 1002 },
};

for (const [name, { bytes, code }] of Object.entries(BROKEN)) {
  test(`what is not WebSocket closes the socket with ${code}: ${name}`, async () => {
    const peer = await openRawSocket(app.url, token);
    assert.equal(await closeCodeAfter(peer, ...bytes), code);
    await assertLives(await open());
  });
}

test('a frame may come in fragments, split within a character, with a ping in between', async () => {
  const peer = await openRawSocket(app.url, token);
  const text = Buffer.from('{"type":"ping","ref":"€"}');
  const cut = text.indexOf('€') + 1;
  peer.socket.write(encodeFrame('text', text.subarray(0, cut), FIRST_PART));
  peer.socket.write(encodeFrame('ping', 'now'));
  peer.socket.write(encodeFrame('continuation', text.subarray(cut)));
  const answers = decodeFrames(await peer.until((bytes) => decodeFrames(bytes).length === 2));
  assert.deepEqual(
    answers.map(({ opcode, payload }) => [opcode, payload.toString()]),
    [
      ['pong', 'now'],
      ['text', '{"type":"pong","ref":"€"}'],
    ],
  );
});

test('a WebSocket ping is answered with what it held', async () => {
  const { ws } = await open();
  ws.ping('are you there?');
  const [data] = (await once(ws, 'pong')) as [Buffer];
  assert.equal(data.toString(), 'are you there?');
});

test('compression is not negotiated, though it is offered', async () => {
  const options = { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: true };
  const socket = listen(openWebSocket(app.url, options));
  await socket.next('ready');
  assert.equal(socket.ws.extensions, '');
  const { headers } = await shakeHands(app.url, {
    headers: {
      Authorization: `Bearer ${token}`,
      'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
    },
  });
  assert.equal(headers['sec-websocket-extensions'], undefined);
});

test('a client that closes is answered with the code it gave', async () => {
  const socket = await open();
  socket.ws.close(1000, 'bye');
  assert.equal((await socket.closed).code, 1000);
});

test("a team's own frame is checked against its fields, handled and answered", async () => {
  const socket = await open();
  socket.send({ type: 'book', seats: 2, note: 'window', ref: 9 });
  assert.deepEqual(await socket.next('booked'), {
    type: 'booked',
    seats: 2,
    role: 'rider',
    ref: 9,
  });
  assert.deepEqual(received.at(-1), { seats: 2, note: 'window' });
  const before = received.length;
  for (const seats of [0, 1.5, '2', undefined]) {
    socket.send({ type: 'book', seats });
    assert.equal((await socket.next('error')).code, 'invalid_frame');
  }
  assert.equal(received.length, before);
});

test('a slow frame holds up none that come after it', async () => {
  const socket = await open();
  socket.send({ type: 'later', delay_ms: 50, ref: 'slow' });
  socket.send({ type: 'ping', ref: 'fast' });
  assert.equal((await socket.next('pong')).ref, 'fast');
  assert.deepEqual(socket.frames, []);
  assert.deepEqual(await socket.next('done'), { type: 'done', ref: 'slow' });
});

test('a frame may be answered with nothing, or with an event', async () => {
  const socket = await open();
  socket.send({ type: 'quiet', ref: 1 });
  socket.send({ type: 'push', ref: 2 });
  const event = await socket.next('event');
  assert.deepEqual(event, { type: 'event', event: 'pushed', data: [1] });
  assert.deepEqual(socket.frames, []);
});

test('a refusal is answered with its code and its sentence', async () => {
  const socket = await open();
  socket.send({ type: 'refuse', ref: 1 });
  assert.deepEqual(await socket.next('error'), {
    type: 'error',
    code: 'insufficient_permissions',
    detail: 'Insufficient permissions',
    ref: 1,
  });
});

for (const type of ['throw', 'reject']) {
  test(`a handler that fails by ${type} costs its client an error, and tells it nothing`, async () => {
    const socket = await open();
    socket.send({ type, ref: 'r' });
    const { detail, ...rest } = await socket.next('error');
    assert.deepEqual(rest, { type: 'error', code: 'internal_error', ref: 'r' });
    assert.ok(!String(detail).includes('secret'));
    await assertLives(socket);
  });
}
