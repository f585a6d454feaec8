import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { MemoryStore } from '../server/ephemeral/memory.ts';
import { Peers, type PeerRead } from '../server/revocation/peers.ts';
import type { Revocation } from '../server/revocation/revocation.ts';
import { atEnd } from './support/teardown.ts';
import { TestClock } from './support/test-clock.ts';

const clock = new TestClock();
const log = pino({ level: 'silent' });
const UNREAD = { since: '700', forMs: 3000 };
const READ: PeerRead = { revocations: [], readUpTo: '742' };

function revocationOf(sessionId: string): Revocation {
  return {
    user_id: 1,
    session_ids: [sessionId],
    generations: {},
    jtis: [],
    reason: 'logout',
    committed_at: '2026-01-01T00:00:00.000Z',
  };
}

/** Nodes on one store: those whose read answers, and those that PostgreSQL does not answer. */
function setUp(reads: Record<string, 'reads' | 'cut off' | 'dead'>) {
  const ephemeral = new MemoryStore(clock);
  atEnd(() => ephemeral.close());
  const asked: string[] = [];
  const told: { forMs: number }[] = [];
  for (const [id, state] of Object.entries(reads)) {
    if (state === 'dead') continue;
    const peer = new Peers({ ephemeral, clock, log }, id, {
      read: (since) => {
        asked.push(`${id} ${since}`);
        return state === 'reads' ? Promise.resolve(READ) : Promise.reject(new Error('away'));
      },
      listOwn: (forMs) => {
        told.push({ forMs });
        return [revocationOf(`of ${id}`)];
      },
      learnOwn: () => undefined,
    });
    peer.start();
  }
  const learned: string[] = [];
  const asker = new Peers({ ephemeral, clock, log }, 'asker', {
    read: () => assert.fail('nobody asks the one that asks'),
    listOwn: () => [],
    learnOwn: (revocations) => {
      learned.push(...revocations.flatMap(({ session_ids }) => session_ids));
    },
  });
  asker.start();
  return { ask: () => asker.ask(Object.keys(reads), UNREAD), asked, told, learned };
}

test('a peer that can reads for the node that asks, and no more than two are asked', async () => {
  const { ask, asked } = setUp({ a: 'reads', b: 'reads', c: 'reads', d: 'reads' });
  assert.deepEqual(await ask(), READ);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(asked.length, 2);
  assert.ok(asked.every((each) => each.endsWith(' 700')));
});

test('questions at once are answered by one read of each peer', async () => {
  const { ask, asked } = setUp({ a: 'reads' });
  const answers = await Promise.all(Array.from({ length: 20 }, ask));
  assert.deepEqual(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
  assert.deepEqual(asked, ['a 700']);
});

test('all are asked where the first are cut off too, and one that reads is enough', async () => {
  const { ask, asked } = setUp({ a: 'cut off', b: 'cut off', c: 'cut off', d: 'reads' });
  for (let round = 0; round < 5; round += 1) assert.deepEqual(await ask(), READ);
  assert.ok(asked.some((each) => each.startsWith('d')));
});

test('that all are cut off is known only when every one of them has said so, with what it revoked', async () => {
  const { ask, told, learned } = setUp({ a: 'cut off', b: 'cut off', c: 'cut off' });
  assert.equal(await ask(), 'all cut off');
  assert.deepEqual(learned.sort(), ['of a', 'of b', 'of c']);
  assert.ok(told.every(({ forMs }) => forMs >= UNREAD.forMs));
});

test('one that does not answer may be the one that revoked: nobody can tell', async () => {
  const { ask } = setUp({ a: 'cut off', b: 'cut off', c: 'dead' });
  const answer = ask();
  await new Promise((resolve) => setTimeout(resolve, 100));
  clock.advance(2000);
  assert.equal(await answer, 'no answer');
});

test('a node without peers is all there is', async () => {
  assert.equal(await setUp({}).ask(), 'all cut off');
});
