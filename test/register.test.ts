import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import type { Test } from 'supertest';
import { OWASP_COST } from '../server/crypto/password-hash.ts';
import {
  eventsOf,
  logIn,
  MOUNTS,
  newAccount,
  PASSWORD,
  register,
  tryLogIn,
} from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { assertProblem } from './support/problem.ts';

const lines: string[] = [];
const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
const app = await startApp({ log, passwordCost: OWASP_COST });

const INVALID = { status: 400, code: 'invalid_request' };
const EXISTS = { status: 409, code: 'account_exists' };

/** What each password is refused for, in this order. */
const WEAK: Record<string, string[]> = {
  'Tall Ibex 7': ['Use at least 12 characters'],
  [`Tall Giraffe 7 ${'eats '.repeat(23)}`]: ['Use at most 128 characters'],
  'tall giraffe 7 eats': ['Add an upper-case letter'],
  'Tall Giraffe eats': ['Add a digit'],
  TallGiraffe7eatsAnOx: ['Add a special character, such as a space or a full stop'],
  'P@ssw0rd1234!': ['Choose a password that is harder to guess: this one is too common'],
  'Tall ADA.LOVELACE@example.com 7': ['Leave out your e-mail address'],
  'Tall ada.lovelace 7': ['Leave out your e-mail address'],
  'Tall COUNTESS 7 eats': ['Leave out your username'],
  'Tall Medallion 7 eats': ['Leave out the word medallion'],
  'Tall Giraffe 7\u0000eats': ['Leave out the characters that are not text'],
  'tall ibex': ['Use at least 12 characters', 'Add an upper-case letter', 'Add a digit'],
};

async function countRows(): Promise<unknown> {
  const [row] = await query<object>(
    `SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM audit_log) AS events,
            (SELECT count(*) FROM password_history) AS passwords`,
  );
  return row;
}

for (const mount of MOUNTS) {
  const post = (body?: object): Test => {
    const request = app.request.post(`${mount}/register`);
    return body === undefined ? request : request.send(body);
  };

  describe(`${mount}/register`, () => {
    test('makes an account that can log in', async () => {
      const account = newAccount();
      const answer = await post(account).expect(201);
      const { user_id: userId } = answer.body as { user_id: number };
      assert.deepEqual(answer.body, { user_id: userId, email: account.email });
      assert.ok(Number.isInteger(userId));
      assert.equal(answer.get('cache-control'), 'no-store');
      assert.equal((await logIn(app, account, { mount })).user.id, userId);
    });

    test('makes a rider who is active and has not logged in, and puts it on record', async () => {
      const account = newAccount();
      const { body } = (await post(account).expect(201)) as { body: { user_id: number } };
      const rows = await query(
        `SELECT email, username, roles, is_active, totp_enabled, phone_number, last_login
         FROM users WHERE id = $1`,
        [body.user_id],
      );
      const { email, username } = account;
      const facts = { roles: ['rider'], is_active: true, totp_enabled: false };
      assert.deepEqual(rows, [{ email, username, ...facts, phone_number: null, last_login: null }]);
      assert.deepEqual(await eventsOf(body.user_id), ['user_registered']);
    });

    test('keeps the password as an Argon2id hash alone, in the history too', async () => {
      const { body } = (await post(newAccount()).expect(201)) as { body: { user_id: number } };
      const rows = await query<{ current: string; kept: string }>(
        `SELECT u.password_hash AS current, h.password_hash AS kept
         FROM users u JOIN password_history h ON h.user_id = u.id WHERE u.id = $1`,
        [body.user_id],
      );
      assert.equal(rows.length, 1);
      assert.match(rows[0]?.current ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      assert.equal(rows[0]?.kept, rows[0]?.current);
    });

    test('hashes equal passwords differently', async () => {
      const accounts = [await register(app), await register(app)];
      const rows = await query<{ password_hash: string }>(
        'SELECT password_hash FROM users WHERE id = ANY ($1)',
        [accounts.map(({ userId }) => userId)],
      );
      assert.equal(new Set(rows.map((row) => row.password_hash)).size, 2);
    });

    for (const [password, reasons] of Object.entries(WEAK)) {
      test(`refuses a password for: ${reasons.join(', ')} (${password.length})`, async () => {
        const before = await countRows();
        const email = 'ada.lovelace@example.com';
        const answer = await post({ email, username: 'Countess', password });
        const { errors } = assertProblem(answer, { status: 400, code: 'weak_password' });
        const expected = reasons.map((message) => ({ path: 'password', message }));
        assert.deepEqual(errors, expected);
        assert.deepEqual(await countRows(), before);
      });
    }

    test('refuses an e-mail that is taken, in whatever case, and leaves nothing behind', async () => {
      const { email } = await register(app);
      const before = await countRows();
      for (const taken of [email, email.toUpperCase()]) {
        assertProblem(await post({ ...newAccount(), email: taken }), EXISTS);
      }
      assert.deepEqual(await countRows(), before);
    });

    test('refuses a username that is taken, in whatever case, and leaves nothing behind', async () => {
      const { username } = await register(app);
      const before = await countRows();
      for (const taken of [username, username.toUpperCase()]) {
        assertProblem(await post({ ...newAccount(), username: taken }), EXISTS);
      }
      assert.deepEqual(await countRows(), before);
    });

    for (const field of ['email', 'username'] as const) {
      test(`makes one user of fifty registrations at once with one ${field}`, async () => {
        const { [field]: shared } = newAccount();
        const answers = await Promise.all(
          Array.from({ length: 50 }, () => post({ ...newAccount(), [field]: shared })),
        );
        assert.equal(answers.filter(({ status }) => status === 201).length, 1);
        for (const answer of answers.filter(({ status }) => status !== 201)) {
          assertProblem(answer, EXISTS);
        }
        const rows = await query(`SELECT 1 FROM users WHERE ${field} = $1`, [shared]);
        assert.equal(rows.length, 1);
      });
    }

    test('leaves no half-made user where the rest cannot be written', async () => {
      const account = newAccount();
      await query('ALTER TABLE password_history ADD CONSTRAINT refusing CHECK (false) NOT VALID');
      try {
        const answer = await post(account);
        assert.ok(answer.status >= 500, `it is ${answer.status}`);
      } finally {
        await query('ALTER TABLE password_history DROP CONSTRAINT refusing');
      }
      assert.deepEqual(await query('SELECT 1 FROM users WHERE email = $1', [account.email]), []);
      await post(account).expect(201);
    });

    test('refuses what is missing, of a wrong type, unknown or no address', async () => {
      const good = newAccount();
      const pathsOf = async (body?: object) =>
        assertProblem(await post(body), INVALID).errors?.map(({ path }) => path);
      assert.deepEqual(await pathsOf(), ['email', 'username', 'password']);
      assert.deepEqual(await pathsOf({}), ['email', 'username', 'password']);
      assert.deepEqual(await pathsOf({ ...good, role: 'admin' }), ['role']);
      assert.deepEqual(await pathsOf({ ...good, roles: ['admin'] }), ['roles']);
      for (const email of [1, null, '', 'ada', 'ada@', '@example.com', 'a b@example.com']) {
        assert.deepEqual(await pathsOf({ ...good, email }), ['email']);
      }
      for (const username of [1, null, '', 'ab', '.ada', 'a da', 'x'.repeat(65), 'ad\u0000a']) {
        assert.ok((await pathsOf({ ...good, username }))?.every((path) => path === 'username'));
      }
      for (const password of [1, null, '', [PASSWORD], 'x'.repeat(1025)]) {
        assert.deepEqual(await pathsOf({ ...good, password }), ['password']);
      }
    });

    test('refuses a body of 17 KiB', async () => {
      const tooLarge = { status: 413, code: 'payload_too_large' };
      assertProblem(await post({ ...newAccount(), password: 'x'.repeat(17 * 1024) }), tooLarge);
    });
  });
}

test('asks of a password what the configuration says', async () => {
  const node = await startApp({
    env: {
      PASSWORD_MIN_LENGTH: '15',
      PASSWORD_REQUIRE_UPPERCASE: 'false',
      PASSWORD_REQUIRE_DIGIT: 'false',
      PASSWORD_REQUIRE_SPECIAL: 'false',
    },
  });
  await register(node, { ...newAccount(), password: 'tallgiraffeeats' });
  const short = { ...newAccount(), password: 'tallgiraffeeat' };
  const answer = await node.request.post('/api/auth/register').send(short);
  const message = 'Use at least 15 characters';
  assert.deepEqual(assertProblem(answer, { status: 400, code: 'weak_password' }).errors, [
    { path: 'password', message },
  ]);
});

test('nothing of a password is logged or kept, whatever becomes of it', async () => {
  const secret = 'Quiet Walrus 3 sings';
  const account = { ...newAccount(), password: secret };
  const send = (body: object) => app.request.post('/api/auth/register').send(body);
  await send(account).expect(201);
  await send({ ...account, email: account.email.toUpperCase() }).expect(409);
  await send({ ...newAccount(), username: 'walrus', password: secret }).expect(400);
  await send({ ...account, [secret]: secret }).expect(400);
  await send({ ...account, username: { secret } }).expect(400);
  await tryLogIn(app, account).expect(200);
  const last = 'the-last-registration';
  await send({}).set('X-Request-Id', last).expect(400);
  await eventually('the requests are logged', () => lines.some((line) => line.includes(last)));
  assert.ok(lines.some((line) => line.includes('audit: user_registered')));
  assert.ok(!/Quiet|Walrus 3/.test(lines.join('')));
  const kept = await query<{ text: string }>('SELECT a::text AS text FROM audit_log a');
  assert.deepEqual(
    kept.filter(({ text }) => /Walrus|argon2/.test(text)),
    [],
  );
});
