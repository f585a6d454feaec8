import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  eventsOf,
  failLogins,
  logIn,
  newAccount,
  register,
  signUp,
  tryLogIn,
  whoAmI,
  WRONG_PASSWORD,
} from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { connect } from './support/socket.ts';
import {
  assertOAuthError,
  form,
  grant,
  INVALID_GRANT,
  INVALID_REQUEST,
  passwordGrant,
  refreshGrant,
} from './support/oauth.ts';
import {
  accessClaims,
  assertFamilyLives,
  assertFamilyStolen,
  assertRefused,
  assertRevoked,
  present,
  refreshClaims,
  refreshTokensIn,
  renew,
} from './support/rotation.ts';

const a = await startApp();
const b = await startApp();
const person = await register(a);
const good = { grant_type: 'password', username: person.email, password: person.password };
const UNSUPPORTED = { status: 400, error: 'unsupported_grant_type' };

describe('the password grant', () => {
  test('gives what RFC 6749 §5.1 promises, and may not be kept by a cache', async () => {
    const answer = await passwordGrant(a, person).expect(200);
    const { access_token, refresh_token, ...rest } = answer.body as Record<string, string>;
    assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 900, scope: 'account' });
    assert.equal(answer.get('cache-control'), 'no-store');
    assert.equal(answer.get('pragma'), 'no-cache');
    assert.ok(answer.get('ratelimit-limit'));
    assert.equal((await whoAmI(b, access_token ?? '')).status, 200);
    assert.equal(accessClaims(access_token ?? '').sid, refreshClaims(refresh_token ?? '').sid);
    assert.deepEqual(accessClaims(access_token ?? '').amr, ['pwd']);
    (await connect(b.url, access_token ?? '')).ws.terminate();
  });

  test('is a sign-in like any other: on record, and counted with them', async () => {
    const other = await register(a);
    await grant(a, other);
    const events = await eventsOf(other.userId);
    assert.equal(events.at(-1), 'login_succeeded');
    const wrong = { ...other, password: WRONG_PASSWORD };
    const told = assertOAuthError(await passwordGrant(a, wrong), INVALID_GRANT);
    assert.equal(told, 'Invalid email or password');
    assert.deepEqual(await failLogins(b, other.email, { times: 4 }), [401, 401, 401, 401]);
    assertOAuthError(await passwordGrant(a, other), { status: 429, error: 'slow_down' });
    assert.equal((await tryLogIn(a, other)).status, 429);
  });

  test('tells nothing of who has an account', async () => {
    const unknown = await passwordGrant(a, newAccount());
    const wrong = await passwordGrant(a, { ...(await register(a)), password: WRONG_PASSWORD });
    assertOAuthError(unknown, INVALID_GRANT);
    assert.deepEqual(unknown.body, wrong.body);
  });

  test('refuses who is disabled', async () => {
    const other = await register(a);
    await query('UPDATE users SET is_active = false WHERE id = $1', [other.userId]);
    assertOAuthError(await passwordGrant(a, other), INVALID_GRANT);
  });

  test('does not mind who the client says it is, nor what scope it asks for', async () => {
    for (const more of [
      { client_id: 'app' },
      { client_id: 'app', client_secret: 'none' },
      { scope: 'openid profile' },
      { unknown: 'field', __proto__x: '1' },
    ]) {
      const answer = await passwordGrant(a, person, more).expect(200);
      assert.equal((answer.body as { scope: string }).scope, 'account');
    }
    for (const authorization of ['Basic YXBwOg==', 'Bearer rubbish']) {
      await passwordGrant(a, person).set({ authorization }).expect(200);
    }
  });

  test('is not there with OAUTH_PASSWORD_GRANT=off, and refreshing is', async () => {
    const off = await startApp({ env: { OAUTH_PASSWORD_GRANT: 'off' } });
    assertOAuthError(await passwordGrant(off, person), UNSUPPORTED);
    const { refresh_token } = await logIn(off, person);
    await refreshGrant(off, refresh_token).expect(200);
    const answer = await off.request.get('/.well-known/oauth-authorization-server').expect(200);
    const { grant_types_supported } = answer.body as { grant_types_supported: string[] };
    assert.deepEqual(grant_types_supported, ['refresh_token']);
  });
});

describe('the refresh grant', () => {
  test('goes on with a session of the other surface, and the other way round', async () => {
    const { refresh_token } = await signUp(a);
    const here = (await refreshGrant(b, refresh_token).expect(200)).body as typeof person &
      Record<'refresh_token', string>;
    const there = await renew(a, here.refresh_token);
    const again = (await refreshGrant(a, there.refresh_token).expect(200)).body as typeof there;
    assert.equal(refreshClaims(again.refresh_token).sid, refreshClaims(refresh_token).sid);
    await assertFamilyLives(refresh_token);
  });

  test('gives the same successor where the reply was lost, on either surface', async () => {
    const { refresh_token } = await grant(a, person);
    const first = (await refreshGrant(a, refresh_token).expect(200)).body as typeof person &
      Record<'refresh_token', string>;
    const repeated = await renew(b, refresh_token);
    assert.equal(repeated.refresh_token, first.refresh_token);
    await assertFamilyLives(refresh_token);
  });

  test('takes a used token of another device for stolen, and ends all of the family', async () => {
    const pair = await grant(a, person);
    const socket = await connect(b.url, pair.access_token);
    const next = await renew(a, pair.refresh_token);
    const theft = refreshGrant(a, pair.refresh_token).set('user-agent', 'Thief/1.0');
    assertOAuthError(await theft, INVALID_GRANT);
    assert.deepEqual(await socket.closed, { code: 4502, reason: 'token_reuse' });
    await assertRevoked(b, next.access_token);
    await assertRefused(b, next.refresh_token);
    await assertFamilyStolen(pair.refresh_token);
  });

  test('fifty at once, on two nodes and both surfaces, give one successor', async () => {
    const { refresh_token } = await grant(a, person);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        index % 3 === 0
          ? present(index % 2 ? a : b, refresh_token)
          : refreshGrant(index % 2 ? a : b, refresh_token),
      ),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(new Set(refreshTokensIn(answers)).size, 1);
    await assertFamilyLives(refresh_token);
  });

  test('refuses what is no refresh token', async () => {
    const { access_token } = await grant(a, person);
    for (const token of ['x', access_token, 'a.b.c', '\u0000']) {
      assertOAuthError(await refreshGrant(a, token), INVALID_GRANT);
    }
  });
});

describe('a form', () => {
  const encoded = new URLSearchParams(good).toString();
  const victim = newAccount().email;

  test('that lacks a parameter, or has none of its value, is refused by name', async () => {
    for (const [fields, name] of [
      ['', 'grant_type'],
      ['grant_type=', 'grant_type'],
      ['grant_type=password', 'username'],
      ['grant_type=password&username=ada%40example.com', 'password'],
      ['grant_type=password&username=ada%40example.com&password=', 'password'],
      ['grant_type=refresh_token', 'refresh_token'],
    ] as const) {
      const told = assertOAuthError(await form(a, 'token', fields), INVALID_REQUEST);
      assert.match(told, new RegExp(`^${name}: `));
    }
  });

  test('of another grant is unsupported', async () => {
    for (const type of ['authorization_code', 'client_credentials', 'PASSWORD', '__proto__']) {
      assertOAuthError(await form(a, 'token', { ...good, grant_type: type }), UNSUPPORTED);
    }
  });

  test('with a parameter twice is refused, known or not', async () => {
    for (const more of ['grant_type=password', 'password=x', 'password=', 'x=1&x=1', '%78=1&x=2']) {
      const told = assertOAuthError(await form(a, 'token', `${encoded}&${more}`), INVALID_REQUEST);
      assert.match(told, /: is sent twice$/);
    }
  });

  test('that is not encoded well is refused', async () => {
    for (const more of ['x=%', 'x=%zz', 'x=%ff', '%C0%80=1', 'x=%ED%A0%80']) {
      assertOAuthError(await form(a, 'token', `${encoded}&${more}`), INVALID_REQUEST);
    }
    await form(a, 'token', `&&${encoded}&&x&=&`).expect(200);
  });

  test('may hold any character without a fault of ours', async () => {
    for (const name of Object.keys({
      ...good,
      totp_code: '',
      backup_code: '',
      refresh_token: '',
    })) {
      for (const text of ['\u0000', 'a\u0000b@example.com', '\u001b[31m', "';--", '𝟙"\\']) {
        const { status } = await form(a, 'token', { ...good, username: victim, [name]: text });
        assert.ok(status < 500, `${name} ${JSON.stringify(text)} gives ${status}`);
      }
    }
  });

  test('of more than 16 KiB is refused', async () => {
    const large = `${encoded}&x=${'x'.repeat(16 * 1024)}`;
    for (const path of ['token', 'revoke'] as const) {
      const tooLarge = { status: 413, error: 'invalid_request' };
      assertOAuthError(await form(a, path, large), tooLarge);
    }
  });

  test('that is JSON, or of another media type, is refused', async () => {
    for (const type of [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded; charset=utf-16',
    ]) {
      for (const path of ['token', 'revoke']) {
        const answer = await a.request
          .post(`/auth/${path}`)
          .set('content-type', type)
          .send(JSON.stringify(good));
        const told = assertOAuthError(answer, { status: 415, error: 'invalid_request' });
        assert.match(told, /x-www-form-urlencoded/);
      }
    }
  });

  test('is not looked for in the address', async () => {
    const answer = await a.request.post(`/auth/token?${encoded}`);
    assertOAuthError(answer, INVALID_REQUEST);
  });
});

describe('the surface', () => {
  test('has its own errors for other methods and foreign origins, and /auth/v2 beside it', async () => {
    for (const path of ['token', 'revoke', 'introspect']) {
      const answer = await a.request.get(`/auth/${path}`);
      assertOAuthError(answer, { status: 405, error: 'invalid_request' });
      assert.equal(answer.get('allow'), 'POST');
      const foreign = a.request.post(`/auth/${path}`).set('origin', 'https://evil.example');
      assertOAuthError(await foreign, { status: 403, error: 'access_denied' });
    }
    await tryLogIn(a, await register(a), { mount: '/auth/v2' }).expect(200);
    const problem = await a.request.post('/auth/v2/login').send({});
    assert.match(problem.get('content-type') ?? '', /^application\/problem\+json/);
  });

  test('limits passwords as logins are, and refreshes by themselves', async () => {
    const few = await startApp({ store: 'memory', env: { RATE_LIMIT_LOGIN: '2/600' } });
    const other = await register(few);
    for (const status of [200, 200]) await passwordGrant(few, other).expect(status);
    const refused = await passwordGrant(few, other);
    assertOAuthError(refused, { status: 429, error: 'slow_down' });
    assert.equal(refused.get('ratelimit-remaining'), '0');
    assertOAuthError(await refreshGrant(few, 'x'), INVALID_GRANT);
    const none = await startApp({ store: 'memory', env: { RATE_LIMIT_REFRESH: '1/600' } });
    assertOAuthError(await refreshGrant(none, 'x'), INVALID_GRANT);
    for (const path of ['token', 'revoke'] as const) {
      assertOAuthError(await form(none, path, {}), { status: 429, error: 'slow_down' });
    }
  });
});
