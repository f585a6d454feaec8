import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  failLogins,
  logIn,
  mailsTo,
  PASSWORD,
  register,
  renew,
  signUp,
  tryLogIn,
  whoAmI,
} from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { assertLives } from './support/live-sockets.ts';
import { failTimes, requestCode } from './support/otp.ts';
import { bearer, newPhoneNumber, sendCode, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { RESET_SUBJECT, reset, resetTokensTo } from './support/recovery.ts';
import { connect } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { TestClock } from './support/test-clock.ts';

const clock = new TestClock();
const env = { OTP_LIMIT_PER_NUMBER: '100000/60' };
const [app, other] = [await startApp({ clock, env }), await startApp({ clock, env })];
const admin = await signUpAs(app, 'admin');
const editor = await signUpAs(app, 'editor');
const REVOKED = { status: 401, code: 'token_revoked' };
const DISABLED = { status: 403, code: 'account_disabled' };
const AN_HOUR_MS = 60 * 60 * 1000;

const asAdmin = bearer(admin.access_token);
const asEditor = bearer(editor.access_token);
const change = (id: number, body: object, header = asAdmin) =>
  app.request.patch(`/api/admin/users/${id}`).set(header).send(body);
const erase = (id: number, header = asAdmin) =>
  app.request.delete(`/api/admin/users/${id}`).set(header);

/** What staff did to a user, the oldest first. */
async function acts(userId: number): Promise<[string, string, Record<string, unknown>][]> {
  const rows = await query<{ event_type: string; actor: string; details: Record<string, unknown> }>(
    `SELECT event_type, actor, details FROM audit_log
     WHERE user_id = $1 AND actor IS NOT NULL ORDER BY id`,
    [userId],
  );
  return rows.map(({ event_type, actor, details }) => [event_type, actor, details]);
}

describe('a change of roles', () => {
  test('ends the access tokens on every node and closes sockets with 4403; the session goes on', async () => {
    const account = await signUp(app);
    const { id } = account.user;
    const socket = await connect(other.url, account.access_token);
    const answer = await change(id, { roles: ['editor', 'rider'] }).expect(200);
    assert.deepEqual((answer.body as { roles: string[] }).roles, ['editor', 'rider']);
    assert.deepEqual(await socket.closed, { code: 4403, reason: 'role_changed' });
    for (const node of [app, other])
      assertProblem(await whoAmI(node, account.access_token), REVOKED);
    const next = (await renew(other, account.refresh_token).expect(200)).body as Tokens;
    const claims = decodePart(next.access_token, 'payload');
    assert.deepEqual([claims.role, claims.roles], ['editor', ['editor', 'rider']]);
    for (const node of [app, other]) await whoAmI(node, next.access_token).expect(200);
    await assertLives(await connect(other.url, next.access_token));
    const details = { from: ['rider'], to: ['editor', 'rider'] };
    assert.deepEqual(await acts(id), [['roles_changed', `user:${admin.userId}`, details]]);
  });

  test('holds on a node that starts later, with and without what Redis knows', async () => {
    const account = await signUp(app);
    await change(account.user.id, { roles: ['viewer'] }).expect(200);
    for (const node of [await startApp({ clock }), await startApp({ clock, store: 'memory' })]) {
      assertProblem(await whoAmI(node, account.access_token), REVOKED);
    }
  });

  test('takes a role away from the phone sessions that act in it, and from no other', async () => {
    const phoneNumber = newPhoneNumber();
    const rides = await signIn(app, { phoneNumber, role: 'rider' });
    const drives = await signIn(app, { phoneNumber, role: 'driver' });
    const roleAfterRefresh = async ({ refresh_token }: Tokens) => {
      const refreshed = app.request.post('/api/v2/auth/refresh').send({ refresh_token });
      const { access_token } = (await refreshed.expect(200)).body as Tokens;
      return decodePart(access_token, 'payload').role;
    };
    await change(rides.user.id, { roles: ['rider'] }).expect(200);
    assert.equal(await roleAfterRefresh(drives), 'rider');
    assert.equal(await roleAfterRefresh(rides), 'rider');
    await change(rides.user.id, { roles: ['driver', 'rider'] }).expect(200);
    assert.equal(await roleAfterRefresh(drives), 'rider');
  });

  test('made twice at once, and while the user refreshes, leaves no token of before alive', async () => {
    const account = await signUp(app);
    const { id } = account.user;
    const [refreshed] = await Promise.all([
      renew(other, account.refresh_token),
      change(id, { roles: ['viewer'] }),
      change(id, { roles: ['rider', 'driver'] }),
    ]);
    assert.equal(refreshed.status, 200);
    const { access_token, refresh_token } = refreshed.body as Tokens;
    const { roles } = (await change(id, {}).expect(200)).body as { roles: string[] };
    const { status } = await whoAmI(other, access_token);
    const claims = decodePart(access_token, 'payload') as { roles: string[] };
    assert.ok(status === 401 || claims.roles.join() === roles.join(), `${status} ${roles.join()}`);
    const next = (await renew(other, refresh_token).expect(200)).body as Tokens;
    await whoAmI(other, next.access_token).expect(200);
    assert.deepEqual(decodePart(next.access_token, 'payload').roles, roles);
  });

  test('to the same roles changes nothing', async () => {
    const account = await signUp(app);
    await change(account.user.id, { roles: ['rider', 'rider'] }).expect(200);
    await whoAmI(other, account.access_token).expect(200);
    assert.deepEqual(await acts(account.user.id), []);
  });
});

describe('a user who is deactivated, suspended or deleted', () => {
  const WAYS = {
    deactivated: (id: number) => change(id, { is_active: false }).expect(200),
    suspended: (id: number) =>
      change(id, { suspended_until: new Date(clock.now() + AN_HOUR_MS).toISOString() }).expect(200),
    deleted: (id: number) => erase(id).expect(204),
  };

  for (const [way, act] of Object.entries(WAYS)) {
    test(`${way}: is signed out everywhere at once, with 4504, and not let in again`, async () => {
      const account = await signUp(app);
      const socket = await connect(other.url, account.access_token);
      await act(account.user.id);
      assert.deepEqual(await socket.closed, { code: 4504, reason: 'account_disabled' });
      for (const node of [app, other]) {
        assertProblem(await whoAmI(node, account.access_token), REVOKED);
      }
      assert.equal((await renew(other, account.refresh_token)).status, 401);
      const again = await tryLogIn(other, account);
      assert.equal(again.status, way === 'deleted' ? 401 : 403);
    });
  }

  test('a suspension ends by itself, or is lifted', async () => {
    const account = await register(app);
    const until = new Date(clock.now() + AN_HOUR_MS).toISOString();
    await change(account.userId, { suspended_until: until }).expect(200);
    assertProblem(await tryLogIn(app, account), DISABLED);
    await change(account.userId, { suspended_until: null }).expect(200);
    await logIn(app, account);
    await change(account.userId, { suspended_until: until }).expect(200);
    clock.advance(AN_HOUR_MS);
    await logIn(app, account);
    const types = (await acts(account.userId)).map(([type]) => type);
    assert.deepEqual(types, [
      'user_suspended',
      'suspension_lifted',
      'all_sessions_revoked',
      'user_suspended',
    ]);
    admin.access_token = (await logIn(app, admin)).access_token;
    Object.assign(asAdmin, bearer(admin.access_token));
    Object.assign(asEditor, bearer((await logIn(app, editor)).access_token));
  });

  test('a phone user who is suspended keeps their code, and signs in once activated', async () => {
    const phoneNumber = newPhoneNumber();
    const { user } = await signIn(app, { phoneNumber });
    await change(user.id, { is_active: false }).expect(200);
    const otp = await sendCode(app, phoneNumber);
    const verify = () =>
      app.request.post('/api/v2/auth/verify-otp').send({ phone_number: phoneNumber, otp });
    assertProblem(await verify(), DISABLED);
    await change(user.id, { is_active: true }).expect(200);
    await verify().expect(200);
  });

  test('while they sign in, has no session afterwards', async () => {
    const account = await register(app);
    const logins = Array.from({ length: 5 }, () => tryLogIn(other, account));
    const answers = await Promise.all([...logins, change(account.userId, { is_active: false })]);
    for (const { body } of answers.slice(0, 5)) {
      const { access_token } = body as Partial<Tokens>;
      if (access_token !== undefined) assertProblem(await whoAmI(other, access_token), REVOKED);
    }
    const [row] = await query<{ count: string }>(
      'SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL',
      [account.userId],
    );
    assert.equal(row?.count, '0');
  });
});

describe('what else staff do for a user', () => {
  test('unlock forgets the failures of passwords and of codes', async () => {
    const account = await register(app);
    const phoneNumber = newPhoneNumber();
    await query('UPDATE users SET phone_number = $2 WHERE id = $1', [account.userId, phoneNumber]);
    await failLogins(app, account.email);
    await sendCode(app, phoneNumber);
    await failTimes(app, phoneNumber, 3);
    assert.equal((await tryLogIn(app, account)).status, 429);
    assert.equal((await requestCode(app, phoneNumber)).status, 429);
    await change(account.userId, { unlock: true }, asEditor).expect(200);
    await logIn(app, account);
    assertProblem(await requestCode(app, phoneNumber), { status: 429, code: 'otp_cooldown' });
    const [[type, actor] = []] = await acts(account.userId);
    assert.deepEqual([type, actor], ['user_unlocked', `user:${editor.userId}`]);
  });

  test('reset_password mails a link, and the password stays until it is used', async () => {
    const account = await register(app);
    await change(account.userId, { reset_password: true }, asEditor).expect(200);
    await logIn(app, account);
    const mail = (await mailsTo(app, account.email)).find(
      ({ subject }) => subject === RESET_SUBJECT,
    );
    assert.doesNotMatch(mail?.body ?? '', /127\.0\.0\.1/);
    const [token = ''] = await resetTokensTo(app, account.email);
    await reset(app, token).expect(200);
    assert.equal((await tryLogIn(app, account)).status, 401);
    const [[type, , details] = []] = await acts(account.userId);
    assert.deepEqual([type, details], ['password_reset_requested', { is_mailed: true }]);
  });

  test('nothing of it is done where one part cannot be', async () => {
    const { user } = await signIn(app);
    const answer = await change(user.id, {
      reset_password: true,
      is_active: false,
      roles: ['driver'],
    });
    assertProblem(answer, { status: 409, code: 'no_email' });
    const shown = await app.request.get(`/api/admin/users/${user.id}`).set(asAdmin).expect(200);
    const { is_active, roles } = shown.body as { is_active: boolean; roles: string[] };
    assert.deepEqual([is_active, roles], [true, ['rider']]);
    assert.deepEqual(await acts(user.id), []);
  });

  test('wrong changes are refused, and an unknown user is not found', async () => {
    const { userId } = await register(app);
    for (const body of [
      { roles: [] },
      { roles: ['king'] },
      { roles: 'admin' },
      { is_active: 'no' },
      { suspended_until: 'tomorrow' },
      { suspended_until: '2020-01-01T00:00:00Z' },
      { unlock: false },
      { reset_password: 'yes' },
      { password: PASSWORD },
      { email: 'x@example.com' },
    ]) {
      const answer = await change(userId, body);
      assertProblem(answer, { status: 400, code: 'invalid_request' });
    }
    assertProblem(await change(2_000_000_000, {}), { status: 404, code: 'not_found' });
    assertProblem(await erase(2_000_000_000), { status: 404, code: 'not_found' });
    assert.deepEqual(await acts(userId), []);
  });
});
