import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import type { Response } from 'supertest';
import { logIn, MOUNTS, register, signUp, type Account } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { databaseUrl, query, required } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { assertLives } from './support/live-sockets.ts';
import { tally } from './support/otp.ts';
import { assertProblem } from './support/problem.ts';
import {
  assertFamilyLives,
  assertFamilyStolen,
  assertRefused,
  assertRevoked,
  familyOf,
  me,
  present,
  refreshClaims,
  refreshTokensIn,
  renew,
  renewTimes,
  type Sender,
} from './support/rotation.ts';
import { connect, refused } from './support/socket.ts';
import { startProxy, type TcpProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';

const AT_ONCE = 50;
const UNAVAILABLE = { status: 503, code: 'service_unavailable' };
const STOLEN = { code: 4502, reason: 'token_reuse' };
const OWNER = { deviceId: 'owner' };
const THIEF = { deviceId: 'thief' };

interface LogLine {
  level: number;
  audit?: string;
  severity?: string;
  session_id?: string;
}

const lines: LogLine[] = [];
const log = pino(
  { level: 'info' },
  { write: (line: string) => lines.push(JSON.parse(line) as LogLine) },
);
const a = await startApp({ log });
const b = await startApp({ log });

function loggedThefts(token: string): LogLine[] {
  const { sid } = refreshClaims(token);
  return lines.filter((line) => line.audit === 'token_reuse_detected' && line.session_id === sid);
}

/** Over both nodes and both mounts in turn, all at once. */
function presentAll(token: string, senders: Sender[]): Promise<Response[]> {
  return Promise.all(
    senders.map(async (sender, index) => {
      const node = index % 2 === 0 ? a : b;
      return present(node, token, { ...sender, mount: MOUNTS[index % 4 < 2 ? 0 : 1] });
    }),
  );
}

/** On record, in the log, and dead on every node. */
async function assertEverythingEnded(refreshTokens: string[], accessTokens: string[]) {
  const [first = ''] = refreshTokens;
  await assertFamilyStolen(first);
  assert.deepEqual(
    loggedThefts(first).map(({ level, severity }) => [level, severity]),
    [[pino.levels.values.error, 'critical']],
  );
  for (const node of [a, b]) {
    for (const token of refreshTokens) {
      for (const sender of [OWNER, THIEF]) await assertRefused(node, token, sender);
    }
    for (const token of accessTokens) {
      await assertRevoked(node, token);
      const { status, body } = await refused(node.url, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.deepEqual([status, body.detail], [401, 'Token has been revoked']);
    }
  }
  await assertFamilyStolen(first);
}

async function openSession(account: Account, node: TestApp, sender: Sender) {
  const tokens = await logIn(a, account, sender);
  return { ...tokens, socket: await connect(node.url, tokens.access_token) };
}

describe('a stolen refresh token', () => {
  const orders = {
    'the thief uses first': [THIEF, OWNER],
    'the owner uses first': [OWNER, THIEF],
  } as const;
  for (const [name, [first, second]] of Object.entries(orders)) {
    for (const mount of MOUNTS) {
      test(`that ${name} ends the session on both nodes, and no other (${mount})`, async () => {
        const account = await register(a);
        const lost = await openSession(account, b, OWNER);
        const kept = await openSession(account, b, OWNER);
        const stranger = await connect(b.url, (await signUp(a)).access_token);
        const taken = await renew(a, lost.refresh_token, { ...first, mount });
        const sockets = await Promise.all(
          [a, b].map(({ url }) => connect(url, taken.access_token)),
        );

        await assertRefused(b, lost.refresh_token, { ...second, mount });

        for (const socket of [lost.socket, ...sockets]) {
          assert.deepEqual(await socket.closed, STOLEN);
          assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'token_reuse' }]);
        }
        await assertEverythingEnded(
          [lost.refresh_token, taken.refresh_token],
          [lost.access_token, taken.access_token],
        );
        for (const socket of [kept.socket, stranger]) await assertLives(socket);
        for (const node of [a, b]) await me(node, kept.access_token, mount).expect(200);
        await renew(b, kept.refresh_token, { ...OWNER, mount });
        await assertFamilyLives(kept.refresh_token);
      });
    }
  }

  test('ends a session that went on for long, whichever old one comes back', async () => {
    const { access_token, refresh_token } = await signUp(a);
    const socket = await connect(b.url, access_token);
    const chain = await renewTimes(a, refresh_token, { times: 10, ...OWNER });
    await assertRefused(b, chain[4] ?? '', OWNER);
    assert.deepEqual(await socket.closed, STOLEN);
    await assertEverythingEnded(chain, [access_token]);
  });

  test('says in the record whose it was, and where it came back', async () => {
    const { refresh_token, user } = await signUp(a);
    await renew(a, refresh_token, OWNER);
    await assertRefused(b, refresh_token, { ...THIEF, userAgent: 'Thief/1.0' });
    const [row] = await query(
      `SELECT user_id, device_id, user_agent, host(ip) AS ip, details FROM audit_log
       WHERE session_id = $1 AND event_type = 'token_reuse_detected'`,
      [refreshClaims(refresh_token).sid],
    );
    const device = { device_id: 'thief', user_agent: 'Thief/1.0', ip: '127.0.0.1' };
    assert.deepEqual(row, { user_id: user.id, ...device, details: { sessions_ended: 1 } });
  });

  test('is found out once when thief and owner use it fifty times at once', async () => {
    const { access_token, refresh_token } = await signUp(a);
    const socket = await connect(b.url, access_token);
    const senders = Array.from({ length: AT_ONCE }, (_, index) => (index % 3 ? OWNER : THIEF));
    const answers = await presentAll(refresh_token, senders);
    assert.deepEqual(Object.keys(tally(answers)), ['200', '401']);
    const successors = new Set(refreshTokensIn(answers));
    assert.equal(successors.size, 1);
    assert.deepEqual(await socket.closed, STOLEN);
    const accessTokens = answers
      .filter(({ status }) => status === 200)
      .map(({ body }) => (body as { access_token: string }).access_token);
    await assertEverythingEnded([refresh_token, ...successors], [access_token, ...accessTokens]);
  });

  test('is found out once while fifty present it and the owner goes on at the same time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { refresh_token } = await signUp(a);
      const chain = await renewTimes(a, refresh_token, { times: 3, ...OWNER });
      const senders = Array.from({ length: AT_ONCE }, () => THIEF);
      const [answers, own] = await Promise.all([
        presentAll(chain[1] ?? '', senders),
        present(b, chain[3] ?? '', OWNER),
      ]);
      assert.deepEqual(tally(answers), { 401: AT_ONCE });
      assert.ok([200, 401].includes(own.status));
      if (own.status === 200) {
        const { access_token, refresh_token: last } = own.body as Record<string, string>;
        await assertRevoked(a, access_token ?? '');
        await assertRefused(a, last ?? '', OWNER);
      }
      await assertFamilyStolen(refresh_token);
    }
  });
});

describe('fifty refreshes at once with one token over two nodes', () => {
  const owners: Record<string, Sender> = {
    'a device with an id': OWNER,
    'a device known by its user agent': { userAgent: 'App/1.0' },
  };
  for (const [name, owner] of Object.entries(owners)) {
    test(`give ${name} one successor, which works, and end nothing`, async () => {
      for (let round = 0; round < 5; round += 1) {
        const { access_token, refresh_token } = await signUp(a);
        const socket = await connect(b.url, access_token);
        const answers = await presentAll(refresh_token, Array<Sender>(AT_ONCE).fill(owner));
        assert.deepEqual(tally(answers), { 200: AT_ONCE });
        const [successor = '', ...others] = new Set(refreshTokensIn(answers));
        assert.deepEqual(others, []);
        const { tokens } = await familyOf(refresh_token);
        assert.deepEqual(tokens.map(({ used }) => used).sort(), [false, true]);
        for (const { body } of answers) {
          await me(b, (body as { access_token: string }).access_token).expect(200);
        }
        await renew(b, successor, owner);
        await assertFamilyLives(refresh_token);
        await assertLives(socket);
        socket.ws.terminate();
      }
    });
  }

  test('never end the session where each answer is used at once', async () => {
    const { refresh_token } = await signUp(a);
    const senders = Array<Sender>(AT_ONCE).fill(OWNER);
    let token = refresh_token;
    for (let round = 0; round < 10; round += 1) {
      const answers = await presentAll(token, senders);
      const [successor = '', ...others] = new Set(refreshTokensIn(answers));
      assert.deepEqual([tally(answers), others], [{ 200: AT_ONCE }, []]);
      token = successor;
    }
    await assertFamilyLives(token);
    assert.equal((await familyOf(token)).tokens.length, 11);
  });
});

interface Setup {
  app: TestApp;
  postgres: TcpProxy;
  redis: TcpProxy;
}

async function setUp(): Promise<Setup> {
  const postgres = await startProxy(await databaseUrl());
  const redis = await startProxy(required('TEST_REDIS_URL'));
  const app = await startApp({ env: { DATABASE_URL: postgres.url, REDIS_URL: redis.url } });
  atEnd(() => {
    postgres.restore();
    redis.restore();
  });
  return { app, postgres, redis };
}

async function untilPostgresIsBack({ app, postgres }: Setup): Promise<void> {
  postgres.restore();
  await eventually('PostgreSQL is back', async () => {
    const answer = await app.request.get('/readyz');
    return !(answer.body as { degraded: string[] }).degraded.includes('postgres');
  });
}

describe('an outage', { concurrency: true }, () => {
  for (const outage of ['cut', 'stall'] as const) {
    test(`of Redis (${outage}) keeps nobody from refreshing, and no thief from being found`, async () => {
      const { app, redis } = await setUp();
      const { access_token, refresh_token } = await signUp(app);
      const sockets = [await connect(app.url, access_token), await connect(b.url, access_token)];
      redis[outage]();
      const lost = await renew(app, refresh_token, OWNER);
      const again = await renew(app, refresh_token, OWNER);
      assert.equal(again.refresh_token, lost.refresh_token);
      await me(app, again.access_token).expect(200);
      const next = await renew(app, again.refresh_token, OWNER);
      await assertRefused(app, refresh_token, THIEF);
      for (const socket of sockets) assert.deepEqual(await socket.closed, STOLEN);
      await assertRefused(app, next.refresh_token, OWNER);
      for (const node of [app, b]) await assertRevoked(node, next.access_token);
      await assertFamilyStolen(refresh_token);
    });

    test(`of PostgreSQL (${outage}) is answered with 503, and costs no token`, async () => {
      const setup = await setUp();
      const { app, postgres } = setup;
      const { refresh_token: first } = await signUp(app);
      const { refresh_token } = await renew(app, first, OWNER);
      postgres[outage]();
      assertProblem(await present(app, refresh_token, OWNER), UNAVAILABLE);
      assertProblem(await present(app, first, THIEF), UNAVAILABLE);
      await untilPostgresIsBack(setup);
      const pair = await renew(app, refresh_token, OWNER);
      await me(app, pair.access_token).expect(200);
      await assertFamilyLives(refresh_token);
    });
  }
});
