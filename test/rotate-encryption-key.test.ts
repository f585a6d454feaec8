import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { createEncryptionKeys } from '../server/crypto/encryption.ts';
import { query } from './support/database.ts';
import {
  addUsers,
  newFirst,
  assertUnderNewKey,
  oldFirst,
  BOTH,
  NEW_KEY,
  newSecret,
  OLD_KEY,
  runRotation,
  setStored,
  storedOf,
} from './support/key-rotation.ts';
import { makeDirectory } from './support/processes.ts';

const foreign = createEncryptionKeys([newSecret()]);

beforeEach(() => query('DELETE FROM totp'));

test('brings what is under the previous key under the current one, and leaves the rest alone', async () => {
  const old = await addUsers(oldFirst, 3);
  const current = await addUsers(newFirst, 2);
  const [kept = 0] = current.keys();
  const untouched = await storedOf(kept);
  const { code, stdout, stderr } = await runRotation(BOTH);
  assert.deepEqual([code, stdout, stderr], [0, '3 rotated, 2 already there, 0 not readable\n', '']);
  await assertUnderNewKey(old, current);
  assert.equal(await storedOf(kept), untouched);
});

test('finds nothing to do the second time, nor where nobody has a second factor', async () => {
  assert.equal((await runRotation(BOTH)).stdout, '0 rotated, 0 already there, 0 not readable\n');
  const old = await addUsers(oldFirst, 2);
  assert.equal((await runRotation(BOTH)).stdout, '2 rotated, 0 already there, 0 not readable\n');
  assert.equal((await runRotation(BOTH)).stdout, '0 rotated, 2 already there, 0 not readable\n');
  // Without the previous key it tells whether that one can be let go of.
  const alone = await runRotation({ DATABASE_ENCRYPTION_KEY: NEW_KEY });
  assert.deepEqual([alone.code, alone.stdout], [0, '0 rotated, 2 already there, 0 not readable\n']);
  await assertUnderNewKey(old);
});

test('names the users whose secrets cannot be read, does all the others, and ends with 1', async () => {
  const old = await addUsers(oldFirst, 2);
  const [lost = 0] = (await addUsers(foreign)).keys();
  const [copied = 0, damaged = 0] = (await addUsers(newFirst, 2)).keys();
  const [donor = 0] = old.keys();
  const stolen = (await storedOf(donor)) ?? '';
  await setStored(copied, stolen);
  await setStored(damaged, `${(await storedOf(damaged)) ?? ''}A`);
  const values = await Promise.all([lost, copied, damaged].map(storedOf));
  const { code, stdout, stderr } = await runRotation(BOTH);
  assert.deepEqual([code, stderr], [1, '']);
  assert.equal(
    stdout,
    '2 rotated, 0 already there, 3 not readable\n' +
      `Damaged, or under a key that is not known: users ${lost}, ${copied}, ${damaged}\n`,
  );
  await assertUnderNewKey(old);
  assert.deepEqual(await Promise.all([lost, copied, damaged].map(storedOf)), values);
});

test('with the current key alone, what is under the previous one cannot be read, and stays', async () => {
  const old = await addUsers(oldFirst);
  const [id = 0] = old.keys();
  const value = await storedOf(id);
  const { code, stdout } = await runRotation({ DATABASE_ENCRYPTION_KEY: NEW_KEY });
  assert.equal(code, 1);
  assert.match(stdout, new RegExp(`^0 rotated, 0 already there, 1 not readable\n.*users ${id}\n$`));
  assert.equal(await storedOf(id), value);
});

test('reads its keys from .env as well, but never makes one', async () => {
  const old = await addUsers(oldFirst);
  const home = makeDirectory();
  const missing = await runRotation({ DATABASE_ENCRYPTION_KEY_PREVIOUS: OLD_KEY }, home);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^ {2}DATABASE_ENCRYPTION_KEY: is required\n$/m);
  const short = await runRotation({ ...BOTH, DATABASE_ENCRYPTION_KEY_PREVIOUS: 'hunter2' }, home);
  assert.equal(short.code, 1);
  assert.match(short.stderr, /DATABASE_ENCRYPTION_KEY_PREVIOUS: must have at least 32 characters/);
  assert.ok(!short.stderr.includes('hunter2'));
  const lines = Object.entries(BOTH).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(home, '.env'), lines.join(''));
  assert.equal((await runRotation({}, home)).code, 0);
  await assertUnderNewKey(old);
});

test('says in one sentence that the database does not answer', async () => {
  const { code, stdout, stderr } = await runRotation({
    ...BOTH,
    DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
  });
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^The database does not answer \(.*ECONNREFUSED.*\); run this again.*\n$/);
});
