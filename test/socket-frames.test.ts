import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
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

const app = await startApp({ env: { MAX_SOCKETS_PER_USER: '1000' } });
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
