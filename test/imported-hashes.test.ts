import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { hash as hashBcrypt } from 'bcrypt';
import { OWASP_COST } from '../server/crypto/password-hash.ts';
import {
  eventsOf,
  failLogins,
  logIn,
  MOUNTS,
  PASSWORD,
  register,
  tryLogIn,
  WRONG_CREDENTIALS,
  WRONG_PASSWORD,
} from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';

const options = { env: { PASSWORD_HASH_CONCURRENCY: '2' }, passwordCost: OWASP_COST };
const app = await startApp(options);
const other = await startApp(options);

function hashPbkdf2(password: string): string {
  const salt = randomBytes(9).toString('base64url');
  const key = pbkdf2Sync(password, salt, 480_000, 32, 'sha256').toString('base64');
  return `pbkdf2_sha256$480000$${salt}$${key}`;
}

const KINDS: Record<string, string> = {
  bcrypt: await hashBcrypt(PASSWORD, 10),
  'bcrypt of PHP': (await hashBcrypt(PASSWORD, 6)).replace('$2b$', '$2y$'),
  'PBKDF2-SHA256': hashPbkdf2(PASSWORD),
};

/** A user as one who was imported is: with a hash that another system made. */
async function importUser(passwordHash: string) {
  const account = await register(app);
  await query('UPDATE users SET password_hash = $1 WHERE id = $2', [passwordHash, account.userId]);
  await query('DELETE FROM password_history WHERE user_id = $1', [account.userId]);
  return account;
}

async function hashOf(userId: number): Promise<string> {
  const [row] = await query<{ password_hash: string }>(
    'SELECT password_hash FROM users WHERE id = $1',
    [userId],
  );
  return row?.password_hash ?? '';
}

async function countUpgrades(userId: number): Promise<number> {
  return (await eventsOf(userId)).filter((event) => event === 'password_hash_upgraded').length;
}

for (const [kind, passwordHash] of Object.entries(KINDS)) {
  describe(`an imported hash of ${kind}`, () => {
    for (const mount of MOUNTS) {
      test(`logs in at ${mount}, and is one of ours from then on`, async () => {
        const account = await importUser(passwordHash);
        await logIn(app, account, { mount });
        const upgraded = await hashOf(account.userId);
        assert.match(upgraded, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
        assert.equal(await countUpgrades(account.userId), 1);
        await logIn(other, account, { mount });
        assert.equal(await hashOf(account.userId), upgraded);
        assert.equal(await countUpgrades(account.userId), 1);
      });
    }

    test('stays as it is where the password is wrong, and that counts', async () => {
      const account = await importUser(passwordHash);
      const wrong = { ...account, password: WRONG_PASSWORD };
      assertProblem(await tryLogIn(app, wrong), WRONG_CREDENTIALS);
      assert.equal(await hashOf(account.userId), passwordHash);
      assert.equal(await countUpgrades(account.userId), 0);
      assert.deepEqual(await failLogins(app, account.email), [401, 401, 401, 401, 429]);
    });

    test('stays as it is where the user is disabled', async () => {
      const account = await importUser(passwordHash);
      await query('UPDATE users SET is_active = false WHERE id = $1', [account.userId]);
      assertProblem(await tryLogIn(app, account), { status: 403, code: 'account_disabled' });
      assert.equal(await hashOf(account.userId), passwordHash);
    });

    test('lets twenty first logins at once on two nodes in', async () => {
      const account = await importUser(passwordHash);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => tryLogIn(index % 2 === 0 ? app : other, account)),
      );
      assert.deepEqual(
        answers.map(({ status }) => status),
        Array<number>(20).fill(200),
      );
      assert.match(await hashOf(account.userId), /^\$argon2id\$/);
      await logIn(app, account);
      const failed = (await eventsOf(account.userId)).filter((event) => event === 'login_failed');
      assert.deepEqual(failed, []);
    });

    test('is not taken for a new password', async () => {
      const account = await importUser(passwordHash);
      const { access_token } = await logIn(app, account);
      const change = (new_password: string) =>
        app.request
          .post('/api/auth/change-password')
          .set(bearer(access_token))
          .send({ current_password: PASSWORD, new_password });
      assertProblem(await change(PASSWORD), { status: 400, code: 'weak_password' });
      await change('Small Giraffe 9 eats').expect(200);
    });
  });
}

test('a hash that nobody can read is a wrong password', async () => {
  for (const passwordHash of ['', 'plain', 'md5$abc$def', '$2b$99$x', 'pbkdf2_sha256$0$a$b']) {
    const account = await importUser(passwordHash);
    assertProblem(await tryLogIn(app, account), WRONG_CREDENTIALS);
    assert.equal(await hashOf(account.userId), passwordHash);
  }
});
