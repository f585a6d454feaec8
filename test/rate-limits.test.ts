import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limitKeyOf } from '../server/client-address.ts';
import { required } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { requestCode, STORES, tally } from './support/otp.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertProblem, retryAfter } from './support/problem.ts';
import {
  atOnce,
  breachUntilBlocked,
  countAllowed,
  open,
  PROFILES,
  refresh,
  startNodes,
} from './support/rate-limits.ts';
import { startProxy } from './support/tcp-proxy.ts';

const LIMITED = { status: 429, code: 'rate_limited' };
/** The second window that a key goes over its limit in is the last for a while. */
const LOCKOUT = { RATE_LIMIT_BREACHES: '2/3600', RATE_LIMIT_BLOCK_SECONDS: '900' };

for (const store of STORES) {
  describe(`on the ${store} store`, { concurrency: true }, () => {
    for (const [name, { variable, ask }] of Object.entries(PROFILES)) {
      test(`lets exactly as many through as ${name} has, of a hundred at once`, async () => {
        const [app] = await startNodes(1, { store, env: { [variable]: '7/600' } });
        const answers = await atOnce(100, () => ask(app));
        assert.equal(countAllowed(answers), 7);
        for (const answer of answers) assert.equal(answer.get('ratelimit-limit'), '7');
        for (const answer of answers.filter(({ status }) => status === 429)) {
          assertProblem(answer, LIMITED);
          assert.equal(answer.get('ratelimit-remaining'), '0');
          assert.equal(answer.get('ratelimit-reset'), answer.get('retry-after'));
          assert.ok(retryAfter(answer) > 500 && retryAfter(answer) <= 600);
        }
        const left = answers.filter(({ status }) => status !== 429);
        const remaining = left.map((answer) => Number(answer.get('ratelimit-remaining')));
        assert.deepEqual(remaining.toSorted(), [0, 1, 2, 3, 4, 5, 6]);
      });
    }

    test('counts each profile by itself', async () => {
      const env = { RATE_LIMIT_LOGIN: '1/600', RATE_LIMIT_REGISTER: '1/600' };
      const [app] = await startNodes(1, { store, env });
      assert.equal(countAllowed(await atOnce(3, () => PROFILES.login.ask(app))), 1);
      assert.equal(countAllowed(await atOnce(3, () => PROFILES.register.ask(app))), 1);
      assert.equal((await refresh(app)).status, 401);
    });

    test('blocks who goes over a limit again and again, and says for how long', async () => {
      const env = { ...LOCKOUT, RATE_LIMIT_REFRESH: '1/1', TRUST_PROXY: '1' };
      const [app] = await startNodes(1, { store, env });
      const from = (address: string) => refresh(app).set('X-Forwarded-For', address);
      assert.equal(await breachUntilBlocked(() => from('192.0.2.1'), 900), 2);
      const refused = await from('192.0.2.1');
      assertProblem(refused, LIMITED);
      assert.ok(retryAfter(refused) > 870 && retryAfter(refused) <= 900);
      assert.equal(refused.get('ratelimit-reset'), refused.get('retry-after'));
      assert.equal((await from('192.0.2.2')).status, 401);
    });

    test('lets a key through again when its block is over', async () => {
      const lockout = { RATE_LIMIT_BREACHES: '1/1', RATE_LIMIT_BLOCK_SECONDS: '2' };
      const env = { ...lockout, RATE_LIMIT_REFRESH: '1/1' };
      const [app] = await startNodes(1, { store, env });
      let refused = await refresh(app);
      await eventually('it is refused', async () => (refused = await refresh(app)).status === 429);
      assert.equal(retryAfter(refused), 2);
      await eventually('it is let through', async () => (await refresh(app)).status === 401);
    });

    test('never makes a block shorter than the window that it takes the place of', async () => {
      const lockout = { RATE_LIMIT_BREACHES: '1/3600', RATE_LIMIT_BLOCK_SECONDS: '1' };
      const env = { ...lockout, RATE_LIMIT_REFRESH: '1/3600' };
      const [app] = await startNodes(1, { store, env });
      await refresh(app).expect(401);
      for (const answer of [await refresh(app), await refresh(app)]) {
        assertProblem(answer, LIMITED);
        assert.ok(retryAfter(answer) > 3500);
      }
    });
  });
}

describe('two nodes', { concurrency: true }, () => {
  for (const [name, { variable, ask }] of Object.entries(PROFILES)) {
    test(`let as many through together as ${name} has`, async () => {
      const [one, other] = await startNodes(2, { env: { [variable]: '7/600' } });
      assert.ok(other);
      const answers = await atOnce(100, (index) => ask(index % 2 === 0 ? one : other));
      assert.equal(countAllowed(answers), 7);
    });
  }

  test('count what is under no profile each by itself', async () => {
    const nodes = await startNodes(2, { env: { RATE_LIMIT_API: '7/600' } });
    for (const node of nodes) assert.equal(countAllowed(await atOnce(50, () => open(node))), 7);
  });

  test('both block who was blocked by one of them', async () => {
    const [one, other] = await startNodes(2, { env: { ...LOCKOUT, RATE_LIMIT_REFRESH: '1/1' } });
    assert.ok(other);
    assert.equal(await breachUntilBlocked(() => refresh(one), 900), 2);
    assert.ok(retryAfter(await refresh(other).expect(429)) > 870);
  });

  test('block each by itself who was blocked under no profile', async () => {
    const [one, other] = await startNodes(2, { env: { ...LOCKOUT, RATE_LIMIT_API: '1/1' } });
    assert.ok(other);
    assert.equal(await breachUntilBlocked(() => open(one), 900), 2);
    await open(other).expect(401);
    assert.ok(retryAfter(await open(one).expect(429)) > 870);
  });
});

describe('a route under no profile', { concurrency: true }, () => {
  test('is counted by session where a good token says whose it is, else by address', async () => {
    const env = { RATE_LIMIT_API: '5/600', RATE_LIMIT_API_SESSION: '3/600', TRUST_PROXY: '1' };
    const [app] = await startNodes(1, { store: 'memory', env });
    const from = (token?: string) => open(app, token).set('X-Forwarded-For', '192.0.2.1');
    const [first, second] = [await signIn(app), await signIn(app)];
    for (const { access_token } of [first, second]) {
      const answers = await atOnce(20, () => from(access_token));
      assert.deepEqual(tally(answers), { 200: 3, 429: 17 });
      for (const answer of answers) assert.equal(answer.get('ratelimit-limit'), '3');
    }
    const foreign = await atOnce(10, (index) => from(index % 2 ? 'no token' : undefined));
    assert.deepEqual(tally(foreign), { 401: 5, 429: 5 });
    for (const answer of foreign) assert.equal(answer.get('ratelimit-limit'), '5');
  });

  test('is counted by session, with whichever of its tokens, and where the use case reads it', async () => {
    const [app] = await startNodes(1, {
      store: 'memory',
      env: { RATE_LIMIT_API_SESSION: '3/600' },
    });
    const { access_token, refresh_token } = await signIn(app);
    const renewed = await app.request.post('/api/v2/auth/refresh').send({ refresh_token });
    const other = (renewed.body as { access_token: string }).access_token;
    const logOut = () => app.request.post('/api/v2/auth/logout').set(bearer(access_token));
    assert.equal((await open(app, other).expect(200)).get('ratelimit-remaining'), '2');
    assert.equal((await logOut().expect(200)).get('ratelimit-remaining'), '1');
    // Counted before anybody asks whether it was revoked.
    assert.equal((await open(app, other).expect(401)).get('ratelimit-remaining'), '0');
    assertProblem(await open(app, other), LIMITED);
    assertProblem(await logOut(), LIMITED);
  });

  test('is limited in a window longer than any timer', async () => {
    const [app] = await startNodes(1, { store: 'memory', env: { RATE_LIMIT_API: '1/9999999' } });
    await open(app).expect(401);
    for (const answer of await atOnce(3, () => open(app))) assertProblem(answer, LIMITED);
    assertProblem(await open(app), LIMITED);
  });

  test('says what is left, whatever it answers', async () => {
    const [app] = await startNodes(1, { store: 'memory', env: { RATE_LIMIT_API: '9/600' } });
    const answer = await app.request.get('/api/v2/auth/me').expect(401);
    assert.equal(answer.get('ratelimit-limit'), '9');
    assert.equal(answer.get('ratelimit-remaining'), '8');
    assert.ok(Number(answer.get('ratelimit-reset')) > 500);
  });

  test('is not what operators and readers of the pages ask', async () => {
    const [app] = await startNodes(1, { store: 'memory', env: { RATE_LIMIT_API: '1/600' } });
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/']) {
      for (const answer of await atOnce(3, () => app.request.get(path))) {
        assert.equal(answer.status, 200);
        assert.equal(answer.get('ratelimit-limit'), undefined);
      }
    }
  });
});

describe('an address', { concurrency: true }, () => {
  const env = { RATE_LIMIT_REFRESH: '2/600', RATE_LIMIT_API: '2/600', TRUST_PROXY: '1' };

  for (const [name, ask] of Object.entries({ refresh, api: open })) {
    test(`of IPv6 counts by its /64 (${name})`, async () => {
      const [app] = await startNodes(1, { store: 'memory', env });
      const from = (address: string) => ask(app).set('X-Forwarded-For', address);
      await from('2001:db8:0:1::1').expect(401);
      await from('2001:DB8:0:1:ffff:0:0:2').expect(401);
      assertProblem(await from('2001:db8:0:1::3'), LIMITED);
      await from('2001:db8:0:2::1').expect(401);
    });
  }

  test('of IPv4 is the same when it is written as IPv6', async () => {
    const [app] = await startNodes(1, { store: 'memory', env });
    const from = (address: string) => refresh(app).set('X-Forwarded-For', address);
    await from('192.0.2.1').expect(401);
    await from('::ffff:192.0.2.1').expect(401);
    assertProblem(await from('::ffff:c000:201'), LIMITED);
    await from('192.0.2.2').expect(401);
  });

  test('has one key, however it is written', () => {
    for (const [address, key] of [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['::FFFF:C000:0201', '192.0.2.1'],
      ['2001:db8::1', '2001:db8:0:0::/64'],
      ['2001:0DB8:0:0:1:2:3:4', '2001:db8:0:0::/64'],
      ['2001:db8:0:1::', '2001:db8:0:1::/64'],
      ['::1', '0:0:0:0::/64'],
      [null, ''],
    ] as const) {
      assert.equal(limitKeyOf(address), key);
    }
  });

  test('is the peer, whatever it forwards, where no proxy is trusted', async () => {
    const [app] = await startNodes(1, { store: 'memory', env: { ...env, TRUST_PROXY: '0' } });
    for (const ask of [refresh, open]) {
      const answers = await atOnce(10, (index) =>
        ask(app)
          .set('X-Forwarded-For', `192.0.2.${index}, 198.51.100.${index}`)
          .set('Forwarded', `for=192.0.2.${index}`)
          .set('X-Real-IP', `192.0.2.${index}`),
      );
      assert.equal(countAllowed(answers), 2);
    }
  });

  test('is what the trusted proxy says, not what its client made up', async () => {
    const [app] = await startNodes(1, { store: 'memory', env });
    const answers = await atOnce(10, (index) =>
      refresh(app).set('X-Forwarded-For', `192.0.2.${index}, 198.51.100.1`),
    );
    assert.equal(countAllowed(answers), 2);
  });
});

describe('with a Redis that is away', { concurrency: true }, () => {
  for (const outage of ['cut', 'stall'] as const) {
    test(`goes on limiting, each node by itself, and fails nothing (${outage})`, async () => {
      const proxy = await startProxy(required('TEST_REDIS_URL'));
      const env = { REDIS_URL: proxy.url, RATE_LIMIT_REFRESH: '5/600', RATE_LIMIT_API: '5/600' };
      const nodes = await startNodes(2, { env });
      assert.equal(countAllowed(await atOnce(3, () => refresh(nodes[0]))), 3);
      proxy[outage]();
      for (const node of nodes) {
        const answers = await atOnce(50, () => refresh(node));
        assert.equal(countAllowed(answers), 5);
        for (const answer of answers.filter(({ status }) => status === 429)) {
          assertProblem(answer, LIMITED);
          assert.equal(answer.get('ratelimit-limit'), '5');
        }
        assert.equal(countAllowed(await atOnce(20, () => open(node))), 5);
      }
    });
  }

  test('goes on where it was when Redis is back', async () => {
    const proxy = await startProxy(required('TEST_REDIS_URL'));
    const env = { REDIS_URL: proxy.url, RATE_LIMIT_REFRESH: '5/600' };
    const [app] = await startNodes(1, { env });
    await refresh(app).expect(401);
    proxy.cut();
    assert.equal((await refresh(app).expect(401)).get('ratelimit-remaining'), '4');
    proxy.restore();
    await eventually('Redis answers', async () => {
      const answer = await app.request.get('/readyz');
      return (answer.body as { degraded: string[] }).degraded.length === 0;
    });
    assert.equal((await refresh(app).expect(401)).get('ratelimit-remaining'), '3');
  });

  test('blocks who goes over a limit again and again', async () => {
    const proxy = await startProxy(required('TEST_REDIS_URL'));
    const env = { ...LOCKOUT, REDIS_URL: proxy.url, RATE_LIMIT_REFRESH: '1/1' };
    const [app] = await startNodes(1, { env });
    proxy.cut();
    assert.equal(await breachUntilBlocked(() => refresh(app), 900), 2);
  });

  test('refuses who asks for too many codes, although none could be sent', async () => {
    const proxy = await startProxy(required('TEST_REDIS_URL'));
    const env = { REDIS_URL: proxy.url, OTP_LIMIT_PER_IP: '2/600' };
    const [app] = await startNodes(1, { env });
    proxy.cut();
    const answers = await atOnce(10, () => requestCode(app, newPhoneNumber()));
    assert.deepEqual(tally(answers), { 429: 8, 503: 2 });
  });
});
