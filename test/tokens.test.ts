import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import jsonwebtoken from 'jsonwebtoken';
import type { Response, Test } from 'supertest';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart, encodePart, forge } from './support/jwt.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { TestClock } from './support/test-clock.ts';

const JTI = /^([\w-]{22})\.(\d+)\.([\w-]+)$/;
const INVALID = { status: 401, code: 'invalid_token', detail: 'Invalid or expired token' };
const BAD_REFRESH = {
  status: 401,
  code: 'invalid_refresh_token',
  detail: 'Invalid or expired refresh token',
};

const clock = new TestClock();
const app = await startApp({ clock });
const phoneNumber = newPhoneNumber();
const tokens = await signIn(app, { phoneNumber, role: 'driver' });
const { access_token: access, refresh_token: refresh } = tokens;
const [header = '', payload = '', signature = ''] = access.split('.');

function open(token: string, node: TestApp = app): Test {
  return node.request.get('/api/v2/test/protected').set(bearer(token));
}

function renew(refreshToken: string, node: TestApp = app): Test {
  return node.request.post('/api/v2/auth/refresh').send({ refresh_token: refreshToken });
}

function accessOf(response: Response): string {
  return (response.body as { access_token: string }).access_token;
}

describe('what a token says', () => {
  test('is exactly the locked claims of an access token', () => {
    const { jti, iat, exp, ...claims } = decodePart(access, 'payload');
    assert.deepEqual(claims, {
      user_id: tokens.user.id,
      phone_number: phoneNumber,
      role: 'driver',
    });
    assert.match(String(jti), JTI);
    assert.ok(Math.abs(Number(iat) - Date.now() / 1000) < 10);
    assert.equal(Number(exp) - Number(iat), 900);
  });

  test('is the same and token_type in a refresh token', () => {
    const claims = decodePart(refresh, 'payload');
    assert.deepEqual(Object.keys(claims).sort(), [
      'exp',
      'iat',
      'jti',
      'phone_number',
      'role',
      'token_type',
      'user_id',
    ]);
    assert.equal(claims.token_type, 'refresh');
    assert.equal(Number(claims.exp) - Number(claims.iat), 7 * 24 * 60 * 60);
  });

  test('names the algorithm, the key and the type in the header, and no more', () => {
    const { kid, ...rest } = decodePart(access, 'header');
    assert.deepEqual(rest, { alg: 'HS256', typ: 'at+jwt' });
    assert.match(String(kid), /^[\w-]{6,}$/);
    assert.deepEqual(decodePart(refresh, 'header'), { alg: 'HS256', kid, typ: 'rt+jwt' });
  });

  test('names the session and its generation in both jtis', async () => {
    const [, session, generation, nonce] =
      JTI.exec(String(decodePart(access, 'payload').jti)) ?? [];
    const other = JTI.exec(String(decodePart(refresh, 'payload').jti));
    assert.deepEqual([other?.[1], other?.[2]], [session, generation]);
    assert.notEqual(other?.[3], nonce);
    const rows = await query('SELECT user_id, generation FROM sessions WHERE id = $1', [session]);
    assert.deepEqual(rows, [{ user_id: tokens.user.id, generation: Number(generation) }]);
  });

  test('is what /test/protected answers', async () => {
    const answer = await open(access).expect(200);
    assert.deepEqual(answer.body, decodePart(access, 'payload'));
  });
});

describe('a refresh', () => {
  test('gives an access token with a new jti of the same session, and no refresh token', async () => {
    const answer = await renew(refresh).expect(200);
    const { access_token, ...rest } = answer.body as { access_token: string };
    assert.deepEqual(rest, { token_type: 'bearer', expires_in: 900 });
    assert.equal(answer.get('cache-control'), 'no-store');
    const [before, after] = [access, access_token].map((token) => decodePart(token, 'payload'));
    assert.notEqual(after?.jti, before?.jti);
    assert.equal(JTI.exec(String(after?.jti))?.[1], JTI.exec(String(before?.jti))?.[1]);
    assert.deepEqual(Object.keys(after ?? {}).sort(), Object.keys(before ?? {}).sort());
    await open(access_token).expect(200);
  });

  test('works many times with one refresh token, also at once, and ends no earlier token', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => renew(refresh)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    const jtis = answers.map((answer) => decodePart(accessOf(answer), 'payload').jti);
    assert.equal(new Set(jtis).size, 20);
    await open(access).expect(200);
  });

  test('is refused with an access token', async () => {
    assertProblem(await renew(access), BAD_REFRESH);
  });

  test('is refused with rubbish, a forged token and one whose type was changed', async () => {
    const claims = decodePart(refresh, 'payload');
    const forged = forge(decodePart(refresh, 'header'), claims, 'no such key');
    const [refreshHeader] = refresh.split('.');
    for (const token of ['x', '..', forged, `${refreshHeader}.${payload}.${signature}`]) {
      assertProblem(await renew(token), BAD_REFRESH);
    }
  });

  test('is refused to a disabled user', async () => {
    const other = await signIn(app);
    await query('UPDATE users SET is_active = false WHERE id = $1', [other.user.id]);
    assertProblem(await renew(other.refresh_token), BAD_REFRESH);
  });

  test('notes when the session was last seen', async () => {
    const other = await signIn(app);
    const seen = async () =>
      query('SELECT last_seen_at FROM sessions WHERE user_id = $1', [other.user.id]);
    const before = await seen();
    await renew(other.refresh_token).expect(200);
    assert.notDeepEqual(await seen(), before);
  });

  test('says the role of the session, whatever roles the person gains', async () => {
    const number = newPhoneNumber();
    const rider = await signIn(app, { phoneNumber: number });
    await signIn(app, { phoneNumber: number, role: 'driver' });
    const answer = await renew(rider.refresh_token).expect(200);
    assert.equal(decodePart(accessOf(answer), 'payload').role, 'rider');
  });
});

describe('an access token is refused', () => {
  const claims = decodePart(access, 'payload');
  const { alg, kid, typ } = decodePart(access, 'header');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const forgeries: Record<string, string> = {
    'that is a refresh token': refresh,
    'that is not a JWT': 'not-a-token',
    'of two parts': `${header}.${payload}`,
    'of four parts': `${access}.${signature}`,
    'without a signature': `${header}.${payload}.`,
    'whose alg is none': `${encodePart({ alg: 'none', kid, typ })}.${payload}.`,
    'whose alg is nOnE': `${encodePart({ alg: 'nOnE', kid, typ })}.${payload}.${signature}`,
    'signed with another key': forge({ alg, kid, typ }, claims, 'another key'),
    'signed with an empty key': forge({ alg, kid, typ }, claims, ''),
    'signed with the key id': forge({ alg, kid, typ }, claims, String(kid)),
    'of a type that is not ours': `${encodePart({ alg, kid, typ: 'JWT' })}.${payload}.${signature}`,
    'whose header names no key': `${encodePart({ alg, typ })}.${payload}.${signature}`,
    'whose header has one more field': `${encodePart({ alg, kid, typ, x: 1 })}.${payload}.${signature}`,
    'whose header brings a key along': forge(
      { alg, kid, typ, jwk: { kty: 'oct', k: 'eA' } },
      claims,
      'x',
    ),
    'whose header is in another order': `${encodePart({ typ, kid, alg })}.${payload}.${signature}`,
    'whose header asks for a critical extension': forge(
      { alg, kid, typ, crit: ['b64'] },
      claims,
      'x',
    ),
    'with the signature of another token': `${header}.${payload}.${refresh.split('.')[2] ?? ''}`,
    'with the payload of another token': `${header}.${refresh.split('.')[1] ?? ''}.${signature}`,
    'whose role was changed': `${header}.${encodePart({ ...claims, role: 'admin' })}.${signature}`,
    'whose user was changed': `${header}.${encodePart({ ...claims, user_id: tokens.user.id + 1 })}.${signature}`,
    'signed with RS256': jsonwebtoken.sign(claims, rsa.privateKey, {
      algorithm: 'RS256',
      header: { alg: 'RS256', kid: String(kid), typ: 'at+jwt' },
    }),
    'signed by HMAC with a public key': forge(
      { alg, kid, typ },
      claims,
      rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    ),
    'that is huge': `${header}.${'A'.repeat(7000)}.${signature}`,
  };
  for (const [name, token] of Object.entries(forgeries)) {
    test(name, async () => {
      assertProblem(await open(token), INVALID);
    });
  }

  test('by every route that needs one, and the answer names the scheme', async () => {
    for (const path of ['/auth/me', '/auth/sessions', '/test/driver-only', '/test/admin-only']) {
      const answer = await app.request.get(`/api/v2${path}`);
      assertProblem(answer, INVALID);
      assert.match(answer.get('www-authenticate') ?? '', /^Bearer /);
    }
  });

  test('that is in the query string, in the body or in a cookie', async () => {
    const inUrl = await app.request.get('/api/v2/test/protected').query({ access_token: access });
    assertProblem(inUrl, INVALID);
    const asToken = await app.request.get('/api/v2/test/protected').query({ token: access });
    assertProblem(asToken, INVALID);
    const cookie = `access_token=${access}; session_id=${access}`;
    assertProblem(await app.request.get('/api/v2/test/protected').set('Cookie', cookie), INVALID);
  });

  for (const value of [
    '',
    'Bearer',
    'Basic YTpi',
    `Token ${access}`,
    access,
    `Bearer ${access} x`,
  ]) {
    test(`in the header "Authorization: ${value.slice(0, 12)}…" of ${value.length} characters`, async () => {
      const answer = await app.request.get('/api/v2/test/protected').set('Authorization', value);
      assertProblem(answer, INVALID);
    });
  }

  test('whose signature has other bits in its last character, or is padded', async () => {
    const last = signature.slice(-1);
    for (const end of ['A', 'B', 'g', '_'].filter((character) => character !== last)) {
      assert.equal((await open(access.slice(0, -1) + end)).status, 401);
    }
  });
});

test('takes the scheme in any case', async () => {
  const answer = app.request.get('/api/v2/test/protected');
  await answer.set('Authorization', `bEARER ${access}`).expect(200);
});

describe('time', () => {
  test('ends an access token after 15 minutes and a refresh token after 7 days', async () => {
    const ownClock = new TestClock();
    const node = await startApp({ clock: ownClock });
    const { access_token, refresh_token } = await signIn(node);
    ownClock.advance(898_000);
    await open(access_token, node).expect(200);
    ownClock.advance(2_500);
    assertProblem(await open(access_token, node), INVALID);
    const fresh = accessOf(await renew(refresh_token, node).expect(200));
    await open(fresh, node).expect(200);
    ownClock.advance(7 * 24 * 3600_000 - 905_000 - 60_000);
    const late = await renew(refresh_token, node).expect(200);
    const { iat, exp } = decodePart(accessOf(late), 'payload') as { iat: number; exp: number };
    assert.equal(exp, decodePart(refresh_token, 'payload').exp);
    assert.equal((late.body as { expires_in: number }).expires_in, exp - iat);
    assert.ok(exp - iat > 55 && exp - iat < 70);
    ownClock.advance(70_000);
    assertProblem(await open(accessOf(late), node), INVALID);
    assertProblem(await renew(refresh_token, node), BAD_REFRESH);
  });
});

describe('a change of keys', () => {
  test('goes on taking what the previous key signed, and signs with the new one', async () => {
    const [old, current, unknown] = [1, 2, 3].map(() => randomBytes(32).toString('base64'));
    const nodeOf = (env: Record<string, string | undefined>) =>
      startApp({ env: env as Record<string, string> });
    const before = await nodeOf({ JWT_SECRET_KEY: old });
    const after = await nodeOf({ JWT_SECRET_KEY: current, JWT_SECRET_KEY_PREVIOUS: old });
    const later = await nodeOf({ JWT_SECRET_KEY: unknown, JWT_SECRET_KEY_PREVIOUS: current });
    const held = await signIn(before);
    await open(held.access_token, after).expect(200);
    const fresh = accessOf(await renew(held.refresh_token, after).expect(200));
    const kidOf = (token: string) => decodePart(token, 'header').kid;
    assert.notEqual(kidOf(fresh), kidOf(held.access_token));
    await open(fresh, later).expect(200);
    assertProblem(await open(held.access_token, later), INVALID);
    assertProblem(await renew(held.refresh_token, later), BAD_REFRESH);
    assertProblem(await open(fresh, before), INVALID);
  });
});
