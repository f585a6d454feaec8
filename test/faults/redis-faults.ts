import { setTimeout as sleep } from 'node:timers/promises';
import { assertRefusedByNewNode, onEveryNode, restoreAll, tellRedis } from './faults.ts';
import { FAULT_MS, SINGLE, STOP_MS, type Scenario } from './scenario.ts';
import { failOver, startSentinels } from './sentinel.ts';

const SLOW_MS = 700;

/** Redis, or the way to it, is broken; PostgreSQL answers everybody. */
export const REDIS_FAULTS: Scenario[] = [
  {
    name: 'subscriber connections killed, again and again',
    claim: SINGLE,
    play: async (stage) => {
      const { url } = stage.world.redis;
      const killing = setInterval(() => {
        void tellRedis(url, 'CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => undefined);
      }, 20);
      stage.world.scope.onEnd(() => {
        clearInterval(killing);
      });
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
  {
    name: 'B cut off from Redis',
    claim: SINGLE,
    play: async (stage) => {
      stage.b.redis.cut();
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      stage.b.redis.restore();
    },
  },
  {
    name: 'Redis killed, and started again empty',
    claim: SINGLE,
    play: async (stage) => {
      stage.world.redis.child.kill('SIGKILL');
      await stage.revokeAll();
      const { url } = await stage.world.startRedis('empty-redis');
      restoreAll(stage, 'redis', url);
      await assertRefusedByNewNode(stage);
      await stage.until(FAULT_MS);
    },
  },
  {
    name: 'acknowledged writes of Redis lost (an older snapshot restored)',
    claim: SINGLE,
    play: async (stage) => {
      const { world } = stage;
      await tellRedis(world.redis.url, 'SAVE');
      // B has heard of nothing when all that A was acknowledged is gone.
      stage.b.redis.stall();
      await stage.revokeAll();
      world.redis.child.kill('SIGKILL');
      const { url } = await world.startRedis('restored-redis', [
        '--dir',
        `${world.directory}/redis`,
      ]);
      restoreAll(stage, 'redis', url);
      await stage.until(FAULT_MS);
    },
  },
  {
    name: 'Redis demoted to a read-only replica',
    claim: SINGLE,
    play: async (stage) => {
      const { url } = stage.world.redis;
      const primary = new URL((await stage.world.startRedis('primary')).url);
      await tellRedis(url, 'REPLICAOF', primary.hostname, primary.port);
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      await tellRedis(url, 'REPLICAOF', 'NO', 'ONE');
    },
  },
  {
    name: 'B on a read-only replica that has lost its primary',
    claim: SINGLE,
    play: async (stage) => {
      const { port } = new URL(stage.world.redis.url);
      const replica = await stage.world.startRedis('replica', ['--replicaof', '127.0.0.1', port]);
      stage.b.redis.cut();
      stage.b.redis.restore(replica.url);
      await tellRedis(replica.url, 'REPLICAOF', '127.0.0.1', '1');
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      stage.b.redis.cut();
      stage.b.redis.restore(stage.world.redis.url);
    },
  },
  {
    name: 'failover by Sentinel (the proxy follows it)',
    claim: SINGLE,
    play: async (stage) => {
      const sentinels = await startSentinels(stage.world);
      stage.world.redis.child.kill('SIGKILL');
      const failedOver = failOver(stage, sentinels);
      await stage.revokeAll();
      await failedOver;
      await stage.until(FAULT_MS);
    },
  },
  {
    name: 'Redis slow (0.7 s an answer)',
    claim: SINGLE,
    play: async (stage) => {
      onEveryNode(stage, ({ redis }) => {
        redis.slow(SLOW_MS);
      });
      await sleep(1000);
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      restoreAll(stage, 'redis');
    },
  },
  {
    name: 'Redis slow and flapping (0.7 s there, 0.7 s away)',
    claim: SINGLE,
    play: async (stage) => {
      let isThere = true;
      const flapping = setInterval(() => {
        isThere = !isThere;
        onEveryNode(stage, ({ redis }) => {
          if (isThere) {
            redis.restore();
            redis.slow(SLOW_MS);
          } else redis.cut();
        });
      }, SLOW_MS);
      stage.world.scope.onEnd(() => {
        clearInterval(flapping);
      });
      await sleep(1000);
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      clearInterval(flapping);
      restoreAll(stage, 'redis');
    },
  },
];
