import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CANDIDATES, isNear, SHORT_MS } from './support/candidates.ts';
import { newKey } from './support/stores.ts';

for (const [name, { store, passShortLife }] of Object.entries(CANDIDATES)) {
  describe(`the ${name} store`, () => {
    test('keeps the latest of what is set, whatever the order in which it comes', async () => {
      const key = newKey();
      await store.setLatest(key, { at: 2 }, 60_000);
      await store.setLatest(key, { at: 1.5 }, 10_000);
      assert.equal(await store.get(key), '{"at":2}');
      assert.ok(isNear(await store.ttlMs(key), 60_000));
      await Promise.all([3, 7, 5].map((at) => store.setLatest(key, { at }, 30_000)));
      assert.equal(await store.get(key), '{"at":7}');
      assert.ok(isNear(await store.ttlMs(key), 30_000));
      await store.setLatest(key, { at: 7, again: 'ü' } as { at: number }, SHORT_MS);
      assert.equal(await store.get(key), '{"at":7,"again":"ü"}');
      await passShortLife(key);
      await store.setLatest(key, { at: 1 }, 60_000);
      assert.equal(await store.get(key), '{"at":1}');
    });

    test('finds who is placed within a circle, the nearest first, where each was placed last', async () => {
      const key = newKey();
      const center = { lat: 60, lng: 179.999 };
      assert.deepEqual(await store.findWithin(key, { center, radiusM: 1000 }, 10), []);
      const places = { a: [60.001, 179.999], b: [60, -180], c: [60, 179.9], d: [60.5, 0] };
      for (const [member, [lat = 0, lng = 0]] of Object.entries(places)) {
        await store.place(key, { member, point: { lat, lng } }, 60_000);
      }
      const find = async (radiusM: number, limit = 10): Promise<string[]> => {
        const found = await store.findWithin(key, { center, radiusM }, limit);
        return found.map(({ member, distanceM }) => `${member} ${Math.round(distanceM / 2)}`);
      };
      assert.deepEqual(await find(1000), ['b 28', 'a 56']);
      assert.equal((await find(10_000)).length, 3);
      assert.equal((await find(10_000, 2)).length, 2);
      await store.place(key, { member: 'a', point: { lat: 0, lng: 0 } }, 60_000);
      assert.deepEqual(await find(1000), ['b 28']);
    });

    test('forgets who was placed when the life of the key, counted from the last, is over', async () => {
      const [key, kept] = [newKey(), newKey()];
      const placed = { member: '1', point: { lat: 85.05112878, lng: -180 } };
      const circle = { center: { lat: 85.05112878, lng: 180 }, radiusM: 10 };
      await store.place(kept, placed, SHORT_MS);
      await store.place(kept, { ...placed, member: '2' }, 60_000.5);
      await store.place(key, placed, SHORT_MS);
      assert.equal((await store.findWithin(key, circle, 1)).length, 1);
      await passShortLife(key, async () => (await store.findWithin(key, circle, 1)).length === 0);
      assert.equal((await store.findWithin(kept, circle, 9)).length, 2);
    });
  });
}
