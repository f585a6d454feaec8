import type { Redis } from 'ioredis';
import type { EphemeralMaps } from './ephemeral-maps.ts';
import type { ScriptCommands } from './redis-scripts.ts';

interface Backend {
  client: Redis & ScriptCommands;
  /** Runs a command, and tells an outage from an answer. */
  guard: <Answer>(command: () => Promise<Answer>) => Promise<Answer>;
}

/** Maps are hashes. What a method sends goes out in one write, in its order. */
export function createRedisMaps({ client, guard }: Backend): EphemeralMaps {
  return {
    getAll: (key) => guard(() => client.hgetall(key)),
    async set(key, fields, ttlMs) {
      await guard(() =>
        Promise.all([client.hset(key, { ...fields }), client.pexpire(key, Math.ceil(ttlMs))]),
      );
    },
    async addBelow(key, { field, value }, { max, ttlMs }) {
      const added = await guard(() =>
        client.addFieldBelow(key, field, value, max, Math.ceil(ttlMs)),
      );
      return added === 1;
    },
    async increment(key, field, ttlMs) {
      const [count] = await guard(() =>
        Promise.all([client.hincrby(key, field, 1), client.pexpire(key, Math.ceil(ttlMs))]),
      );
      return count;
    },
    async delete(key, fields) {
      if (fields.length > 0) await guard(() => client.hdel(key, ...fields));
    },
  };
}
