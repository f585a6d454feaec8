import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from './rolling/client.ts';
import { findMissing } from './rolling/missing.ts';

/** Event n is sent at 100 n. */
const SENT_AT = [0, 100, 200, 300, 400];

function entries(...given: (number | { readyAt: number })[]): Entry[] {
  return given.map((each) => (typeof each === 'number' ? { number: each } : each));
}

test('a client that got all, some twice or in another order, misses nothing', () => {
  for (const got of [
    entries(0, 1, 2, 3, 4),
    entries({ readyAt: 0 }, 0, 1, 2, { readyAt: 250 }, 2, 3, 3, 4, 4),
    entries(0, 2, 1, 4, 3),
  ]) {
    assert.deepEqual(findMissing(got, SENT_AT), { known: [], silent: [] });
  }
});

test('what is missing before a `ready` is known to be, wherever the gap is', () => {
  for (const [got, known] of [
    [entries(0, 1, { readyAt: 350 }, 4), [2, 3]],
    [entries({ readyAt: 150 }, 2, 3, 4), [0, 1]],
    [entries(0, 1, 2, { readyAt: 500 }), [3, 4]],
    [entries({ readyAt: 500 }), [0, 1, 2, 3, 4]],
  ] as const) {
    assert.deepEqual(findMissing(got, SENT_AT), { known, silent: [] });
  }
});

test('what is missing without a `ready` in its gap is lost silently', () => {
  for (const [got, silent] of [
    [entries(0, 1, 3, 4), [2]],
    [entries({ readyAt: 0 }, 0, 1, 2, 3), [4]],
    [entries(0, 1, { readyAt: 150 }, 3, 4), [2]],
    [entries(0, { readyAt: 50 }, 1, 3, { readyAt: 450 }, 4), [2]],
    [entries(), [0, 1, 2, 3, 4]],
  ] as const) {
    assert.deepEqual(findMissing(got, SENT_AT), { known: [], silent });
  }
});

test('of one gap a part may be known and the rest not', () => {
  const got = entries(0, { readyAt: 250 }, 4);
  assert.deepEqual(findMissing(got, SENT_AT), { known: [1, 2], silent: [3] });
});
