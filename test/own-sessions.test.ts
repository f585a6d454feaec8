import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';
import { TestClock } from './support/test-clock.ts';

const clock = new TestClock();
const app = await startApp({ clock });

const REVOKED = { status: 401, code: 'token_revoked', detail: 'Token has been revoked' };
const NOT_FOUND = { status: 404, code: 'not_found' };

interface Page {
  sessions: Record<string, unknown>[];
  next_cursor: string | null;
}

function get(path: string, token: string): Test {
  return app.request.get(`/api/v2${path}`).set(bearer(token));
}

async function list(token: string, parameters: Record<string, string> = {}): Promise<Page> {
  const answer = await get('/auth/sessions', token).query(parameters).expect(200);
  return answer.body as Page;
}

function endSession(id: string, token: string): Test {
  return app.request.delete(`/api/v2/auth/sessions/${id}`).set(bearer(token));
}

function sessionOf(token: string): string {
  return String(decodePart(token, 'payload').jti).split('.')[0] ?? '';
}

/** Tokens of so many sessions of one person, in the order of their sign-in. */
async function signInTimes(times: number): Promise<string[]> {
  const phoneNumber = newPhoneNumber();
  const roomy = await startApp({ clock, env: { OTP_LIMIT_PER_NUMBER: '100/3600' } });
  const tokens: string[] = [];
  for (let count = 0; count < times; count++) {
    tokens.push((await signIn(roomy, { phoneNumber, role: 'rider' })).access_token);
    clock.advance(1000);
  }
  return tokens;
}

describe('the list of sessions', () => {
  test('says what each session is, the newest first, and which is the current one', async () => {
    const phoneNumber = newPhoneNumber();
    const old = await signIn(app, { phoneNumber, role: 'driver', device_name: 'Old phone' });
    clock.advance(1000);
    const current = await signIn(app, { phoneNumber, role: 'rider' });
    const { sessions, next_cursor } = await list(current.access_token);
    assert.equal(next_cursor, null);
    const times = ['created_at', 'last_seen_at', 'expires_at', 'user_agent'];
    const rest = sessions.map((session) =>
      Object.fromEntries(Object.entries(session).filter(([name]) => !times.includes(name))),
    );
    const common = { kind: 'phone', ip: '127.0.0.1' };
    assert.deepEqual(rest, [
      {
        ...common,
        id: sessionOf(current.access_token),
        role: 'rider',
        device_name: null,
        is_current: true,
      },
      {
        ...common,
        id: sessionOf(old.access_token),
        role: 'driver',
        device_name: 'Old phone',
        is_current: false,
      },
    ]);
    const [first] = sessions;
    const [created, expires] = [first?.created_at, first?.expires_at].map((at) => String(at));
    assert.match(created ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const life = Date.parse(expires ?? '') - Date.parse(created ?? '');
    assert.ok(Math.abs(life - 7 * 24 * 3600_000) < 1000);
  });

  test('gives its pages one after the other, without a gap or a repeat', async () => {
    const tokens = await signInTimes(7);
    const [newest = ''] = tokens.slice(-1);
    const seen: unknown[] = [];
    let cursor: string | null = null;
    const sizes: number[] = [];
    do {
      const page: Page = await list(newest, { limit: '3', ...(cursor && { cursor }) });
      seen.push(...page.sessions.map(({ id }) => id));
      sizes.push(page.sessions.length);
      cursor = page.next_cursor;
    } while (cursor !== null);
    assert.deepEqual(sizes, [3, 3, 1]);
    assert.deepEqual(seen, tokens.map(sessionOf).reverse());
    assert.equal((await list(newest, { limit: '7' })).next_cursor, null);
  });

  test('gives sessions of one moment all the same', async () => {
    const tokens = await signInTimes(4);
    const [token = ''] = tokens.slice(-1);
    const { user_id } = decodePart(token, 'payload');
    const sql = "UPDATE sessions SET created_at = date_trunc('second', now()) WHERE user_id = $1";
    await query(sql, [user_id]);
    const first = await list(token, { limit: '2' });
    const second = await list(token, { limit: '2', cursor: first.next_cursor ?? '' });
    const ids = [...first.sessions, ...second.sessions].map(({ id }) => id);
    assert.equal(new Set(ids).size, 4);
  });

  test('names no session that has ended or expired, and none of other people', async () => {
    const [one = '', other = '', third = ''] = await signInTimes(3);
    await signIn(app);
    await app.request.post('/api/v2/auth/logout').set(bearer(one)).expect(200);
    const past =
      "UPDATE sessions SET created_at = now() - interval '8 days', expires_at = now() - interval '1 day' WHERE id = $1";
    await query(past, [sessionOf(other)]);
    const { sessions } = await list(third);
    assert.deepEqual(
      sessions.map(({ id }) => id),
      [sessionOf(third)],
    );
  });

  test('refuses a limit, a cursor and parameters that make no sense', async () => {
    const { access_token } = await signIn(app);
    const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const bad: Record<string, string | string[]>[] = [
      { limit: '201' },
      { limit: '0' },
      { limit: '-1' },
      { limit: '1.5' },
      { limit: 'ten' },
      { limit: ['5', '6'] },
      { cursor: 'rubbish' },
      { cursor: cursorOf(['2026-01-01T00:00:00.000Z']) },
      { cursor: cursorOf(['yesterday', 'x']) },
      { cursor: cursorOf(['2026-01-01T00:00:00.000Z', "'; DROP TABLE users"]) },
      { cursor: cursorOf({ createdAt: 1 }) },
      { cursor: 'A'.repeat(300) },
      { unknown: '1' },
    ];
    for (const parameters of bad) {
      const answer = await get('/auth/sessions', access_token).query(parameters);
      const { errors } = assertProblem(answer, { status: 400, code: 'invalid_request' });
      assert.deepEqual(
        errors?.map(({ path }) => path),
        Object.keys(parameters),
      );
    }
    for (const time of [
      '0000-01-01T00:00:00Z',
      '9999-12-31T23:59:59.999Z',
      '2016-12-31T23:59:60Z',
    ]) {
      const cursor = cursorOf([time, 'x']);
      const { status } = await get('/auth/sessions', access_token).query({ cursor });
      assert.ok([200, 400].includes(status), `${time} gives ${status}`);
    }
    assert.equal((await list(access_token, { limit: '200' })).sessions.length, 1);
  });
});

describe('ending one session', () => {
  test('ends it and its sockets, and no other', async () => {
    const [old = '', current = ''] = await signInTimes(2);
    const socket = await connect(app.url, old);
    const answer = await endSession(sessionOf(old), current).expect(204);
    assert.equal(answer.text, '');
    assert.deepEqual(await socket.closed, { code: 4500, reason: 'session_revoked' });
    assertProblem(await get('/test/protected', old), REVOKED);
    await get('/test/protected', current).expect(200);
    assertProblem(await endSession(sessionOf(old), current), NOT_FOUND);
  });

  test('may end the current one', async () => {
    const { access_token, user } = await signIn(app);
    await endSession(sessionOf(access_token), access_token).expect(204);
    assertProblem(await get('/auth/me', access_token), REVOKED);
    const rows = await query(
      "SELECT session_id FROM audit_log WHERE user_id = $1 AND event_type = 'session_revoked'",
      [user.id],
    );
    assert.deepEqual(rows, [{ session_id: sessionOf(access_token) }]);
  });

  test("answers 404 for another user's session, which lives on", async () => {
    const [one, stranger] = [await signIn(app), await signIn(app)];
    const id = sessionOf(stranger.access_token);
    assertProblem(await endSession(id, one.access_token), NOT_FOUND);
    await get('/auth/me', stranger.access_token).expect(200);
  });

  for (const id of ['x', 'A'.repeat(22), 'A'.repeat(500), '%00', "';--", '..%2F..%2Fme', '*']) {
    test(`answers 404 for the id ${id.slice(0, 30)}`, async () => {
      const { access_token } = await signIn(app);
      assertProblem(await endSession(id, access_token), NOT_FOUND);
      await get('/auth/me', access_token).expect(200);
    });
  }

  test('needs a token', async () => {
    const answer = await app.request.delete(`/api/v2/auth/sessions/${'A'.repeat(22)}`);
    assertProblem(answer, { status: 401, code: 'invalid_token' });
  });
});

describe('what a token opens', () => {
  test('is the profile at /auth/me', async () => {
    const phoneNumber = newPhoneNumber();
    const { access_token, user } = await signIn(app, { phoneNumber, role: 'driver' });
    const answer = await get('/auth/me', access_token).expect(200);
    assert.deepEqual(answer.body, user);
    assert.equal(answer.get('cache-control'), 'no-store');
  });

  test('depends on the role of the session', async () => {
    const phoneNumber = newPhoneNumber();
    const driver = await signIn(app, { phoneNumber, role: 'driver' });
    const rider = await signIn(app, { phoneNumber, role: 'rider' });
    await query("UPDATE users SET roles = roles || '{admin}' WHERE phone_number = $1", [
      phoneNumber,
    ]);
    const admin = await signIn(app, { phoneNumber });
    const statuses = async (path: string) =>
      Promise.all(
        [driver, rider, admin].map(async (one) => (await get(path, one.access_token)).status),
      );
    assert.deepEqual(await statuses('/test/protected'), [200, 200, 200]);
    assert.deepEqual(await statuses('/test/driver-only'), [200, 403, 403]);
    assert.deepEqual(await statuses('/test/admin-only'), [403, 403, 200]);
    const refused = await get('/test/admin-only', rider.access_token);
    const detail = 'Insufficient permissions';
    assertProblem(refused, { status: 403, code: 'insufficient_permissions', detail });
  });
});
