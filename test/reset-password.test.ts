import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  BAD_REFRESH,
  eventsOf,
  failLogins,
  logIn,
  mailsTo,
  MAX_FAILURES,
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
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { storesFor, type STORES } from './support/otp.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import {
  countTokens,
  INVALID_LINK,
  isVerified,
  lastVerifyToken,
  NEW_PASSWORD,
  newPhoneUser,
  newResetToken,
  reset,
  WAS_RESET_SUBJECT,
} from './support/recovery.ts';
import { connect } from './support/socket.ts';
import { TestClock } from './support/test-clock.ts';

const CHANGED = { code: 4501, reason: 'credentials_changed' };
const WEAK = { status: 400, code: 'weak_password' };
const HOUR_MS = 60 * 60 * 1000;

const clock = new TestClock();
const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ clock }),
  memory: await startApp({ clock, store: 'memory' }),
};

for (const { app, store, mount } of MOUNTS.flatMap((mount) =>
  storesFor(mount).map((store) => ({ app: apps[store], store, mount })),
)) {
  const resetTo = (token: string, new_password = NEW_PASSWORD) =>
    reset(app, token, { new_password, mount });

  describe(`${mount}/reset-password on the ${store} store`, () => {
    test('changes what logs in, and opens no session itself', async () => {
      const account = await register(app);
      const answer = await resetTo(await newResetToken(app, account.email)).expect(200);
      assert.deepEqual(answer.body, { message: 'Password changed. Sign in with the new one' });
      assert.equal(answer.get('set-cookie'), undefined);
      assert.deepEqual(
        await query('SELECT 1 FROM sessions WHERE user_id = $1', [account.userId]),
        [],
      );
      assertProblem(await tryLogIn(app, account, { mount }), WRONG_CREDENTIALS);
      await logIn(app, { ...account, password: NEW_PASSWORD }, { mount });
    });

    test('works once, and voids the other links of the person', async () => {
      const { email, userId } = await register(app);
      const [first, second] = [await newResetToken(app, email), await newResetToken(app, email)];
      await resetTo(second).expect(200);
      for (const token of [second, first]) assertProblem(await resetTo(token), INVALID_LINK);
      assert.equal(await countTokens(userId, 'reset_password'), 0);
    });

    test('refuses a token that is none, is cut short, or is for something else', async () => {
      const { email } = await register(app);
      const token = await newResetToken(app, email);
      const foreign = await lastVerifyToken(app, email);
      for (const wrong of ['x', 'A'.repeat(43), token.slice(0, -1), `${token}A`, foreign]) {
        assertProblem(await resetTo(wrong), INVALID_LINK);
      }
      await resetTo(token).expect(200);
    });

    test('refuses a token that has expired, and none earlier', async () => {
      const { email } = await register(app);
      const [early, late] = [await newResetToken(app, email), await newResetToken(app, email)];
      clock.advance(HOUR_MS - 60_000);
      await resetTo(early).expect(200);
      const last = await newResetToken(app, email);
      clock.advance(HOUR_MS);
      for (const token of [late, last]) assertProblem(await resetTo(token), INVALID_LINK);
    });

    test('refuses a weak password with the reasons, and the token goes on working', async () => {
      const account = await signUp(app);
      const token = await newResetToken(app, account.email);
      const path = 'new_password';
      assert.deepEqual(assertProblem(await resetTo(token, 'tall ibex 7'), WEAK).errors, [
        { path, message: 'Use at least 12 characters' },
        { path, message: 'Add an upper-case letter' },
      ]);
      assert.deepEqual(assertProblem(await resetTo(token, PASSWORD), WEAK).errors, [
        { path, message: 'It is one of your last five passwords' },
      ]);
      assertProblem(await resetTo(token, `Tall ${account.username} 7`), WEAK);
      await whoAmI(app, account.access_token, mount).expect(200);
      await logIn(app, account, { mount });
      await resetTo(token).expect(200);
    });

    test('lifts the lockout of the address, and that of the signed-in', async () => {
      const account = await signUp(app);
      await failLogins(app, account.email, { mount });
      for (let failures = 0; failures < MAX_FAILURES; failures++) {
        await app.request
          .post(`${mount}/change-password`)
          .set(bearer(account.access_token))
          .send({ current_password: WRONG_PASSWORD, new_password: NEW_PASSWORD })
          .expect(401);
      }
      await tryLogIn(app, account, { mount }).expect(429);
      await resetTo(await newResetToken(app, account.email)).expect(200);
      const renewed = { ...account, password: NEW_PASSWORD };
      const { access_token } = await logIn(app, renewed, { mount });
      await app.request
        .post(`${mount}/change-password`)
        .set(bearer(access_token))
        .send({ current_password: NEW_PASSWORD, new_password: 'Round Giraffe 9 eats' })
        .expect(200);
      assert.deepEqual(
        await failLogins(app, account.email, { times: 4, mount }),
        [401, 401, 401, 401],
      );
    });

    test('gives a first password to whoever signs in by phone', async () => {
      const { email, user } = await newPhoneUser(app);
      await resetTo(await newResetToken(app, email)).expect(200);
      const { user: same } = await logIn(app, { email, password: NEW_PASSWORD }, { mount });
      assert.equal(same.id, user.id);
    });

    test('refuses what is missing, unknown or of a wrong type', async () => {
      const good = { token: 'x', new_password: NEW_PASSWORD };
      for (const body of [
        {},
        { token: 'x' },
        { new_password: NEW_PASSWORD },
        { ...good, token: '' },
        { ...good, token: 'x'.repeat(257) },
        { ...good, new_password: 7 },
        { ...good, email: 'ada@example.com' },
      ]) {
        const answer = await app.request.post(`${mount}/reset-password`).send(body);
        assertProblem(answer, { status: 400, code: 'invalid_request' });
      }
    });
  });
}

const { redis: app } = apps;
const other = await startApp({ clock });
const nodes = [app, other];

test('a reset ends every session of every kind on every node, with their sockets', async () => {
  const phone = await signIn(app);
  const account = await register(app);
  await query('UPDATE sessions SET user_id = $1 WHERE user_id = $2', [
    account.userId,
    phone.user.id,
  ]);
  const held = [await logIn(app, account), await logIn(other, account)];
  const sockets = await Promise.all(
    [...held, phone].flatMap(({ access_token }) =>
      nodes.map((node) => connect(node.url, access_token)),
    ),
  );
  await reset(other, await newResetToken(app, account.email)).expect(200);
  for (const node of nodes) {
    for (const { access_token, refresh_token } of held) {
      assertProblem(await whoAmI(node, access_token), REVOKED);
      assertProblem(await renew(node, refresh_token), BAD_REFRESH);
    }
    const asked = node.request.get('/api/v2/auth/me').set(bearer(phone.access_token));
    assertProblem(await asked, REVOKED);
  }
  for (const socket of sockets) {
    assert.equal((await socket.next('revoked')).reason, CHANGED.reason);
    assert.deepEqual(await socket.closed, CHANGED);
  }
  const reasons = await query('SELECT DISTINCT end_reason FROM sessions WHERE user_id = $1', [
    account.userId,
  ]);
  assert.deepEqual(reasons, [{ end_reason: 'credentials_changed' }]);
});

test('a reset verifies the address', async () => {
  const { email, userId } = await register(app);
  assert.equal(await isVerified(userId), false);
  await reset(app, await newResetToken(app, email)).expect(200);
  assert.equal(await isVerified(userId), true);
});

test('a reset is told to the owner, and is on record with the end of the sessions', async () => {
  const account = await signUp(app);
  const { email, user } = account;
  await reset(app, await newResetToken(app, email)).expect(200);
  const mails = await mailsTo(app, email);
  assert.equal(mails.at(-1)?.subject, WAS_RESET_SUBJECT);
  const ofReset = (events: string[]) => events.slice(events.indexOf('password_reset_requested'));
  assert.deepEqual(ofReset(await eventsOf(user.id)), [
    'password_reset_requested',
    'all_sessions_revoked',
    'password_reset',
  ]);
  const another = 'Round Giraffe 9 eats';
  await reset(app, await newResetToken(app, email), { new_password: another }).expect(200);
  assert.deepEqual((await eventsOf(user.id)).slice(-2), [
    'password_reset_requested',
    'password_reset',
  ]);
});

test('a change of the password voids the links that were mailed before', async () => {
  const account = await signUp(app);
  const token = await newResetToken(app, account.email);
  await app.request
    .post('/api/auth/change-password')
    .set(bearer(account.access_token))
    .send({ current_password: PASSWORD, new_password: NEW_PASSWORD })
    .expect(200);
  assertProblem(await reset(app, token, { new_password: 'Round Giraffe 9 eats' }), INVALID_LINK);
});

test('a link is void while the account is disabled', async () => {
  const account = await register(app);
  const token = await newResetToken(app, account.email);
  const setActive = (isActive: boolean) =>
    query('UPDATE users SET is_active = $2 WHERE id = $1', [account.userId, isActive]);
  await setActive(false);
  assertProblem(await reset(app, token), INVALID_LINK);
  await setActive(true);
  await reset(app, token).expect(200);
});

test('a link is void when the address is another one by then, and not for its case alone', async () => {
  const account = await register(app);
  const token = await newResetToken(app, account.email);
  const setEmail = (email: string) =>
    query('UPDATE users SET email = $2 WHERE id = $1', [account.userId, email]);
  await setEmail(`new-${account.email}`);
  assertProblem(await reset(app, token), INVALID_LINK);
  await setEmail(account.email.toUpperCase());
  await reset(app, token).expect(200);
});

test('a link is void with the user, also for one who takes the address afterwards', async () => {
  const account = await signUp(app);
  const token = await newResetToken(app, account.email);
  await app.request
    .delete('/api/auth/me')
    .set(bearer(account.access_token))
    .send({ password: PASSWORD })
    .expect(204);
  assertProblem(await reset(app, token), INVALID_LINK);
  const { email, username, password } = account;
  await register(app, { email, username, password });
  assertProblem(await reset(app, token), INVALID_LINK);
});

test('a token that opens nothing costs no hash', async () => {
  const { email } = await register(app);
  const used = await newResetToken(app, email);
  await reset(app, used).expect(200);
  const { passwords } = app.context;
  const [hash, check] = [passwords.hash.bind(passwords), passwords.verify.bind(passwords)];
  const asked: string[] = [];
  passwords.hash = (password) => {
    asked.push('hash');
    return hash(password);
  };
  passwords.verify = (password, stored) => {
    asked.push('verify');
    return check(password, stored);
  };
  for (const token of [used, 'x']) await reset(app, token).expect(400);
  assert.deepEqual(asked, []);
  const another = 'Round Ibex 9 eats';
  await reset(app, await newResetToken(app, email), { new_password: another }).expect(200);
  assert.deepEqual(asked, ['verify', 'verify', 'hash']);
});
