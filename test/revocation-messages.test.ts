import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRevocation } from '../server/revocation/revocation.ts';

const MESSAGE = {
  user_id: 7,
  session_ids: ['a', 'b'],
  generations: {},
  jtis: [],
  reason: 'logout',
  committed_at: '2026-01-01T00:00:00.000Z',
};

const read = (message: unknown) => readRevocation(JSON.stringify(message));

test('a message of a node is read as it was written', () => {
  for (const message of [
    MESSAGE,
    { ...MESSAGE, session_ids: [], generations: { a: 3 }, reason: 'role_changed' },
    { ...MESSAGE, session_ids: [], jtis: ['a.1.x'], reason: 'token_revoked' },
    { ...MESSAGE, revocation_id: 'r' },
  ]) {
    assert.deepEqual(read(message), message);
  }
});

test('a message of an older or a newer node is read as far as it is known', () => {
  const { user_id, session_ids } = MESSAGE;
  assert.deepEqual(read({ user_id, session_ids, reason: 'logout' }), {
    user_id,
    session_ids,
    generations: {},
    jtis: [],
    reason: 'logout',
  });
  for (const reason of ['sunset', 'constructor', 7]) {
    assert.equal(read({ ...MESSAGE, reason }).reason, 'session_revoked');
  }
});

test('what is no message is refused', () => {
  for (const message of [
    null,
    7,
    'x',
    [],
    {},
    { ...MESSAGE, user_id: '7' },
    { ...MESSAGE, session_ids: 'a' },
    { ...MESSAGE, session_ids: [1] },
    { ...MESSAGE, jtis: [{}] },
    { ...MESSAGE, generations: { a: 'x' } },
    { ...MESSAGE, committed_at: 5 },
  ]) {
    assert.throws(() => read(message), Error, JSON.stringify(message));
  }
  assert.throws(() => readRevocation('not JSON'));
});
