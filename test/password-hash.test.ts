import assert from 'node:assert/strict';
import { argon2Sync, pbkdf2Sync, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { HashQueue } from '../server/crypto/hash-queue.ts';
import {
  defaultHashConcurrency,
  isSupportedHash,
  normalizePassword,
  PasswordHasher,
} from '../server/crypto/password-hash.ts';
import { AppError } from '../server/errors.ts';

const pepper = randomBytes(32);
const hasher = createHasher();
const CORRECT = { isCorrect: true, needsUpgrade: false };
const OUTDATED = { isCorrect: true, needsUpgrade: true };
const WRONG = { isCorrect: false, needsUpgrade: false };

/** Openwall's crypt_blowfish test vectors. */
const BCRYPT = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const BCRYPT_72 = '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui';
const DIGITS_AND_LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const PASSWORD_72 = `${DIGITS_AND_LETTERS}0123456789`;

function createHasher(options: Partial<ConstructorParameters<typeof PasswordHasher>[0]> = {}) {
  return new PasswordHasher({ pepper, concurrency: 4, maxWaiting: 100, ...options });
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

/** An Argon2id hash as another implementation, that of Node, makes it. */
function hashArgon2id(password: string, { memory = 19_456, passes = 2 } = {}): string {
  const nonce = randomBytes(16);
  const cost = { memory, passes, parallelism: 1, tagLength: 32 };
  const tag = argon2Sync('argon2id', { message: password, nonce, secret: pepper, ...cost });
  return `$argon2id$v=19$m=${memory},t=${passes},p=1$${base64(nonce)}$${base64(tag)}`;
}

function hashPbkdf2(password: string, { salt = 'x9fQ2mPz7LkR', iterations = 1000 } = {}): string {
  const key = pbkdf2Sync(password, salt, iterations, 32, 'sha256').toString('base64');
  return `pbkdf2_sha256$${iterations}$${salt}$${key}`;
}

function assertBusy(error: unknown): true {
  assert.ok(error instanceof AppError);
  assert.deepEqual([error.code, error.status, error.retryAfterSeconds], ['busy', 503, 1]);
  return true;
}

describe('a hash of ours', () => {
  test('is Argon2id with the OWASP parameters and verifies', async () => {
    const hash = await hasher.hash('correct horse');
    assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    assert.deepEqual(await hasher.verify('correct horse', hash), CORRECT);
    assert.deepEqual(await hasher.verify('correct horsf', hash), WRONG);
  });

  test('is salted', async () => {
    assert.notEqual(await hasher.hash('same'), await hasher.hash('same'));
  });

  test('agrees with another implementation of Argon2id that has the pepper', async () => {
    assert.deepEqual(await hasher.verify('naïve 🚕', hashArgon2id('naïve 🚕')), CORRECT);
  });

  test('is worth nothing with another pepper', async () => {
    const other = createHasher({ pepper: randomBytes(32) });
    assert.deepEqual(await other.verify('pass', await hasher.hash('pass')), WRONG);
  });

  test('is upgraded when its memory or its passes are below those of today', async () => {
    const littleMemory = hashArgon2id('pass', { memory: 9216 });
    const onePass = hashArgon2id('pass', { passes: 1 });
    assert.deepEqual(await hasher.verify('pass', littleMemory), OUTDATED);
    assert.deepEqual(await hasher.verify('pass', onePass), OUTDATED);
    assert.deepEqual(await hasher.verify('wrong', onePass), WRONG);
    const stronger = hashArgon2id('pass', { memory: 20_000, passes: 3 });
    assert.deepEqual(await hasher.verify('pass', stronger), CORRECT);
  });

  test('is the same for composed and decomposed characters', async () => {
    const composed = 'Caf\u00e9 \u00c5ngstr\u00f6m';
    const hash = await hasher.hash(composed.normalize('NFD'));
    assert.deepEqual(await hasher.verify(composed, hash), CORRECT);
    assert.deepEqual(await hasher.verify('Cafe Angstrom', hash), WRONG);
  });

  test('counts every space and every one of 128 characters', async () => {
    const long = 'é'.repeat(127);
    const hash = await hasher.hash(`${long}x`);
    assert.deepEqual(await hasher.verify(`${long}x`, hash), CORRECT);
    assert.deepEqual(await hasher.verify(`${long}y`, hash), WRONG);
    assert.deepEqual(await hasher.verify(`${long}x `, hash), WRONG);
    assert.deepEqual(await hasher.verify(` ${long}x`, hash), WRONG);
  });

  test('is made without holding the event loop, and so is every verification', async () => {
    const work = [
      () => hasher.hash('pass'),
      () => hasher.verify('pass', null),
      () => hasher.verify('U*U', BCRYPT),
      () => hasher.verify('pass', hashPbkdf2('pass', { iterations: 50_000 })),
    ];
    for (const start of work) {
      const result = start();
      assert.equal(await Promise.race([result, nextTurn('the loop turned')]), 'the loop turned');
      await result;
    }
  });
});

describe('an imported hash', () => {
  test('of bcrypt verifies under each of its names and is upgraded', async () => {
    for (const name of ['$2a$', '$2b$', '$2y$']) {
      const hash = BCRYPT.replace('$2a$', name);
      assert.deepEqual(await hasher.verify('U*U', hash), OUTDATED, name);
      assert.deepEqual(await hasher.verify('U*V', hash), WRONG, name);
    }
  });

  test('of bcrypt knows 72 bytes, whatever the length of the rest', async () => {
    assert.deepEqual(await hasher.verify(PASSWORD_72, BCRYPT_72), OUTDATED);
    for (const rest of [1, 183, 184, 185, 1000]) {
      const password = PASSWORD_72 + 'x'.repeat(rest);
      assert.deepEqual(await hasher.verify(password, BCRYPT_72), OUTDATED, String(rest));
    }
    assert.deepEqual(await hasher.verify(PASSWORD_72.slice(0, -1), BCRYPT_72), WRONG);
  });

  test("of Django verifies at Django's iterations and is upgraded", async () => {
    const hash = hashPbkdf2('s3cret Straße', { iterations: 480_000 });
    assert.deepEqual(await hasher.verify('s3cret Straße', hash), OUTDATED);
    assert.deepEqual(await hasher.verify('s3cret strasse', hash), WRONG);
  });

  test('of PBKDF2 verifies the vectors of RFC 7914 §11', async () => {
    const one = 'pbkdf2_sha256$1$salt$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLw=';
    assert.deepEqual(await hasher.verify('passwd', one), OUTDATED);
    const key = '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56';
    const two = `pbkdf2_sha256$80000$NaCl$${Buffer.from(key, 'hex').toString('base64')}`;
    assert.deepEqual(await hasher.verify('Password', two), OUTDATED);
  });
});

describe('a hash that cannot be read', () => {
  const salt = 'A'.repeat(22);
  const output = 'A'.repeat(43);
  const unreadable = [
    '',
    'pass',
    '!unusable',
    `$argon2i$v=19$m=19456,t=2,p=1$${salt}$${output}`,
    `$argon2id$v=16$m=19456,t=2,p=1$${salt}$${output}`,
    `$argon2id$v=19$m=7,t=2,p=1$${salt}$${output}`,
    `$argon2id$v=19$m=19456,t=0,p=1$${salt}$${output}`,
    `$argon2id$v=19$m=19456,t=2,p=0$${salt}$${output}`,
    `$argon2id$v=19$m=262145,t=2,p=1$${salt}$${output}`,
    `$argon2id$v=19$m=19456,t=17,p=1$${salt}$${output}`,
    `$argon2id$v=19$m=19456,t=2,p=1$${salt}`,
    `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${output}\n`,
    BCRYPT.slice(0, -1),
    `${BCRYPT} `,
    BCRYPT.replace('$05$', '$03$'),
    BCRYPT.replace('$05$', '$31$'),
    BCRYPT.replace('$2a$', '$2x$'),
    hashPbkdf2('pass').replace('$1000$', '$0$'),
    hashPbkdf2('pass').replace('$1000$', '$2000001$'),
    hashPbkdf2('pass').replace('$1000$', '$1e3$'),
    hashPbkdf2('pass').replace('sha256', 'sha1'),
    hashPbkdf2('pass').slice(0, -1),
    hashPbkdf2('pass', { salt: '' }),
  ];

  for (const hash of unreadable) {
    test(`is refused by an import and fits no password: ${JSON.stringify(hash)}`, async () => {
      assert.equal(isSupportedHash(hash), false);
      assert.deepEqual(await hasher.verify('pass', hash), WRONG);
    });
  }

  test('costs a verification, and so does an account without a password', async () => {
    for (const hash of [null, 'pass']) {
      const single = createHasher({ concurrency: 1, maxWaiting: 0 });
      const verification = single.verify('pass', hash);
      assert.equal(single.running, 1);
      await assert.rejects(single.verify('pass', null), assertBusy);
      assert.deepEqual(await verification, WRONG);
      assert.equal(single.running, 0);
    }
  });

  test('never makes a verification throw, however a hash was damaged', async () => {
    const hash = hashArgon2id('pass', { memory: 64, passes: 1 });
    const [at, cut] = [fc.nat(hash.length), fc.integer({ min: 0, max: 3 })];
    const insert = fc.string({
      unit: fc.constantFrom('$', '=', ',', '+', '/', '.', 'A', '0'),
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(at, cut, insert, async (start, length, text) => {
        const damaged = hash.slice(0, start) + text + hash.slice(start + length);
        fc.pre(!/m=\d{4}/.test(damaged));
        const expected = damaged === hash;
        assert.equal((await hasher.verify('pass', damaged)).isCorrect, expected, damaged);
      }),
    );
  });
});

test('an import accepts every format that verifies', async () => {
  const hashes = [await hasher.hash('pass'), BCRYPT, BCRYPT_72, hashPbkdf2('pass')];
  for (const name of ['$2b$', '$2y$']) hashes.push(BCRYPT.replace('$2a$', name));
  hashes.push(hashPbkdf2('pass').replace('$1000$', '$2000000$'));
  for (const hash of hashes) assert.ok(isSupportedHash(hash), hash);
});

test('a text far too long is not normalised, which would hold the event loop', () => {
  const marks = '\u0301'.repeat(8000) + '\u0323'.repeat(8000);
  assert.equal(normalizePassword(marks), marks);
  assert.equal(normalizePassword('e\u0301'.repeat(512)), '\u00e9'.repeat(512));
});

test('at least one hash is computed at a time', () => {
  assert.ok(Number.isInteger(defaultHashConcurrency()));
  assert.ok(defaultHashConcurrency() >= 1);
});

describe('the queue', () => {
  test('refuses the one too many at once, and the others still finish', async () => {
    const small = createHasher({ concurrency: 2, maxWaiting: 3 });
    const hashes = Array.from({ length: 5 }, () => small.hash('pass'));
    assert.deepEqual([small.running, small.waiting], [2, 3]);
    await assert.rejects(small.hash('pass'), assertBusy);
    await assert.rejects(small.verify('pass', null), assertBusy);
    const known = (await Promise.all(hashes)).at(-1) ?? null;
    assert.deepEqual([small.running, small.waiting], [0, 0]);
    assert.deepEqual(await small.verify('pass', known), CORRECT);
  });

  test('starts tasks in their order and never more than allowed', async () => {
    const queue = new HashQueue({ concurrency: 3, maxWaiting: 100 });
    const started: number[] = [];
    let [running, highest] = [0, 0];
    const task = async (index: number): Promise<number> => {
      started.push(index);
      highest = Math.max(highest, ++running);
      for (let turn = index % 4; turn >= 0; turn--) await nextTurn();
      assert.ok(queue.running <= 3);
      running--;
      return index;
    };
    const indexes = Array.from({ length: 50 }, (_, index) => index);
    const results = await Promise.all(indexes.map((index) => queue.run(() => task(index))));
    assert.deepEqual(results, indexes);
    assert.deepEqual(started, indexes);
    assert.equal(highest, 3);
    assert.deepEqual([queue.running, queue.waiting], [0, 0]);
  });

  test('gives a free place to the one who waits, not to a newcomer', async () => {
    const queue = new HashQueue({ concurrency: 1, maxWaiting: 2 });
    const order: string[] = [];
    const note = (name: string) => () => Promise.resolve(order.push(name));
    const first = queue.run(note('first'));
    const second = queue.run(note('second'));
    const newcomer = first.then(() => queue.run(note('newcomer')));
    await Promise.all([second, newcomer]);
    assert.deepEqual(order, ['first', 'second', 'newcomer']);
  });

  test('frees the place of a task that fails, whether it rejects or throws', async () => {
    const queue = new HashQueue({ concurrency: 1, maxWaiting: 2 });
    const rejecting = queue.run(() => Promise.reject(new Error('rejected')));
    const throwing = queue.run(() => {
      throw new Error('thrown');
    });
    const fine = queue.run(() => Promise.resolve('fine'));
    await assert.rejects(rejecting, /rejected/);
    await assert.rejects(throwing, /thrown/);
    assert.equal(await fine, 'fine');
    assert.deepEqual([queue.running, queue.waiting], [0, 0]);
  });
});
