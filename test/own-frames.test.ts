import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { AppError } from '../server/errors.ts';
import type { Extension } from '../server/extension.ts';
import { startApp } from './support/app.ts';
import { assertLives } from './support/live-sockets.ts';
import { signIn } from './support/phone.ts';
import { closeCodeOf, decodeFrames, encodeFrame, openRawSocket } from './support/raw-socket.ts';
import { connect, type TestSocket } from './support/socket.ts';

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

test('nothing that follows what is not the protocol is processed', async () => {
  const peer = await openRawSocket(app.url, token);
  const before = received.length;
  const book = encodeFrame('text', '{"type":"book","seats":1}');
  peer.socket.write(Buffer.concat([encodeFrame('binary', 'x'), book, book]));
  await peer.closed;
  assert.equal(received.length, before);
  assert.deepEqual(decodeFrames(peer.received()).map(closeCodeOf), [4400]);
});
