import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type TestApp } from './support/app.ts';
import { assertLives, countCloses, countOpenSockets, eventually } from './support/live-sockets.ts';
import { bearer, signIn } from './support/phone.ts';
import { encodeFrame, openRawSocket } from './support/raw-socket.ts';
import { connect, listen, openWebSocket, type TestSocket } from './support/socket.ts';
import { TestClock } from './support/test-clock.ts';

const HEARTBEAT_SECONDS = 25;
const ACCESS_TOKEN_MS = 15 * 60 * 1000;
/** Time for a pong to arrive, in a process that is client and server. */
const PONG_MS = 30;

/** What a socket that does not read may be sent before it must have been cut off. */
const FLOOD_BYTES = 256 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const MEMORY_ALLOWANCE_BYTES = 128 * 1024 * 1024;

async function startWithClock(): Promise<{ app: TestApp; clock: TestClock }> {
  const clock = new TestClock();
  return { app: await startApp({ clock }), clock };
}

/** Lets so many seconds pass, one at a time: the heartbeat is a timer that sets itself anew. */
async function pass(clock: TestClock, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    clock.advance(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A client that gets pings and does not answer them. */
async function connectSilently(app: TestApp): Promise<TestSocket> {
  const { access_token } = await signIn(app);
  const options = { headers: bearer(access_token), autoPong: false };
  const socket = listen(openWebSocket(app.url, options));
  await socket.next('ready');
  return socket;
}

test('a client that does not answer a ping is closed with 4408 at the next one', async () => {
  const { app, clock } = await startWithClock();
  const socket = await connectSilently(app);
  const pinged = once(socket.ws, 'ping');
  await pass(clock, HEARTBEAT_SECONDS);
  await pinged;
  assert.equal(await countOpenSockets(app), 1);
  await pass(clock, HEARTBEAT_SECONDS);
  assert.deepEqual(await socket.closed, { code: 4408, reason: 'no_pong' });
});

test('a client that answers pings stays, for as long as its token does', async () => {
  const { app, clock } = await startWithClock();
  const socket = await connect(app.url, (await signIn(app)).access_token);
  let pings = 0;
  socket.ws.on('ping', () => (pings += 1));
  for (let heartbeat = 0; heartbeat < 6; heartbeat += 1) {
    await pass(clock, HEARTBEAT_SECONDS);
    await sleep(PONG_MS);
  }
  assert.equal(pings, 6);
  await assertLives(socket);
});

test('a client that cannot see pings stays by sending frames of its own', async () => {
  const { app, clock } = await startWithClock();
  const socket = await connectSilently(app);
  for (let heartbeat = 0; heartbeat < 4; heartbeat += 1) {
    await pass(clock, HEARTBEAT_SECONDS);
    await assertLives(socket);
  }
});

test('the pings of many sockets are spread over the seconds of a heartbeat', async () => {
  const { app, clock } = await startWithClock();
  const sockets = await Promise.all(
    Array.from({ length: 10 }, async () => connect(app.url, (await signIn(app)).access_token)),
  );
  let pings = 0;
  for (const { ws } of sockets) ws.on('ping', () => (pings += 1));
  await pass(clock, 5);
  await sleep(PONG_MS);
  assert.ok(pings <= 5, `${pings} pings came within five seconds`);
  await pass(clock, HEARTBEAT_SECONDS - 5);
  await sleep(PONG_MS);
  assert.equal(pings, 10);
});

test('a client that is silent and never answers the close is cut off', async () => {
  const { app, clock } = await startWithClock();
  const peer = await openRawSocket(app.url, (await signIn(app)).access_token);
  await pass(clock, 2 * HEARTBEAT_SECONDS);
  await peer.closed;
  await eventually(async () => (await countCloses(app, 4408)) === 1, 'it was closed with 4408');
});

test('a socket is closed with 4401 at the moment its token expires, and not before', async () => {
  const { app, clock } = await startWithClock();
  const socket = await connect(app.url, (await signIn(app)).access_token);
  const leftMs = Date.parse(String(socket.ready.expires_at)) - clock.now();
  assert.ok(leftMs > ACCESS_TOKEN_MS - 5000 && leftMs <= ACCESS_TOKEN_MS);
  clock.advance(leftMs - 2000);
  await assertLives(socket);
  clock.advance(2001);
  assert.deepEqual(await socket.closed, { code: 4401, reason: 'token_expired' });
  assert.ok(!socket.frames.some(({ type }) => type === 'revoked'));
});

test('after the expiry a refreshed token opens a new socket', async () => {
  const { app, clock } = await startWithClock();
  const { access_token, refresh_token } = await signIn(app);
  const expired = await connect(app.url, access_token);
  clock.advance(ACCESS_TOKEN_MS);
  assert.equal((await expired.closed).code, 4401);
  const { body } = (await app.request
    .post('/api/v2/auth/refresh')
    .send({ refresh_token })
    .expect(200)) as { body: { access_token: string } };
  await assertLives(await connect(app.url, body.access_token));
});

test('each socket expires with its own token', async () => {
  const { app, clock } = await startWithClock();
  const { access_token, refresh_token } = await signIn(app);
  const early = await connect(app.url, access_token);
  clock.advance(60_000);
  const { body } = (await app.request
    .post('/api/v2/auth/refresh')
    .send({ refresh_token })
    .expect(200)) as { body: { access_token: string } };
  const late = await connect(app.url, body.access_token);
  clock.advance(ACCESS_TOKEN_MS - 60_000);
  assert.equal((await early.closed).code, 4401);
  await assertLives(late);
  clock.advance(60_000);
  assert.equal((await late.closed).code, 4401);
});

function bytesInUse(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const FLOODS = {
  'frames that ask for an answer': encodeFrame(
    'text',
    JSON.stringify({ type: 'ping', ref: 'x'.repeat(128) }),
  ),
  'WebSocket pings': encodeFrame('ping', 'x'.repeat(125)),
};

for (const [name, frame] of Object.entries(FLOODS)) {
  test(`a client that sends ${name} and reads nothing is cut off, and fills no memory`, async () => {
    const app = await startApp();
    const bystander = await connect(app.url, (await signIn(app)).access_token);
    const peer = await openRawSocket(app.url, (await signIn(app)).access_token);
    const chunk = Buffer.concat(
      Array.from({ length: Math.floor(CHUNK_BYTES / frame.length) }, () => frame),
    );
    peer.socket.pause();
    const before = bytesInUse();
    let mostBytes = 0;
    for (let sent = 0; sent < FLOOD_BYTES && (await countOpenSockets(app)) === 2;) {
      const isDrained = peer.socket.write(chunk);
      sent += chunk.length;
      const drained = new Promise((resolve) => peer.socket.once('drain', resolve));
      // A connection that has been cut off drains no more.
      if (!isDrained) await Promise.race([drained, peer.closed, sleep(100)]);
      mostBytes = Math.max(mostBytes, bytesInUse() - before);
    }
    await eventually(async () => (await countOpenSockets(app)) === 1, 'the flood is cut off');
    assert.equal(await countCloses(app, 4408), 1);
    const mebibytes = (mostBytes / 1024 / 1024).toFixed();
    assert.ok(mostBytes < MEMORY_ALLOWANCE_BYTES, `${mebibytes} MiB more were in use`);
    await assertLives(bystander);
  });
}
