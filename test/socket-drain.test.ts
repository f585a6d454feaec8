import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type TestApp } from './support/app.ts';
import { holdChecks } from './support/held-checks.ts';
import { assertLives, countOpenSockets, eventually } from './support/live-sockets.ts';
import { bearer, signIn, type Tokens } from './support/phone.ts';
import { connectTcp, handshakeText, openRawSocket, shakeHands } from './support/raw-socket.ts';
import { assertRefused } from './support/refused-handshake.ts';
import { connect, type TestSocket } from './support/socket.ts';
import { TestClock } from './support/test-clock.ts';

const READINESS_MS = 5000;
const WINDOW_MS = 10_000;
/** What is left of the window after the last client was told to reconnect. */
const OVERLAP_MS = 1000;
const MANY = 60;

interface Stage {
  app: TestApp;
  clock: TestClock;
  tokens: Tokens;
}

async function setStage(env: Record<string, string> = {}): Promise<Stage> {
  const clock = new TestClock();
  const app = await startApp({
    clock,
    env: {
      DRAIN_READINESS_SECONDS: '0',
      DRAIN_WINDOW_SECONDS: String(WINDOW_MS / 1000),
      MAX_SOCKETS_PER_USER: '1000',
      ...env,
    },
  });
  return { app, clock, tokens: await signIn(app) };
}

function open({ app, tokens }: Stage): Promise<TestSocket> {
  return connect(app.url, tokens.access_token);
}

async function openMany(stage: Stage): Promise<TestSocket[]> {
  return Promise.all(Array.from({ length: MANY }, () => open(stage)));
}

/** How long a socket was told to wait before it connects elsewhere. */
async function delayOf(socket: TestSocket): Promise<number> {
  const { type, ...rest } = await socket.next('drain');
  assert.equal(type, 'drain');
  assert.deepEqual(Object.keys(rest), ['reconnect_after_ms']);
  return Number(rest.reconnect_after_ms);
}

async function readiness({ request }: TestApp): Promise<[number, string]> {
  const { status, body } = (await request.get('/readyz')) as {
    status: number;
    body: { status: string };
  };
  return [status, body.status];
}

test('a node that is about to stop says so first, and serves whatever still comes to it', async () => {
  const stage = await setStage({ DRAIN_READINESS_SECONDS: String(READINESS_MS / 1000) });
  const { app, clock, tokens } = stage;
  const early = await open(stage);
  assert.deepEqual(await readiness(app), [200, 'ready']);
  const stopped = app.close();
  assert.deepEqual(await readiness(app), [503, 'draining']);
  const late = await open(stage);
  const me = await app.request.get('/api/v2/auth/me').set(bearer(tokens.access_token)).expect(200);
  assert.equal(me.get('connection'), 'close');
  await assertLives(early);
  assert.deepEqual([...early.frames, ...late.frames], []);

  clock.advance(READINESS_MS);
  await Promise.all([delayOf(early), delayOf(late)]);
  const refusal = await shakeHands(app.url, { headers: bearer(tokens.access_token) });
  await assertRefused(refusal, { status: 503, code: 'draining' });
  await app.request.get('/api/v2/auth/me').set(bearer(tokens.access_token)).expect(200);
  assert.deepEqual(await readiness(app), [503, 'draining']);

  clock.advance(WINDOW_MS);
  assert.deepEqual(await early.closed, { code: 1012, reason: 'draining' });
  assert.deepEqual(await late.closed, { code: 1012, reason: 'draining' });
  await stopped;
  await assert.rejects(fetch(`${app.url}/healthz`));
});

test('every socket is told another moment to reconnect, and is closed a little later', async () => {
  const stage = await setStage();
  const sockets = await openMany(stage);
  const stopped = stage.app.close();
  const told = await Promise.all(
    sockets.map(async (socket) => ({ socket, delayMs: await delayOf(socket) })),
  );
  const delays = told.map(({ delayMs }) => delayMs).sort((one, other) => one - other);
  assert.ok((delays[0] ?? -1) >= 0 && (delays.at(-1) ?? 0) < WINDOW_MS - OVERLAP_MS);
  assert.ok(new Set(delays).size > MANY / 2, 'they are told different moments');
  const half = delays.filter((delay) => delay < (WINDOW_MS - OVERLAP_MS) / 2).length;
  assert.ok(half > MANY / 5 && half < (MANY * 4) / 5, `${half} of ${MANY} in the first half`);

  const middleMs = WINDOW_MS / 2;
  stage.clock.advance(middleMs);
  const due = told.filter(({ delayMs }) => delayMs + OVERLAP_MS + 50 < middleMs);
  for (const { socket } of due) assert.equal((await socket.closed).code, 1012);
  // What has passed beside the clock of the test may have brought a few more to their end.
  const notDue = told.filter(({ delayMs }) => delayMs + OVERLAP_MS > middleMs + 1000);
  assert.ok(due.length > 0 && notDue.length > 0);
  for (const { socket } of notDue) await assertLives(socket);

  stage.clock.advance(middleMs);
  for (const { socket } of told) assert.equal((await socket.closed).code, 1012);
  await stopped;
});

test('a socket is served until its close: its frames, events in their order, and pings', async () => {
  const stage = await setStage();
  const socket = await open(stage);
  const stopped = stage.app.close();
  await delayOf(socket);
  for (let number = 0; number < 20; number += 1) {
    await stage.app.context.events.publish({
      event_id: `event-${number}`,
      sent_at: new Date().toISOString(),
      to: { user_id: stage.tokens.user.id },
      event: 'number',
      data: { number },
      latest_only: false,
    });
  }
  for (let number = 0; number < 20; number += 1) {
    assert.deepEqual((await socket.next('event')).data, { number });
  }
  await assertLives(socket);
  stage.clock.advance(WINDOW_MS);
  assert.equal((await socket.closed).code, 1012);
  await stopped;
});

test('a session that ends while its node drains is closed at once, with its own code', async () => {
  const stage = await setStage();
  const [doomed, other] = [
    await open(stage),
    await connect(stage.app.url, (await signIn(stage.app)).access_token),
  ];
  const stopped = stage.app.close();
  await Promise.all([delayOf(doomed), delayOf(other)]);
  const logout = stage.app.request.post('/api/v2/auth/logout');
  await logout.set(bearer(stage.tokens.access_token)).expect(200);
  assert.equal((await doomed.next('revoked')).reason, 'logout');
  assert.equal((await doomed.closed).code, 4500);
  await assertLives(other);
  stage.clock.advance(WINDOW_MS);
  assert.equal((await other.closed).code, 1012);
  await stopped;
});

test('the node stops when the last client has gone, and waits for nobody else', async () => {
  const stage = await setStage();
  const sockets = await openMany(stage);
  const begunAt = performance.now();
  const stopped = stage.app.close();
  for (const socket of sockets) {
    await socket.next('drain');
    socket.ws.close(1000);
  }
  await stopped;
  assert.ok(performance.now() - begunAt < WINDOW_MS / 2);
  assert.equal(await countOpenSockets(stage.app), 0);
});

test('a node that holds no socket stops at once', async () => {
  const { app } = await setStage();
  const begunAt = performance.now();
  await app.close();
  assert.ok(performance.now() - begunAt < WINDOW_MS / 2);
});

test('a client that answers nothing keeps no node from stopping', async () => {
  const stage = await setStage();
  const stubborn = await openRawSocket(stage.app.url, stage.tokens.access_token);
  const stopped = stage.app.close();
  await stubborn.until((bytes) => bytes.includes('"drain"'));
  stage.clock.advance(WINDOW_MS);
  await Promise.all([stubborn.closed, stopped]);
});

test('a handshake that is under way when the node begins to drain is refused with 503', async () => {
  const stage = await setStage();
  const checks = holdChecks(stage.app);
  const peer = await connectTcp(stage.app.url);
  peer.socket.write(
    handshakeText({ headers: { Authorization: `Bearer ${stage.tokens.access_token}` } }),
  );
  await checks.asked();
  const stopped = stage.app.close();
  checks.letGo();
  const answer = await peer.until((bytes) => bytes.includes('"draining"'));
  assert.match(answer.toString(), /^HTTP\/1\.1 503 /);
  await Promise.all([peer.closed, stopped]);
});

test('without a window each is told to reconnect at once, and closed', async () => {
  const stage = await setStage({ DRAIN_WINDOW_SECONDS: '0' });
  const sockets = await openMany(stage);
  const stopped = stage.app.close();
  for (const socket of sockets) {
    assert.equal((await socket.closed).code, 1012);
    assert.deepEqual(socket.frames, [{ type: 'drain', reconnect_after_ms: 0 }]);
  }
  await stopped;
});

test('in a hurry they are closed at once, and told to come back one after the other', async () => {
  const stage = await setStage({ DRAIN_READINESS_SECONDS: '60' });
  const sockets = await openMany(stage);
  const begunAt = performance.now();
  await Promise.all([
    stage.app.close({ isHurried: true }),
    ...sockets.map(async ({ closed }) => {
      assert.equal((await closed).code, 1012);
    }),
  ]);
  assert.ok(performance.now() - begunAt < WINDOW_MS / 2);
  const delays = sockets.map(({ frames }) => Number(frames[0]?.reconnect_after_ms));
  assert.ok(Math.max(...delays) > WINDOW_MS / 2 && Math.min(...delays) < WINDOW_MS / 2);
});

test('a client that connects elsewhere when it was told to is never offline', async () => {
  const stage = await setStage({ DRAIN_WINDOW_SECONDS: '3' });
  const other = await startApp({ env: { MAX_SOCKETS_PER_USER: '1000' } });
  const sockets = await openMany(stage);
  const stopped = stage.app.close();
  await Promise.all(
    sockets.map(async (socket) => {
      await sleep(await delayOf(socket));
      await connect(other.url, stage.tokens.access_token);
      assert.equal(socket.ws.readyState, socket.ws.OPEN, 'the old socket is still open');
      assert.equal((await socket.closed).code, 1012);
    }),
  );
  await stopped;
  await eventually(
    async () => (await countOpenSockets(other)) === MANY,
    'all are on the other node',
  );
});
