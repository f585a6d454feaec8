import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { SINGLE, type Scenario } from './scenario.ts';

const STOP_MS = 20_000;
/** Longer than the lease, by more than it takes to notice. */
const FAULT_MS = 11_000;

/** Sends one Redis a command, without the nodes' proxies. */
async function command(url: string, [name, ...args]: [string, ...string[]]): Promise<unknown> {
  const redis = new Redis(url, { retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

export const REDIS_FAULTS: Scenario[] = [
  {
    name: 'subscriber connections killed, again and again',
    claim: SINGLE,
    play: async (stage) => {
      const { url } = stage.world.redis;
      const killing = setInterval(() => {
        void command(url, ['CLIENT', 'KILL', 'TYPE', 'pubsub']).catch(() => undefined);
      }, 20);
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      clearInterval(killing);
    },
  },
  {
    name: 'Redis stopped (SIGSTOP) for 20 s',
    claim: SINGLE,
    play: async (stage) => {
      stage.world.redis.child.kill('SIGSTOP');
      await sleep(500);
      await stage.revokeAll();
      await stage.until(STOP_MS);
      stage.world.redis.child.kill('SIGCONT');
    },
  },
  {
    name: 'half-open connections between B and Redis',
    claim: SINGLE,
    play: async (stage) => {
      stage.b.redis.stall();
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      stage.b.redis.restore();
    },
  },
];
