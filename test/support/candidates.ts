import type { EphemeralStore } from '../../server/ephemeral/ephemeral-store.ts';
import { MemoryStore } from '../../server/ephemeral/memory.ts';
import { REDIS_PREFIX } from './app.ts';
import { eventually } from './eventually.ts';
import { openRedisStore } from './stores.ts';
import { atEnd } from './teardown.ts';
import { TestClock } from './test-clock.ts';

const clock = new TestClock();

/** A store that the contract is held up to. */
export interface Candidate {
  store: EphemeralStore;
  /** Lets a life of `SHORT_MS` come to its end: that of a key, or what else `isOver` tells. */
  passShortLife: (key: string, isOver?: () => Promise<boolean>) => Promise<void>;
}

export const SHORT_MS = 80;
const memory = new MemoryStore(clock);
const redis = await openRedisStore(REDIS_PREFIX);
atEnd(() => memory.close());

export const CANDIDATES: Record<string, Candidate> = {
  memory: {
    store: memory,
    passShortLife: () => {
      clock.advance(SHORT_MS);
      return Promise.resolve();
    },
  },
  redis: {
    store: redis,
    passShortLife: (key, isOver = async () => (await redis.get(key)) === null) =>
      eventually(`${key} is gone`, isOver),
  },
};

export function times<Result>(
  count: number,
  task: (index: number) => Promise<Result>,
): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => task(index)));
}

export function isNear(ttlMs: number | null, expectedMs: number): boolean {
  return ttlMs !== null && ttlMs <= expectedMs && ttlMs > expectedMs - 1000;
}
