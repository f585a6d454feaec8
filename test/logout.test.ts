import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import { openRedis, startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { bearer, newPhoneNumber, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { TestClock } from './support/test-clock.ts';

const clock = new TestClock();
const app = await startApp({ clock });
const redis = openRedis();

const INVALID = { status: 401, code: 'invalid_token', detail: 'Invalid or expired token' };
const REVOKED = { status: 401, code: 'token_revoked', detail: 'Token has been revoked' };
const BAD_REFRESH = {
  status: 401,
  code: 'invalid_refresh_token',
  detail: 'Invalid or expired refresh token',
};

function jtiOf(token: string): string {
  return String(decodePart(token, 'payload').jti);
}

function sessionOf(token: string): string {
  return jtiOf(token).split('.')[0] ?? '';
}

function open(token: string, node: TestApp = app): Test {
  return node.request.get('/api/v2/test/protected').set(bearer(token));
}

function renew(refresh_token: string): Test {
  return app.request.post('/api/v2/auth/refresh').send({ refresh_token });
}

function logOut(token: string | null, body?: object): Test {
  const request = app.request.post('/api/v2/auth/logout').set(token === null ? {} : bearer(token));
  return body === undefined ? request : request.send(body);
}

/** A session whose access token has run out and whose refresh token is good. */
async function signInLongAgo(): Promise<Tokens> {
  const tokens = await signIn(app);
  clock.advance(901_000);
  return tokens;
}

async function eventsOf(userId: number): Promise<string[]> {
  const rows = await query<{ event_type: string }>(
    'SELECT event_type FROM audit_log WHERE user_id = $1 ORDER BY id',
    [userId],
  );
  return rows.map(({ event_type }) => event_type);
}

describe('a logout', () => {
  test('ends the session: both of its tokens are refused from then on', async () => {
    const tokens = await signIn(app);
    const earlier = (await renew(tokens.refresh_token)).body as { access_token: string };
    const answer = await logOut(tokens.access_token).expect(200);
    assert.deepEqual(answer.body, { message: 'Logged out' });
    assertProblem(await open(tokens.access_token), REVOKED);
    assertProblem(await open(earlier.access_token), REVOKED);
    assertProblem(await renew(tokens.refresh_token), BAD_REFRESH);
  });

  test('is known to another node at once', async () => {
    const other = await startApp({ clock });
    const tokens = await signIn(app);
    await open(tokens.access_token, other).expect(200);
    await logOut(tokens.access_token).expect(200);
    assertProblem(await open(tokens.access_token, other), REVOKED);
  });

  test('blacklists the jti and the session, and forgets the refresh token, in Redis', async () => {
    const { access_token, refresh_token } = await signIn(app);
    const refreshKey = `jwt:refresh:${jtiOf(refresh_token)}`;
    const refreshLife = await redis.pttl(refreshKey);
    assert.ok(refreshLife > 604_790_000 && refreshLife <= 604_800_000);
    clock.advance(100_000);
    await logOut(access_token).expect(200);
    assert.equal(await redis.exists(refreshKey), 0);
    const tokenKey = `jwt:blacklist:${jtiOf(access_token)}`;
    assert.ok((await redis.get(tokenKey)) !== null);
    const tokenLife = await redis.pttl(tokenKey);
    assert.ok(tokenLife > 790_000 && tokenLife <= 800_000, 'the remaining life of the token');
    const sessionKey = `jwt:blacklist:${sessionOf(access_token)}`;
    assert.equal(await redis.get(sessionKey), '*');
    const sessionLife = await redis.pttl(sessionKey);
    assert.ok(sessionLife > 890_000 && sessionLife <= 900_000, 'the life of an access token');
  });

  test('is kept in PostgreSQL with its reason', async () => {
    const { access_token, refresh_token, user } = await signIn(app);
    await logOut(access_token).expect(200);
    const id = sessionOf(access_token);
    const sessions = await query(
      'SELECT end_reason, ended_at IS NOT NULL AS has_ended FROM sessions WHERE id = $1',
      [id],
    );
    assert.deepEqual(sessions, [{ end_reason: 'logout', has_ended: true }]);
    const revocations = await query('SELECT user_id FROM revocations WHERE session_id = $1', [id]);
    assert.deepEqual(revocations, [{ user_id: user.id }]);
    assertProblem(await renew(refresh_token), BAD_REFRESH);
  });

  test('leaves the other sessions of the person alone', async () => {
    const phoneNumber = newPhoneNumber();
    const [one, other] = [await signIn(app, { phoneNumber }), await signIn(app, { phoneNumber })];
    await logOut(one.access_token).expect(200);
    await open(other.access_token).expect(200);
    await renew(other.refresh_token).expect(200);
  });

  test('works with both tokens of the session', async () => {
    const { access_token, refresh_token } = await signIn(app);
    await logOut(access_token, { refresh_token }).expect(200);
    assertProblem(await renew(refresh_token), BAD_REFRESH);
  });

  test('needs only the refresh token when the access token has expired', async () => {
    const { access_token, refresh_token } = await signInLongAgo();
    assertProblem(await logOut(access_token), INVALID);
    await logOut(access_token, { refresh_token }).expect(200);
    assertProblem(await renew(refresh_token), BAD_REFRESH);
    assertProblem(await logOut(access_token, { refresh_token }), BAD_REFRESH);
  });

  test('needs only the refresh token where no access token is sent', async () => {
    const { access_token, refresh_token } = await signIn(app);
    await logOut(null, { refresh_token }).expect(200);
    assertProblem(await open(access_token), REVOKED);
    assertProblem(await renew(refresh_token), BAD_REFRESH);
  });

  test('ignores a refresh token of another session, which lives on', async () => {
    const phoneNumber = newPhoneNumber();
    const [one, other] = [await signIn(app, { phoneNumber }), await signIn(app, { phoneNumber })];
    await logOut(one.access_token, { refresh_token: other.refresh_token }).expect(200);
    assertProblem(await open(one.access_token), REVOKED);
    await open(other.access_token).expect(200);
    await renew(other.refresh_token).expect(200);
  });

  test('ignores a refresh token that is no token beside a good access token', async () => {
    const { access_token } = await signIn(app);
    await logOut(access_token, { refresh_token: 'not-a-token' }).expect(200);
    assertProblem(await open(access_token), REVOKED);
  });

  test("is refused with nothing, with rubbish and with the tokens in each other's place", async () => {
    const { access_token, refresh_token } = await signIn(app);
    assertProblem(await logOut(null), INVALID);
    assertProblem(await logOut(null, {}), INVALID);
    assertProblem(await logOut('rubbish'), INVALID);
    assertProblem(await logOut(refresh_token), INVALID);
    assertProblem(await logOut(null, { refresh_token: access_token }), BAD_REFRESH);
    assertProblem(await logOut('rubbish', { refresh_token: 'rubbish' }), BAD_REFRESH);
    await open(access_token).expect(200);
  });

  test('is refused the second time, also with a refresh token beside it', async () => {
    const { access_token, refresh_token } = await signIn(app);
    await logOut(access_token).expect(200);
    assertProblem(await logOut(access_token), REVOKED);
    assertProblem(await logOut(access_token, { refresh_token }), REVOKED);
    assertProblem(await logOut(null, { refresh_token }), BAD_REFRESH);
  });

  test('ends one session for twenty logouts at once, with one line in the audit log', async () => {
    const { access_token, user } = await signIn(app);
    const answers = await Promise.all(Array.from({ length: 20 }, () => logOut(access_token)));
    const statuses = answers.map(({ status }) => status);
    assert.ok(statuses.includes(200));
    assert.ok(statuses.every((status) => status === 200 || status === 401));
    const events = await eventsOf(user.id);
    assert.equal(events.filter((event) => event === 'logout').length, 1);
  });

  test('that meets a refresh leaves no token alive', async () => {
    const { access_token, refresh_token } = await signIn(app);
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, () => renew(refresh_token)),
      logOut(access_token),
      ...Array.from({ length: 10 }, () => renew(refresh_token)),
    ]);
    for (const { status, body } of answers) {
      assert.ok([200, 401].includes(status));
      const { access_token: fresh } = body as { access_token?: string };
      if (fresh !== undefined) assertProblem(await open(fresh), REVOKED);
    }
  });
});

describe('a logout of all devices', () => {
  const logOutEverywhere = (token: string) =>
    app.request.post('/api/v2/auth/logout-all-devices').set(bearer(token));

  test('ends every session of the person, and of nobody else', async () => {
    const phoneNumber = newPhoneNumber();
    const stranger = await signIn(app);
    const sessions = [
      await signIn(app, { phoneNumber, role: 'driver' }),
      await signIn(app, { phoneNumber, role: 'rider' }),
      await signIn(app, { phoneNumber }),
    ];
    const [first] = sessions;
    assert.ok(first);
    const answer = await logOutEverywhere(first.access_token).expect(200);
    assert.deepEqual(Object.keys(answer.body as object), ['message']);
    for (const { access_token, refresh_token } of sessions) {
      assertProblem(await open(access_token), REVOKED);
      assertProblem(await renew(refresh_token), BAD_REFRESH);
      assert.equal(await redis.get(`jwt:blacklist:${sessionOf(access_token)}`), '*');
      assert.equal(await redis.exists(`jwt:refresh:${jtiOf(refresh_token)}`), 0);
    }
    await open(stranger.access_token).expect(200);
    assertProblem(await logOutEverywhere(first.access_token), REVOKED);
  });

  test('needs a good access token', async () => {
    const { refresh_token } = await signIn(app);
    assertProblem(await app.request.post('/api/v2/auth/logout-all-devices'), INVALID);
    assertProblem(await logOutEverywhere(refresh_token), INVALID);
  });
});

describe('the audit log', () => {
  test('has a line for each act', async () => {
    const phoneNumber = newPhoneNumber();
    const { access_token, user } = await signIn(app, { phoneNumber });
    await logOut(access_token).set('X-Request-Id', 'logout-request').expect(200);
    const second = await signIn(app, { phoneNumber, role: 'driver' });
    await app.request
      .post('/api/v2/auth/logout-all-devices')
      .set(bearer(second.access_token))
      .expect(200);
    const events = await eventsOf(user.id);
    const acts = events.filter((event) => event !== 'role_added');
    assert.deepEqual(acts, [
      'user_registered',
      'login_succeeded',
      'logout',
      'login_succeeded',
      'logout_all',
    ]);
    const rows = await query<object>(
      `SELECT session_id, severity, host(ip) AS ip, request_id FROM audit_log
       WHERE user_id = $1 AND event_type = 'logout'`,
      [user.id],
    );
    assert.deepEqual(rows, [
      {
        session_id: sessionOf(access_token),
        severity: 'info',
        ip: '127.0.0.1',
        request_id: 'logout-request',
      },
    ]);
  });

  test('can be added to, and never changed', async () => {
    await signIn(app);
    for (const sql of [
      "UPDATE audit_log SET event_type = 'nothing'",
      'DELETE FROM audit_log',
      'TRUNCATE audit_log',
    ]) {
      await assert.rejects(query(sql), /insert-only/);
    }
  });
});

test('records with a logout of all devices how many sessions it ended', async () => {
  const phoneNumber = newPhoneNumber();
  await signIn(app, { phoneNumber });
  const { access_token, user } = await signIn(app, { phoneNumber });
  await app.request.post('/api/v2/auth/logout-all-devices').set(bearer(access_token)).expect(200);
  const rows = await query(
    "SELECT details FROM audit_log WHERE user_id = $1 AND event_type = 'logout_all'",
    [user.id],
  );
  assert.deepEqual(rows, [{ details: { sessions_ended: 2 } }]);
});
