import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { explainClose } from '../client/src/close-codes.ts';
import { CLOSE_CODES } from '../server/realtime/close-codes.ts';
import { logIn, type Account } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { enterByPassword, keptIn, openClient, untilOpen } from './support/client.ts';
import { assertClosed, OpenSocket, setStage, type Case } from './support/closes.ts';
import { eventually } from './support/eventually.ts';
import { decodePart } from './support/jwt.ts';
import { bearer } from './support/phone.ts';
import { present } from './support/rotation.ts';
import { makeApiClient } from './support/staff.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { TestClock } from './support/test-clock.ts';

const ACCESS_LIFE_MS = 15 * 60_000;
const HEARTBEAT_MS = 25_000;

const staff = makeApiClient('back-office', 'sessions:write', 'users:write', 'roles:write');
const clock = new TestClock();
const app = await startApp({ clock, env: { ...staff.env, REQUIRE_STAFF_2FA: 'off' } });
const strict = await startApp({
  clock,
  env: { ...staff.env, RATE_LIMIT_SOCKET_MESSAGES: '5/60', MAX_SESSIONS_RIDER: '1' },
});

/** Does not answer pings, as when the app's process is stopped. */
class MuteSocket extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols, { autoPong: false });
  }
}

const asStaff = (path: string, body: object) =>
  app.request.post(`/api/admin${path}`).set(staff.client.header).send(body).expect(200);

const change = (userId: number, body: object) =>
  app.request.patch(`/api/admin/users/${userId}`).set(staff.client.header).send(body).expect(200);

async function fromAnotherDevice(account: Account, path: string, body = {}): Promise<void> {
  const { access_token } = await logIn(app, account);
  await app.request.post(`/api/auth${path}`).set(bearer(access_token)).send(body).expect(200);
}

const jtiOf = (token: string) => String(decodePart(token, 'payload').jti);

const TERMINAL: (Case & { isStrict?: boolean })[] = [
  {
    name: 'a logout by somebody who has the token',
    cause: ({ token }) => app.request.post('/api/auth/logout').set(bearer(token)).expect(200),
    close: { code: 4500, reason: 'logout', action: 'sign-in' },
  },
  {
    name: 'the end of the session by staff',
    cause: ({ token }) =>
      asStaff('/revocations', { session_id: jtiOf(token).split('.')[0], reason: 'fraud' }),
    close: { code: 4500, reason: 'session_revoked', action: 'sign-in' },
  },
  {
    name: 'a logout of all devices',
    cause: ({ account }) => fromAnotherDevice(account, '/logout-all-devices'),
    close: { code: 4501, reason: 'logout_all', action: 'sign-in' },
  },
  {
    name: 'the end of all sessions by staff',
    cause: ({ userId }) => asStaff('/revocations', { user_id: userId, reason: 'fraud' }),
    close: { code: 4501, reason: 'admin', action: 'sign-in' },
  },
  {
    name: 'another password',
    cause: ({ account }) =>
      fromAnotherDevice(account, '/change-password', {
        current_password: account.password,
        new_password: `${account.password} and 9 more`,
      }),
    close: { code: 4501, reason: 'credentials_changed', action: 'sign-in' },
  },
  {
    name: 'the second use of a refresh token',
    cause: async ({ client, refreshToken }) => {
      await client.refresh();
      await present(app, refreshToken, { deviceId: 'thief' }).expect(401);
    },
    close: { code: 4502, reason: 'token_reuse', action: 'sign-in' },
  },
  {
    name: 'one session too many',
    isStrict: true,
    cause: ({ account }) => logIn(strict, account),
    close: { code: 4503, reason: 'replaced', action: 'sign-in' },
  },
  {
    name: 'the end of the account',
    cause: ({ userId }) => change(userId, { is_active: false }),
    close: { code: 4504, reason: 'account_disabled', action: 'sign-in' },
  },
];

const MENDED: (Case & { isStrict?: boolean })[] = [
  {
    name: 'another role',
    cause: ({ userId }) => change(userId, { roles: ['driver'] }),
    close: { code: 4403, reason: 'role_changed', action: 'refresh' },
  },
  {
    name: 'the end of one token',
    cause: ({ token }) => asStaff('/revocations', { jti: jtiOf(token), reason: 'leaked' }),
    close: { code: 4401, reason: 'token_revoked', action: 'refresh' },
  },
  {
    name: 'the end of its time',
    cause: () => {
      clock.advance(ACCESS_LIFE_MS + 1000);
      return Promise.resolve();
    },
    close: { code: 4401, reason: 'token_expired', action: 'refresh' },
  },
  {
    name: 'too many messages',
    isStrict: true,
    cause: ({ live }) => {
      for (let count = 0; count < 6; count += 1) live.send({ type: 'ping' });
      return Promise.resolve();
    },
    close: { code: 4429, reason: 'too_many_messages', action: 'back-off' },
  },
  {
    name: 'pings that are not answered',
    WebSocket: MuteSocket,
    cause: async () => {
      for (let ms = 0; ms < 2 * HEARTBEAT_MS; ms += 1000) {
        clock.advance(1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    close: { code: 4408, reason: 'no_pong', action: 'back-off' },
  },
  {
    name: 'a connection that is cut',
    cause: () => {
      OpenSocket.last.terminate();
      return Promise.resolve();
    },
    close: { code: 1006, reason: '', action: 'back-off' },
  },
];

const FIX: (Case & { isStrict?: boolean })[] = [
  {
    name: 'what is no frame',
    cause: () => {
      OpenSocket.last.send('no JSON');
      return Promise.resolve();
    },
    close: { code: 4400, reason: 'not_the_protocol', action: 'fix' },
  },
  {
    name: "another session's token",
    cause: async ({ account }) => {
      const { access_token } = await logIn(app, account);
      OpenSocket.last.send(JSON.stringify({ type: 'refresh', access_token }));
    },
    close: { code: 4400, reason: 'foreign_token', action: 'fix' },
  },
  {
    name: 'a frame that is too large',
    cause: ({ live }) => {
      live.send({ type: 'ping', padding: 'x'.repeat(17 * 1024) });
      return Promise.resolve();
    },
    close: { code: 1009, reason: '', action: 'fix' },
  },
];

describe('a close', () => {
  for (const each of TERMINAL) {
    test(`${each.close.code} after ${each.name} forgets the credentials and stays`, async () => {
      const { scene, seen, storage } = await setStage(each.isStrict === true ? strict : app, each);
      await each.cause(scene);
      await eventually('it is closed', () => scene.live.state === 'closed');
      assertClosed(seen, each);
      const { code, reason } = each.close;
      const detail = seen.closes[0]?.meaning;
      assert.deepEqual(seen.ends, [{ code, reason, detail }]);
      assert.deepEqual(seen.states, ['closed']);
      assert.equal(scene.client.session, null);
      await eventually('it is forgotten', () => keptIn(storage).endsWith('"session":null}'));
    });
  }

  for (const each of MENDED) {
    test(`${each.close.code} after ${each.name} is followed by another connection`, async () => {
      const { scene, seen } = await setStage(each.isStrict === true ? strict : app, each);
      await each.cause(scene);
      await eventually('it is open again', () => seen.states.includes('open'));
      assertClosed(seen, each);
      assert.deepEqual(seen.states, ['waiting', 'connecting', 'open']);
      assert.deepEqual(seen.ends, []);
      const isSame = scene.client.session?.accessToken === scene.token;
      assert.equal(isSame, each.close.action !== 'refresh');
      if (each.close.reason === 'role_changed') {
        assert.equal(scene.client.session?.user.role, 'driver');
      }
      scene.live.close();
    });
  }

  for (const each of FIX) {
    test(`${each.close.code} after ${each.name} stops; the session stays`, async () => {
      const { scene, seen } = await setStage(each.isStrict === true ? strict : app, each);
      await each.cause(scene);
      await eventually('it is closed', () => scene.live.state === 'closed');
      assertClosed(seen, each);
      assert.deepEqual(seen.states, ['closed']);
      assert.equal((await scene.client.me()).id, scene.userId);
    });
  }

  test('1013 of a node without proof is followed by another connection elsewhere', async () => {
    const env = { REVOCATION_LEASE_SECONDS: '2' };
    const [lapsing, other] = [await startApp({ env }), await startApp({ env })];
    const proxy = await startProxy(lapsing.url);
    const { client } = await openClient({ url: proxy.url });
    await enterByPassword(lapsing, client);
    const live = client.connect();
    const closes: number[] = [];
    live.on('close', ({ code }) => {
      closes.push(code);
      proxy.restore(other.url);
    });
    await untilOpen(live);
    await lapsing.context.proof.stop();
    // A lease is judged at each look.
    const looking = setInterval(() => {
      if (live.state === 'open') live.send({ type: 'ping' });
    }, 100);
    await eventually('it is closed', () => closes.length > 0);
    clearInterval(looking);
    await untilOpen(live);
    assert.equal(closes[0], 1013);
    assert.equal((await client.me()).id, client.session?.user.id);
  });

  test('is explained for every reason that the service has', () => {
    for (const [reason, { code, client }] of Object.entries(CLOSE_CODES)) {
      const { action, meaning } = explainClose(code, reason);
      assert.equal(action, client === 'refresh-then-reconnect' ? 'refresh' : client);
      assert.notEqual(meaning, explainClose(4999, '').meaning);
    }
    assert.equal(explainClose(4999, 'unheard of').action, 'back-off');
  });
});
