import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Client } from 'pg';
import { openRedis, REDIS_PREFIX } from './support/app.ts';
import { cloneDatabase, required } from './support/database.ts';
import { forge } from './support/jwt.ts';
import type { SecretKind } from './support/secret-kinds.ts';
import { SecretMatcher } from './support/secret-matcher.ts';
import type { Leak } from './support/leaks.ts';
import { searchDatabase } from './support/search-database.ts';
import { searchRedis } from './support/search-redis.ts';

/** The 20 bytes of RFC 6238, appendix B, in base32. */
const TOTP_KEY = Buffer.from('12345678901234567890');
const TOTP_SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

/** One secret of every kind. */
const PLANTED: Record<SecretKind, string> = {
  password: 'Tall "Giraffe" 7 \\ eats Cafe\u0301',
  'one-time code': '042137',
  'TOTP code': '271828',
  'TOTP secret': TOTP_SECRET,
  'backup code': 'K7Q2M9XA',
  'access token': forge({ alg: 'HS256' }, { user_id: 1 }, 'a key'),
  'refresh token': forge({ alg: 'HS256' }, { user_id: 1 }, 'another key'),
  'challenge token': randomBytes(32).toString('base64url'),
  'mailed token': randomBytes(32).toString('base64url'),
  'session cookie': randomBytes(16).toString('base64url'),
  'API client secret': randomBytes(24).toString('hex'),
  'server secret': randomBytes(32).toString('base64'),
};
const VALUES = Object.values(PLANTED);
const matcher = new SecretMatcher(
  Object.entries(PLANTED).map(([kind, value]) => [value, kind as SecretKind]),
);

const redis = openRedis();

/** Plants in a database of its own, a row for each list of values, and gives what is found there. */
async function searchAfter(
  sql: { before?: string; insert: string },
  rows: unknown[][],
): Promise<Leak[]> {
  const url = await cloneDatabase();
  const client = new Client({ connectionString: url });
  await client.connect();
  if (sql.before !== undefined) await client.query(sql.before);
  for (const values of rows) await client.query(sql.insert, values);
  await client.end();
  return searchDatabase(url, matcher);
}

/** Asserts that every kind is found, and only where it was planted. */
function assertAllFound(leaks: Leak[], place: string): void {
  const kinds = leaks.map(({ kind }) => kind).sort();
  assert.deepEqual(kinds, Object.keys(PLANTED).sort());
  assert.deepEqual([...new Set(leaks.map((leak) => leak.place))], [place]);
}

const NOTES = {
  before: `CREATE SCHEMA extension;
    CREATE TABLE extension.notes (note text, words text[], bytes bytea, number bigint, xid xid8,
      at timestamptz, address inet, id uuid, fields jsonb)`,
  insert: 'INSERT INTO extension.notes (note) VALUES ($1)',
};
const IN_NOTE = 'table extension.notes, column note';

test('every kind of secret is found in the name of a device', async () => {
  const insert = `
    WITH newcomer AS (
      INSERT INTO users (email, roles, created_at) VALUES ($2, '{rider}', now()) RETURNING id
    )
    INSERT INTO sessions (id, user_id, kind, role, device_name, created_at, last_seen_at, expires_at)
    SELECT $2, id, 'account', 'rider', $1, now(), now(), now() + interval '1 hour' FROM newcomer`;
  const rows = VALUES.map((value, index) => [value, `u${index}@example.com`]);
  assertAllFound(await searchAfter({ insert }, rows), 'table sessions, column device_name');
});

test('every kind of secret is found deep in the details of the audit log, in every part of it', async () => {
  const insert = `INSERT INTO audit_log (at, event_type, severity, details)
    VALUES ($2, 'login_failed', 'warning', $1)`;
  for (const at of ['2001-01-01', new Date().toISOString()]) {
    const rows = VALUES.map((value) => [{ tried: [{ text: `It was (${value}), again.` }] }, at]);
    assertAllFound(await searchAfter({ insert }, rows), 'table audit_log, column details');
  }
  const names = VALUES.map((value) => [{ [value]: 1 }, new Date().toISOString()]);
  assertAllFound(await searchAfter({ insert }, names), 'table audit_log, column details');
});

test('every kind of secret is found in an array and in bytes, whatever schema the table is in', async () => {
  const words = 'INSERT INTO extension.notes (words) VALUES ($1)';
  const inArray = VALUES.map((value) => [['first', value, 'last']]);
  assertAllFound(
    await searchAfter({ ...NOTES, insert: words }, inArray),
    'table extension.notes, column words',
  );
  const bytes = 'INSERT INTO extension.notes (bytes) VALUES ($1)';
  const inBytes = VALUES.map((value) => [Buffer.from(value)]);
  assertAllFound(
    await searchAfter({ ...NOTES, insert: bytes }, inBytes),
    'table extension.notes, column bytes',
  );
});

test('every kind of secret is found in whatever notation it is kept', async () => {
  const notations: ((value: string) => string)[] = [
    (value) => Buffer.from(value).toString('hex'),
    (value) => Buffer.from(value).toString('base64'),
    (value) => Buffer.from(value).toString('base64url'),
    (value) => JSON.stringify({ value }),
    (value) => `https://medallion.example/?a=1&token=${encodeURIComponent(value)}#top`,
    (value) => `code: "${value}".`,
  ];
  const noted = await Promise.all(
    notations.map((write) =>
      searchAfter(
        NOTES,
        VALUES.map((value) => [write(value)]),
      ),
    ),
  );
  for (const leaks of noted) assertAllFound(leaks, IN_NOTE);
});

test('the bytes that a token or a key stands for are found', async () => {
  const secret = PLANTED['mailed token'];
  const bytes = Buffer.from(secret, 'base64url');
  const signature = PLANTED['access token'].split('.')[2] ?? '';
  for (const [kind, text] of [
    ['mailed token', bytes.toString('hex')],
    ['mailed token', bytes.toString('base64')],
    ['access token', signature],
    ['access token', Buffer.from(signature, 'base64url').toString('hex')],
    ['TOTP secret', TOTP_KEY.toString('hex')],
    ['TOTP secret', TOTP_KEY.toString('base64')],
  ]) {
    assert.deepEqual(await searchAfter(NOTES, [[text]]), [{ kind, place: IN_NOTE }]);
  }
});

test('a password is found in the form that it is compared in', async () => {
  const leaks = await searchAfter(NOTES, [[PLANTED.password.normalize('NFC')]]);
  assert.notEqual(PLANTED.password.normalize('NFC'), PLANTED.password);
  assert.deepEqual(leaks, [{ kind: 'password', place: IN_NOTE }]);
});

test('every kind of secret is found in Redis, in values and in the names of keys', async () => {
  const writers: ((value: string) => Promise<unknown>)[] = [
    (value) => redis.set('planted:string', value),
    (value) => redis.set(`planted:${value}`, '1'),
    (value) => redis.hset('planted:hash', { field: value }),
    (value) => redis.hset('planted:hash', { [value]: '1' }),
    (value) => redis.rpush('planted:list', 'first', value),
    (value) => redis.sadd('planted:set', value),
    (value) => redis.zadd('planted:sorted', 1, value),
    (value) => redis.xadd('planted:stream', '*', 'field', value),
    (value) => redis.set('planted:json', JSON.stringify({ tried: [value] })),
  ];
  const url = required('TEST_REDIS_URL');
  for (const write of writers) {
    const found: Leak[] = [];
    for (const value of VALUES) {
      await write(value);
      found.push(...(await searchRedis({ url, prefix: REDIS_PREFIX }, matcher)));
      const keys = await redis.keys(`${REDIS_PREFIX}planted:*`);
      await redis.unlink(keys.map((key) => key.slice(REDIS_PREFIX.length)));
    }
    assertAllFound(found, 'Redis, key planted:');
  }
});

test('what only looks like a code, in numbers, times, addresses, ids and hashes, is not found', async () => {
  const insert = `
    INSERT INTO extension.notes (note, number, xid, at, address, id, fields, bytes)
    VALUES ($1, 271828, '271828', '2026-11-24 04:21:37.271828+00', '27.182.8.4',
      '27182800-0421-4137-8271-828000042137', $2, '\\x27182800042137')`;
  const hash = createHash('sha256').update('a').digest('base64url');
  const looks = [
    '+14150421370',
    '042137@example.com',
    `${hash.slice(0, 30)}042137${hash.slice(0, 7)}`,
    `${hash.slice(0, 21)}.2.x042137`,
    '$argon2id$v=19$m=19456,t=2,p=1$271828$042137',
    'Mozilla/5.0 (X11; rv:271828.0) Firefox-042137/128.0',
    '2026-11-24T04:21:37.042137Z',
    '10.042137',
    '2718281',
  ];
  const fields = { seconds: 271828, at: '2026-11-24T04:21:37.271828Z', list: [271828] };
  assert.deepEqual(
    await searchAfter(
      { ...NOTES, insert },
      looks.map((look) => [look, fields]),
    ),
    [],
  );
});
