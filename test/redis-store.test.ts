import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '../server/errors.ts';
import { REDIS_PREFIX } from './support/app.ts';
import { required } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { hear, newKey, openRedisStore } from './support/stores.ts';
import { startProxy } from './support/tcp-proxy.ts';

describe('two Redis stores', () => {
  test('of other prefixes share neither keys, channels nor limits', async () => {
    const [one, other] = [
      await openRedisStore(`${REDIS_PREFIX}1:`),
      await openRedisStore(`${REDIS_PREFIX}2:`),
    ];
    await one.set('key', 'x', 60_000);
    assert.equal(await other.get('key'), null);
    const [heardByOne, heardByOther] = [hear(one, 'channel'), hear(other, 'channel')];
    await eventually('both are told', async () => {
      await one.publish('channel', 'hello');
      await other.publish('channel', 'bye');
      return heardByOne.length > 0 && heardByOther.length > 0;
    });
    assert.deepEqual([...new Set(heardByOne)], ['hello']);
    assert.deepEqual([...new Set(heardByOther)], ['bye']);
    const options = { name: 'limit', points: 1, seconds: 60 };
    await one.createLimiter(options).consume('key');
    assert.equal((await other.createLimiter(options).consume('key')).isAllowed, true);
  });

  test('of one prefix share all of them', async () => {
    const [one, other] = [await openRedisStore(REDIS_PREFIX), await openRedisStore(REDIS_PREFIX)];
    const key = newKey();
    await other.set(key, 'x', 60_000);
    assert.equal(await one.get(key), 'x');
  });
});

for (const outage of ['cut', 'stall'] as const) {
  test(`refuses at once while Redis is away (${outage}), and recovers by itself`, async () => {
    const proxy = await startProxy(required('TEST_REDIS_URL'));
    const store = await openRedisStore(REDIS_PREFIX, proxy.url);
    const limiter = store.createLimiter({ name: newKey(), points: 5, seconds: 60 });
    let reached = 0;
    store.onConnected(() => reached++);
    proxy[outage]();
    const isUnavailable = (error: unknown) =>
      error instanceof AppError && error.code === 'service_unavailable';
    await assert.rejects(store.get('key'), isUnavailable);
    const startedAt = performance.now();
    for (const command of [
      () => store.get('key'),
      () => store.set('key', 'x', 1000),
      () => store.setIfAbsent('key', 'x', 1000),
      () => store.replace('key', 'x', 1000),
      () => store.delete('key'),
      () => store.takeIfEqual('key', 'x'),
      () => store.increment('key', { ttlMs: 1000, max: 3 }),
      () => store.renew('key', 1000),
      () => store.decrement('key'),
      () => store.ttlMs('key'),
      () => store.publish('channel', 'x'),
      () => store.ping(),
      () => limiter.consume('key'),
      () => limiter.reward('key'),
    ]) {
      await assert.rejects(command(), isUnavailable);
    }
    assert.ok(performance.now() - startedAt < 100, 'nobody waits but the first');
    proxy.restore();
    await eventually('Redis answers again', () =>
      store.ping().then(
        () => true,
        () => false,
      ),
    );
    if (outage === 'cut') assert.equal(reached, 2);
    const heard = hear(store, 'later');
    await eventually('a message comes through', async () => {
      await store.publish('later', 'x');
      return heard.length > 0;
    });
  });
}

test('counts with a life that is no whole number of milliseconds', async () => {
  const store = await openRedisStore(REDIS_PREFIX);
  assert.equal(await store.increment(newKey(), { ttlMs: 1000.4, max: 3 }), 1);
});
