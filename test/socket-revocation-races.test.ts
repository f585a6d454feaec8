import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type TestApp } from './support/app.ts';
import {
  assertLives,
  countOpenSockets,
  eventually,
  signInDevices,
  watchSocket,
  type Outcome,
} from './support/live-sockets.ts';
import { bearer, signIn } from './support/phone.ts';
import { connect } from './support/socket.ts';

const ROUNDS = 100;
/** As long as a logout takes on a busy machine, so that each step of one meets each of the other. */
const MAX_HEAD_START_MS = 60;

const env = { OTP_LIMIT_PER_NUMBER: '100000/60', MAX_SOCKETS_PER_USER: '10000' };
const first = await startApp({ env });
const second = await startApp({ env });

/** Redis answers as it does, only later: what happens meanwhile is then no matter of luck. */
function delayAnswers(app: TestApp, delay: () => Promise<unknown>): void {
  const { ephemeral } = app.context;
  const get = ephemeral.getEach.bind(ephemeral);
  ephemeral.getEach = async (key) => {
    const answer = await get(key);
    await delay();
    return answer;
  };
}

for (const app of [first, second]) delayAnswers(app, () => sleep(Math.random() * 6));

async function logOut(app: TestApp, token: string): Promise<void> {
  await app.request.post('/api/v2/auth/logout').set(bearer(token)).expect(200);
}

/** Short delays more often than long ones: most of the races are close. */
async function atRandomMoment<Result>(act: () => Promise<Result>): Promise<Result> {
  const headStart = Math.random() ** 3 * MAX_HEAD_START_MS;
  if (headStart < 1) await new Promise((resolve) => setImmediate(resolve));
  else await sleep(headStart);
  return act();
}

/** A handshake and a logout of the same session at about the same time. */
async function race(socketNode: TestApp, logoutNode: TestApp): Promise<Outcome> {
  const { access_token } = await signIn(socketNode);
  const [outcome] = await Promise.all([
    atRandomMoment(() => watchSocket(socketNode.url, access_token)),
    atRandomMoment(() => logOut(logoutNode, access_token)),
  ]);
  return outcome;
}

function isEnded(outcome: Outcome, code: number): boolean {
  return 'refused' in outcome ? outcome.refused === 401 : outcome.closed === code;
}

async function assertNoneSurvives(outcomes: Outcome[], code: number): Promise<void> {
  const wrong = outcomes.filter((outcome) => !isEnded(outcome, code));
  assert.deepEqual(wrong, []);
  for (const app of [first, second]) {
    await eventually(async () => (await countOpenSockets(app)) === 0, 'no socket is open');
  }
}

async function raceManyTimes(socketNode: TestApp, logoutNode: TestApp): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  // A few at a time, so that the event loop is never idle where the two meet.
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let round = 0; round < ROUNDS / 4; round += 1) {
        outcomes.push(await race(socketNode, logoutNode));
      }
    }),
  );
  // Both must have come first now and then, or nothing was raced.
  assert.ok(outcomes.some((outcome) => 'refused' in outcome));
  assert.ok(outcomes.some((outcome) => 'closed' in outcome));
  return outcomes;
}

test('no socket survives a logout during its handshake', async () => {
  const outcomes = await raceManyTimes(first, first);
  await assertNoneSurvives(outcomes, 4500);
});

test('no socket survives a logout through another node during its handshake', async () => {
  const outcomes = await raceManyTimes(second, first);
  await assertNoneSurvives(outcomes, 4500);
});

for (const place of ['the same node', 'another node']) {
  test(`a logout through ${place} ends a handshake whose check has just found nothing`, async () => {
    const slow = await startApp({ env });
    const { access_token } = await signIn(slow);
    const held = Promise.withResolvers<undefined>();
    let answers = 0;
    // The first answer is to the handshake's check; those that follow are the logout's.
    delayAnswers(slow, async () => {
      answers += 1;
      if (answers === 1) await held.promise;
    });
    const revoked = new Promise<void>((resolve) => {
      slow.context.revocations.onRevocation(() => {
        resolve();
        return 0;
      });
    });
    const outcome = watchSocket(slow.url, access_token);
    await eventually(() => answers === 1, 'the check has found nothing');
    await logOut(place === 'the same node' ? slow : first, access_token);
    await revoked;
    held.resolve(undefined);
    assert.deepEqual(await outcome, { refused: 401 });
  });
}

test('no socket survives logout-all-devices in the middle of a storm of handshakes', async () => {
  const tokens = await signInDevices(first, 20);
  let isOver = false;
  const outcomes: Outcome[] = [];
  const storms = tokens.flatMap((token, index) =>
    [first, second].map(async ({ url }) => {
      await sleep(index % 5);
      while (!isOver) {
        const watched = watchSocket(url, token);
        outcomes.push(...(await Promise.all([watched, watchSocket(url, token)])));
      }
      // Whoever comes when all is over is refused.
      outcomes.push(await watchSocket(url, token));
    }),
  );
  await sleep(60);
  await first.request
    .post('/api/v2/auth/logout-all-devices')
    .set(bearer(tokens[0] ?? ''))
    .expect(200);
  isOver = true;
  await Promise.all(storms);
  assert.ok(
    outcomes.some((outcome) => 'closed' in outcome) && outcomes.length >= 3 * tokens.length,
  );
  await assertNoneSurvives(outcomes, 4501);
});

test('logouts of every session at once close every socket, and only once each', async () => {
  const tokens = await signInDevices(first, 20);
  const bystander = await connect(second.url, (await signIn(first)).access_token);
  const sockets = await Promise.all(
    tokens.flatMap((token) => [first, second].map(({ url }) => connect(url, token))),
  );
  await Promise.all(tokens.map((token, index) => logOut(index % 2 === 0 ? first : second, token)));
  for (const socket of sockets) {
    assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
    assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'logout' }]);
  }
  await assertLives(bystander);
  bystander.ws.close();
  await bystander.closed;
  await assertNoneSurvives([], 4500);
});

test('two logouts of one session at once are one end of its sockets', async () => {
  const { access_token } = await signIn(first);
  const socket = await connect(first.url, access_token);
  const answers = await Promise.all(
    [first, second, first, second].map((app) =>
      app.request.post('/api/v2/auth/logout').set(bearer(access_token)),
    ),
  );
  assert.ok(answers.every(({ status }) => status === 200 || status === 401));
  assert.ok(answers.some(({ status }) => status === 200));
  assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
  assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'logout' }]);
});

test('a logout and a logout-all at once close a socket with the code of one of them', async () => {
  for (let round = 0; round < 10; round += 1) {
    const [one = '', other = ''] = await signInDevices(first, 2);
    const socket = await connect(second.url, one);
    await Promise.all([
      atRandomMoment(() => first.request.post('/api/v2/auth/logout').set(bearer(one))),
      atRandomMoment(() =>
        second.request.post('/api/v2/auth/logout-all-devices').set(bearer(other)),
      ),
    ]);
    const { code, reason } = await socket.closed;
    assert.ok(['4500 logout', '4501 logout_all'].includes(`${code} ${reason}`));
    assert.deepEqual(socket.frames, [{ type: 'revoked', reason }]);
  }
});
