import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Client } from 'pg';
import {
  createEncryptionKeys,
  decrypt,
  encrypt,
  isUnderCurrentKey,
} from '../server/crypto/encryption.ts';
import { generateTotpSecret } from '../server/crypto/totp.ts';
import { closeDatabase, openDatabase } from '../server/store/database.ts';
import { listTotpSecrets, replaceTotpSecret } from '../server/store/totp.ts';
import {
  rotateEncryptionKey,
  type RotatedBatch,
} from '../server/use-cases/rotate-encryption-key.ts';
import { databaseUrl, query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import {
  addUsers,
  newFirst,
  assertUnderNewKey,
  oldFirst,
  BOTH,
  NEW_KEY,
  OLD_KEY,
  runRotation,
  setStored,
  storedOf,
} from './support/key-rotation.ts';
import { atEnd } from './support/teardown.ts';

const BATCH = 500;

const db = openDatabase(await databaseUrl(), 3);
atEnd(() => closeDatabase(db));
beforeEach(() => query('DELETE FROM totp'));

async function rotate(): Promise<RotatedBatch> {
  const total: RotatedBatch = { rotated: 0, alreadyCurrent: 0, unreadable: [] };
  for await (const batch of rotateEncryptionKey({ db, encryptionKeys: newFirst })) {
    total.rotated += batch.rotated;
    total.alreadyCurrent += batch.alreadyCurrent;
    total.unreadable.push(...batch.unreadable);
  }
  return total;
}

/** Holds a user's row while a rotation that has read it waits for it, then lets go of it. */
async function rotateDuring(change: string, bindings: unknown[]): Promise<RotatedBatch> {
  const other = new Client({ connectionString: await databaseUrl() });
  await other.connect();
  try {
    await other.query('BEGIN');
    await other.query(change, bindings);
    const rotation = rotate();
    await eventually('the rotation waits for the row', async () => {
      const waiting = await query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database()
         AND wait_event_type = 'Lock' AND query LIKE 'UPDATE totp%'`,
      );
      return waiting.length === 1;
    });
    await other.query('COMMIT');
    return await rotation;
  } finally {
    await other.end();
  }
}

test('goes through several batches, whatever gaps the ids have', async () => {
  const many = await addUsers(oldFirst, 2 * BATCH + 1);
  const gone = [...many.keys()].filter((id) => id % 97 === 0);
  await query('DELETE FROM users WHERE id = ANY($1)', [gone]);
  for (const id of gone) many.delete(id);
  const more = await addUsers(oldFirst, gone.length);
  assert.deepEqual(await rotate(), { rotated: 2 * BATCH + 1, alreadyCurrent: 0, unreadable: [] });
  await assertUnderNewKey(many, more);
});

test('replaces only the value that it read', async () => {
  const [userId = 0] = (await addUsers(oldFirst)).keys();
  const [read] = await listTotpSecrets(db, { afterUserId: userId - 1, limit: 1 });
  assert.ok(read?.userId === userId);
  const meanwhile = encrypt(newFirst, {
    plaintext: generateTotpSecret(),
    boundTo: `totp:${userId}`,
  });
  await setStored(userId, meanwhile);
  const replacement = { userId, from: read.secret, to: 'never written' };
  assert.equal(await replaceTotpSecret(db, replacement), false);
  assert.equal(await storedOf(userId), meanwhile);
  await query('DELETE FROM totp WHERE user_id = $1', [userId]);
  assert.equal(await replaceTotpSecret(db, replacement), false);
  assert.equal(await storedOf(userId), undefined);
});

for (const [keys, rotated] of [
  [newFirst, 0],
  [oldFirst, 1],
] as const) {
  const which = rotated === 0 ? 'current' : 'previous';
  test(`does not undo a set-up that comes in between, under the ${which} key`, async () => {
    const [userId = 0] = (await addUsers(oldFirst)).keys();
    const plaintext = generateTotpSecret();
    const value = encrypt(keys, { plaintext, boundTo: `totp:${userId}` });
    const report = await rotateDuring('UPDATE totp SET secret = $2 WHERE user_id = $1', [
      userId,
      value,
    ]);
    assert.deepEqual(report, { rotated, alreadyCurrent: 1 - rotated, unreadable: [] });
    await assertUnderNewKey(new Map([[userId, plaintext]]));
  });
}

test('does not bring back a second factor that is switched off in between', async () => {
  const old = await addUsers(oldFirst, 2);
  const [first = 0] = old.keys();
  const report = await rotateDuring('DELETE FROM totp WHERE user_id = $1', [first]);
  assert.deepEqual(report, { rotated: 1, alreadyCurrent: 0, unreadable: [] });
  assert.equal(await storedOf(first), undefined);
  old.delete(first);
  await assertUnderNewKey(old);
});

test('several processes that rotate at once share the work, and do none of it twice', async () => {
  const count = 2 * BATCH + 100;
  const old = await addUsers(oldFirst, count);
  const runs = await Promise.all([runRotation(BOTH), runRotation(BOTH), rotate()]);
  const [one, two, three] = runs;
  const counts = [one, two].map(({ code, stdout }) => {
    const [, rotated, current] = /^(\d+) rotated, (\d+) already there, 0 not/.exec(stdout) ?? [];
    assert.equal(code, 0);
    return { rotated: Number(rotated), alreadyCurrent: Number(current) };
  });
  let rotated = 0;
  for (const each of [...counts, three]) {
    assert.equal(each.rotated + each.alreadyCurrent, count);
    rotated += each.rotated;
  }
  assert.equal(rotated, count);
  await assertUnderNewKey(old);
});

test('goes on where a run that broke off stopped', async () => {
  const old = await addUsers(oldFirst, BATCH + 10);
  const rotation = rotateEncryptionKey({ db, encryptionKeys: newFirst });
  await rotation.next();
  await rotation.return(undefined);
  assert.deepEqual(await rotate(), { rotated: 10, alreadyCurrent: BATCH, unreadable: [] });
  await assertUnderNewKey(old);
});

test('in the order that is documented, no node ever meets a value that it cannot read', async () => {
  const stages: [string, ...string[]][] = [
    [OLD_KEY],
    [OLD_KEY, NEW_KEY],
    [NEW_KEY, OLD_KEY],
    [NEW_KEY],
  ];
  const nodes = stages.map(createEncryptionKeys);
  const written = new Map<number, string>();
  for (const [stage, keys] of nodes.entries()) {
    // While nodes are restarted one by one, those of this stage and of the one before run side by side.
    const running = nodes.slice(Math.max(0, stage - 1), stage + 1);
    for (const writer of running) {
      for (const [id, plaintext] of await addUsers(writer)) written.set(id, plaintext);
    }
    for (const reader of running) {
      for (const [id, plaintext] of written) {
        const ciphertext = (await storedOf(id)) ?? '';
        assert.equal(decrypt(reader, { ciphertext, boundTo: `totp:${id}` }), plaintext);
      }
    }
    // Between the third and the fourth, when every node writes with the new key.
    if (stage === 2) {
      await rotate();
      for (const id of written.keys()) {
        assert.ok(isUnderCurrentKey(keys, (await storedOf(id)) ?? ''));
      }
    }
  }
});
