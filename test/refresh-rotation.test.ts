import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { logIn, MOUNTS, PASSWORD, register, signUp } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart, encodePart, forge } from './support/jwt.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import {
  accessClaims,
  assertFamilyLives,
  assertFamilyStolen,
  assertRefused,
  DAY_MS,
  FrozenClock,
  LEEWAY_MS,
  me,
  present,
  refreshClaims,
  renew,
  renewTimes,
  REVOKED,
  SECOND_MS,
  theftsOf,
} from './support/rotation.ts';

const CHAIN = 20;
const EXPIRED = { status: 401, code: 'invalid_token', detail: 'Invalid or expired token' };
const OWNER = { deviceId: 'owner' };
const THIEF = { deviceId: 'thief' };

const clock = new FrozenClock();
const app = await startApp({ clock });
const strict = await startApp({ clock, env: { REFRESH_REUSE_LEEWAY_SECONDS: '0' } });

interface ListedSession {
  is_current: boolean;
  expires_at: string;
  last_seen_at: string;
}

async function currentSession(accessToken: string, mount: string): Promise<ListedSession> {
  const answer = await app.request.get(`${mount}/sessions`).set(bearer(accessToken)).expect(200);
  const { sessions } = answer.body as { sessions: ListedSession[] };
  const current = sessions.find(({ is_current }) => is_current);
  assert.ok(current);
  return current;
}

/** Uses a new session every six days, until it has four of its thirty days left. */
async function age(token: string, mount: string): Promise<string> {
  let last = token;
  for (let day = 6; day <= 24; day += 6) {
    clock.advance(6 * DAY_MS);
    last = (await renew(app, last, { mount })).refresh_token;
  }
  clock.advance(2 * DAY_MS);
  return last;
}

for (const mount of MOUNTS) {
  describe(`rotation at ${mount}`, () => {
    test('gives a new pair each time, whose claims tell the same session', async () => {
      const account = await signUp(app, { mount });
      const first = refreshClaims(account.refresh_token);
      const login = accessClaims(account.access_token);
      clock.advance(90 * SECOND_MS);
      const answer = await present(app, account.refresh_token, { mount }).expect(200);
      const pair = answer.body as Awaited<ReturnType<typeof renew>>;
      assert.deepEqual(Object.keys(pair).sort(), [
        'access_token',
        'expires_in',
        'refresh_token',
        'token_type',
      ]);
      assert.equal(answer.get('cache-control'), 'no-store');
      assert.deepEqual([pair.token_type, pair.expires_in], ['bearer', 900]);
      const { jti, iat, exp, ...same } = refreshClaims(pair.refresh_token);
      assert.deepEqual({ ...first, jti, iat, exp }, { ...same, jti, iat, exp });
      assert.notEqual(jti, first.jti);
      assert.deepEqual([iat, exp], [first.iat + 90, first.exp + 90]);
      const access = accessClaims(pair.access_token);
      const renewed = { jti: access.jti, iat: login.iat + 90, exp: login.exp + 90 };
      assert.deepEqual(access, { ...login, ...renewed });
      assert.notEqual(access.jti, login.jti);
      assert.equal(access.auth_time, login.iat);
      for (const token of [account.access_token, pair.access_token]) {
        await me(app, token, mount).expect(200);
      }
    });

    test('goes on for twenty refreshes, over either mount, without a repeated jti', async () => {
      const { refresh_token } = await signUp(app, { mount });
      const half = await renewTimes(app, refresh_token, { times: CHAIN / 2, mount: MOUNTS[0] });
      const rest = await renewTimes(app, half.at(-1) ?? '', { times: CHAIN / 2, mount: MOUNTS[1] });
      const chain = [...half, ...rest.slice(1)];
      assert.equal(new Set(chain.map((token) => refreshClaims(token).jti)).size, CHAIN + 1);
      assert.equal(new Set(chain.map((token) => refreshClaims(token).sid)).size, 1);
      await assertFamilyLives(refresh_token);
    });

    test('takes each used token but the last of a chain of twenty for theft', async () => {
      const account = await register(app);
      for (let index = 0; index < CHAIN - 1; index += 1) {
        const { refresh_token } = await logIn(app, account, { mount });
        const chain = await renewTimes(app, refresh_token, { times: CHAIN, mount });
        await assertRefused(app, chain[index] ?? '', { mount });
        await assertFamilyStolen(refresh_token);
        await assertRefused(app, chain.at(-1) ?? '', { mount });
      }
    });

    test('moves the end of the session and when it was last seen', async () => {
      const { access_token, refresh_token } = await signUp(app, { mount });
      const before = await currentSession(access_token, mount);
      clock.advance(LEEWAY_MS);
      const pair = await renew(app, refresh_token, { mount });
      const after = await currentSession(pair.access_token, mount);
      assert.equal(Date.parse(after.last_seen_at), clock.now());
      assert.equal(Date.parse(after.last_seen_at) - Date.parse(before.last_seen_at), LEEWAY_MS);
      assert.equal(Date.parse(after.expires_at), clock.now() + 7 * DAY_MS);
      assert.equal(Date.parse(after.expires_at), refreshClaims(pair.refresh_token).exp * 1000);
      assert.equal(Date.parse(before.expires_at), refreshClaims(refresh_token).exp * 1000);
    });

    test('ends a session that was idle for seven days, and not a second earlier', async () => {
      const { refresh_token } = await signUp(app, { mount });
      clock.advance(7 * DAY_MS - SECOND_MS);
      const pair = await renew(app, refresh_token, { mount });
      clock.advance(7 * DAY_MS);
      await assertRefused(app, pair.refresh_token, { mount });
      assert.deepEqual(await theftsOf(refresh_token), []);
    });

    test('ends every session thirty days after its sign-in, and no token lives longer', async () => {
      const { refresh_token } = await signUp(app, { mount });
      const end = refreshClaims(refresh_token).iat + 30 * 24 * 60 * 60;
      const aged = await renew(app, await age(refresh_token, mount), { mount });
      assert.equal(refreshClaims(aged.refresh_token).exp, end);
      assert.equal(aged.expires_in, 900);
      clock.advance(4 * DAY_MS - 300 * SECOND_MS);
      const late = await renew(app, aged.refresh_token, { mount });
      assert.equal(late.expires_in, 300);
      assert.equal(accessClaims(late.access_token).exp, end);
      assert.equal(refreshClaims(late.refresh_token).exp, end);
      clock.advance(299 * SECOND_MS);
      const last = await renew(app, late.refresh_token, { mount });
      assert.equal(last.expires_in, 1);
      await me(app, last.access_token, mount).expect(200);
      clock.advance(SECOND_MS);
      await assertRefused(app, last.refresh_token, { mount });
      for (const { access_token } of [late, last]) {
        assertProblem(await me(app, access_token, mount), EXPIRED);
      }
    });

    test('gives the device whose answer was lost the same successor, as often as it asks', async () => {
      const { refresh_token } = await signUp(app, { mount });
      const lost = await renew(app, refresh_token, { ...OWNER, mount });
      const accessTokens = new Set([lost.access_token]);
      for (let retry = 1; retry <= 5; retry += 1) {
        clock.advance(10 * SECOND_MS);
        const again = await renew(app, refresh_token, { ...OWNER, mount });
        assert.equal(again.refresh_token, lost.refresh_token);
        assert.equal(again.expires_in, 900);
        accessTokens.add(again.access_token);
        await me(app, again.access_token, mount).expect(200);
      }
      assert.equal(accessTokens.size, 6);
      await assertFamilyLives(refresh_token);
      await renew(app, lost.refresh_token, { ...OWNER, mount });
      await assertFamilyLives(refresh_token);
    });
  });
}

describe('an answer that was lost', () => {
  test('is repeated until the leeway is over, to the millisecond', async () => {
    const { refresh_token } = await signUp(app);
    const lost = await renew(app, refresh_token, OWNER);
    clock.advance(LEEWAY_MS);
    const again = await renew(app, refresh_token, OWNER);
    assert.equal(again.refresh_token, lost.refresh_token);
    clock.advance(1);
    await assertRefused(app, refresh_token, OWNER);
    await assertFamilyStolen(refresh_token);
    for (const { access_token } of [lost, again]) {
      assertProblem(await me(app, access_token), REVOKED);
    }
  });

  test('is repeated to a device that sends its id, whatever its user agent is by now', async () => {
    const { refresh_token } = await signUp(app);
    const lost = await renew(app, refresh_token, { ...OWNER, userAgent: 'App/1.0' });
    const again = await renew(app, refresh_token, { ...OWNER, userAgent: 'App/1.1' });
    assert.equal(again.refresh_token, lost.refresh_token);
  });

  test('is repeated to the same user agent where no device id is sent', async () => {
    const { refresh_token } = await signUp(app);
    const lost = await renew(app, refresh_token, { userAgent: 'App/1.0' });
    const again = await renew(app, refresh_token, { userAgent: 'App/1.0' });
    assert.equal(again.refresh_token, lost.refresh_token);
  });

  const strangers = {
    'another device': [OWNER, THIEF],
    'another device with the same user agent': [OWNER, { userAgent: 'Owner/1.0' }],
    'the same user agent with an id now': [{ userAgent: 'Owner/1.0' }, THIEF],
    'another user agent': [{ userAgent: 'App/1.0' }, { userAgent: 'App/1.1' }],
  } as const;
  for (const [name, [owner, stranger]] of Object.entries(strangers)) {
    test(`is theft when ${name} asks for it`, async () => {
      const { refresh_token } = await signUp(app);
      const { refresh_token: successor } = await renew(app, refresh_token, owner);
      await assertRefused(app, refresh_token, stranger);
      await assertFamilyStolen(refresh_token);
      await assertRefused(app, successor, owner);
    });
  }

  test('is theft from the same device once the successor was used', async () => {
    const { refresh_token } = await signUp(app);
    const chain = await renewTimes(app, refresh_token, { times: 2, ...OWNER });
    await assertRefused(app, refresh_token, OWNER);
    await assertFamilyStolen(refresh_token);
    await assertRefused(app, chain.at(-1) ?? '', OWNER);
  });

  test('is not repeated where there is no leeway', async () => {
    const { refresh_token } = await signUp(strict);
    await renew(strict, refresh_token, OWNER);
    clock.advance(1);
    await assertRefused(strict, refresh_token, OWNER);
    await assertFamilyStolen(refresh_token);
  });
});

describe('a refresh token that is none', () => {
  test('is refused when it was cut, altered, made by others or of another kind', async () => {
    const { access_token, refresh_token } = await signUp(app);
    const [header = '', payload = '', signature = ''] = refresh_token.split('.');
    const claims = decodePart(refresh_token, 'payload');
    const foreign = await startApp({ clock, env: { JWT_SECRET_KEY: 'x'.repeat(43) + '=' } });
    const others = [
      (await signUp(foreign)).refresh_token,
      (await signIn(app)).refresh_token,
      access_token,
      refresh_token.slice(0, -1),
      refresh_token.slice(1),
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}.${encodePart({ ...claims, exp: 4_000_000_000 })}.${signature}`,
      `${encodePart({ alg: 'none', typ: 'rt+jwt' })}.${payload}.`,
      forge(decodePart(refresh_token, 'header'), claims, 'guessed'),
      'a.b.c',
      '..',
      '.',
      'null',
      '💥',
      'x'.repeat(4096),
    ];
    for (const token of others) await assertRefused(app, token);
    await assertFamilyLives(refresh_token);
    await renew(app, refresh_token);
  });

  test('is an invalid request where it is no text of a length that a token can have', async () => {
    for (const refresh_token of ['', 'x'.repeat(4097), null, 7, ['a'], {}]) {
      const request = app.request.post('/api/auth/refresh').send({ refresh_token });
      assertProblem(await request, { status: 400, code: 'invalid_request' });
    }
    const request = app.request.post('/api/auth/refresh').send({});
    assertProblem(await request, { status: 400, code: 'invalid_request' });
  });

  test('is refused, and no theft, when its session has ended', async () => {
    const { access_token, refresh_token } = await signUp(app);
    const { refresh_token: successor } = await renew(app, refresh_token);
    await app.request.post('/api/auth/logout').set(bearer(access_token)).expect(200);
    for (const token of [refresh_token, successor]) await assertRefused(app, token, THIEF);
    assert.deepEqual(await theftsOf(refresh_token), []);
  });

  test('is refused when its user was deleted, or disabled until that is undone', async () => {
    const [gone, disabled] = [await signUp(app), await signUp(app)];
    const erase = app.request.delete('/api/auth/me').set(bearer(gone.access_token));
    await erase.send({ password: PASSWORD }).expect(204);
    await assertRefused(app, gone.refresh_token);
    const setActive = (isActive: boolean) =>
      query('UPDATE users SET is_active = $2 WHERE id = $1', [disabled.user.id, isActive]);
    const { refresh_token: successor } = await renew(app, disabled.refresh_token, OWNER);
    await setActive(false);
    await assertRefused(app, disabled.refresh_token, THIEF);
    await assertRefused(app, successor, OWNER);
    await setActive(true);
    await assertFamilyLives(successor);
    await renew(app, successor, OWNER);
  });
});
