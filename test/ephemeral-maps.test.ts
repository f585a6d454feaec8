import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EphemeralMaps } from '../server/ephemeral/ephemeral-maps.ts';
import { MemoryStore } from '../server/ephemeral/memory.ts';
import { REDIS_PREFIX } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { newKey, openRedisStore } from './support/stores.ts';
import { atEnd } from './support/teardown.ts';
import { TestClock } from './support/test-clock.ts';

const SHORT_MS = 80;
const clock = new TestClock();
const memory = new MemoryStore(clock);
atEnd(() => memory.close());

const CANDIDATES: Record<string, EphemeralMaps> = {
  memory: memory.maps,
  redis: (await openRedisStore(REDIS_PREFIX)).maps,
};

function times<Result>(count: number, task: (index: number) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => task(index)));
}

for (const [name, maps] of Object.entries(CANDIDATES)) {
  const isEmpty = async (key: string) => Object.keys(await maps.getAll(key)).length === 0;

  describe(`the maps of the ${name} store`, () => {
    test('keep their fields, and forget those that are deleted', async () => {
      const key = newKey();
      assert.ok(await isEmpty(key));
      await maps.delete(key, ['one']);
      await maps.set(key, { one: '1', two: 'zwei ✓' }, 60_000);
      await maps.set(key, { two: '2', three: '3' }, 60_000);
      assert.deepEqual(await maps.getAll(key), { one: '1', two: '2', three: '3' });
      await maps.delete(key, []);
      await maps.delete(key, ['one', 'three', 'four']);
      assert.deepEqual(await maps.getAll(key), { two: '2' });
      await maps.delete(key, ['two']);
      assert.ok(await isEmpty(key));
    });

    test('live from when a field of theirs was last set', async () => {
      const [set, counted, added, deleted] = [newKey(), newKey(), newKey(), newKey()];
      const renewed = newKey();
      await maps.set(set, { one: '1' }, SHORT_MS);
      await maps.increment(counted, 'one', SHORT_MS);
      await maps.addBelow(added, { field: 'one', value: '1' }, { max: 9, ttlMs: SHORT_MS });
      await maps.set(deleted, { one: '1', two: '2' }, SHORT_MS);
      await maps.delete(deleted, ['one']);
      await maps.set(renewed, { one: '1' }, SHORT_MS);
      await maps.set(renewed, { two: '2' }, 60_000.5);
      clock.advance(SHORT_MS);
      for (const key of [set, counted, added, deleted]) {
        await eventually(`${key} is gone`, () => isEmpty(key));
      }
      assert.deepEqual(await maps.getAll(renewed), { one: '1', two: '2' });
    });

    test('take fields up to the limit of fifty who add one at once', async () => {
      const key = newKey();
      const limits = { max: 5, ttlMs: 60_000.5 };
      const add = (index: number) =>
        maps.addBelow(key, { field: String(index), value: 'x' }, limits);
      const added = await times(50, add);
      assert.equal(added.filter(Boolean).length, 5);
      const fields = Object.keys(await maps.getAll(key));
      assert.ok(fields.length === 5 && fields.every((field) => added[Number(field)]));
      await maps.delete(key, fields.slice(0, 1));
      const later = await times(10, (index) => add(100 + index));
      assert.equal(later.filter(Boolean).length, 1);
    });

    test('count a field up for fifty who do so at once, and leave the others', async () => {
      const key = newKey();
      await maps.set(key, { other: '7' }, 60_000);
      const counts = await times(50, () => maps.increment(key, 'one', 60_000.5));
      assert.equal(new Set(counts).size, 50);
      assert.deepEqual(await maps.getAll(key), { one: '50', other: '7' });
    });
  });
}
