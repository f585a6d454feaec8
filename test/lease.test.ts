import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSteadyClock, type Clock } from '../server/clock.ts';
import { Lease } from '../server/revocation/lease.ts';

/** A clock that stands still until it is set forward, whose timers may be late. */
class ManualClock implements Clock {
  ms = 1000;
  #timers: { at: number; task: () => void }[] = [];

  now(): number {
    return this.ms;
  }

  steady(): number {
    return this.ms;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { at: this.ms + delayMs, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  runTimers(): void {
    const due = this.#timers.filter(({ at }) => at <= this.ms);
    this.#timers = this.#timers.filter(({ at }) => at > this.ms);
    for (const { task } of due) task();
  }
}

function setUp() {
  const clock = new ManualClock();
  const lease = new Lease(clock, 5000);
  const changes: string[] = [];
  lease.onChange({
    onLapse: () => changes.push('lapse'),
    onRegain: () => changes.push('regain'),
  });
  return { clock, lease, changes };
}

describe('the lease', () => {
  test('is not held before the first proof', () => {
    const { lease, changes } = setUp();
    assert.equal(lease.isHeld, false);
    assert.equal(lease.proofAgeMs, Infinity);
    lease.prove(1000);
    assert.equal(lease.isHeld, true);
    assert.deepEqual(changes, ['regain']);
  });

  test('counts from when the proof was asked for, not from when it came', () => {
    const { clock, lease } = setUp();
    clock.ms = 4000;
    lease.prove(1000);
    clock.ms = 5999;
    assert.equal(lease.isHeld, true);
    clock.ms = 6000;
    assert.equal(lease.isHeld, false);
  });

  test('is not given by a proof that comes too late, nor shortened by an older one', () => {
    const { clock, lease, changes } = setUp();
    clock.ms = 6000;
    lease.prove(1000);
    assert.equal(lease.isHeld, false);
    assert.deepEqual(changes, []);
    lease.prove(5000);
    lease.prove(3000);
    clock.ms = 9999;
    assert.equal(lease.isHeld, true);
  });

  test('lapses by its timer where nobody looks, once', () => {
    const { clock, lease, changes } = setUp();
    lease.prove(1000);
    clock.ms = 4000;
    lease.prove(4000);
    clock.ms = 8000;
    clock.runTimers();
    assert.deepEqual(changes, ['regain']);
    clock.ms = 9001;
    clock.runTimers();
    assert.equal(lease.isHeld, false);
    assert.deepEqual(changes, ['regain', 'lapse']);
  });

  test('is judged at the look after a pause, before any timer runs', () => {
    const { clock, lease, changes } = setUp();
    lease.prove(1000);
    clock.ms = 60_000;
    assert.equal(lease.isHeld, false);
    assert.deepEqual(changes, ['regain', 'lapse']);
    lease.prove(60_000);
    assert.deepEqual(changes, ['regain', 'lapse', 'regain']);
  });

  test('is waited for a while, and no longer', async () => {
    const { clock, lease } = setUp();
    const regained = lease.whenHeld(300);
    const given = lease.whenHeld(100);
    clock.ms += 100;
    clock.runTimers();
    assert.equal(await given, false);
    lease.prove(clock.ms);
    assert.equal(await regained, true);
    assert.equal(await lease.whenHeld(0), true);
  });
});

describe('the steady clock', () => {
  function setUpClock() {
    const time = { wall: 1_000_000, monotonic: 500 };
    const steady = createSteadyClock(
      () => time.wall,
      () => time.monotonic,
    );
    const pass = (ms: number) => {
      time.wall += ms;
      time.monotonic += ms;
    };
    return { time, steady, pass };
  }

  test('goes on with the monotonic one, whatever the wall clock drifts', () => {
    const { time, steady, pass } = setUpClock();
    const start = steady();
    pass(2000);
    time.wall += 900;
    assert.equal(steady() - start, 2000);
  });

  test('counts the sleep of the machine, once', () => {
    const { time, steady, pass } = setUpClock();
    const start = steady();
    time.wall += 30_000;
    assert.equal(steady() - start, 30_000);
    pass(1000);
    assert.equal(steady() - start, 31_000);
  });

  test('never goes back, and forgets nothing of what has passed, when the wall clock is set', () => {
    const { time, steady, pass } = setUpClock();
    const start = steady();
    pass(1000);
    time.wall -= 3_600_000;
    assert.equal(steady() - start, 1000);
    pass(1000);
    assert.equal(steady() - start, 2000);
    time.wall += 3_600_000;
    assert.equal(steady() - start, 3_602_000);
  });
});
