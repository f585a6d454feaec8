import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Redis } from 'ioredis';
import type { Response, Test } from 'supertest';
import { startRedisServer, type RedisServer } from '../scripts/redis-server.ts';
import { startApp, type TestApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { requestCode, submitCode } from './support/otp.ts';
import { bearer, lastCode, newPhoneNumber, sendCode, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect, type TestSocket } from './support/socket.ts';
import { startProxy, type TcpProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';

const REVOKED = { status: 401, code: 'token_revoked', detail: 'Token has been revoked' };
const UNAVAILABLE = { status: 503, code: 'service_unavailable' };

/** A Redis of this file's own, which may be stopped. */
async function startRedis(): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'redis-'));
  const server = await startRedisServer({ directory });
  atEnd(server.stop);
  return server;
}

const shared = await startRedis();

interface Setup {
  app: TestApp;
  proxy: TcpProxy;
}

async function setUp(url = shared.url): Promise<Setup> {
  const proxy = await startProxy(url);
  return { proxy, app: await startApp({ env: { REDIS_URL: proxy.url } }) };
}

function open(app: TestApp, token: string): Test {
  return app.request.get('/api/v2/test/protected').set(bearer(token));
}

function renew(app: TestApp, refresh_token: string): Test {
  return app.request.post('/api/v2/auth/refresh').send({ refresh_token });
}

function logOut(app: TestApp, token: string): Test {
  return app.request.post('/api/v2/auth/logout').set(bearer(token));
}

async function assertQuick(request: Test, what: string): Promise<Response> {
  const startedAt = performance.now();
  const answer = await request;
  const tookMs = Math.round(performance.now() - startedAt);
  assert.ok(tookMs < 1500, `${what} took ${tookMs} ms`);
  return answer;
}

/** Not `socket.closed` alone: a socket that is forgotten would hold up the whole file. */
async function untilClosed(socket: TestSocket): Promise<void> {
  await eventually('the socket is closed', () => socket.ws.readyState === socket.ws.CLOSED);
  assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
}

async function untilRedisIsBack({ app }: Setup): Promise<void> {
  await eventually('the service has its Redis again', async () => {
    const answer = await app.request.get('/readyz');
    return (answer.body as { degraded: string[] }).degraded.length === 0;
  });
}

describe('an outage', { concurrency: true }, () => {
  for (const outage of ['cut', 'stall'] as const) {
    describe(`with a Redis that is away (${outage})`, { concurrency: true }, () => {
      test('serves requests with a token, and refuses revoked ones', async () => {
        const { app, proxy } = await setUp();
        const [live, dead] = [await signIn(app), await signIn(app)];
        await logOut(app, dead.access_token).expect(200);
        proxy[outage]();
        for (let count = 0; count < 3; count++) {
          const answer = await assertQuick(open(app, live.access_token), 'a request');
          assert.equal(answer.status, 200);
          assertProblem(await assertQuick(open(app, dead.access_token), 'a refusal'), REVOKED);
        }
      });

      test('refreshes', async () => {
        const setup = await setUp();
        const { app, proxy } = setup;
        const tokens = await signIn(app);
        proxy[outage]();
        const answer = await assertQuick(renew(app, tokens.refresh_token), 'a refresh');
        assert.equal(answer.status, 200);
        const { access_token } = answer.body as { access_token: string };
        await open(app, access_token).expect(200);
        proxy.restore();
        await untilRedisIsBack(setup);
        await open(app, access_token).expect(200);
      });

      test('logs out: sockets close, and no token works, now or when Redis is back', async () => {
        const setup = await setUp();
        const { app, proxy } = setup;
        const tokens = await signIn(app);
        const socket = await connect(app.url, tokens.access_token);
        proxy[outage]();
        const answer = await assertQuick(logOut(app, tokens.access_token), 'a logout');
        assert.equal(answer.status, 200);
        assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
        assertProblem(await open(app, tokens.access_token), REVOKED);
        assert.equal((await renew(app, tokens.refresh_token)).status, 401);
        proxy.restore();
        await untilRedisIsBack(setup);
        for (let count = 0; count < 3; count++)
          assertProblem(await open(app, tokens.access_token), REVOKED);
        assert.equal((await renew(app, tokens.refresh_token)).status, 401);
      });

      test('logs out on every node: those that could not be told refuse when Redis is back', async () => {
        const [one, other] = [await setUp(), await setUp()];
        const tokens = await signIn(one.app);
        await open(other.app, tokens.access_token).expect(200);
        const socket = await connect(other.app.url, tokens.access_token);
        for (const { proxy } of [one, other]) proxy[outage]();
        // From here on the node knows that Redis is away, and sends it nothing.
        await open(one.app, tokens.access_token).expect(200);
        await logOut(one.app, tokens.access_token).expect(200);
        await eventually('the other node has read it', async () => {
          const { status } = await open(other.app, tokens.access_token);
          return status === 401;
        });
        assertProblem(await open(other.app, tokens.access_token), REVOKED);
        await untilClosed(socket);
        for (const { proxy } of [one, other]) proxy.restore();
        await untilRedisIsBack(one);
        await untilRedisIsBack(other);
        for (let count = 0; count < 3; count++) {
          assertProblem(await open(other.app, tokens.access_token), REVOKED);
        }
        await untilClosed(socket);
      });

      test('sends and checks no codes, says so quickly, and does so again when Redis is back', async () => {
        const setup = await setUp();
        const { app, proxy } = setup;
        const phoneNumber = newPhoneNumber();
        const otp = await sendCode(app, phoneNumber);
        proxy[outage]();
        for (let count = 0; count < 2; count++) {
          const sent = await assertQuick(requestCode(app, newPhoneNumber()), 'a code');
          assertProblem(sent, UNAVAILABLE);
          const checked = submitCode(app, { phone_number: phoneNumber, otp });
          assertProblem(await assertQuick(checked, 'a sign-in'), UNAVAILABLE);
        }
        proxy.restore();
        await untilRedisIsBack(setup);
        await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
        await signIn(app);
      });

      test('stays ready, and names what it lacks', async () => {
        const { app, proxy } = await setUp();
        proxy[outage]();
        const answer = await assertQuick(app.request.get('/readyz'), 'readiness');
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.body, { status: 'ready', degraded: ['redis'] });
      });

      test('answers fifty requests at once as quickly as one', async () => {
        const { app, proxy } = await setUp();
        const { access_token } = await signIn(app);
        proxy[outage]();
        const answers = await Promise.all(
          Array.from({ length: 50 }, () => assertQuick(open(app, access_token), 'one of fifty')),
        );
        assert.ok(answers.every(({ status }) => status === 200));
      });
    });
  }

  test('of one node keeps its logouts from no other node', async () => {
    const [one, other] = [await setUp(), await setUp()];
    const tokens = await signIn(one.app);
    const socket = await connect(other.app.url, tokens.access_token);
    one.proxy.cut();
    await open(one.app, tokens.access_token).expect(200);
    await logOut(one.app, tokens.access_token).expect(200);
    await eventually('the other node refuses the token', async () => {
      const { status } = await open(other.app, tokens.access_token);
      return status === 401;
    });
    await untilClosed(socket);
  });

  describe('with a Redis that has lost everything', { concurrency: true }, () => {
    test('un-revokes nothing and signs nobody out when it was restarted', async () => {
      const first = await startRedis();
      const setup = await setUp(first.url);
      const { app, proxy } = setup;
      const [live, dead] = [await signIn(app), await signIn(app)];
      await logOut(app, dead.access_token).expect(200);
      proxy.cut();
      await first.stop();
      assertProblem(await open(app, dead.access_token), REVOKED);
      const second = await startRedis();
      proxy.restore(second.url);
      const stopAt = Date.now() + 1500;
      while (Date.now() < stopAt) {
        assertProblem(await open(app, dead.access_token), REVOKED);
        await open(app, live.access_token).expect(200);
      }
      await untilRedisIsBack(setup);
      assertProblem(await open(app, dead.access_token), REVOKED);
      await open(app, live.access_token).expect(200);
      await renew(app, live.refresh_token).expect(200);
      await signIn(app);
    });

    test('un-revokes nothing when it was emptied without a restart', async () => {
      const server = await startRedis();
      const { app } = await setUp(server.url);
      const [live, dead] = [await signIn(app), await signIn(app)];
      await logOut(app, dead.access_token).expect(200);
      const redis = new Redis(server.url);
      await redis.flushall();
      redis.disconnect();
      assertProblem(await open(app, dead.access_token), REVOKED);
      await open(app, live.access_token).expect(200);
      await renew(app, live.refresh_token).expect(200);
    });
  });

  describe('a Redis process that is stopped', { concurrency: true }, () => {
    test('with SIGSTOP holds nobody up, and forgets no logout after SIGCONT', async () => {
      const server = await startRedis();
      const setup = await setUp(server.url);
      const { app } = setup;
      const redis = new Redis(server.url);
      const pid = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
      redis.disconnect();
      const [live, dead] = [await signIn(app), await signIn(app)];
      process.kill(pid, 'SIGSTOP');
      try {
        assert.equal((await assertQuick(logOut(app, dead.access_token), 'a logout')).status, 200);
        assert.equal((await open(app, live.access_token)).status, 200);
        assertProblem(await open(app, dead.access_token), REVOKED);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await untilRedisIsBack(setup);
      assertProblem(await open(app, dead.access_token), REVOKED);
      await open(app, live.access_token).expect(200);
    });

    test('before the service starts does not keep it from starting', async () => {
      const server = await startRedis();
      const proxy = await startProxy(server.url);
      proxy.cut();
      const app = await startApp({ env: { REDIS_URL: proxy.url } });
      assert.deepEqual((await app.request.get('/readyz').expect(200)).body, {
        status: 'ready',
        degraded: ['redis'],
      });
      assertProblem(await requestCode(app, newPhoneNumber()), UNAVAILABLE);
      proxy.restore();
      await untilRedisIsBack({ app, proxy });
      const phoneNumber = newPhoneNumber();
      await requestCode(app, phoneNumber).expect(200);
      assert.match(lastCode(app, phoneNumber), /^\d{6}$/);
    });
  });

  describe('the in-process store', () => {
    test('forgets with a restart neither who was logged out nor who was not', async () => {
      const first = await startApp({ store: 'memory' });
      const [live, dead] = [await signIn(first), await signIn(first)];
      await logOut(first, dead.access_token).expect(200);
      await first.close();
      const second = await startApp({ store: 'memory' });
      assertProblem(await open(second, dead.access_token), REVOKED);
      assert.equal((await renew(second, dead.refresh_token)).status, 401);
      await open(second, live.access_token).expect(200);
      await renew(second, live.refresh_token).expect(200);
    });
  });
});
