import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { MemoryStore } from '../server/ephemeral/memory.ts';
import { Peers } from '../server/revocation/peers.ts';
import type { Revocation } from '../server/revocation/revocation.ts';
import type { ProofRead } from '../server/store/nodes.ts';
import { atEnd } from './support/teardown.ts';
import { TestClock } from './support/test-clock.ts';

const clock = new TestClock();
const log = pino({ level: 'silent' });
const WANTED = { since: '700', readMsAgo: 3000 };
const READ: ProofRead = { revocations: [], readUpTo: '742', peerIds: [] };

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

type State = 'reads' | 'cut off' | 'dead';

/** Nodes on one store: those whose read answers, and those that PostgreSQL does not answer. */
function setUp(peers: Record<string, State>, { known = Object.keys(peers) } = {}) {
  const ephemeral = new MemoryStore(clock);
  atEnd(() => ephemeral.close());
  const asked: string[] = [];
  const open = (id: string, state: State) => {
    const peer = new Peers({ ephemeral, clock, log }, id, {
      read: (since) => {
        asked.push(`${id} ${since}`);
        return state === 'reads' ? Promise.resolve(READ) : Promise.reject(new Error('away'));
      },
      heardWithin: (ms) => (ms >= WANTED.readMsAgo ? [revocationOf(`by ${id}`)] : []),
      peerIds: () => Object.keys(peers),
    });
    peer.start();
    return peer;
  };
  for (const [id, state] of Object.entries(peers)) if (state !== 'dead') open(id, state);
  const asker = open('asker', 'cut off');
  return { ask: () => asker.ask(known, WANTED), asked };
}

/** What an answer says: who read, what the cut off had heard, or that nobody could tell. */
function told(answer: Awaited<ReturnType<Peers['ask']>>): unknown {
  if (answer === 'no answer') return answer;
  if ('readUpTo' in answer) return answer.readUpTo;
  return answer.heard.flatMap(({ session_ids }) => session_ids).sort();
}

test('a peer that can reads for the node that asks, and no more than two are asked', async () => {
  const { ask, asked } = setUp({ a: 'reads', b: 'reads', c: 'reads', d: 'reads' });
  assert.equal(told(await ask()), READ.readUpTo);
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
  for (let round = 0; round < 5; round += 1) assert.equal(told(await ask()), READ.readUpTo);
  assert.ok(asked.some((each) => each.startsWith('d')));
});

test('that all are cut off is known only when every one has said so, with what they heard', async () => {
  const { ask } = setUp({ a: 'cut off', b: 'cut off', c: 'cut off' });
  assert.deepEqual(told(await ask()), ['by a', 'by b', 'by c']);
});

test('nodes that only the others know are asked too', async () => {
  const { ask } = setUp({ a: 'cut off', b: 'cut off', stranger: 'reads' }, { known: ['a', 'b'] });
  assert.equal(told(await ask()), READ.readUpTo);
});

test('one that does not answer may be the one that revoked: nobody can tell', async () => {
  const { ask } = setUp({ a: 'cut off', b: 'cut off', c: 'dead' });
  const answer = ask();
  await new Promise((resolve) => setTimeout(resolve, 100));
  clock.advance(2000);
  assert.equal(told(await answer), 'no answer');
});

test('a node without peers reads once more itself, and is all there is where it cannot', async () => {
  const { ask, asked } = setUp({});
  assert.deepEqual(told(await ask()), []);
  assert.deepEqual(asked, ['asker 700']);
});

test('a node without peers that would not hear of another is told nothing', async () => {
  const ephemeral = new MemoryStore(clock);
  atEnd(() => ephemeral.close());
  ephemeral.publish = () => Promise.reject(new Error('away'));
  const alone = new Peers({ ephemeral, clock, log }, 'alone', {
    read: () => Promise.reject(new Error('away')),
    heardWithin: () => [],
    peerIds: () => [],
  });
  alone.start();
  const answer = alone.ask([], WANTED);
  clock.advance(2000);
  assert.equal(told(await answer), 'no answer');
});
