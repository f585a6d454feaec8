import { setTimeout as sleep } from 'node:timers/promises';
import { killBetweenCommitAndPush, onEveryNode, restoreAll } from './faults.ts';
import { fakeTime, setClock } from './fake-time.ts';
import { COMBINED, FAULT_MS, SINGLE, STOP_MS, type Scenario } from './scenario.ts';
import { LEASE_MS } from './world.ts';

const GRACE_SECONDS = 10;

/** A node itself is broken. */
export const NODE_FAULTS: Scenario[] = [
  {
    name: 'A killed between commit and push',
    claim: SINGLE,
    play: async (stage) => {
      await killBetweenCommitAndPush(stage);
      await stage.until(FAULT_MS);
    },
  },
  {
    name: 'B stopped (SIGSTOP) for 20 s',
    // It serves nothing meanwhile, and closes when it wakes up.
    claim: { ...SINGLE, closeMs: STOP_MS + 1000 },
    play: async (stage) => {
      stage.probes.pause(stage.b);
      stage.b.process.child.kill('SIGSTOP');
      await stage.revokeAll();
      await stage.until(STOP_MS);
      stage.b.process.child.kill('SIGCONT');
      await sleep(1000);
      stage.probes.resume(stage.b);
      await stage.until(STOP_MS + FAULT_MS / 2);
    },
  },
  {
    name: 'the wall clock of B set forward, and back',
    claim: SINGLE,
    setting: { nodeEnv: (index, directory) => (index === 1 ? fakeTime(directory) : {}) },
    play: async (stage) => {
      const [first, second, third, fourth] = stage.victims;
      if (!first || !second || !third || !fourth) return;
      await setClock(stage.b, stage.world.directory, 300);
      await stage.revoke(first);
      await stage.until(FAULT_MS / 4);
      await stage.revoke(second);
      await stage.until(FAULT_MS / 2);
      await setClock(stage.b, stage.world.directory, -300);
      await stage.revoke(third);
      await stage.until((FAULT_MS * 3) / 4);
      await stage.revoke(fourth);
      await stage.until(FAULT_MS);
      await setClock(stage.b, stage.world.directory, 0);
    },
  },
];

/** More than one thing is broken at once. */
export const COMBINED_FAULTS: Scenario[] = [
  {
    name: 'B cut off from both',
    claim: { lastFrameMs: LEASE_MS, honest: { mustBeGated: ['B'] } },
    play: async (stage) => {
      stage.b.postgres.cut();
      stage.b.redis.cut();
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      stage.b.postgres.restore();
      stage.b.redis.restore();
    },
  },
  {
    name: 'half-open connections between B and both',
    claim: { lastFrameMs: LEASE_MS, honest: { mustBeGated: ['B'] } },
    play: async (stage) => {
      stage.b.postgres.stall();
      stage.b.redis.stall();
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      stage.b.postgres.restore();
      stage.b.redis.restore();
    },
  },
  {
    name: 'PostgreSQL and Redis gone for all nodes',
    claim: { lastFrameMs: LEASE_MS, honest: { mustBeGated: ['A', 'B'] } },
    play: async (stage) => {
      // Committed just before, and B has heard of nothing.
      stage.b.postgres.stall();
      stage.b.redis.stall();
      await Promise.all(stage.victims.map((victim) => stage.revoke(victim)));
      stage.begin();
      onEveryNode(stage, ({ postgres, redis }) => {
        postgres.cut();
        redis.cut();
      });
      await stage.until(FAULT_MS);
      restoreAll(stage, 'postgres');
      restoreAll(stage, 'redis');
    },
  },
  {
    name: 'A killed between commit and push, B cut off from PostgreSQL',
    claim: COMBINED,
    play: async (stage) => {
      stage.b.postgres.stall();
      await killBetweenCommitAndPush(stage);
      await stage.until(FAULT_MS);
      stage.b.postgres.restore();
    },
  },
  {
    name: 'the same, and a third node that reaches PostgreSQL',
    claim: { lastFrameMs: LEASE_MS, honest: 'live' },
    setting: { nodes: 3 },
    play: async (stage) => {
      stage.b.postgres.stall();
      await killBetweenCommitAndPush(stage);
      await stage.until(FAULT_MS);
      stage.b.postgres.restore();
    },
  },
  {
    name: 'A sees only PostgreSQL, B only Redis',
    claim: COMBINED,
    play: async (stage) => {
      stage.a.redis.cut();
      stage.b.postgres.cut();
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      stage.a.redis.restore();
      stage.b.postgres.restore();
    },
  },
  {
    name: 'A killed between commit and push, PostgreSQL gone for the two others',
    claim: { lastFrameMs: LEASE_MS, honest: { mayBeLost: ['B', 'C'] } },
    setting: { nodes: 3 },
    play: async (stage) => {
      stage.b.postgres.cut();
      stage.c.postgres.cut();
      await killBetweenCommitAndPush(stage);
      await stage.until(FAULT_MS);
      restoreAll(stage, 'postgres');
    },
  },
  {
    name: 'the same of a node that no other knew yet (the exception: G + L, with G = 10 s)',
    claim: {
      lastFrameMs: GRACE_SECONDS * 1000 + LEASE_MS,
      honest: { mayBeLost: ['A', 'B'] },
    },
    setting: { graceSeconds: GRACE_SECONDS },
    play: async (stage) => {
      onEveryNode(stage, ({ postgres }) => {
        postgres.cut();
      });
      await killBetweenCommitAndPush(stage, await stage.world.startNode());
      await stage.until(GRACE_SECONDS * 1000 + FAULT_MS);
      restoreAll(stage, 'postgres');
    },
  },
];
