import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryStorage, type TokenStorage } from '../client/src/medallion.ts';
import { startApp } from './support/app.ts';
import {
  assertCode,
  countRefreshes,
  enterByPassword,
  enterByPhone,
  keptIn,
  openClient,
  recordRequests,
  refreshTokenIn,
  type TestClient,
  urlOf,
} from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { bearer } from './support/phone.ts';
import { assertFamilyLives, familyOf, present } from './support/rotation.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { TestClock } from './support/test-clock.ts';

const ACCESS_LIFE_MS = 15 * 60_000;
const AT_ONCE = 50;

const clock = new TestClock();
const app = await startApp({ clock });

/** A client and its service grow older together. */
function pass({ timing }: TestClient, ms: number): void {
  clock.advance(ms);
  timing.advance(ms);
}

async function openAccount(options: Parameters<typeof openClient>[1] = {}) {
  const storage = memoryStorage();
  const opened = await openClient(app, { storage, ...options });
  await enterByPassword(app, opened.client);
  return { ...opened, storage };
}

describe('an expired token', () => {
  for (const [kind, enter] of [
    ['phone', enterByPhone],
    ['account', enterByPassword],
  ] as const) {
    test(`of the ${kind} kind is refreshed once, however many calls wait`, async () => {
      const opened = await openClient(app);
      await enter(app, opened.client);
      pass(opened, ACCESS_LIFE_MS);
      const requests = recordRequests(app);
      const calls = Array.from({ length: AT_ONCE }, () => opened.client.me());
      const users = await Promise.all(calls);
      assert.deepEqual(
        new Set(users.map(({ id }) => id)),
        new Set([opened.client.session?.user.id]),
      );
      assert.equal(countRefreshes(requests), 1);
      assert.equal(requests.length, AT_ONCE + 1);
    });
  }

  test('that the client takes for good is refreshed once after the refusals', async () => {
    const opened = await openAccount();
    // The machine has slept, say, and its clocks have not noticed.
    clock.advance(ACCESS_LIFE_MS + 1000);
    const requests = recordRequests(app);
    await Promise.all(Array.from({ length: AT_ONCE }, () => opened.client.me()));
    assert.equal(countRefreshes(requests), 1);
    assert.equal(requests.length, 2 * AT_ONCE + 1);
  });

  test('is renewed shortly before its time, and not long before', async () => {
    const opened = await openAccount();
    const requests = recordRequests(app);
    pass(opened, ACCESS_LIFE_MS - 31_000);
    await opened.client.me();
    assert.equal(countRefreshes(requests), 0);
    pass(opened, 2000);
    await opened.client.me();
    assert.deepEqual(requests.slice(1), ['POST /api/auth/refresh', 'GET /api/auth/me']);
  });

  test('is told by the time that passed, not by what the clocks of the two say', async () => {
    const opened = await openAccount();
    // As of a service whose clock is an hour ahead.
    clock.advance(60 * 60_000);
    await opened.client.refresh();
    const requests = recordRequests(app);
    await opened.client.me();
    assert.deepEqual(requests, ['GET /api/auth/me']);
  });

  test('is told after a reload too', async () => {
    const opened = await openAccount();
    opened.client.close();
    clock.advance(ACCESS_LIFE_MS);
    const again = await openClient(app, { storage: opened.storage });
    again.timing.advance(ACCESS_LIFE_MS);
    await again.client.me();
    // This one was opened before any time passed, as it thinks.
    const requests = recordRequests(app);
    clock.advance(ACCESS_LIFE_MS);
    await again.client.me();
    assert.deepEqual(requests, ['GET /api/auth/me', 'POST /api/auth/refresh', 'GET /api/auth/me']);
  });
});

describe('a refresh', () => {
  test('stores the new tokens before the old ones are dropped', async () => {
    const memory = memoryStorage();
    const heldBack: (() => void)[] = [];
    let isSlow = false;
    const storage: TokenStorage = {
      ...memory,
      set: async (value) => {
        if (isSlow) await new Promise<void>((resolve) => heldBack.push(resolve));
        await memory.set(value);
      },
    };
    const { client } = await openClient(app, { storage });
    await enterByPassword(app, client);
    const old = client.session?.accessToken;
    isSlow = true;
    const refreshed = client.refresh();
    await eventually('the tokens are being stored', () => heldBack.length > 0);
    assert.equal(client.session?.accessToken, old);
    heldBack[0]?.();
    await refreshed;
    assert.notEqual(client.session?.accessToken, old);
    assert.equal(refreshTokenIn(memory), refreshTokenIn(storage));
  });

  test('whose answer was lost is asked for again, with the same token, and the session lives', async () => {
    const proxy = await startProxy(app.url);
    const { client, storage } = await openAccount({ url: proxy.url });
    const used = refreshTokenIn(storage);
    const requests = recordRequests(app);
    proxy.slow(2000);
    const refreshed = client.refresh();
    await eventually('the token is used', async () =>
      (await familyOf(used)).tokens.some((each) => each.used),
    );
    proxy.cut();
    proxy.restore();
    await refreshed;
    assert.equal(countRefreshes(requests), 2);
    assert.notEqual(refreshTokenIn(storage), used);
    await assertFamilyLives(used);
    await client.refresh();
    assert.equal((await client.me()).id, client.session?.user.id);
  });

  test('whose client died before it could store the answer is repeated by the next one', async () => {
    const { client, storage } = await openAccount();
    const left = keptIn(storage);
    await client.refresh();
    client.close();
    await storage.set(left);
    const again = await openClient(app, { storage });
    await again.client.refresh();
    await assertFamilyLives(refreshTokenIn(storage));
    assert.equal((await again.client.me()).id, again.client.session?.user.id);
  });

  test('that cannot reach the service signs nobody out', async () => {
    const proxy = await startProxy(app.url);
    const { client, timing } = await openAccount({ url: proxy.url });
    const ends: unknown[] = [];
    client.on('signedOut', (end) => ends.push(end));
    proxy.cut();
    await assertCode(client.refresh(), 'no_answer');
    timing.advance(ACCESS_LIFE_MS);
    await assertCode(client.me(), 'no_answer');
    proxy.restore();
    assert.equal((await client.me()).id, client.session?.user.id);
    assert.deepEqual(ends, []);
  });

  test('that fails while the old token is good leaves that in use', async () => {
    const { client, timing } = await openAccount({ fetch: failing('/refresh', 503, {}) });
    timing.advance(ACCESS_LIFE_MS - 10_000);
    assert.equal((await client.me()).id, client.session?.user.id);
  });

  test('is ended by nothing but a refusal of the service itself', async () => {
    for (const [status, body] of [
      [401, { title: 'Sign in to the Wi-Fi' }],
      [403, {}],
      [404, {}],
      [400, { code: 'invalid_request' }],
      [200, { ok: true }],
    ] as const) {
      const { client } = await openAccount({ fetch: failing('/refresh', status, body) });
      await assert.rejects(client.refresh());
      assert.notEqual(client.session, null);
    }
  });

  test('that is refused signs out, once, for all who waited', async () => {
    const { client, storage } = await openAccount();
    const ends: unknown[] = [];
    client.on('signedOut', (end) => ends.push(end));
    await app.request
      .post('/api/auth/logout')
      .set(bearer(client.session?.accessToken ?? ''))
      .expect(200);
    const calls = await Promise.allSettled(Array.from({ length: AT_ONCE }, () => client.me()));
    for (const call of calls) {
      assert.equal(call.status, 'rejected');
      assert.equal((call.reason as { code: string }).code, 'signed_out');
    }
    const detail = 'Invalid or expired refresh token';
    assert.deepEqual(ends, [{ reason: 'refresh_refused', detail }]);
    assert.equal(client.session, null);
    await eventually('it is forgotten', () => keptIn(storage).includes('"session":null'));
  });

  test('of a stolen token ends the session', async () => {
    const { client, storage } = await openAccount();
    const stolen = refreshTokenIn(storage);
    await present(app, stolen, { deviceId: 'thief' }).expect(200);
    await assertCode(client.refresh(), 'signed_out');
    assert.equal((await familyOf(stolen)).endReason, 'token_reuse');
  });
});

/** A network whose answers for a path are these. */
function failing(path: string, status: number, body: object): typeof fetch {
  return (input, init) =>
    urlOf(input).endsWith(path)
      ? Promise.resolve(Response.json(body, { status }))
      : fetch(input, init);
}

describe('a service that is busy', () => {
  test('is asked again after the time that it says', async () => {
    let refusals = 0;
    const busyTwice: typeof fetch = (input, init) => {
      if (!urlOf(input).endsWith('/refresh') || (refusals += 1) > 2) return fetch(input, init);
      const headers = { 'Retry-After': '2' };
      return Promise.resolve(Response.json({ code: 'rate_limited' }, { status: 429, headers }));
    };
    const { client, timing } = await openAccount({ fetch: busyTwice });
    const old = client.session?.accessToken;
    const refreshed = client.refresh();
    for (const attempt of [1, 2]) {
      await eventually(
        'it waits',
        () => timing.waitsMs.filter((ms) => ms === 2000).length === attempt,
      );
      timing.advance(1900);
      assert.equal(client.session?.accessToken, old);
      timing.advance(100);
    }
    await refreshed;
    assert.equal(refusals, 3);
  });

  test('for long is not asked before its time, and callers are told at once', async () => {
    const requests: string[] = [];
    const busy = () =>
      Response.json(
        { code: 'service_unavailable' },
        { status: 503, headers: { 'Retry-After': '60' } },
      );
    const { client, timing } = await openAccount({
      fetch: (input, init) => {
        requests.push(urlOf(input));
        return urlOf(input).endsWith('/refresh') ? Promise.resolve(busy()) : fetch(input, init);
      },
    });
    for (let call = 0; call < 5; call += 1) {
      await assert.rejects(client.refresh(), { status: 503, retryAfterSeconds: 60 });
    }
    assert.equal(countRefreshes(requests), 1);
    timing.advance(60_000);
    await assert.rejects(client.refresh(), { status: 503 });
    assert.equal(countRefreshes(requests), 2);
  });

  test('without a word is asked three times, with waits that grow and are drawn', async () => {
    const { client, timing } = await openAccount({ fetch: failing('/refresh', 502, {}) });
    timing.luck = 0.5;
    timing.waitsMs.length = 0;
    const refused = assert.rejects(client.refresh(), { status: 502 });
    for (const waitMs of [250, 500]) {
      await eventually('it waits', () => timing.waitsMs.includes(waitMs));
      timing.advance(waitMs);
    }
    await refused;
  });
});
