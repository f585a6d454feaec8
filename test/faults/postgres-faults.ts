import { setTimeout as sleep } from 'node:timers/promises';
import { onEveryNode, restoreAll } from './faults.ts';
import { FAULT_MS, SINGLE, STOP_MS, type Scenario } from './scenario.ts';

const SLOW_MS = 1200;
/** How long a transaction stays open that others overtake. */
const OPEN_MS = 6000;

/** PostgreSQL, or the way to it, is broken; Redis answers everybody. */
export const POSTGRES_FAULTS: Scenario[] = [
  {
    name: 'PostgreSQL stopped (SIGSTOP) for 20 s',
    claim: SINGLE,
    play: async (stage) => {
      await stage.world.postgres.pause();
      await stage.revokeAll();
      await stage.until(STOP_MS);
      await stage.world.postgres.resume();
    },
  },
  {
    name: 'PostgreSQL killed, and started again',
    claim: SINGLE,
    play: async (stage) => {
      await stage.world.postgres.crash();
      const revoked = stage.revokeAll();
      await sleep(1500);
      await stage.world.postgres.startAgain();
      restoreAll(stage, 'postgres', stage.world.postgres.url);
      await revoked;
      await stage.until(FAULT_MS);
    },
  },
  {
    name: 'B cut off from PostgreSQL',
    claim: SINGLE,
    play: async (stage) => {
      stage.b.postgres.cut();
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      stage.b.postgres.restore();
    },
  },
  {
    name: 'half-open connections between B and PostgreSQL',
    claim: SINGLE,
    play: async (stage) => {
      stage.b.postgres.stall();
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      stage.b.postgres.restore();
    },
  },
  {
    name: 'PostgreSQL gone for all nodes, for longer than L',
    claim: SINGLE,
    play: async (stage) => {
      onEveryNode(stage, ({ postgres }) => {
        postgres.cut();
      });
      await sleep(300);
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      restoreAll(stage, 'postgres');
    },
  },
  {
    name: 'PostgreSQL slow (1.2 s an answer)',
    claim: SINGLE,
    play: async (stage) => {
      onEveryNode(stage, ({ postgres }) => {
        postgres.slow(SLOW_MS);
      });
      await stage.revokeAll();
      await stage.until(FAULT_MS);
      restoreAll(stage, 'postgres');
    },
  },
  {
    name: 'a transaction that commits late, behind ones that took a later number',
    claim: SINGLE,
    play: async (stage) => {
      const [late, ...others] = stage.victims;
      if (late === undefined) return;
      const { userId, sessionId } = late.session;
      const client = await stage.world.postgres.connect();
      await client.query('BEGIN');
      // Nobody will be told of it: only the proof can.
      await client.query(
        `SELECT end_sessions($1, ARRAY[$2], NULL, NULL, 'logout', now(), now() + interval '1 hour',
           jsonb_build_object('at', now(), 'event_type', 'logout', 'severity', 'info',
                              'user_id', $1::int, 'details', '{}'::jsonb), NULL)`,
        [userId, sessionId],
      );
      for (const victim of others) {
        await stage.revoke(victim);
        await sleep(500);
      }
      await stage.until(OPEN_MS);
      await client.query('COMMIT');
      late.askedAt = Date.now();
      await client.end();
      await stage.until(OPEN_MS + FAULT_MS / 2);
    },
  },
];
