import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import {
  BAD_REFRESH,
  eventsOf,
  INVALID_TOKEN,
  logIn,
  MOUNTS,
  PASSWORD,
  register,
  renew,
  REVOKED,
  signUp,
  tryLogIn,
  whoAmI,
  WRONG_CREDENTIALS,
  WRONG_PASSWORD,
} from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';

const app = await startApp();
const other = await startApp();

/** These outlive the user on purpose, and know the id alone. */
const LOGS = /^(audit_log|revocations)/;

async function listTables(): Promise<string[]> {
  const rows = await query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace`,
  );
  return rows.map(({ name }) => name);
}

/** The tables of which a row has this text in one of its columns. */
async function tablesWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const table of await listTables()) {
    const sql = `SELECT 1 FROM ${table} AS t WHERE position($1 in lower(t::text)) > 0 LIMIT 1`;
    if ((await query(sql, [text.toLowerCase()])).length > 0) found.push(table);
  }
  return found.sort();
}

/** The tables that have a row of this user, but for the logs. */
async function tablesOf(userId: number): Promise<string[]> {
  const columns = await query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'user_id'`,
  );
  const found: string[] = [];
  for (const { name } of columns.filter((column) => !LOGS.test(column.name))) {
    const rows = await query(`SELECT 1 FROM ${name} WHERE user_id = $1`, [userId]);
    if (rows.length > 0) found.push(name);
  }
  return found.sort();
}

for (const mount of MOUNTS) {
  const erase = (token: string, body: object = { password: PASSWORD }): Test =>
    app.request.delete(`${mount}/me`).set(bearer(token)).send(body);

  describe(`DELETE ${mount}/me`, () => {
    test('ends every session, its tokens and its sockets, on every node', async () => {
      const account = await register(app);
      const sessions = [await logIn(app, account), await logIn(other, account)];
      const sockets = await Promise.all(
        sessions.flatMap(({ access_token }) =>
          [app, other].map((node) => connect(node.url, access_token)),
        ),
      );
      const answer = await erase(sessions[0]?.access_token ?? '').expect(204);
      assert.equal(answer.text, '');
      for (const { access_token, refresh_token } of sessions) {
        for (const node of [app, other]) {
          assertProblem(await whoAmI(node, access_token, mount), REVOKED);
          assertProblem(await renew(node, refresh_token, mount), BAD_REFRESH);
        }
      }
      for (const socket of sockets) {
        assert.deepEqual(await socket.closed, { code: 4504, reason: 'account_disabled' });
      }
    });

    test('leaves nothing of the user but the id in the logs', async () => {
      const account = await register(app);
      await logIn(app, account, { deviceId: 'a-device' });
      const { access_token } = await logIn(app, account, { deviceId: 'another-device' });
      const { sid } = JSON.parse(
        Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString(),
      ) as { sid: string };
      assert.deepEqual(await tablesOf(account.userId), [
        'known_devices',
        'one_time_tokens',
        'password_history',
        'sessions',
      ]);
      assert.ok((await tablesWith(sid)).includes('refresh_tokens'));
      await erase(access_token).expect(204);
      assert.deepEqual(await tablesOf(account.userId), []);
      assert.deepEqual(await query('SELECT 1 FROM users WHERE id = $1', [account.userId]), []);
      for (const text of [account.email, account.username]) {
        assert.deepEqual(await tablesWith(text), []);
      }
      const holders = await tablesWith(sid);
      assert.deepEqual(
        holders.filter((table) => !LOGS.test(table)),
        [],
      );
      const events = await eventsOf(account.userId);
      assert.equal(events[0], 'user_registered');
      assert.equal(events.at(-1), 'account_deleted');
    });

    test('frees the e-mail and the username for a new account', async () => {
      const account = await signUp(app);
      await erase(account.access_token).expect(204);
      const { email, username, password } = account;
      assertProblem(await tryLogIn(app, account, { mount }), WRONG_CREDENTIALS);
      const again = await register(app, { email, username, password });
      assert.notEqual(again.userId, account.user.id);
      assertProblem(await whoAmI(app, account.access_token, mount), REVOKED);
    });

    test('refuses a wrong password and erases nothing', async () => {
      const account = await signUp(app);
      const answer = await erase(account.access_token, { password: WRONG_PASSWORD });
      assertProblem(answer, WRONG_CREDENTIALS);
      await whoAmI(app, account.access_token, mount).expect(200);
      await logIn(app, account, { mount });
      assert.ok((await eventsOf(account.user.id)).includes('account_deletion_failed'));
    });

    test('needs an account token that is alive, and the password', async () => {
      const { access_token, refresh_token } = await signUp(app);
      const phone = await signIn(app);
      for (const token of ['rubbish', refresh_token, phone.access_token]) {
        assertProblem(await erase(token), INVALID_TOKEN);
      }
      for (const body of [{}, { password: 1 }, { password: PASSWORD, sure: true }]) {
        assertProblem(await erase(access_token, body), { status: 400, code: 'invalid_request' });
      }
      await app.request.post(`${mount}/logout`).set(bearer(access_token)).expect(200);
      assertProblem(await erase(access_token), REVOKED);
    });

    test('happens once for five at once', async () => {
      const { access_token, user } = await signUp(app);
      const answers = await Promise.all([1, 2, 3, 4, 5].map(() => erase(access_token)));
      const statuses = answers.map(({ status }) => status).sort();
      assert.deepEqual(statuses, [204, 401, 401, 401, 401]);
      const events = await eventsOf(user.id);
      assert.equal(events.filter((event) => event === 'account_deleted').length, 1);
    });
  });
}

test('a login that races the deletion leaves no session', async () => {
  for (let round = 0; round < 5; round++) {
    const account = await signUp(app);
    const [erased, ...logins] = await Promise.all([
      app.request
        .delete('/api/auth/me')
        .set(bearer(account.access_token))
        .send({ password: PASSWORD }),
      ...[app, other, app, other].map((node) => tryLogIn(node, account)),
    ]);
    assert.equal(erased.status, 204);
    for (const { status, body } of logins) {
      if (status === 401) continue;
      assert.equal(status, 200);
      assertProblem(await whoAmI(other, (body as { access_token: string }).access_token), REVOKED);
    }
    assert.deepEqual(await tablesOf(account.user.id), []);
  }
});
