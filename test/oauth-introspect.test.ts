import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { logIn, signUp, whoAmI } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { databaseUrl, query } from './support/database.ts';
import { assertOAuthError, form } from './support/oauth.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { FrozenClock, present, renew } from './support/rotation.ts';
import { basic, makeApiClient, signUpAs } from './support/staff.ts';
import { startProxy } from './support/tcp-proxy.ts';

const clock = new FrozenClock();
const { client, env } = makeApiClient('gateway', 'tokens:introspect');
const a = await startApp({ clock, env });
const b = await startApp({ clock, env });
const admin = await signUpAs(a, 'admin');

interface Introspection extends Record<string, unknown> {
  active: boolean;
}

async function introspect(
  token: string,
  headers: { authorization?: string } = client.header,
): Promise<Introspection> {
  const answer = await form(a, 'introspect', { token }).set(headers).expect(200);
  assert.equal(answer.get('cache-control'), 'no-store');
  return answer.body as Introspection;
}

async function assertInactive(...tokens: string[]): Promise<void> {
  for (const token of tokens) assert.deepEqual(await introspect(token), { active: false });
}

describe('a live token', () => {
  test('of an account is told with what it says', async () => {
    const person = await signUp(a);
    const me = (await whoAmI(a, person.access_token)).body as { id: number };
    const { iat, exp, jti, sid, iss, aud, ...rest } = await introspect(person.access_token);
    assert.deepEqual(rest, {
      active: true,
      scope: 'account',
      username: person.email,
      token_type: 'Bearer',
      sub: String(me.id),
      user_id: me.id,
      role: 'rider',
      roles: ['rider'],
    });
    assert.equal(Number(exp) - Number(iat), 900);
    assert.ok(String(jti).startsWith(`${String(sid)}.`));
    assert.ok(iss && aud);
    assert.deepEqual(
      await introspect(person.access_token, bearer(admin.access_token)),
      await introspect(person.access_token),
    );
  });

  test('of a phone is told as well', async () => {
    const phoneNumber = newPhoneNumber();
    const { access_token, refresh_token } = await signIn(a, { phoneNumber });
    for (const [token, token_type] of [
      [access_token, 'Bearer'],
      [refresh_token, 'refresh_token'],
    ] as const) {
      const told = await introspect(token);
      assert.deepEqual(
        [told.active, told.token_type, told.username, told.role],
        [true, token_type, phoneNumber, 'rider'],
      );
      assert.ok(!('iss' in told) && !('scope' in told));
    }
  });

  test('that refreshes is live until it is used', async () => {
    const { refresh_token } = await signUp(a);
    assert.equal((await introspect(refresh_token)).token_type, 'refresh_token');
    const next = await renew(a, refresh_token);
    await assertInactive(refresh_token);
    assert.equal((await introspect(next.refresh_token)).active, true);
    // To ask is not to use.
    await present(a, next.refresh_token).expect(200);
  });
});

describe('a token that is not live is told by nothing else', () => {
  test('when it is none', () => assertInactive('x', 'a.b.c', '\u0000', 'é'.repeat(1000)));

  test('when its session has ended, whatever this node has heard of it', async () => {
    const { access_token, refresh_token } = await signUp(a);
    await form(b, 'revoke', { token: access_token }).expect(200);
    await assertInactive(access_token, refresh_token);
    const other = await signUp(a);
    await query(
      "UPDATE sessions SET ended_at = last_seen_at, end_reason = 'logout' WHERE user_id = $1",
      [other.user.id],
    );
    await assertInactive(other.access_token, other.refresh_token);
  });

  test('when its owner is disabled', async () => {
    const { access_token, refresh_token, user } = await signUp(a);
    await query('UPDATE users SET is_active = false WHERE id = $1', [user.id]);
    await assertInactive(access_token, refresh_token);
  });

  test('when its roles have changed, and the refresh token lives on', async () => {
    const { access_token, refresh_token, user } = await signUp(a);
    const path = `/api/admin/users/${user.id}`;
    const change = a.request.patch(path).set(bearer(admin.access_token));
    await change.send({ roles: ['rider', 'driver'] }).expect(200);
    await assertInactive(access_token);
    assert.equal((await introspect(refresh_token)).active, true);
  });

  test('when that token alone was revoked', async () => {
    const { access_token } = await signUp(a);
    const { jti } = await introspect(access_token);
    const asked = a.request.post('/api/admin/revocations').set(bearer(admin.access_token));
    await asked.send({ jti, reason: 'leaked' }).expect(200);
    await assertInactive(access_token);
  });

  test('when it has expired', async () => {
    const { access_token, refresh_token } = await signUp(a);
    const phone = await signIn(a);
    clock.advance(15 * 60 * 1000);
    await assertInactive(access_token, phone.access_token);
    assert.equal((await introspect(refresh_token)).active, true);
    clock.advance(7 * 24 * 60 * 60 * 1000);
    await assertInactive(refresh_token, phone.refresh_token);
  });
});

describe('whoever may not ask', () => {
  test('is told so', async () => {
    const { access_token: token } = await signUp(a);
    const ask = (headers: Record<string, string>) => form(a, 'introspect', { token }).set(headers);
    const phone = await signIn(a);
    for (const headers of [{}, bearer('x'), bearer(phone.access_token)]) {
      assertOAuthError(await ask(headers), { status: 401, error: 'invalid_token' });
    }
    const wrong = await ask(basic('gateway', 'wrong'));
    assertOAuthError(wrong, { status: 401, error: 'invalid_client' });
    assert.match(wrong.get('www-authenticate') ?? '', /Basic realm/);
    for (const role of ['rider', 'viewer', 'editor'] as const) {
      const { access_token } = await signUpAs(a, role);
      assertOAuthError(await ask(bearer(access_token)), {
        status: 403,
        error: 'insufficient_scope',
      });
    }
    const revoked = await logIn(a, await signUpAs(a, 'admin'));
    await form(a, 'revoke', { token: revoked.access_token }).expect(200);
    const answer = await ask(bearer(revoked.access_token));
    assertOAuthError(answer, { status: 401, error: 'invalid_token' });
  });

  test('is an API client with other permissions, or staff without the second factor', async () => {
    const other = makeApiClient('reports', 'audit:read');
    const node = await startApp({ clock, env: { ...other.env, REQUIRE_STAFF_2FA: 'on' } });
    const denied = await form(node, 'introspect', { token: 'x' }).set(other.client.header);
    assertOAuthError(denied, { status: 403, error: 'insufficient_scope' });
    const { access_token } = await signUpAs(node, 'admin');
    const unsafe = await form(node, 'introspect', { token: 'x' }).set(bearer(access_token));
    assertOAuthError(unsafe, { status: 403, error: 'access_denied' });
  });

  test('sends the token once', async () => {
    for (const body of ['', 'token=', 'token=x&token=x']) {
      const answer = await form(a, 'introspect', body).set(client.header);
      assertOAuthError(answer, { status: 400, error: 'invalid_request' });
    }
  });
});

test('without PostgreSQL nobody can tell, and nothing is called live', async () => {
  const postgres = await startProxy(await databaseUrl());
  const node = await startApp({ clock, env: { ...env, DATABASE_URL: postgres.url } });
  const { access_token: token } = await signUp(node);
  postgres.cut();
  const answer = await form(node, 'introspect', { token }).set(client.header);
  postgres.restore();
  assertOAuthError(answer, { status: 503, error: 'temporarily_unavailable' });
});
