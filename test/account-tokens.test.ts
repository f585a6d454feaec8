import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import jsonwebtoken from 'jsonwebtoken';
import type { Test } from 'supertest';
import {
  accessOf,
  BAD_REFRESH,
  INVALID_TOKEN,
  logIn,
  MOUNTS,
  register,
  renew,
  REVOKED,
  signUp,
  whoAmI,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart, encodePart, forge } from './support/jwt.ts';
import { assertLives } from './support/live-sockets.ts';
import { bearer, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { describedRoutes } from './support/routes.ts';
import { connect, refused } from './support/socket.ts';
import { TestClock } from './support/test-clock.ts';

const app = await startApp();
const account = await signUp(app);
const phone = await signIn(app);
const routes = await describedRoutes(app);

function renewPhone(refresh_token: string): Test {
  return app.request.post('/api/v2/auth/refresh').send({ refresh_token });
}

/** A token signed with the very key of account tokens, so that only what it says is wrong. */
function signAs(type: 'access' | 'refresh', changes: object, typ?: string): string {
  const token = type === 'access' ? account.access_token : account.refresh_token;
  const { signing } = app.context.accountKeys;
  const header = decodePart(token, 'header') as { alg: 'HS256'; typ: string; kid: string };
  const claims = { ...decodePart(token, 'payload'), ...changes };
  return jsonwebtoken.sign(JSON.stringify(claims), signing.key, {
    algorithm: 'HS256',
    header: { alg: header.alg, kid: header.kid, typ: typ ?? header.typ },
  });
}

/** Claims of an access token that are each wrong by themselves. */
const WRONG_CLAIMS: Record<string, object> = {
  'another issuer': { iss: 'https://elsewhere.example' },
  'another audience': { aud: 'another' },
  'an audience among others': { aud: ['medallion', 'another'] },
  'another type': { token_type: 'refresh' },
  'no type': { token_type: undefined },
  'no session': { sid: undefined },
  'no expiry': { exp: undefined },
  'an expiry that is over': { exp: 1_000_000_000 },
  'a role that there is not': { role: 'owner' },
  'a user that is no number': { user_id: '1' },
  'one claim more': { scope: 'everything' },
};

const OAUTH_INVALID_TOKEN = [
  401,
  { error: 'invalid_token', error_description: 'Invalid or expired token' },
];

describe('a token of the one kind on the routes of the other', () => {
  for (const { method, path, kind, isOAuth } of routes.filter(({ needsToken }) => needsToken)) {
    test(`is none: ${method} ${path}`, async () => {
      const foreign = kind === 'phone' ? account : phone;
      for (const token of [foreign.access_token, foreign.refresh_token]) {
        const answer = await app.request[method](path).set(bearer(token));
        if (isOAuth) assert.deepEqual([answer.status, answer.body], OAUTH_INVALID_TOKEN);
        else assertProblem(answer, INVALID_TOKEN);
      }
    });
  }

  for (const path of ['logout', 'logout-all-devices']) {
    test(`ends nothing: ${path}`, async () => {
      const at = (place: string, { access_token }: Tokens) =>
        app.request.post(`${place}/${path}`).set(bearer(access_token));
      for (const mount of MOUNTS) assertProblem(await at(mount, phone), INVALID_TOKEN);
      assertProblem(await at('/api/v2/auth', account), INVALID_TOKEN);
    });
  }

  test('has harmed nobody', async () => {
    await whoAmI(app, account.access_token).expect(200);
    await app.request.get('/api/v2/auth/me').set(bearer(phone.access_token)).expect(200);
  });
});

for (const mount of MOUNTS) {
  describe(`the tokens of ${mount}`, () => {
    test('are the same at both mounts', async () => {
      const { access_token, refresh_token } = await signUp(app, { mount });
      for (const each of MOUNTS) await whoAmI(app, access_token, each).expect(200);
      for (const each of MOUNTS.toReversed()) {
        const session = await signUp(app, { mount });
        await renew(app, session.refresh_token, each).expect(200);
      }
      await renew(app, refresh_token, mount).expect(200);
    });

    test('are refused in the place of each other', async () => {
      const { access_token, refresh_token } = await signUp(app);
      assertProblem(await whoAmI(app, refresh_token, mount), INVALID_TOKEN);
      assertProblem(await renew(app, access_token, mount), BAD_REFRESH);
      await renew(app, refresh_token, mount).expect(200);
    });

    test('refresh no session of the other kind', async () => {
      const [own, other] = [await signUp(app), await signIn(app)];
      assertProblem(await renew(app, other.refresh_token, mount), BAD_REFRESH);
      assertProblem(await renewPhone(own.refresh_token), BAD_REFRESH);
      await renew(app, own.refresh_token, mount).expect(200);
      await renewPhone(other.refresh_token).expect(200);
    });

    test('log no session of the other kind out', async () => {
      const [own, other] = [await signUp(app), await signIn(app)];
      const logOut = (path: string, refresh_token: string) =>
        app.request.post(`${path}/logout`).send({ refresh_token });
      assertProblem(await logOut(mount, other.refresh_token), BAD_REFRESH);
      assertProblem(await logOut('/api/v2/auth', own.refresh_token), BAD_REFRESH);
      await whoAmI(app, own.access_token, mount).expect(200);
      await renewPhone(other.refresh_token).expect(200);
      assert.deepEqual((await logOut(mount, own.refresh_token).expect(200)).body, {
        message: 'Logged out',
      });
      assertProblem(await whoAmI(app, own.access_token, mount), REVOKED);
    });

    test('end with the logout, and all of them with the logout of all devices', async () => {
      const person = await register(app);
      const sessions = [
        await logIn(app, person),
        await logIn(app, person),
        await logIn(app, person),
      ];
      const [first, ...rest] = sessions.map(({ access_token }) => access_token);
      const post = (path: string, token = '') =>
        app.request.post(`${mount}/${path}`).set(bearer(token));
      await post('logout', first).expect(200);
      assertProblem(await whoAmI(app, first ?? '', mount), REVOKED);
      for (const token of rest) await whoAmI(app, token, mount).expect(200);
      await post('logout-all-devices', rest[0]).expect(200);
      for (const token of rest) assertProblem(await whoAmI(app, token, mount), REVOKED);
      for (const { refresh_token } of sessions) {
        assertProblem(await renew(app, refresh_token, mount), BAD_REFRESH);
      }
    });

    for (const [what, changes] of Object.entries(WRONG_CLAIMS)) {
      test(`are refused with ${what}`, async () => {
        const token = signAs('access', changes);
        assertProblem(await whoAmI(app, token, mount), INVALID_TOKEN);
        const { status } = await refused(app.url, { headers: bearer(token) });
        assert.equal(status, 401);
      });
    }

    test('are refused with a header that is not ours', async () => {
      const [, payload = '', signature = ''] = account.access_token.split('.');
      const { alg, kid, typ } = decodePart(account.access_token, 'header');
      const claims = decodePart(account.access_token, 'payload');
      for (const token of [
        signAs('access', {}, 'JWT'),
        signAs('access', {}, 'rt+jwt'),
        `${encodePart({ alg: 'none', kid, typ })}.${payload}.`,
        `${encodePart({ alg: 'none', kid, typ })}.${payload}.${signature}`,
        forge({ alg, kid, typ }, claims, 'another key'),
        forge({ alg, kid: 'another', typ }, claims, 'another key'),
        jsonwebtoken.sign(claims, app.context.phoneKeys.signing.key, {
          header: { alg: 'HS256', kid: String(kid), typ: String(typ) },
        }),
      ]) {
        assertProblem(await whoAmI(app, token, mount), INVALID_TOKEN);
      }
    });

    test('refresh nothing with claims or a type that are not theirs', async () => {
      for (const [changes, typ] of [
        [{ iss: 'https://elsewhere.example' }],
        [{ aud: 'another' }],
        [{ token_type: 'access' }],
        [{ exp: 1_000_000_000 }],
        [{ phone_number: '+14155550100' }],
        [{}, 'at+jwt'],
        [{}, 'JWT'],
      ] as [object, string?][]) {
        assertProblem(await renew(app, signAs('refresh', changes, typ), mount), BAD_REFRESH);
      }
    });
  });
}

test('what the tests sign is good where nothing is changed', async () => {
  await whoAmI(app, signAs('access', {})).expect(200);
});

describe('a socket', () => {
  test('opens with an access token of either kind', async () => {
    for (const [kind, { access_token, user }] of Object.entries({ account, phone })) {
      const socket = await connect(app.url, access_token);
      assert.deepEqual([socket.ready.user_id, socket.ready.role], [user.id, 'rider'], kind);
      await assertLives(socket);
    }
  });

  test('opens with no refresh token of either kind', async () => {
    for (const { refresh_token } of [account, phone]) {
      const { status, body } = await refused(app.url, { headers: bearer(refresh_token) });
      assert.deepEqual([status, body.code], [401, 'invalid_token']);
    }
  });

  test('ends with the session of an account token, on another node too', async () => {
    const other = await startApp();
    const { access_token } = await signUp(app);
    const sockets = [await connect(app.url, access_token), await connect(other.url, access_token)];
    await app.request.post('/api/auth/logout').set(bearer(access_token)).expect(200);
    for (const socket of sockets) {
      assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
    }
    assertProblem(await whoAmI(other, access_token), REVOKED);
  });
});

describe('time', () => {
  const startLater = async (): Promise<{ node: TestApp; clock: TestClock }> => {
    const clock = new TestClock();
    return { node: await startApp({ clock }), clock };
  };

  test('ends an access token after 15 minutes, and a refresh token after 7 days', async () => {
    const { node, clock } = await startLater();
    const { access_token, refresh_token } = await signUp(node);
    clock.advance(840_000);
    await whoAmI(node, access_token).expect(200);
    clock.advance(61_000);
    assertProblem(await whoAmI(node, access_token), INVALID_TOKEN);
    clock.advance(7 * 24 * 3600_000 - 901_000);
    assertProblem(await renew(node, refresh_token), BAD_REFRESH);
  });

  test('keeps a session that is used alive beyond seven days, and none beyond thirty', async () => {
    const { node, clock } = await startLater();
    const signedIn = await signUp(node);
    const first = decodePart(signedIn.access_token, 'payload');
    let refreshToken = signedIn.refresh_token;
    for (let day = 6; day < 30; day += 6) {
      clock.advance(6 * 24 * 3600_000);
      const renewed = await renew(node, refreshToken).expect(200);
      refreshToken = (renewed.body as Tokens).refresh_token;
      const claims = decodePart(accessOf(renewed), 'payload');
      assert.deepEqual([claims.auth_time, claims.sid], [first.auth_time, first.sid]);
    }
    const { exp } = decodePart(refreshToken, 'payload');
    assert.equal(exp, Number(first.auth_time) + 30 * 24 * 3600);
    clock.advance(6 * 24 * 3600_000 + 60_000);
    assertProblem(await renew(node, refreshToken), BAD_REFRESH);
  });
});

test('a refresh is refused to a disabled user', async () => {
  const { refresh_token, user } = await signUp(app);
  await query('UPDATE users SET is_active = false WHERE id = $1', [user.id]);
  assertProblem(await renew(app, refresh_token), BAD_REFRESH);
});
