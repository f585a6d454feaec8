import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onEveryNode, tellRedis } from './faults.ts';
import type { Stage } from './stage.ts';
import type { World } from './world.ts';

const SENTINELS = 3;
const PATIENCE_MS = 10_000;

/** A replica of the scenario's Redis, and Sentinels that watch both; gives their addresses. */
export async function startSentinels(world: World): Promise<string[]> {
  const { port } = new URL(world.redis.url);
  await world.startRedis('replica', ['--replicaof', '127.0.0.1', port]);
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, async (_, index) => {
      const file = join(world.directory, `sentinel-${index}.conf`);
      writeFileSync(
        file,
        `sentinel monitor medallion 127.0.0.1 ${port} 2
         sentinel down-after-milliseconds medallion 1000
         sentinel failover-timeout medallion 5000\n`,
      );
      return (await world.startSentinel(`sentinel-${index}`, file)).url;
    }),
  );
  await Promise.all(sentinels.map(untilInformed));
  return sentinels;
}

/** It knows the replica, and the other Sentinels. */
async function untilInformed(url: string): Promise<void> {
  await until(async () => {
    const primary = (await tellRedis(url, 'SENTINEL', 'MASTER', 'medallion')) as string[];
    const valueOf = (name: string) => Number(primary[primary.indexOf(name) + 1]);
    return valueOf('num-slaves') === 1 && valueOf('num-other-sentinels') === SENTINELS - 1;
  });
}

/** Leads every node to the Redis that the Sentinels have promoted, as soon as they have. */
export async function failOver(stage: Stage, [sentinel = '']: string[]): Promise<void> {
  const lost = new URL(stage.world.redis.url).port;
  let promoted = lost;
  await until(async () => {
    const address = await tellRedis(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'medallion');
    promoted = (address as string[])[1] ?? lost;
    return promoted !== lost;
  });
  onEveryNode(stage, ({ redis }) => {
    redis.cut();
    redis.restore(`redis://127.0.0.1:${promoted}`);
  });
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error('the Sentinels took too long');
    await sleep(50);
  }
}
