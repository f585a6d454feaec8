import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryStorage, type TokenStorage } from '../client/src/medallion.ts';
import { startApp } from './support/app.ts';
import {
  countRefreshes,
  enterByPassword,
  enterByPhone,
  openClient,
  recordRequests,
  refreshTokenIn,
} from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { assertFamilyLives } from './support/rotation.ts';
import { TestClock } from './support/test-clock.ts';

const ACCESS_LIFE_MS = 15 * 60_000;
const AT_ONCE = 50;

const clock = new TestClock();
const app = await startApp({ clock });

describe('clients that share a storage', () => {
  /** As tabs do: a lock and a word when something changed. */
  function sharedStorage({ hasLock }: { hasLock: boolean }): () => TokenStorage {
    const memory = memoryStorage();
    const listeners = new Map<object, () => void>();
    let tail: Promise<unknown> = Promise.resolve();
    const lock = <T>(task: () => Promise<T>): Promise<T> => {
      const run = tail.then(task);
      tail = run.catch(() => undefined);
      return run;
    };
    return () => {
      const own = {};
      const told = (write: () => unknown) => {
        write();
        for (const [tab, changed] of listeners) if (tab !== own) setImmediate(changed);
      };
      return {
        get: () => memory.get(),
        set: (value) => {
          told(() => memory.set(value));
        },
        clear: () => {
          told(() => memory.clear());
        },
        ...(hasLock && { lock }),
        subscribe: (changed) => {
          listeners.set(own, changed);
          return () => listeners.delete(own);
        },
      };
    };
  }

  for (const hasLock of [true, false]) {
    test(`refresh ${hasLock ? 'once' : 'without harm'} ${hasLock ? 'with' : 'without'} a lock`, async () => {
      const open = sharedStorage({ hasLock });
      const first = await openClient(app, { storage: open() });
      await enterByPassword(app, first.client);
      const others = await Promise.all([1, 2].map(() => openClient(app, { storage: open() })));
      const tabs = [first, ...others];
      clock.advance(ACCESS_LIFE_MS);
      for (const { timing } of tabs) timing.advance(ACCESS_LIFE_MS);
      const requests = recordRequests(app);
      const calls = tabs.flatMap(({ client }) =>
        Array.from({ length: AT_ONCE }, () => client.me()),
      );
      await Promise.all(calls);
      const refreshes = countRefreshes(requests);
      if (hasLock) assert.equal(refreshes, 1);
      else assert.ok(refreshes <= tabs.length, String(refreshes));
      const { session } = first.client;
      await eventually('all have the same token', () =>
        others.every(({ client }) => client.session?.accessToken === session?.accessToken),
      );
      await assertFamilyLives(refreshTokenIn(open()));
    });
  }

  test('are signed out and in together', async () => {
    const open = sharedStorage({ hasLock: true });
    const [one, other] = [
      await openClient(app, { storage: open() }),
      await openClient(app, { storage: open() }),
    ];
    const seen: string[] = [];
    other.client.on('signedIn', () => seen.push('in'));
    other.client.on('signedOut', ({ reason }) => seen.push(reason));
    other.client.on('refreshed', () => seen.push('refreshed'));
    await enterByPassword(app, one.client);
    await eventually('the other is signed in', () => other.client.session !== null);
    await one.client.refresh();
    await eventually('the other has the token', () => seen.includes('refreshed'));
    assert.equal(other.client.session?.accessToken, one.client.session?.accessToken);
    await enterByPhone(app, one.client);
    await eventually('the other is somebody else', () => other.client.session?.kind === 'phone');
    await one.client.signOut();
    await eventually('the other is signed out', () => other.client.session === null);
    assert.deepEqual(seen, ['in', 'refreshed', 'elsewhere', 'in', 'elsewhere']);
  });
});
