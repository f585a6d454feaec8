import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  assertLocked,
  eventsOf,
  failLogins,
  LOCKOUT_SECONDS,
  logIn,
  MAX_FAILURES,
  MOUNTS,
  newAccount,
  PASSWORD,
  register,
  renew,
  signUp,
  tryLogIn,
  visibleParts,
  whoAmI,
  WRONG_CREDENTIALS,
  WRONG_PASSWORD,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query, required } from './support/database.ts';
import { assertLives } from './support/live-sockets.ts';
import { storesFor, type STORES } from './support/otp.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { TestClock } from './support/test-clock.ts';

const REFUSED = Array<number>(MAX_FAILURES).fill(401);
/** Room for every guess of a test that guesses at once. */
const env = { PASSWORD_HASH_CONCURRENCY: '4' };
const clock = new TestClock();
const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ clock, env }),
  memory: await startApp({ clock, env, store: 'memory' }),
};

for (const { app, store, mount } of MOUNTS.flatMap((mount) =>
  storesFor(mount).map((store) => ({ app: apps[store], store, mount })),
)) {
  describe(`guessing at ${mount}/login on the ${store} store`, () => {
    test('locks after five wrong passwords, for the right one too', async () => {
      const account = await register(app);
      assert.deepEqual(await failLogins(app, account.email, { mount }), REFUSED);
      const wrong = await tryLogIn(app, { ...account, password: WRONG_PASSWORD }, { mount });
      assert.ok(assertLocked(wrong) > LOCKOUT_SECONDS - 60);
      const right = await tryLogIn(app, account, { mount });
      assert.ok(assertLocked(right) > LOCKOUT_SECONDS - 60);
      assert.deepEqual(await eventsOf(account.userId), [
        'user_registered',
        ...REFUSED.map(() => 'login_failed'),
        'account_locked',
      ]);
    });

    test('locks an address that has no account in the same way', async () => {
      const [{ email }, unknown] = [await register(app), newAccount().email];
      assert.deepEqual(await failLogins(app, unknown, { mount }), REFUSED);
      await failLogins(app, email, { mount });
      clock.advance(60_000);
      const [known, other] = await Promise.all(
        [email, unknown].map((each) =>
          tryLogIn(app, { email: each, password: WRONG_PASSWORD }, { mount }),
        ),
      );
      assert.ok(known && other);
      const seconds = [assertLocked(known), assertLocked(other)];
      const differing = /\d+ seconds|"retry-after":"\d+"/g;
      const [one, two] = [known, other].map((answer) =>
        JSON.stringify(visibleParts(answer)).replace(differing, ''),
      );
      assert.equal(one, two);
      assert.ok(Math.abs((seconds[0] ?? 0) - (seconds[1] ?? 0)) < 30);
    });

    test('counts an address in whatever case', async () => {
      const { email } = await register(app);
      assert.deepEqual(await failLogins(app, email, { times: 3, mount }), [401, 401, 401]);
      const upper = await failLogins(app, email.toUpperCase(), { times: 3, mount });
      assert.deepEqual(upper, [401, 401, 429]);
    });

    test('is over after thirty minutes and no earlier, however often it was tried', async () => {
      const account = await register(app);
      await failLogins(app, account.email, { mount });
      clock.advance((LOCKOUT_SECONDS - 60) * 1000);
      assert.equal((await failLogins(app, account.email, { times: 1, mount }))[0], 429);
      assert.ok(assertLocked(await tryLogIn(app, account, { mount })) <= 60);
      clock.advance(60_000);
      await logIn(app, account, { mount });
      assert.deepEqual(await failLogins(app, account.email, { mount }), REFUSED);
    });

    test('counts from the beginning after a lockout', async () => {
      const { email } = await register(app);
      await failLogins(app, email, { mount });
      clock.advance(LOCKOUT_SECONDS * 1000);
      assert.deepEqual(await failLogins(app, email, { times: 6, mount }), [...REFUSED, 429]);
    });

    test('is forgotten by a success', async () => {
      const account = await register(app);
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(
          await failLogins(app, account.email, { times: 4, mount }),
          [401, 401, 401, 401],
        );
        await logIn(app, account, { mount });
      }
    });

    test('does not count failures that are older than the window', async () => {
      const account = await register(app);
      await failLogins(app, account.email, { times: 4, mount });
      clock.advance((LOCKOUT_SECONDS + 1) * 1000);
      const statuses = await failLogins(app, account.email, { times: 4, mount });
      assert.deepEqual(statuses, [401, 401, 401, 401]);
      await logIn(app, account, { mount });
    });

    test('does not touch anybody else', async () => {
      const [one, other] = [await register(app), await register(app)];
      await failLogins(app, one.email, { mount });
      await logIn(app, other, { mount });
    });
  });
}

describe('on two nodes', () => {
  const nodes = [apps.redis, apps.memory] as const;

  test('failures are counted together', async () => {
    const account = await register(nodes[0]);
    for (const node of [0, 1, 0, 1, 0] as const) {
      assert.deepEqual(await failLogins(nodes[node], account.email, { times: 1 }), [401]);
    }
    for (const node of nodes) assertLocked(await tryLogIn(node, account));
  });

  test('of a hundred wrong guesses at once five are answered', async () => {
    for (const { email } of [await register(nodes[0]), newAccount()]) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          tryLogIn(nodes[index % 2 === 0 ? 0 : 1], { email, password: WRONG_PASSWORD }),
        ),
      );
      const judged = answers.filter(({ status }) => status === 401);
      for (const answer of judged) assertProblem(answer, WRONG_CREDENTIALS);
      for (const answer of answers.filter(({ status }) => status !== 401)) assertLocked(answer);
      assert.equal(judged.length, MAX_FAILURES);
    }
  });

  test('the account is locked once, whoever guesses at once', async () => {
    const { email, userId } = await register(nodes[0]);
    const guess = { email, password: WRONG_PASSWORD };
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => tryLogIn(nodes[index % 2 === 0 ? 0 : 1], guess)),
    );
    const events = await eventsOf(userId);
    assert.equal(events.filter((event) => event === 'account_locked').length, 1);
  });

  test('a right guess among many after the lock is not answered', async () => {
    const account = await register(nodes[0]);
    await failLogins(nodes[0], account.email);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        tryLogIn(nodes[index % 2 === 0 ? 0 : 1], {
          email: account.email,
          password: index === 17 ? PASSWORD : WRONG_PASSWORD,
        }),
      ),
    );
    for (const answer of answers) assertLocked(answer);
    const rows = await query('SELECT 1 FROM sessions WHERE user_id = $1', [account.userId]);
    assert.deepEqual(rows, []);
  });
});

describe('whoever is locked out', () => {
  test('goes on with the sessions that live, and with their sockets', async () => {
    const app = await startApp();
    const { email, access_token, refresh_token } = await signUp(app);
    const socket = await connect(app.url, access_token);
    await failLogins(app, email, { times: 7 });
    await whoAmI(app, access_token).expect(200);
    await renew(app, refresh_token).expect(200);
    await assertLives(socket);
  });

  test('may change the password in a live session, which lifts no lockout', async () => {
    const app = await startApp();
    const account = await signUp(app);
    await failLogins(app, account.email);
    const password = 'Small Giraffe 9 eats';
    await app.request
      .post('/api/auth/change-password')
      .set(bearer(account.access_token))
      .send({ current_password: PASSWORD, new_password: password })
      .expect(200);
    assertLocked(await tryLogIn(app, { ...account, password }));
  });

  for (const [what, ask] of Object.entries({
    'a change of the password': (app: TestApp, token: string) =>
      app.request
        .post('/api/auth/change-password')
        .set(bearer(token))
        .send({ current_password: WRONG_PASSWORD, new_password: 'Small Giraffe 9 eats' }),
    'the deletion of the account': (app: TestApp, token: string) =>
      app.request.delete('/api/auth/me').set(bearer(token)).send({ password: WRONG_PASSWORD }),
  })) {
    test(`by wrong passwords for ${what} is so there alone`, async () => {
      const app = await startApp();
      const account = await signUp(app);
      for (let failures = 0; failures < MAX_FAILURES; failures++) {
        assertProblem(await ask(app, account.access_token), WRONG_CREDENTIALS);
      }
      assertLocked(await ask(app, account.access_token));
      await logIn(app, account);
      assertLocked(await ask(app, account.access_token));
      await whoAmI(app, account.access_token).expect(200);
    });
  }
});

test('is counted while Redis is gone', async () => {
  const redis = await startProxy(required('TEST_REDIS_URL'));
  const app = await startApp({ env: { REDIS_URL: redis.url } });
  const account = await register(app);
  await failLogins(app, account.email, { times: 2 });
  redis.cut();
  assert.deepEqual(await failLogins(app, account.email, { times: 3 }), [401, 401, 401]);
  assertLocked(await tryLogIn(app, account));
  redis.restore();
  assertLocked(await tryLogIn(app, account));
});

test('is as the configuration says', async () => {
  const ownClock = new TestClock();
  const limits = { MAX_LOGIN_ATTEMPTS: '2', LOCKOUT_DURATION_MINUTES: '3' };
  const app = await startApp({ clock: ownClock, env: limits });
  const account = await register(app);
  assert.deepEqual(await failLogins(app, account.email, { times: 3 }), [401, 401, 429]);
  const seconds = assertLocked(await tryLogIn(app, account));
  assert.ok(seconds > 120 && seconds <= 180);
  ownClock.advance(180_000);
  await logIn(app, account);
});

test('keeps no address in the table of failures', async () => {
  const { email } = newAccount();
  await failLogins(apps.redis, email, { times: 1 });
  const rows = await query<{ text: string }>('SELECT f::text AS text FROM failed_attempts f');
  assert.ok(rows.length > 0);
  assert.deepEqual(
    rows.filter(({ text }) => text.includes('@') || text.includes(email.split('@')[0] ?? email)),
    [],
  );
});
