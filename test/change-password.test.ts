import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import {
  accessOf,
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
import { assertLives } from './support/live-sockets.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';

const NEW_PASSWORD = 'Small Giraffe 9 eats';
const CHANGED = { code: 4501, reason: 'credentials_changed' };
const WEAK = { status: 400, code: 'weak_password' };

const app = await startApp();
const other = await startApp();

/** The password that an account has after so many changes. */
function passwordAfter(changes: number): string {
  return `${'ABCDEFGHIJ'.charAt(changes)} giraffe eats 7`;
}

for (const mount of MOUNTS) {
  const change = (token: string, body: object): Test =>
    app.request.post(`${mount}/change-password`).set(bearer(token)).send(body);
  const changeTo = (token: string, new_password: string, current_password = PASSWORD) =>
    change(token, { current_password, new_password });

  describe(`${mount}/change-password`, () => {
    test('changes what logs in', async () => {
      const account = await signUp(app);
      const answer = await changeTo(account.access_token, NEW_PASSWORD).expect(200);
      assert.deepEqual(answer.body, { message: 'Password changed' });
      assertProblem(await tryLogIn(app, account, { mount }), WRONG_CREDENTIALS);
      await logIn(app, { ...account, password: NEW_PASSWORD }, { mount });
      const rows = await query<{ password_hash: string }>(
        'SELECT password_hash FROM users WHERE id = $1',
        [account.user.id],
      );
      assert.match(rows[0]?.password_hash ?? '', /^\$argon2id\$/);
    });

    test('ends the other sessions and their sockets on every node at once', async () => {
      const account = await register(app);
      const own = await logIn(app, account);
      const others = [await logIn(app, account), await logIn(other, account)];
      const sockets = await Promise.all([
        ...others.map(({ access_token }) => connect(app.url, access_token)),
        ...others.map(({ access_token }) => connect(other.url, access_token)),
      ]);
      await changeTo(own.access_token, NEW_PASSWORD).expect(200);
      for (const { access_token, refresh_token } of others) {
        for (const node of [app, other]) {
          assertProblem(await whoAmI(node, access_token, mount), REVOKED);
          assertProblem(await renew(node, refresh_token, mount), BAD_REFRESH);
        }
      }
      for (const socket of sockets) {
        assert.equal((await socket.next('revoked')).reason, CHANGED.reason);
        assert.deepEqual(await socket.closed, CHANGED);
      }
    });

    test('leaves the session that asks alive, with its sockets and its refresh token', async () => {
      const account = await register(app);
      await logIn(app, account);
      const own = await logIn(app, account);
      const sockets = [
        await connect(app.url, own.access_token),
        await connect(other.url, own.access_token),
      ];
      await changeTo(own.access_token, NEW_PASSWORD).expect(200);
      for (const node of [app, other]) await whoAmI(node, own.access_token, mount).expect(200);
      for (const socket of sockets) await assertLives(socket);
      const renewed = await renew(other, own.refresh_token, mount).expect(200);
      await whoAmI(app, accessOf(renewed)).expect(200);
    });

    test('ends sessions of the phone surface too', async () => {
      const phone = await signIn(app);
      const account = await register(app);
      await query('UPDATE sessions SET user_id = $1 WHERE user_id = $2', [
        account.userId,
        phone.user.id,
      ]);
      const own = await logIn(app, account);
      await changeTo(own.access_token, NEW_PASSWORD).expect(200);
      const answer = await app.request.get('/api/v2/auth/me').set(bearer(phone.access_token));
      assertProblem(answer, REVOKED);
    });

    test('refuses a wrong current password and changes nothing', async () => {
      const account = await register(app);
      const [own, second] = [await logIn(app, account), await logIn(app, account)];
      assertProblem(
        await changeTo(own.access_token, NEW_PASSWORD, WRONG_PASSWORD),
        WRONG_CREDENTIALS,
      );
      await whoAmI(app, second.access_token, mount).expect(200);
      await logIn(app, account, { mount });
    });

    test('refuses a weak password with the reasons and changes nothing', async () => {
      const account = await register(app);
      const [own, second] = [await logIn(app, account), await logIn(app, account)];
      const { errors } = assertProblem(await changeTo(own.access_token, 'tall ibex 7'), WEAK);
      const path = 'new_password';
      assert.deepEqual(errors, [
        { path, message: 'Use at least 12 characters' },
        { path, message: 'Add an upper-case letter' },
      ]);
      for (const word of [account.email, account.username]) {
        const answer = await changeTo(own.access_token, `Tall ${word.toUpperCase()} 7`);
        assert.equal(assertProblem(answer, WEAK).errors?.[0]?.path, path);
      }
      await whoAmI(app, second.access_token, mount).expect(200);
      await logIn(app, account, { mount });
    });

    test('refuses the current password and the four before it, and takes the one before those', async () => {
      const account = { ...(await register(app)), password: PASSWORD };
      const { access_token } = await logIn(app, account);
      let current = PASSWORD;
      for (let changes = 1; changes <= 5; changes++) {
        await changeTo(access_token, passwordAfter(changes), current).expect(200);
        current = passwordAfter(changes);
      }
      for (let changes = 1; changes <= 5; changes++) {
        const answer = await changeTo(access_token, passwordAfter(changes), current);
        const message = 'It is one of your last five passwords';
        assert.deepEqual(assertProblem(answer, WEAK).errors, [{ path: 'new_password', message }]);
      }
      await changeTo(access_token, PASSWORD, current).expect(200);
      assertProblem(await changeTo(access_token, passwordAfter(2), PASSWORD), WEAK);
      await changeTo(access_token, passwordAfter(1), PASSWORD).expect(200);
      const rows = await query('SELECT 1 FROM password_history WHERE user_id = $1', [
        account.userId,
      ]);
      assert.equal(rows.length, 5);
    });

    test('takes a password that is another only by its case', async () => {
      const { access_token } = await signUp(app);
      await changeTo(access_token, PASSWORD.toUpperCase()).expect(200);
    });

    test('happens once for two at once from one session', async () => {
      const account = await signUp(app);
      const passwords = [NEW_PASSWORD, 'Round Giraffe 9 eats'];
      const answers = await Promise.all(
        passwords.map((password) => changeTo(account.access_token, password)),
      );
      const statuses = answers.map(({ status }) => status);
      assert.deepEqual(statuses.toSorted(), [200, 401]);
      const password = passwords[statuses.indexOf(200)] ?? '';
      await logIn(app, { ...account, password }, { mount });
    });

    test('happens once for two at once from two sessions, of which one lives', async () => {
      const account = await register(app);
      const sessions = [await logIn(app, account), await logIn(app, account)];
      const answers = await Promise.all(
        sessions.map(({ access_token }, index) => changeTo(access_token, passwordAfter(index))),
      );
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401]);
      const alive = await Promise.all(
        sessions.map(async ({ access_token }) => (await whoAmI(app, access_token)).status),
      );
      assert.deepEqual(
        alive,
        answers.map(({ status }) => status),
      );
    });

    test('is on record, with what was refused', async () => {
      const account = await register(app);
      const [own] = [await logIn(app, account), await logIn(app, account)];
      await changeTo(own.access_token, NEW_PASSWORD, WRONG_PASSWORD).expect(401);
      await changeTo(own.access_token, NEW_PASSWORD).expect(200);
      assert.deepEqual((await eventsOf(account.userId)).slice(3).sort(), [
        'other_sessions_revoked',
        'password_change_failed',
        'password_changed',
      ]);
      const ended = await query(
        `SELECT end_reason FROM sessions WHERE user_id = $1 AND ended_at IS NOT NULL`,
        [account.userId],
      );
      assert.deepEqual(ended, [{ end_reason: 'credentials_changed' }]);
    });

    test('needs an account token that is alive', async () => {
      const { access_token, refresh_token } = await signUp(app);
      const phone = await signIn(app);
      for (const token of ['rubbish', refresh_token, phone.access_token]) {
        assertProblem(await changeTo(token, NEW_PASSWORD), INVALID_TOKEN);
      }
      await app.request.post(`${mount}/logout`).set(bearer(access_token)).expect(200);
      assertProblem(await changeTo(access_token, NEW_PASSWORD), REVOKED);
    });

    test('refuses what is missing, unknown or of a wrong type', async () => {
      const { access_token } = await signUp(app);
      const good = { current_password: PASSWORD, new_password: NEW_PASSWORD };
      for (const body of [
        {},
        { new_password: NEW_PASSWORD },
        { current_password: PASSWORD },
        { ...good, new_password: 7 },
        { ...good, current_password: '' },
        { ...good, user_id: 1 },
      ]) {
        assertProblem(await change(access_token, body), { status: 400, code: 'invalid_request' });
      }
    });
  });
}

test('a login with the old password that races the change leaves no session', async () => {
  for (let round = 0; round < 5; round++) {
    const account = await signUp(app);
    const body = { current_password: PASSWORD, new_password: NEW_PASSWORD };
    const [changed, ...logins] = await Promise.all([
      app.request.post('/api/auth/change-password').set(bearer(account.access_token)).send(body),
      ...[app, other, app, other].map((node) => tryLogIn(node, account)),
    ]);
    assert.equal(changed.status, 200);
    for (const { status, body: answer } of logins) {
      if (status !== 200) continue;
      const { access_token } = answer as { access_token: string };
      assertProblem(await whoAmI(other, access_token), REVOKED);
    }
  }
});
