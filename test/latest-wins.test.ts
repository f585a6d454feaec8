import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TokenBuckets } from '../server/realtime/token-buckets.ts';
import { LatestWins } from '../server/use-cases/latest-wins.ts';
import { HoldingClock, TestClock } from './support/test-clock.ts';

const INTERVAL_MS = 1000;

function setUp() {
  const clock = new HoldingClock(INTERVAL_MS);
  const failures: unknown[] = [];
  const turns = new LatestWins<number>(clock, {
    intervalMs: INTERVAL_MS,
    onLateFailure: (error) => failures.push(error),
  });
  const ran: string[] = [];
  const offer = (key: number, name: string) =>
    turns.offer(key, () => {
      ran.push(name);
      return name.startsWith('bad') ? Promise.reject(new Error(name)) : Promise.resolve();
    });
  const endTurn = async () => {
    clock.release();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, failures, ran, offer, endTurn };
}

describe('the latest wins', () => {
  test('the first runs at once, of those after it the last when its turn has come', async () => {
    const { offer, ran, endTurn, clock } = setUp();
    for (const name of ['a', 'b', 'c', 'd']) await offer(1, name);
    assert.deepEqual(ran, ['a']);
    await endTurn();
    assert.deepEqual(ran, ['a', 'd']);
    await offer(1, 'e');
    assert.deepEqual(ran, ['a', 'd']);
    await endTurn();
    await endTurn();
    assert.deepEqual(ran, ['a', 'd', 'e']);
    assert.equal(clock.held, 0);
    await offer(1, 'f');
    assert.deepEqual(ran, ['a', 'd', 'e', 'f']);
  });

  test('each key has its own turns', async () => {
    const { offer, ran, endTurn } = setUp();
    for (const name of ['a', 'b']) await Promise.all([offer(1, `1${name}`), offer(2, `2${name}`)]);
    assert.deepEqual(ran, ['1a', '2a']);
    await endTurn();
    assert.deepEqual(ran, ['1a', '2a', '1b', '2b']);
  });

  test('one that fails at once tells whoever offered it, and the next does not wait', async () => {
    const { offer, ran, endTurn, failures } = setUp();
    await assert.rejects(offer(1, 'bad 1'), /bad 1/);
    await assert.rejects(offer(1, 'bad 2'), /bad 2/);
    await offer(1, 'good');
    await endTurn();
    assert.deepEqual(ran, ['bad 1', 'bad 2', 'good']);
    assert.deepEqual(failures, []);
  });

  test('one that waited and failed is reported, and the next does not wait', async () => {
    const { offer, ran, endTurn, failures } = setUp();
    await offer(1, 'good');
    await offer(1, 'bad');
    await endTurn();
    assert.equal(failures.length, 1);
    await offer(1, 'better');
    assert.deepEqual(ran, ['good', 'bad', 'better']);
  });
});

describe('a bucket', () => {
  class SteadyClock extends TestClock {
    at = 1000;
    override steady(): number {
      return this.at;
    }
  }

  test('gives as many at once as it holds, and then one by one', () => {
    const clock = new SteadyClock();
    const buckets = new TokenBuckets<number>(clock, { burst: 3, intervalMs: 100 });
    const take = (count: number) => Array.from({ length: count }, () => buckets.take(7));
    assert.deepEqual(take(5), [true, true, true, false, false]);
    clock.at += 99;
    assert.deepEqual(take(1), [false]);
    clock.at += 1;
    assert.deepEqual(take(2), [true, false]);
    clock.at += 1000;
    assert.deepEqual(take(4), [true, true, true, false]);
  });

  test('is another one for each key', () => {
    const buckets = new TokenBuckets<number>(new SteadyClock(), { burst: 1, intervalMs: 100 });
    assert.deepEqual(
      [1, 2, 1, 2].map((key) => buckets.take(key)),
      [true, true, false, false],
    );
  });
});
