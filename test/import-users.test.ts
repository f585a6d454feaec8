import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { hashSync } from 'bcrypt';
import { logIn, PASSWORD, register } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { databaseUrl, query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { makeDirectory } from './support/processes.ts';
import { atEnd } from './support/teardown.ts';

const SCRIPT = join(import.meta.dirname, '../scripts/import-users.ts');
const BCRYPT = hashSync(PASSWORD, 4);
const DERIVED = pbkdf2Sync(PASSWORD, 'seasalt', 480_000, 32, 'sha256').toString('base64');
const PBKDF2 = `pbkdf2_sha256$480000$seasalt$${DERIVED}`;
const ARGON2ID = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'B'.repeat(43)}`;
const UNVERIFIABLE = 'Made without the pepper of this service: it can never be verified';
const UNREADABLE = 'Not a bcrypt or pbkdf2_sha256 hash that can be verified';
const NO_ZONE = 'Give a date and time with its time zone (RFC 3339)';
const REPEATED = 'The same user as in an earlier line';
const BATCH = 500;
const directory = makeDirectory();

/** A process that imports; what it may say holds no hash. */
async function launch(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, DATABASE_URL: await databaseUrl(), ...env },
  });
  atEnd(() => child.kill('SIGKILL'));
  child.stdin.on('error', () => undefined);
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const result = once(child, 'close').then(async ([code]) => {
    const [stdout, stderr] = await output;
    assertNoHash(stdout + stderr);
    return { code: code as number | null, stdout, stderr };
  });
  return { child, result };
}

async function run(args: string[], env: Record<string, string> = {}) {
  const { child, result } = await launch(args, env);
  child.stdin.end();
  return result;
}

function assertNoHash(said: string): void {
  assert.doesNotMatch(said, /\$2b|seasalt|\$argon2id\$v/);
}

function write(format: string, content: string | Buffer): string {
  const file = join(directory, `${newName()}.${format}`);
  writeFileSync(file, content);
  return file;
}

function readErrors(file: string): unknown[] {
  const errors = readFileSync(`${file}.errors.ndjson`, 'utf8');
  assertNoHash(errors);
  return JSON.parse(`[${errors.trim().replaceAll('\n', ',')}]`) as unknown[];
}

const newName = (): string => `u${randomBytes(6).toString('hex')}`;

/** Lines of NDJSON for users `name0@example.com` and so on. */
function manyUsers(name: string, { from, to }: { from: number; to: number }): string {
  const lines = Array.from({ length: to - from }, (_, index) =>
    JSON.stringify({ email: `${name}${from + index}@example.com`, password_hash: BCRYPT }),
  );
  return `${lines.join('\n')}\n`;
}

async function countUsers(name: string): Promise<number> {
  return (await query('SELECT FROM users WHERE email LIKE $1', [`${name}%`])).length;
}

describe('importing users', { concurrency: 3 }, () => {
  for (const [kind, hash] of Object.entries({ bcrypt: BCRYPT, pbkdf2_sha256: PBKDF2 })) {
    for (const format of ['csv', 'ndjson']) {
      test(`a user imported from ${format} logs in with a ${kind} hash, which is upgraded`, async () => {
        const app = await startApp();
        const email = `${newName()}@example.com`;
        const csv = `email,password_hash\n${email},${hash}\n`;
        const json = JSON.stringify({ email, password_hash: hash });
        const file = write(format, format === 'csv' ? csv : json);
        const { code, stdout, stderr } = await run([file]);
        assert.deepEqual([code, stdout, stderr], [0, '1 imported, 0 already there, 0 bad\n', '']);
        await logIn(app, { email, password: PASSWORD });
        const [user] = await query<{ password_hash: string; history: string }>(
          `SELECT u.password_hash, h.password_hash AS history FROM users u
           JOIN password_history h ON h.user_id = u.id WHERE email = $1`,
          [email],
        );
        assert.match(user?.password_hash ?? '', /^\$argon2id\$/);
        assert.equal(user?.history, hash);
        await logIn(app, { email, password: PASSWORD });
      });
    }
  }

  test('every field is taken over, and each user has an audit event', async () => {
    const name = newName();
    const lines = [
      '\uFEFFemail,username,phone_number,password_hash,roles,is_active,created_at\r\n\r\n',
      `${name}@example.com,${name},"+1 (415) 555-0177",,rider|driver,False,2021-05-03 12:00:00+00\r\n`,
    ];
    const file = write('csv', lines.join(''));
    assert.equal((await run([file])).code, 0);
    const rows = await query(
      `SELECT u.*, a.event_type, a.request_id FROM users u
       JOIN audit_log a ON a.user_id = u.id WHERE username = $1`,
      [name],
    );
    const expected = {
      email: `${name}@example.com`,
      phone_number: '+14155550177',
      password_hash: null,
      roles: ['rider', 'driver'],
      is_active: false,
      created_at: new Date('2021-05-03T12:00:00Z'),
      event_type: 'user_imported',
      request_id: 'import-users',
    };
    assert.deepEqual(rows, [{ ...rows[0], ...expected }]);
  });

  test('staff roles need the flag', async () => {
    const email = `${newName()}@example.com`;
    const file = write('ndjson', JSON.stringify({ email, roles: ['admin', 'rider'] }));
    assert.equal((await run([file])).code, 2);
    const reason = 'roles: Staff roles need --allow-staff-roles';
    assert.deepEqual(readErrors(file), [{ line: 1, reason }]);
    assert.equal((await run([file, '--allow-staff-roles'])).code, 0);
    assert.ok(!existsSync(`${file}.errors.ndjson`));
    const [user] = await query('SELECT roles FROM users WHERE email = $1', [email]);
    assert.deepEqual(user, { roles: ['admin', 'rider'] });
  });

  test('a bad line is reported and the others are imported', async () => {
    const name = newName();
    const good = (tail: string) => ({ email: `${name}${tail}@example.com` });
    const email = 'x@example.com';
    const bad: [unknown, string][] = [
      [{ email: 'no' }, 'email: Give an e-mail address'],
      [{ phone_number: '4155550100' }, 'phone_number: Give the number with + and the country code'],
      [{ username: name }, 'An e-mail address or a phone number is needed'],
      [{ email, password_hash: ARGON2ID }, `password_hash: ${UNVERIFIABLE}`],
      [{ email, password_hash: `${BCRYPT}x` }, `password_hash: ${UNREADABLE}`],
      [{ email, roles: ['owner'] }, 'roles: Not a known role'],
      [{ email, is_active: 'perhaps' }, 'is_active: Give true or false'],
      [{ email, created_at: '2021-05-03 12:00:00' }, `created_at: ${NO_ZONE}`],
      [{ email, created_at: '0000-01-01T00:00:00Z' }, 'created_at: Must be between 1970 and now'],
      [`{"email": "${BCRYPT}`, 'Not a JSON object'],
      ['["email"]', 'Not a JSON object'],
      ['{"email": "\xe9@example.com"}', 'Not UTF-8'],
      [{ email: 'x'.repeat(300_000) }, 'Longer than 64 KiB'],
      [good('first'), REPEATED],
      [good('FIRST'), REPEATED],
    ];
    const lines = [good('first'), ...bad.map(([line]) => line), '', good('last')];
    const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
    const file = write('ndjson', Buffer.from(texts.join('\n'), 'latin1'));
    const { code, stdout } = await run([file]);
    const expected = bad.map(([, reason], index) => ({ line: index + 2, reason }));
    assert.deepEqual(readErrors(file), expected);
    assert.equal(code, 2);
    assert.match(stdout, new RegExp(`^2 imported, 0 already there, ${bad.length} bad\n`));
    assert.equal(await countUsers(name), 2);
  });

  test('of CSV, quotes and the number of fields are checked line by line', async () => {
    const name = newName();
    const lines = [
      'email,username',
      `"${name}1@example.com" , ${name}1`,
      `"${name}2@example.com,${name}2`,
      `${name}3@example.com`,
      `${name}4@example.com,`,
      `${name}5@example.com,${name}5,${BCRYPT}`,
      `${name}6@example.com\r${name}7@example.com,${name}6`,
    ];
    const file = write('csv', lines.join('\n'));
    assert.equal((await run([file])).code, 2);
    assert.deepEqual(readErrors(file), [
      { line: 3, reason: 'Not CSV: a quote is in the wrong place' },
      { line: 4, reason: 'Has 1 fields instead of 2' },
      { line: 6, reason: 'Has 3 fields instead of 2' },
      { line: 7, reason: 'email: Give an e-mail address' },
    ]);
    assert.equal(await countUsers(name), 2);
  });

  test('users who are there are left alone, and whoever has something of theirs is bad', async () => {
    const app = await startApp();
    const [one, other] = [await register(app), await register(app)];
    const read = () =>
      query('SELECT * FROM users WHERE id = ANY ($1)', [[one.userId, other.userId]]);
    const before = await read();
    const lines = [
      { email: one.email.toUpperCase(), password_hash: BCRYPT, is_active: false },
      { email: one.email, username: other.username },
      { email: other.email, username: newName() },
      { email: `${newName()}@example.com`, username: other.username },
    ];
    const file = write('ndjson', lines.map((line) => JSON.stringify(line)).join('\n'));
    assert.match((await run([file])).stdout, /^0 imported, 1 already there, 3 bad\n/);
    assert.deepEqual(readErrors(file), [
      { line: 2, reason: 'email and username: Taken by another user' },
      { line: 3, reason: 'email: Taken by another user' },
      { line: 4, reason: 'username: Taken by another user' },
    ]);
    assert.deepEqual(await read(), before);
  });

  test('a repeated run imports what is missing, and again reports what is twice in the file', async () => {
    const name = newName();
    const first = manyUsers(name, { from: 0, to: 700 });
    const file = write('ndjson', first);
    assert.match((await run([file])).stdout, /^700 imported, 0 already there, 0 bad\n/);
    writeFileSync(file, first + manyUsers(name, { from: 690, to: 800 }));
    assert.match((await run([file])).stdout, /^100 imported, 700 already there, 10 bad\n/);
    assert.deepEqual(readErrors(file)[0], { line: 701, reason: REPEATED });
  });

  test('an import that is killed leaves whole batches, and a second one completes it', async () => {
    const name = newName();
    const { child, result } = await launch(['-', '--format', 'ndjson']);
    child.stdin.write(manyUsers(name, { from: 0, to: 3 * BATCH - 1 }));
    await eventually('a batch is there', async () => (await countUsers(name)) > 0);
    child.kill('SIGKILL');
    assert.equal((await result).code, null);
    const left = await countUsers(name);
    assert.ok([BATCH, 2 * BATCH].includes(left), `${left} users are left`);
    const { stdout } = await run([write('ndjson', manyUsers(name, { from: 0, to: 3 * BATCH }))]);
    assert.match(stdout, /^(1000|500|0) imported, .*, 0 bad\n/);
    const [counts] = await query(
      `SELECT count(DISTINCT u.id)::int AS users, count(DISTINCT h.id)::int AS hashes,
              count(DISTINCT a.id)::int AS events
       FROM users u LEFT JOIN password_history h ON h.user_id = u.id
       LEFT JOIN audit_log a ON a.user_id = u.id WHERE email LIKE $1`,
      [`${name}%`],
    );
    assert.deepEqual(counts, { users: 3 * BATCH, hashes: 3 * BATCH, events: 3 * BATCH });
  });

  test('20,000 users come through a pipe, the first of them before the last is sent', async () => {
    const name = newName();
    const { child, result } = await launch(['-', '--format', 'ndjson']);
    child.stdin.write(manyUsers(name, { from: 0, to: 10_000 }));
    await eventually('the first are there', async () => (await countUsers(name)) >= BATCH);
    child.stdin.end(manyUsers(name, { from: 10_000, to: 20_000 }));
    assert.equal((await result).stdout, '20000 imported, 0 already there, 0 bad\n');
    assert.equal(await countUsers(name), 20_000);
  });
});

describe('an import that cannot go on ends with 1 and one sentence', { concurrency: 3 }, () => {
  async function assertRefused(args: string[], expected: RegExp, env = {}): Promise<void> {
    const { code, stdout, stderr } = await run(args, env);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, expected);
    assert.equal(stderr.trim().split('\n').length, 1);
  }

  test('where a field is unknown, before anything is written', async () => {
    const name = newName();
    const csv = write('csv', `email,phone\n${name}@example.com,\n`);
    await assertRefused([csv], /^Line 1 has a field "phone"; known are email, phone_number, /);
    const late = manyUsers(name, { from: 0, to: BATCH + 1 });
    const file = write('ndjson', `${late}{"emial": "${name}"}\n`);
    await assertRefused([file], /^Line 502 has a field "emial"; /);
    assert.equal(await countUsers(name), 0);
  });

  test('where the first line does not name the columns, without repeating it', async () => {
    await assertRefused([write('csv', `a@example.com,${BCRYPT}\n`)], /^The first line must name /);
    await assertRefused([write('csv', `email,${BCRYPT}\n`)], /has a field with an unusual name/);
    await assertRefused([write('csv', 'email,email\n')], /^The column email is there twice/);
    await assertRefused([write('csv', '')], /^The first line must name /);
  });

  test('where the file, its format or the database is not there', async () => {
    await assertRefused([join(directory, 'none.csv')], /^There is no file .*none\.csv\.$/m);
    await assertRefused([directory, '--format', 'csv'], /EISDIR/);
    await assertRefused(['-'], /^Say what the file holds: --format csv or --format ndjson$/m);
    await assertRefused([], /^Usage: /);
    await assertRefused(['--unknown'], /^Usage: /);
    const DATABASE_URL = 'postgres://nobody:secret@127.0.0.1:1/nowhere';
    await assertRefused(
      [write('csv', 'email\n')],
      /^The database does not answer \(.*ECONNREFUSED/,
      { DATABASE_URL },
    );
  });
});
