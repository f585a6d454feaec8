import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Extension } from '../server/extension.ts';
import { startApp } from './support/app.ts';
import {
  assertLives,
  countCloses,
  countOpenSockets,
  eventually,
  signInDevices,
} from './support/live-sockets.ts';
import { bearer, newPhoneNumber, sendCode, signIn } from './support/phone.ts';
import { closeCodeOf, decodeFrames, encodeFrame, openRawSocket } from './support/raw-socket.ts';
import { connect, refused } from './support/socket.ts';

/** More than the kernel takes off the server's hands while the client does not read. */
const HUGE_BYTES = 32 * 1024 * 1024;
/** "Within one second", and what a busy machine adds to it. */
const TERMINATION_MS = 1600;

const handled: string[] = [];
let finishSlowFrame = (): void => undefined;
const addMessages: Extension = ({ addMessage }) => {
  addMessage('note', {
    fields: {},
    handle: () => {
      handled.push('note');
      return { type: 'noted' };
    },
  });
  addMessage('slow', {
    fields: {},
    handle: async () => {
      await new Promise<void>((resolve) => (finishSlowFrame = resolve));
      return { type: 'event', event: 'slow', data: null };
    },
  });
  addMessage('huge', {
    fields: {},
    handle: () => ({ type: 'event', event: 'huge', data: 'x'.repeat(HUGE_BYTES) }),
  });
};

const app = await startApp({
  extensions: [addMessages],
  env: { OTP_LIMIT_PER_NUMBER: '100000/60' },
});

function logOut(token: string) {
  return app.request.post('/api/v2/auth/logout').set(bearer(token)).expect(200);
}

test('a logout closes the sockets of its session with 4500, each after a revoked frame', async () => {
  const { access_token } = await signIn(app);
  const sockets = await Promise.all([1, 2, 3].map(() => connect(app.url, access_token)));
  await logOut(access_token);
  for (const socket of sockets) {
    assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
    assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'logout' }]);
  }
});

test('a logout leaves the other devices of the user, and other users, connected', async () => {
  const phoneNumber = newPhoneNumber();
  const lost = await signIn(app, { phoneNumber });
  const kept = await signIn(app, { phoneNumber });
  const stranger = await signIn(app);
  const keptSocket = await connect(app.url, kept.access_token);
  const strangerSocket = await connect(app.url, stranger.access_token);
  const lostSocket = await connect(app.url, lost.access_token);
  await logOut(lost.access_token);
  assert.equal((await lostSocket.closed).code, 4500);
  await assertLives(keptSocket);
  await assertLives(strangerSocket);
});

test('a logout by refresh token alone closes the sockets of its session', async () => {
  const { access_token, refresh_token } = await signIn(app);
  const socket = await connect(app.url, access_token);
  await app.request.post('/api/v2/auth/logout').send({ refresh_token }).expect(200);
  assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
});

test('logout-all-devices closes the sockets of every session with 4501', async () => {
  const tokens = await signInDevices(app, 3);
  const stranger = await connect(app.url, (await signIn(app)).access_token);
  const sockets = await Promise.all(tokens.map((token) => connect(app.url, token)));
  await app.request
    .post('/api/v2/auth/logout-all-devices')
    .set(bearer(tokens[0] ?? ''))
    .expect(200);
  for (const socket of sockets) {
    assert.deepEqual(await socket.closed, { code: 4501, reason: 'logout_all' });
    assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'logout_all' }]);
  }
  await assertLives(stranger);
});

test('ending a session from another device closes its sockets with 4500', async () => {
  const phoneNumber = newPhoneNumber();
  const mine = await signIn(app, { phoneNumber });
  const other = await signIn(app, { phoneNumber });
  const mySocket = await connect(app.url, mine.access_token);
  const otherSocket = await connect(app.url, other.access_token);
  await app.request
    .delete(`/api/v2/auth/sessions/${String(otherSocket.ready.session_id)}`)
    .set(bearer(mine.access_token))
    .expect(204);
  assert.deepEqual(await otherSocket.closed, { code: 4500, reason: 'session_revoked' });
  assert.deepEqual(otherSocket.frames, [{ type: 'revoked', reason: 'session_revoked' }]);
  await assertLives(mySocket);
});

test("trying to end another user's session leaves its sockets open", async () => {
  const owner = await connect(app.url, (await signIn(app)).access_token);
  const stranger = await signIn(app);
  await app.request
    .delete(`/api/v2/auth/sessions/${String(owner.ready.session_id)}`)
    .set(bearer(stranger.access_token))
    .expect(404);
  await assertLives(owner);
});

test('erasing the account closes every socket of it with 4504', async () => {
  const phoneNumber = newPhoneNumber();
  const phone = await signIn(app, { phoneNumber });
  const tablet = await signIn(app, { phoneNumber });
  const sockets = await Promise.all(
    [phone, tablet].map(({ access_token }) => connect(app.url, access_token)),
  );
  const otp = await sendCode(app, phoneNumber);
  await app.request
    .delete('/api/v2/auth/me')
    .set(bearer(phone.access_token))
    .send({ otp })
    .expect(204);
  for (const socket of sockets) {
    assert.deepEqual(await socket.closed, { code: 4504, reason: 'account_disabled' });
    assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'account_disabled' }]);
  }
});

test('nothing that a client sends after its session ended is processed', async () => {
  const { access_token } = await signIn(app);
  const peer = await openRawSocket(app.url, access_token);
  const note = encodeFrame('text', '{"type":"note"}');
  peer.socket.write(note);
  await peer.until((bytes) => bytes.includes('"noted"'));
  await logOut(access_token);
  await peer.until((bytes) => bytes.includes('"revoked"'));
  const handledBefore = handled.length;
  for (let sent = 0; sent < 100; sent += 1) {
    peer.socket.write(note);
    peer.socket.write(encodeFrame('ping', 'still there?'));
  }
  await peer.closed;
  assert.equal(handled.length, handledBefore);
  const answers = decodeFrames(peer.received());
  assert.deepEqual(
    answers.map(({ opcode }) => opcode),
    ['text', 'text', 'close'],
  );
  assert.equal(answers[1]?.payload.toString(), '{"type":"revoked","reason":"logout"}');
});

test('a client that sends without a pause gets no answer after its revoked frame', async () => {
  const { access_token } = await signIn(app);
  const peer = await openRawSocket(app.url, access_token);
  const burst = Buffer.concat(
    Array.from({ length: 20 }, () => encodeFrame('text', '{"type":"ping"}')),
  );
  const sending = setInterval(() => peer.socket.write(burst), 1);
  await peer.until((bytes) => bytes.includes('"pong"'));
  await logOut(access_token);
  await peer.closed;
  clearInterval(sending);
  const frames = decodeFrames(peer.received());
  const end = frames.findIndex(({ payload }) => payload.includes('"revoked"'));
  // Where its last answers were still queued the socket is cut off without the two.
  if (end >= 0) assert.deepEqual(frames.slice(end + 1).map(closeCodeOf), [4500]);
});

test('the answer to a frame that was under way when the session ended is not sent', async () => {
  const { access_token } = await signIn(app);
  const socket = await connect(app.url, access_token);
  socket.send({ type: 'slow' });
  await assertLives(socket);
  const loggedOut = logOut(access_token).then(() => {
    finishSlowFrame();
  });
  assert.equal((await socket.closed).code, 4500);
  await loggedOut;
  assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'logout' }]);
});

test('a peer that never answers the close is terminated within a second', async () => {
  const { access_token } = await signIn(app);
  const peer = await openRawSocket(app.url, access_token);
  await logOut(access_token);
  const frames = decodeFrames(await peer.until((bytes) => decodeFrames(bytes).length === 2));
  const toldAt = performance.now();
  assert.equal(frames[0]?.payload.toString(), '{"type":"revoked","reason":"logout"}');
  assert.deepEqual(frames.slice(1).map(closeCodeOf), [4500]);
  await peer.closed;
  const took = performance.now() - toldAt;
  assert.ok(took < TERMINATION_MS, `it took ${took.toFixed()} ms`);
});

test('a peer that hangs up without a word at the end of its session leaves nothing behind', async () => {
  const { access_token } = await signIn(app);
  const before = await countOpenSockets(app);
  const peer = await openRawSocket(app.url, access_token);
  const loggedOut = logOut(access_token);
  peer.socket.resetAndDestroy();
  await loggedOut;
  await eventually(async () => (await countOpenSockets(app)) === before, 'the socket is gone');
});

test('a socket with a backlog is terminated without the revoked frame', async () => {
  const { access_token } = await signIn(app);
  const peer = await openRawSocket(app.url, access_token);
  const closesBefore = await countCloses(app, 4500);
  peer.socket.write(encodeFrame('text', '{"type":"huge"}'));
  await peer.until((bytes) => bytes.length > 0);
  peer.socket.pause();
  await logOut(access_token);
  await eventually(
    async () => (await countCloses(app, 4500)) === closesBefore + 1,
    'the node has let go of the socket',
  );
  peer.socket.resume();
  await peer.closed;
  assert.ok(peer.received().length < HUGE_BYTES, 'the backlog was delivered');
  assert.ok(!peer.received().includes('revoked'));
});

test('the token of a closed socket opens no new one', async () => {
  const { access_token } = await signIn(app);
  const socket = await connect(app.url, access_token);
  await logOut(access_token);
  await socket.closed;
  const refusal = await refused(app.url, { headers: bearer(access_token) });
  assert.deepEqual([refusal.status, refusal.body.detail], [401, 'Token has been revoked']);
});
