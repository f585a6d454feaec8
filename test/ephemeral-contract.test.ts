import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CANDIDATES, isNear, SHORT_MS, times } from './support/candidates.ts';
import { eventually } from './support/eventually.ts';
import { hear, newKey } from './support/stores.ts';

for (const [name, { store, passShortLife }] of Object.entries(CANDIDATES)) {
  describe(`the ${name} store`, () => {
    test('gives back what was set, until its life is over', async () => {
      const key = newKey();
      assert.equal(await store.get(key), null);
      assert.equal(await store.ttlMs(key), null);
      await store.set(key, 'välue\u0000 1', 60_000);
      assert.equal(await store.get(key), 'välue\u0000 1');
      assert.ok(isNear(await store.ttlMs(key), 60_000));
      await store.set(key, 'short', SHORT_MS);
      assert.equal(await store.get(key), 'short');
      await passShortLife(key);
      assert.equal(await store.get(key), null);
      assert.equal(await store.ttlMs(key), null);
    });

    test('gives each of several values in the order of their keys', async () => {
      const keys = [newKey(), newKey(), newKey()] as const;
      await store.set(keys[2], 'last', 60_000);
      await store.set(keys[0], 'first', 60_000);
      assert.deepEqual(await store.getEach(keys), ['first', null, 'last']);
      assert.deepEqual(await store.getEach([]), []);
    });

    test('gives each of a thousand its own answer, whatever else is asked meanwhile', async () => {
      const keys = Array.from({ length: 1000 }, newKey);
      const all = times(1000, async (index) => {
        const key = keys[index] ?? '';
        await store.set(key, String(index), 60_000);
        if (index % 100 === 0) await store.publish('nobody', 'listens');
        return store.get(key);
      });
      assert.deepEqual(await all, Object.keys(keys));
    });

    test('takes a life that is no whole number of milliseconds', async () => {
      const key = newKey();
      await store.set(key, 'x', 1000.4);
      assert.equal(await store.setIfAbsent(newKey(), 'x', 999.9), true);
      await store.replace(key, 'y', 1000.4);
      assert.equal(await store.get(key), 'y');
    });

    test('forgets what is deleted, and bears a key that is not there', async () => {
      const key = newKey();
      await store.set(key, 'x', 60_000);
      await store.delete(key);
      await store.delete(key);
      assert.equal(await store.get(key), null);
    });

    test('sets for one of fifty who set at once where there is nothing', async () => {
      const key = newKey();
      const won = await times(50, (index) => store.setIfAbsent(key, String(index), 60_000));
      assert.equal(won.filter(Boolean).length, 1);
      assert.equal(await store.get(key), String(won.indexOf(true)));
      assert.ok(isNear(await store.ttlMs(key), 60_000));
    });

    test('sets again where the life of what was there is over', async () => {
      const key = newKey();
      assert.equal(await store.setIfAbsent(key, 'one', SHORT_MS), true);
      assert.equal(await store.setIfAbsent(key, 'two', SHORT_MS), false);
      await passShortLife(key);
      assert.equal(await store.setIfAbsent(key, 'three', SHORT_MS), true);
    });

    test('replaces a value and gives the one before with what it had left', async () => {
      const key = newKey();
      assert.equal(await store.replace(key, 'one', 60_000), null);
      const before = await store.replace(key, 'two', 10_000);
      assert.equal(before?.value, 'one');
      assert.ok(isNear(before.ttlMs, 60_000));
      assert.equal(await store.get(key), 'two');
      assert.ok(isNear(await store.ttlMs(key), 10_000));
    });

    test('counts who was seen since a moment, each once, and forgets the others', async () => {
      const key = newKey();
      const lived = { ttlMs: 60_000 };
      assert.equal(await store.countSeen(key, 0), 0);
      await store.see(key, ['1', '2'], { at: 1_000_000, ...lived });
      await store.see(key, ['2', '3'], { at: 1_010_000, ...lived });
      assert.equal(await store.countSeen(key, 999_999), 3);
      assert.equal(await store.countSeen(key, 1_000_000), 2);
      await store.see(key, ['4'], { at: 1_060_000, ...lived });
      assert.equal(await store.countSeen(key, 0), 3);
    });

    test('raises a number, never lowers it, and leaves what is no number', async () => {
      const key = newKey();
      await store.raise(key, 2, 60_000);
      await store.raise(key, 1, 10_000);
      assert.equal(await store.get(key), '2');
      assert.ok(isNear(await store.ttlMs(key), 60_000));
      await Promise.all([3, 7, 5].map((value) => store.raise(key, value, 30_000)));
      assert.equal(await store.get(key), '7');
      assert.ok(isNear(await store.ttlMs(key), 30_000));
      await store.set(key, '*', 60_000);
      await store.raise(key, 8, 10_000);
      assert.equal(await store.get(key), '*');
    });

    test('gives each value to one of fifty who replace it at once', async () => {
      const key = newKey();
      const taken = await times(50, (index) => store.replace(key, String(index), 60_000));
      const seen = [...taken.map((before) => before?.value ?? null), await store.get(key)];
      assert.equal(new Set(seen).size, 51);
    });

    test('gives an expected value to one of fifty who take it at once', async () => {
      const key = newKey();
      await store.set(key, 'x', 60_000);
      assert.equal(await store.takeIfEqual(key, 'y'), 'different');
      const taken = await times(50, () => store.takeIfEqual(key, 'x'));
      const [winner, ...others] = taken.filter((answer) => answer !== 'absent');
      assert.ok(typeof winner === 'object' && winner.value === 'x' && isNear(winner.ttlMs, 60_000));
      assert.deepEqual(others, []);
      assert.equal(await store.get(key), null);
    });

    test('takes nothing whose life is over', async () => {
      const key = newKey();
      await store.set(key, 'x', SHORT_MS);
      await passShortLife(key);
      assert.equal(await store.takeIfEqual(key, 'x'), 'absent');
    });

    test('counts up to the limit for a hundred who count at once', async () => {
      const key = newKey();
      const limits = { ttlMs: 60_000, max: 3 };
      const counts = await times(100, () => store.increment(key, limits));
      assert.deepEqual(counts.filter((count) => count !== null).sort(), [1, 2, 3]);
      assert.equal(await store.get(key), '3');
      assert.ok(isNear(await store.ttlMs(key), 60_000));
    });

    test('lets a count live from its first on, unless it is renewed', async () => {
      const key = newKey();
      await store.increment(key, { ttlMs: 60_000, max: 2 });
      await store.increment(key, { ttlMs: 90_000, max: 2 });
      assert.equal(await store.increment(key, { ttlMs: 90_000, max: 2 }), null);
      assert.ok(isNear(await store.ttlMs(key), 60_000));
      await store.renew(key, 90_000);
      await store.decrement(key);
      assert.ok(isNear(await store.ttlMs(key), 90_000));
    });

    test('renews nothing that is not there', async () => {
      const key = newKey();
      await store.renew(key, 60_000);
      assert.equal(await store.ttlMs(key), null);
      await store.set(key, 'x', SHORT_MS);
      await passShortLife(key);
      await store.renew(key, 60_000);
      assert.equal(await store.get(key), null);
    });

    test('counts anew when the life of the count is over', async () => {
      const key = newKey();
      await store.increment(key, { ttlMs: SHORT_MS, max: 1 });
      await passShortLife(key);
      assert.equal(await store.increment(key, { ttlMs: SHORT_MS, max: 1 }), 1);
    });

    test('counts down, and never below nothing', async () => {
      const key = newKey();
      await store.decrement(key);
      assert.equal(await store.ttlMs(key), null);
      await times(3, () => store.increment(key, { ttlMs: 60_000, max: 9 }));
      await times(5, () => store.decrement(key));
      assert.equal(await store.increment(key, { ttlMs: 60_000, max: 9 }), 1);
    });

    test('limits the uses of a key, and of each key by itself', async () => {
      const limiter = store.createLimiter({ name: newKey(), points: 3, seconds: 60 });
      assert.deepEqual(limiter.options.points, 3);
      const answers = await times(10, () => limiter.consume('one'));
      assert.equal(answers.filter(({ isAllowed }) => isAllowed).length, 3);
      assert.ok(answers.every(({ resetMs }) => resetMs > 55_000 && resetMs <= 60_000));
      assert.equal((await limiter.consume('other')).remaining, 2);
    });

    test('gives back a use that was not one', async () => {
      const limiter = store.createLimiter({ name: newKey(), points: 1, seconds: 60 });
      assert.equal((await limiter.consume('one')).isAllowed, true);
      await limiter.reward('one');
      assert.equal((await limiter.consume('one')).isAllowed, true);
      assert.equal((await limiter.consume('one')).isAllowed, false);
    });

    test('keeps two limiters of other names apart', async () => {
      const options = { points: 1, seconds: 60 };
      const [one, other] = [newKey(), newKey()].map((each) =>
        store.createLimiter({ name: each, ...options }),
      );
      await one?.consume('key');
      assert.equal((await other?.consume('key'))?.isAllowed, true);
    });

    test('tells who listens to a channel what is published, in its order', async () => {
      const [channel, other] = [newKey(), newKey()];
      const isSubscribed = new Promise<void>((resolve) => {
        store.subscribe(newKey(), { onMessage: () => undefined, onSubscribed: resolve });
      });
      const [heard, overheard] = [hear(store, channel), hear(store, other)];
      await isSubscribed;
      await eventually('a message comes through', async () => {
        await store.publish(channel, 'probe');
        return heard.length > 0;
      });
      await store.publish(channel, '1');
      await store.publish(channel, '2');
      await eventually('both came', () => heard.includes('2'));
      assert.deepEqual(
        heard.filter((message) => message !== 'probe'),
        ['1', '2'],
      );
      assert.deepEqual(overheard, []);
    });

    test('answers that it is there, and says when it is reached', async () => {
      await store.ping();
      assert.equal(await store.waitUntilConnected(1000), true);
      let isReached = false;
      store.onConnected(() => (isReached = true));
      assert.ok(isReached);
    });
  });
}
