import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, signUp, whoAmI } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { databaseUrl } from './support/database.ts';
import { forge } from './support/jwt.ts';
import { assertLives } from './support/live-sockets.ts';
import { assertOAuthError, form } from './support/oauth.ts';
import { signIn } from './support/phone.ts';
import {
  assertFamilyLives,
  assertRefused,
  assertRevoked,
  familyOf,
  FrozenClock,
  renew,
} from './support/rotation.ts';
import { connect } from './support/socket.ts';
import { startProxy } from './support/tcp-proxy.ts';

const a = await startApp();
const b = await startApp();
const ENDED = { code: 4500, reason: 'session_revoked' };

async function revoke(token: string, more: Record<string, string> = {}, node = a): Promise<void> {
  const answer = await form(node, 'revoke', { token, ...more }).expect(200);
  assert.equal(answer.text, '');
  assert.equal(answer.get('cache-control'), 'no-store');
}

const endsOf = async (userId: number) =>
  (await eventsOf(userId)).filter((event) => event === 'session_revoked').length;

describe('revoking', () => {
  for (const type of ['access_token', 'refresh_token'] as const) {
    test(`the ${type} ends the session and its socket on another node`, async () => {
      const tokens = await signUp(a);
      const socket = await connect(b.url, tokens.access_token);
      const hint = type === 'access_token' ? 'refresh_token' : 'nonsense';
      await revoke(tokens[type], { token_type_hint: hint });
      assert.deepEqual(await socket.closed, ENDED);
      assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'session_revoked' }]);
      for (const node of [a, b]) {
        await assertRevoked(node, tokens.access_token);
        await assertRefused(node, tokens.refresh_token);
      }
      assert.equal((await familyOf(tokens.refresh_token)).endReason, 'session_revoked');
      await revoke(tokens[type]);
      assert.equal(await endsOf(tokens.user.id), 1);
    });
  }

  test('a used refresh token ends its session, and can do no more', async () => {
    const { access_token, refresh_token } = await signUp(a);
    await renew(a, refresh_token);
    await revoke(refresh_token);
    await assertRevoked(b, access_token);
    assert.equal((await familyOf(refresh_token)).endReason, 'session_revoked');
  });

  test('one session leaves the others', async () => {
    const mine = await signUp(a);
    const other = await signUp(a);
    const socket = await connect(b.url, other.access_token);
    await revoke(mine.refresh_token);
    await assertLives(socket);
    await assertFamilyLives(other.refresh_token);
  });

  test('twenty times at once ends it once, and every answer is the same', async () => {
    const { access_token, refresh_token, user } = await signUp(a);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        revoke(index % 3 ? refresh_token : access_token, {}, index % 2 ? a : b),
      ),
    );
    assert.equal(await endsOf(user.id), 1);
  });

  test('what is no token of an account changes nothing, and tells nothing', async () => {
    const phone = await signIn(a);
    const forged = forge({ alg: 'HS256' }, { user_id: 1 }, 'x'.repeat(43));
    for (const token of ['x', 'a.b.c', forged, phone.access_token, phone.refresh_token, '\u0000']) {
      await revoke(token);
    }
    await a.request
      .get('/api/v2/auth/me')
      .set({ authorization: `Bearer ${phone.access_token}` })
      .expect(200);
  });

  test('an expired access token changes nothing', async () => {
    const clock = new FrozenClock();
    const node = await startApp({ clock });
    const { access_token, refresh_token } = await signUp(node);
    clock.advance(15 * 60 * 1000);
    await revoke(access_token, {}, node);
    await assertFamilyLives(refresh_token);
  });

  test('reads the token from the body alone', async () => {
    const { access_token } = await signUp(a);
    const request = a.request.post(`/auth/revoke?token=${access_token}`);
    const answer = await request.set({ authorization: `Bearer ${access_token}` });
    assertOAuthError(answer, { status: 400, error: 'invalid_request' });
    await whoAmI(a, access_token).expect(200);
    const twice = await form(a, 'revoke', `token=${access_token}&token=x`);
    assertOAuthError(twice, { status: 400, error: 'invalid_request' });
  });

  test('is 503 without PostgreSQL, and works when asked again', async () => {
    const postgres = await startProxy(await databaseUrl());
    const node = await startApp({ env: { DATABASE_URL: postgres.url } });
    const { access_token, refresh_token } = await signUp(node);
    postgres.cut();
    const answer = await form(node, 'revoke', { token: refresh_token });
    assertOAuthError(answer, { status: 503, error: 'temporarily_unavailable' });
    postgres.restore();
    await revoke(refresh_token, {}, b);
    await assertRevoked(b, access_token);
  });
});
