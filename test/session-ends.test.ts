import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import { PASSWORD, register, renew, logIn, type Account } from './support/accounts.ts';
import { openRedis, startApp } from './support/app.ts';
import { sessionOf } from './support/audit-scene.ts';
import { cookie, cookieLogIn, cookieMe } from './support/cookies.ts';
import { query } from './support/database.ts';
import { assertLives } from './support/live-sockets.ts';
import { form } from './support/oauth.ts';
import { bearer, newPhoneNumber, sendCode, signIn, type Tokens } from './support/phone.ts';
import { newResetToken, reset } from './support/recovery.ts';
import { FrozenClock } from './support/rotation.ts';
import { connect } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { Authenticator, beginSetUp, FEW_CODES } from './support/two-factor.ts';

const clock = new FrozenClock();
const env = { ...FEW_CODES, MAX_SESSIONS_RIDER: '4' };
const [a, b] = [await startApp({ clock, env }), await startApp({ clock, env })];
const redis = openRedis();
const admin = await signUpAs(a, 'admin');

const HOLDERS = ['first', 'second', 'phone'] as const;
type Holder = (typeof HOLDERS)[number];

/** One person's four sessions: two of an account, one of a phone, and one of a browser. */
interface Scene extends Record<Holder, Tokens> {
  account: Account & { userId: number };
  phoneNumber: string;
  browser: string;
}

interface Way {
  act: (scene: Scene) => PromiseLike<unknown>;
  /** Which of the sessions that hold sockets end, and whether that of the browser does. */
  ends: readonly Holder[];
  browser?: 'ends';
  code: number;
  reason: string;
  event: string;
}

/** Requests with a token, on the first node. */
function by(token: string) {
  return (method: 'post' | 'delete' | 'patch', path: string, body?: object): Test => {
    const request = a.request[method](path).set(bearer(token));
    return body === undefined ? request : request.send(body);
  };
}

const byAdmin = by(admin.access_token);

async function turnSecondFactorOn({ first }: Scene): Promise<void> {
  const { secret } = await beginSetUp(a, '/api/auth', first.access_token);
  const code = new Authenticator(secret, clock).next();
  await by(first.access_token)('post', '/api/auth/verify-2fa-setup', { code }).expect(200);
}

async function stealRefreshToken({ first }: Scene): Promise<void> {
  const next = (await renew(a, first.refresh_token).expect(200)).body as Tokens;
  await renew(a, next.refresh_token).expect(200);
  await renew(a, first.refresh_token).expect(401);
}

const LOGOUT = { code: 4500, reason: 'logout', event: 'logout' };
const REVOKED = { code: 4500, reason: 'session_revoked', event: 'session_revoked' };
const OTHERS = { code: 4500, reason: 'session_revoked', event: 'other_sessions_revoked' };
const ALL = { ends: [...HOLDERS], browser: 'ends' } as const;
const LOGOUT_ALL = { ...ALL, code: 4501, reason: 'logout_all', event: 'logout_all' };
const CHANGED = { code: 4501, reason: 'credentials_changed', browser: 'ends' } as const;
const BY_STAFF = { ...ALL, code: 4501, reason: 'admin', event: 'all_sessions_revoked' };
const DISABLED = { ...ALL, code: 4504, reason: 'account_disabled' };

/** Every way in which a session ends, from every surface that can cause it. */
const WAYS: Record<string, Way> = {
  'a logout of an account': {
    act: ({ first }) => by(first.access_token)('post', '/api/auth/logout').expect(200),
    ends: ['first'],
    ...LOGOUT,
  },
  'a logout by refresh token': {
    act: ({ first: { refresh_token } }) =>
      a.request.post('/auth/v2/logout').send({ refresh_token }).expect(200),
    ends: ['first'],
    ...LOGOUT,
  },
  'a logout of a phone': {
    act: ({ phone }) => by(phone.access_token)('post', '/api/v2/auth/logout').expect(200),
    ends: ['phone'],
    ...LOGOUT,
  },
  'a logout of a browser': {
    act: ({ browser }) => a.request.post('/api/v1/auth/logout').set(cookie(browser)).expect(204),
    ends: [],
    browser: 'ends',
    ...LOGOUT,
  },
  'a revocation by OAuth': {
    act: ({ first }) => form(a, 'revoke', { token: first.refresh_token }).expect(200),
    ends: ['first'],
    ...REVOKED,
  },
  'the end of a session by its user': {
    act: ({ first, phone }) =>
      by(first.access_token)('delete', `/api/auth/sessions/${sessionOf(phone)}`).expect(204),
    ends: ['phone'],
    ...REVOKED,
  },
  'the end of the others by their user': {
    act: ({ phone }) => by(phone.access_token)('delete', '/api/v2/auth/sessions').expect(204),
    ends: ['first', 'second'],
    browser: 'ends',
    ...OTHERS,
  },
  'a logout of all devices from an account': {
    act: ({ first }) => by(first.access_token)('post', '/api/auth/logout-all-devices').expect(200),
    ...LOGOUT_ALL,
  },
  'a logout of all devices from a phone': {
    act: ({ phone }) =>
      by(phone.access_token)('post', '/api/v2/auth/logout-all-devices').expect(200),
    ...LOGOUT_ALL,
  },
  'a change of the password': {
    act: ({ first }) =>
      by(first.access_token)('post', '/api/auth/change-password', {
        current_password: PASSWORD,
        new_password: 'Small Zebra 9 sleeps',
      }).expect(200),
    ends: ['second', 'phone'],
    event: 'other_sessions_revoked',
    ...CHANGED,
  },
  'a reset of the password': {
    act: async ({ account }) => reset(a, await newResetToken(a, account.email)).expect(200),
    ends: [...HOLDERS],
    event: 'all_sessions_revoked',
    ...CHANGED,
  },
  'turning the second factor on': {
    act: turnSecondFactorOn,
    ends: ['second', 'phone'],
    event: 'other_sessions_revoked',
    ...CHANGED,
  },
  'a used refresh token that comes back': {
    act: stealRefreshToken,
    ends: ['first'],
    code: 4502,
    reason: 'token_reuse',
    event: 'token_reuse_detected',
  },
  'a session more than there may be': {
    act: ({ account }) => logIn(a, account),
    ends: ['first'],
    code: 4503,
    reason: 'replaced',
    event: 'session_evicted',
  },
  'the end of a session by staff': {
    act: ({ second }) => byAdmin('delete', `/api/admin/sessions/${sessionOf(second)}`).expect(204),
    ends: ['second'],
    ...REVOKED,
  },
  'the end of all sessions by staff': {
    act: ({ account }) =>
      byAdmin('delete', `/api/admin/users/${account.userId}/sessions`).expect(204),
    ...BY_STAFF,
  },
  'a revocation of a user': {
    act: ({ account: { userId } }) =>
      byAdmin('post', '/api/admin/revocations', { user_id: userId, reason: 'x' }).expect(200),
    ...BY_STAFF,
  },
  'a revocation of a session': {
    act: ({ phone }) =>
      byAdmin('post', '/api/admin/revocations', {
        session_id: sessionOf(phone),
        reason: 'x',
      }).expect(200),
    ends: ['phone'],
    ...REVOKED,
  },
  deactivation: {
    act: ({ account }) =>
      byAdmin('patch', `/api/admin/users/${account.userId}`, { is_active: false }).expect(200),
    event: 'user_deactivated',
    ...DISABLED,
  },
  suspension: {
    act: ({ account }) =>
      byAdmin('patch', `/api/admin/users/${account.userId}`, {
        suspended_until: '2222-02-02T00:00:00Z',
      }).expect(200),
    event: 'user_suspended',
    ...DISABLED,
  },
  'deletion by staff': {
    act: ({ account }) => byAdmin('delete', `/api/admin/users/${account.userId}`).expect(204),
    event: 'account_deleted',
    ...DISABLED,
  },
  'deletion by the account': {
    act: ({ first }) =>
      by(first.access_token)('delete', '/api/auth/me', { password: PASSWORD }).expect(204),
    event: 'account_deleted',
    ...DISABLED,
  },
  'deletion by the phone': {
    act: async ({ phone, phoneNumber }) => {
      const otp = await sendCode(a, phoneNumber);
      return by(phone.access_token)('delete', '/api/v2/auth/me', { otp }).expect(204);
    },
    event: 'account_deleted',
    ...DISABLED,
  },
};

async function setScene(): Promise<Scene> {
  const account = await register(a);
  const phoneNumber = newPhoneNumber();
  await query('UPDATE users SET phone_number = $2 WHERE id = $1', [account.userId, phoneNumber]);
  const first = await logIn(a, account);
  // The oldest is the one that makes room.
  clock.advance(1000);
  const second = await logIn(a, account);
  const phone = await signIn(a, { phoneNumber });
  return { account, phoneNumber, first, second, phone, browser: await cookieLogIn(a, account) };
}

const me = (holder: Holder, { access_token }: Tokens) =>
  b.request
    .get(holder === 'phone' ? '/api/v2/test/protected' : '/api/auth/sessions')
    .set(bearer(access_token));

/** How the session of a token is known to be over, wherever one looks. */
async function assertOnRecord(tokens: Tokens, { reason }: Way): Promise<void> {
  const id = sessionOf(tokens);
  assert.equal(await redis.get(`jwt:blacklist:${id}`), '*');
  const rows = await query('SELECT reason FROM revocations WHERE session_id = $1', [id]);
  assert.deepEqual(rows, [{ reason }]);
}

describe('a session', () => {
  for (const [name, way] of Object.entries(WAYS)) {
    test(`ends by ${name}: on another node, with ${way.code} ${way.reason}, and no other does`, async () => {
      const [scene, stranger] = [await setScene(), await signIn(a)];
      const sockets = new Map(
        await Promise.all(
          HOLDERS.map(
            async (each) => [each, await connect(b.url, scene[each].access_token)] as const,
          ),
        ),
      );
      const strangers = await connect(b.url, stranger.access_token);
      await way.act(scene);
      for (const [holder, socket] of sockets) {
        if (!way.ends.includes(holder)) {
          await assertLives(socket);
          await me(holder, scene[holder]).expect(200);
          continue;
        }
        assert.deepEqual(await socket.closed, { code: way.code, reason: way.reason });
        assert.deepEqual(socket.frames, [{ type: 'revoked', reason: way.reason }]);
        await me(holder, scene[holder]).expect(401);
        await assertOnRecord(scene[holder], way);
      }
      const { status } = await cookieMe(b, scene.browser);
      assert.equal(status, way.browser === 'ends' ? 401 : 200);
      await assertLives(strangers);
      const events = await query('SELECT 1 FROM audit_log WHERE user_id = $1 AND event_type = $2', [
        scene.account.userId,
        way.event,
      ]);
      assert.equal(events.length, 1);
    });
  }
});
