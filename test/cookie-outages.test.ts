import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INVALID_TOKEN, register } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import {
  cookieIn,
  cookieLogIn,
  cookieLogOut,
  cookieMe,
  cookieSessionsOf,
  cookieSignUp,
  tryCookieLogIn,
  TWO_FACTOR_REQUIRED,
} from './support/cookies.ts';
import { databaseUrl, required } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { assertProblem } from './support/problem.ts';
import { atOnce, countAllowed, startNodes } from './support/rate-limits.ts';
import { FrozenClock } from './support/rotation.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';
import { FEW_CODES, makeAccount, protect } from './support/two-factor.ts';

const UNAVAILABLE = { status: 503, code: 'service_unavailable' };
const clock = new FrozenClock();

async function untilWhole(app: TestApp): Promise<void> {
  await eventually('the service is whole again', async () => {
    const answer = await app.request.get('/readyz');
    return (answer.body as { degraded: string[] }).degraded.length === 0;
  });
}

describe('cookie sessions without PostgreSQL', () => {
  test('are answered 503, keep their cookie, and can be ended afterwards', async () => {
    const postgres = await startProxy(await databaseUrl());
    const app = await startApp({ env: { DATABASE_URL: postgres.url } });
    atEnd(() => {
      postgres.restore();
    });
    const { secret, ...account } = await cookieSignUp(app);
    postgres.cut();
    for (const request of [
      cookieMe(app, secret),
      cookieLogOut(app, secret),
      tryCookieLogIn(app, account),
    ]) {
      const answer = await request;
      assertProblem(answer, UNAVAILABLE);
      assert.equal(answer.get('set-cookie'), undefined);
    }
    postgres.restore();
    await untilWhole(app);
    await cookieMe(app, secret).expect(200);
    assert.equal(cookieIn(await cookieLogOut(app, secret).expect(204)).secret, '');
    assert.equal((await cookieSessionsOf(account.userId))[0]?.end_reason, 'logout');
  });
});

describe('cookie sessions without Redis', () => {
  test('go on, but for the second factor', async () => {
    const redis = await startProxy(required('TEST_REDIS_URL'));
    const app = await startApp({ clock, env: { ...FEW_CODES, REDIS_URL: redis.url } });
    atEnd(() => {
      redis.restore();
    });
    const account = await register(app);
    const { account: careful, authenticator } = await protect(
      { app, mount: '/api/auth', clock },
      await makeAccount(app),
    );
    redis.cut();
    const secret = await cookieLogIn(app, account);
    await cookieMe(app, secret).expect(200);
    await cookieLogOut(app, secret).expect(204);
    await cookieMe(app, secret).expect(401);
    assertProblem(await tryCookieLogIn(app, careful), TWO_FACTOR_REQUIRED);
    const totp_code = authenticator.next();
    assertProblem(await tryCookieLogIn(app, careful, { totp_code }), UNAVAILABLE);
    redis.restore();
    await eventually('the code works', async () => {
      const answer = await tryCookieLogIn(app, careful, { totp_code });
      return answer.status === 200;
    });
  });
});

describe('requests with a cookie', () => {
  const LIMITS = { RATE_LIMIT_API: '7/600', RATE_LIMIT_API_SESSION: '20/600' };

  test('are counted for the session where it is known, else for the address', async () => {
    const [app] = await startNodes(1, { env: LIMITS });
    const { secret } = await cookieSignUp(app);
    await cookieMe(app, secret).expect(200);
    const forged = (index: number) => String(index).padStart(43, 'A');
    const flood = await atOnce(30, (index) => cookieMe(app, forged(index)));
    // One of the seven was the first request of the session.
    assert.equal(countAllowed(flood), 6);
    for (const answer of flood.filter(({ status }) => status !== 429)) {
      assertProblem(answer, INVALID_TOKEN);
    }
    const own = await atOnce(30, () => cookieMe(app, secret));
    assert.equal(own.filter(({ status }) => status === 200).length, 20);
  });
});
