import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import { startApp, type TestApp } from './support/app.ts';
import { databaseUrl, query, required } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { decodePart } from './support/jwt.ts';
import { failTimes, requestCode, submitCode } from './support/otp.ts';
import { bearer, newPhoneNumber, sendCode, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';
import { startProxy, type TcpProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';

const REVOKED = { status: 401, code: 'token_revoked', detail: 'Token has been revoked' };
const UNAVAILABLE = { status: 503, code: 'service_unavailable' };
/** A request that needs PostgreSQL gives up on it by then. */
const PATIENCE_MS = 7000;

interface Setup {
  app: TestApp;
  postgres: TcpProxy;
  redis: TcpProxy;
}

async function setUp(): Promise<Setup> {
  const postgres = await startProxy(await databaseUrl());
  const redis = await startProxy(required('TEST_REDIS_URL'));
  const env = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, DATABASE_POOL_SIZE: '3' };
  const app = await startApp({ env });
  // An app closes more quickly when nothing is away.
  atEnd(() => {
    postgres.restore();
    redis.restore();
  });
  return { app, postgres, redis };
}

const OUTAGES: Record<string, (service: TcpProxy) => void> = {
  'is down': (service) => {
    service.cut();
  },
  hangs: (service) => {
    service.stall();
  },
  'hangs before a connection is made': (service) => {
    service.cut();
    service.stall();
  },
};

function open(app: TestApp, token: string): Test {
  return app.request.get('/api/v2/test/protected').set(bearer(token));
}

function renew(app: TestApp, refresh_token: string): Test {
  return app.request.post('/api/v2/auth/refresh').send({ refresh_token });
}

function logOut(app: TestApp, token: string): Test {
  return app.request.post('/api/v2/auth/logout').set(bearer(token));
}

async function assertUnavailable(request: Test): Promise<void> {
  const startedAt = performance.now();
  assertProblem(await request, UNAVAILABLE);
  const tookMs = Math.round(performance.now() - startedAt);
  assert.ok(tookMs < PATIENCE_MS, `took ${tookMs} ms`);
}

/** The first logout may have been committed after all, when what was held up went through. */
async function assertLoggedOut(repeated: Test): Promise<void> {
  const answer = await repeated;
  if (answer.status !== 200) assertProblem(answer, REVOKED);
}

async function untilAllIsBack({ app, postgres, redis }: Setup): Promise<void> {
  postgres.restore();
  redis.restore();
  await eventually('the service is whole again', async () => {
    const answer = await app.request.get('/readyz');
    return (answer.body as { degraded: string[] }).degraded.length === 0;
  });
}

describe('an outage', { concurrency: true }, () => {
  for (const [name, takeAway] of Object.entries(OUTAGES)) {
    describe(`with a PostgreSQL that ${name}`, { concurrency: true }, () => {
      test('serves requests with a token, and refuses revoked ones', async () => {
        const { app, postgres } = await setUp();
        const [live, dead] = [await signIn(app), await signIn(app)];
        await logOut(app, dead.access_token).expect(200);
        takeAway(postgres);
        await open(app, live.access_token).expect(200);
        assertProblem(await open(app, dead.access_token), REVOKED);
        const socket = await connect(app.url, live.access_token);
        socket.ws.terminate();
        const answer = await app.request.get('/readyz').expect(200);
        assert.deepEqual(answer.body, { status: 'ready', degraded: ['postgres'] });
      });

      test('answers 503 to what needs it, and serves it afterwards', async () => {
        const setup = await setUp();
        const { app, postgres } = setup;
        const { access_token, refresh_token } = await signIn(app);
        const get = (path: string) => app.request.get(`/api/v2${path}`).set(bearer(access_token));
        takeAway(postgres);
        await Promise.all([
          assertUnavailable(get('/auth/me')),
          assertUnavailable(get('/auth/sessions')),
          assertUnavailable(renew(app, refresh_token)),
        ]);
        await untilAllIsBack(setup);
        await get('/auth/me').expect(200);
        await get('/auth/sessions').expect(200);
        await renew(app, refresh_token).expect(200);
      });

      test('answers 503 to a logout, but the token is dead and its sockets close', async () => {
        const { app, postgres } = await setUp();
        const { access_token } = await signIn(app);
        const socket = await connect(app.url, access_token);
        takeAway(postgres);
        await assertUnavailable(logOut(app, access_token));
        assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
        assertProblem(await open(app, access_token), REVOKED);
      });

      test('lets a logout be repeated until it is committed', async () => {
        const setup = await setUp();
        const { app, postgres } = setup;
        const { access_token, refresh_token } = await signIn(app);
        takeAway(postgres);
        await assertUnavailable(logOut(app, access_token));
        await untilAllIsBack(setup);
        await assertLoggedOut(logOut(app, access_token));
        assertProblem(await renew(app, refresh_token), {
          status: 401,
          code: 'invalid_refresh_token',
        });
        const id = String(decodePart(access_token, 'payload').jti).split('.')[0];
        const rows = await query('SELECT end_reason FROM sessions WHERE id = $1', [id]);
        assert.deepEqual(rows, [{ end_reason: 'logout' }]);
      });

      test('answers 503 to a logout of all devices, which can be repeated', async () => {
        const setup = await setUp();
        const { app, postgres } = setup;
        const phoneNumber = newPhoneNumber();
        const other = await signIn(app, { phoneNumber });
        const { access_token } = await signIn(app, { phoneNumber });
        const logOutEverywhere = () =>
          app.request.post('/api/v2/auth/logout-all-devices').set(bearer(access_token));
        takeAway(postgres);
        await assertUnavailable(logOutEverywhere());
        assertProblem(await open(app, access_token), REVOKED);
        await untilAllIsBack(setup);
        await assertLoggedOut(logOutEverywhere());
        assertProblem(await open(app, other.access_token), REVOKED);
      });

      test('answers 503 to a sign-in, and the code works afterwards', async () => {
        const setup = await setUp();
        const { app, postgres } = setup;
        const phoneNumber = newPhoneNumber();
        const otp = await sendCode(app, phoneNumber);
        const submission = { phone_number: phoneNumber, otp };
        takeAway(postgres);
        await assertUnavailable(submitCode(app, submission));
        await assertUnavailable(submitCode(app, submission));
        assert.deepEqual(await failTimes(app, phoneNumber, 1), [401]);
        await requestCode(app, newPhoneNumber()).expect(200);
        await untilAllIsBack(setup);
        await submitCode(app, submission).expect(200);
        const users = await query('SELECT 1 FROM users WHERE phone_number = $1', [phoneNumber]);
        assert.equal(users.length, 1);
      });

      test('and no Redis, answers 503 and never lets anybody in', async () => {
        const setup = await setUp();
        const { app, postgres, redis } = setup;
        const [live, dead, leaving] = [await signIn(app), await signIn(app), await signIn(app)];
        await logOut(app, dead.access_token).expect(200);
        takeAway(postgres);
        takeAway(redis);
        await Promise.all([
          assertUnavailable(renew(app, live.refresh_token)),
          assertUnavailable(logOut(app, leaving.access_token)),
          assertUnavailable(requestCode(app, newPhoneNumber())),
        ]);
        await eventually('nothing can be proven any more', async () => {
          const { status } = await open(app, live.access_token);
          return status === 503;
        });
        await assertUnavailable(open(app, live.access_token));
        assert.equal((await app.request.get('/readyz')).status, 503);
        assertProblem(await open(app, dead.access_token), REVOKED);
        assertProblem(await open(app, 'rubbish'), { status: 401, code: 'invalid_token' });
        await app.request.get('/healthz').expect(200);
        await untilAllIsBack(setup);
        await eventually('the live token works again', async () => {
          const { status } = await open(app, live.access_token);
          return status === 200;
        });
        await assertLoggedOut(logOut(app, leaving.access_token));
        assertProblem(await open(app, leaving.access_token), REVOKED);
        assertProblem(await open(app, dead.access_token), REVOKED);
      });
    });
  }
});
