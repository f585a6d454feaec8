import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { askOnce } from './probes.ts';
import type { Stage, Victim } from './stage.ts';
import type { Node } from './world.ts';

/** Sends a Redis one command, not by way of the nodes' proxies. */
export async function tellRedis(url: string, name: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(url, { retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

export function onEveryNode({ world }: Stage, change: (node: Node) => void): void {
  for (const node of world.nodes) change(node);
}

/** Gives the service back to every node, at another address if one is given. */
export function restoreAll(stage: Stage, service: 'postgres' | 'redis', url?: string): void {
  onEveryNode(stage, (node) => {
    node[service].restore(url);
  });
}

/** A node that has only just started knows what was revoked before. */
export async function assertRefusedByNewNode({ world, victims }: Stage): Promise<void> {
  const { url } = await world.startNode();
  for (const { session } of victims) {
    const status = await askOnce(url, session, 'request');
    assert.equal(status, 401, `a new node answered a revoked token with ${status}`);
  }
}

/** Ends every victim's session at a node that dies when that is committed, and before it has told anybody. */
export async function killBetweenCommitAndPush(stage: Stage, node: Node = stage.a): Promise<void> {
  node.redis.stall();
  const asked = stage.victims.map((victim) => stage.revoke(victim, node));
  await untilCommitted(stage, stage.victims);
  stage.kill(node);
  await Promise.all(asked);
  for (const victim of stage.victims) victim.status = null;
}

async function untilCommitted({ world }: Stage, victims: Victim[]): Promise<void> {
  const ids = victims.map(({ session }) => session.sessionId);
  const client = await world.postgres.connect();
  try {
    for (;;) {
      const { rows } = await client.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM revocations WHERE session_id = ANY ($1)',
        [ids],
      );
      if (rows[0]?.count === ids.length) return;
      await sleep(2);
    }
  } finally {
    await client.end();
  }
}
