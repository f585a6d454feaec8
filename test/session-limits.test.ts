import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Response } from 'supertest';
import { eventsOf, logIn, register, REVOKED, tryLogIn, type Account } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { assertLives } from './support/live-sockets.ts';
import { submitCode } from './support/otp.ts';
import { bearer, newPhoneNumber, sendCode, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';
import { TestClock } from './support/test-clock.ts';

const CAP = 2;
const AT_ONCE = 10;
const ACCESS_LIFE_MS = 16 * 60_000;
const SESSION_LIFE_MS = 7 * 24 * 60 * 60_000;
const REACHED = { status: 409, code: 'session_limit_reached' };

const clock = new TestClock();
const common = {
  OTP_LIMIT_PER_NUMBER: '100000/60',
  MAX_SESSIONS_DRIVER: String(CAP),
  PASSWORD_HASH_CONCURRENCY: '4',
};
const evicting = { ...common, MAX_SESSIONS_RIDER: String(CAP) };
const refusing = { ...evicting, SESSION_LIMIT_POLICY: 'refuse' };
const a = await startApp({ clock, env: evicting });
const b = await startApp({ clock, env: evicting });
const strictA = await startApp({ clock, env: refusing });
const strictB = await startApp({ clock, env: refusing });

function sessionOf(token: string): string {
  return String(decodePart(token, 'payload').jti).split('.')[0] ?? '';
}

function protectedBy(node: TestApp, token: string) {
  const kind =
    decodePart(token, 'payload').phone_number === undefined ? '/api/auth' : '/api/v2/auth';
  return node.request.get(`${kind}/me`).set(bearer(token));
}

async function assertAlive(token: string): Promise<void> {
  for (const node of [a, b]) await protectedBy(node, token).expect(200);
}

async function assertDead(token: string): Promise<void> {
  for (const node of [a, b]) assertProblem(await protectedBy(node, token), REVOKED);
}

/** The sessions of a user that have not ended, the oldest first. */
async function liveSessions(userId: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    `SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
     ORDER BY created_at`,
    [userId, new Date(clock.now())],
  );
  return rows.map(({ id }) => id);
}

interface EventRow {
  session_id: string | null;
  severity: string;
  details: Record<string, unknown>;
}

function rowsOf(userId: number, type: string): Promise<EventRow[]> {
  return query<EventRow>(
    `SELECT session_id, severity, details FROM audit_log
     WHERE user_id = $1 AND event_type = $2 ORDER BY id`,
    [userId, type],
  );
}

async function driveAs(app: TestApp, phoneNumber: string): Promise<Tokens> {
  const tokens = await signIn(app, { phoneNumber, role: 'driver' });
  clock.advance(1000);
  return tokens;
}

async function logInOneByOne(app: TestApp, account: Account, times: number): Promise<Tokens[]> {
  const all: Tokens[] = [];
  while (all.length < times) {
    all.push(await logIn(app, account));
    clock.advance(1000);
  }
  return all;
}

describe('a cap that evicts the oldest session', () => {
  test('ends it for the third driver, its sockets on both nodes with 4503', async () => {
    const phoneNumber = newPhoneNumber();
    const oldest = await driveAs(a, phoneNumber);
    const second = await driveAs(b, phoneNumber);
    const sockets = await Promise.all([a, b].map(({ url }) => connect(url, oldest.access_token)));
    const secondSocket = await connect(b.url, second.access_token);
    const third = await driveAs(a, phoneNumber);
    for (const socket of sockets) {
      assert.deepEqual(await socket.closed, { code: 4503, reason: 'replaced' });
      assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'replaced' }]);
    }
    await assertDead(oldest.access_token);
    for (const { access_token } of [second, third]) await assertAlive(access_token);
    await assertLives(secondSocket);
    const { refresh_token } = oldest;
    await a.request.post('/api/v2/auth/refresh').send({ refresh_token }).expect(401);
    assert.deepEqual(await rowsOf(oldest.user.id, 'session_evicted'), [
      {
        session_id: sessionOf(oldest.access_token),
        severity: 'info',
        details: { sessions_ended: 1 },
      },
    ]);
  });

  test('does not count the sessions of another role, and does not end them', async () => {
    const phoneNumber = newPhoneNumber();
    const rider = await signIn(a, { phoneNumber, role: 'rider' });
    clock.advance(1000);
    const drivers = [await driveAs(a, phoneNumber), await driveAs(b, phoneNumber)];
    for (const { access_token } of [rider, ...drivers]) await assertAlive(access_token);
    await driveAs(a, phoneNumber);
    await assertDead(drivers[0]?.access_token ?? '');
    await assertAlive(rider.access_token);
  });

  test('counts those by phone and those by password together', async () => {
    const account = await register(a);
    const phoneNumber = newPhoneNumber();
    await query('UPDATE users SET phone_number = $1 WHERE id = $2', [phoneNumber, account.userId]);
    const byPhone = await signIn(a, { phoneNumber, role: 'rider' });
    clock.advance(1000);
    const [one, other] = await logInOneByOne(b, account, CAP);
    await assertDead(byPhone.access_token);
    assert.ok(one && other);
    await assertAlive(one.access_token);
    await assertAlive(other.access_token);
  });

  test('counts no session of anybody else', async () => {
    const strangers = [await driveAs(a, newPhoneNumber()), await driveAs(a, newPhoneNumber())];
    const phoneNumber = newPhoneNumber();
    for (let count = 0; count <= CAP; count++) await driveAs(a, phoneNumber);
    for (const { access_token } of strangers) await assertAlive(access_token);
  });

  test('ends as many as are too many once it has been lowered', async () => {
    const roomy = await startApp({ clock, env: { ...common, MAX_SESSIONS_RIDER: '5' } });
    const account = await register(roomy);
    const before = await logInOneByOne(roomy, account, 5);
    const sockets = await Promise.all(
      before.map(({ access_token }) => connect(b.url, access_token)),
    );
    const newest = await logIn(a, account);
    for (const [index, { access_token }] of before.entries()) {
      const isKept = index === before.length - 1;
      await (isKept ? assertAlive(access_token) : assertDead(access_token));
      const [socket] = sockets.slice(index);
      if (!isKept) assert.equal((await socket?.closed)?.code, 4503);
    }
    await assertAlive(newest.access_token);
    const evicted = await rowsOf(account.userId, 'session_evicted');
    const count = evicted.reduce((sum, { details }) => sum + Number(details.sessions_ended), 0);
    assert.equal(count, 4);
  });

  test('does not count sessions that have expired or ended', async () => {
    const account = await register(a);
    await logInOneByOne(a, account, CAP);
    clock.advance(SESSION_LIFE_MS);
    const [old] = await logInOneByOne(a, account, 1);
    await a.request
      .post('/api/auth/logout')
      .set(bearer(old?.access_token ?? ''))
      .expect(200);
    await logInOneByOne(a, account, CAP);
    assert.deepEqual(await rowsOf(account.userId, 'session_evicted'), []);
  });

  test('leaves exactly as many as it allows of ten sign-ins at once, on two nodes', async () => {
    const account = await register(a);
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => tryLogIn(index % 2 === 0 ? a : b, account)),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      Array<number>(AT_ONCE).fill(200),
    );
    assert.equal((await liveSessions(account.userId)).length, CAP);
    await assertOnlyLiveWork(answers, account.userId);
    const evicted = await rowsOf(account.userId, 'session_evicted');
    assert.equal(evicted.length, AT_ONCE - CAP);
  });
});

async function assertOnlyLiveWork(answers: Response[], userId: number): Promise<void> {
  const live = await liveSessions(userId);
  for (const { body } of answers) {
    const { access_token } = body as Tokens;
    const isLive = live.includes(sessionOf(access_token));
    await (isLive ? assertAlive(access_token) : assertDead(access_token));
  }
}

describe('a cap that refuses', () => {
  test('answers 409, makes nothing, and puts it on record', async () => {
    const account = await register(strictA);
    const kept = await logInOneByOne(strictA, account, CAP);
    const state = 'SELECT last_login, roles FROM users WHERE id = $1';
    const before = await query(state, [account.userId]);
    const events = await eventsOf(account.userId);
    const answer = await tryLogIn(strictB, account, { deviceId: 'a-new-one' });
    assertProblem(answer, REACHED);
    assert.deepEqual(await query(state, [account.userId]), before);
    assert.equal((await liveSessions(account.userId)).length, CAP);
    const devices = 'SELECT 1 FROM known_devices WHERE user_id = $1';
    assert.equal((await query(devices, [account.userId])).length, 1);
    assert.deepEqual(await eventsOf(account.userId), [...events, 'session_limit_reached']);
    assert.deepEqual(await rowsOf(account.userId, 'session_limit_reached'), [
      { session_id: null, severity: 'warning', details: { role: 'rider' } },
    ]);
    for (const { access_token } of kept) await assertAlive(access_token);
  });

  test('makes room when a session ends', async () => {
    const account = await register(strictA);
    const [one] = await logInOneByOne(strictA, account, CAP);
    assertProblem(await tryLogIn(strictA, account), REACHED);
    await strictB.request
      .post('/auth/v2/logout')
      .set(bearer(one?.access_token ?? ''))
      .expect(200);
    await logIn(strictA, account);
    assertProblem(await tryLogIn(strictA, account), REACHED);
  });

  test('makes room when a session expires', async () => {
    const account = await register(strictA);
    await logInOneByOne(strictA, account, CAP);
    clock.advance(ACCESS_LIFE_MS);
    assertProblem(await tryLogIn(strictA, account), REACHED);
    clock.advance(SESSION_LIFE_MS);
    await logIn(strictA, account);
  });

  test('gives the one-time code back, which works once there is room', async () => {
    const phoneNumber = newPhoneNumber();
    const drivers = [await driveAs(strictA, phoneNumber), await driveAs(strictB, phoneNumber)];
    const otp = await sendCode(strictA, phoneNumber);
    const submission = { phone_number: phoneNumber, otp, role: 'driver' };
    for (const node of [strictA, strictB, strictA, strictB, strictA]) {
      assertProblem(await submitCode(node, submission), REACHED);
    }
    const [{ access_token, user } = assert.fail()] = drivers;
    assert.equal((await liveSessions(user.id)).length, CAP);
    await strictA.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200);
    await submitCode(strictB, submission).expect(200);
    assertProblem(await submitCode(strictB, submission), { status: 400, code: 'otp_not_found' });
  });

  test('lets a driver in as a rider with the same code', async () => {
    const phoneNumber = newPhoneNumber();
    await driveAs(strictA, phoneNumber);
    await driveAs(strictA, phoneNumber);
    const otp = await sendCode(strictA, phoneNumber);
    const submission = { phone_number: phoneNumber, otp };
    assertProblem(await submitCode(strictA, { ...submission, role: 'driver' }), REACHED);
    await submitCode(strictA, { ...submission, role: 'rider' }).expect(200);
  });

  test('lets exactly as many in as it allows of ten sign-ins at once, on two nodes', async () => {
    const account = await register(strictA);
    const phoneNumber = newPhoneNumber();
    await query('UPDATE users SET phone_number = $1 WHERE id = $2', [phoneNumber, account.userId]);
    const otp = await sendCode(strictA, phoneNumber);
    const answers = await Promise.all([
      submitCode(strictB, { phone_number: phoneNumber, otp, role: 'rider' }),
      ...Array.from({ length: AT_ONCE - 1 }, (_, index) =>
        tryLogIn(index % 2 === 0 ? strictA : strictB, account),
      ),
    ]);
    const refused = answers.filter(({ status }) => status === 409);
    assert.equal(answers.filter(({ status }) => status === 200).length, CAP);
    for (const answer of refused) assertProblem(answer, REACHED);
    assert.equal(refused.length, AT_ONCE - CAP);
    assert.equal((await liveSessions(account.userId)).length, CAP);
    assert.equal((await rowsOf(account.userId, 'session_limit_reached')).length, refused.length);
  });
});

test('the description of the service tells of the refusal wherever it may come', async () => {
  const answer = await a.request.get('/openapi.json').expect(200);
  const { paths } = answer.body as { paths: Record<string, { post: { responses: object } }> };
  for (const path of ['/api/v2/auth/verify-otp', '/api/auth/login', '/auth/v2/login']) {
    assert.ok('409' in (paths[path]?.post.responses ?? {}), `${path} has no 409`);
  }
});
