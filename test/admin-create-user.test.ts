import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { logIn, mailsTo, newAccount, PASSWORD, register, tryLogIn } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { NEW_PASSWORD, reset, resetTokensTo } from './support/recovery.ts';
import { signUpAs } from './support/staff.ts';

const app = await startApp();
const admin = await signUpAs(app, 'admin');
const editor = await signUpAs(app, 'editor');
const AN_HOUR_MS = 60 * 60 * 1000;

const asAdmin = bearer(admin.access_token);
const asEditor = bearer(editor.access_token);
const change = (id: number, body: object, header = asAdmin) =>
  app.request.patch(`/api/admin/users/${id}`).set(header).send(body);
const erase = (id: number, header = asAdmin) =>
  app.request.delete(`/api/admin/users/${id}`).set(header);
const create = (body: object, header = asAdmin) =>
  app.request.post('/api/admin/users').set(header).send(body);

describe('a new user', () => {
  test('with an address chooses a password by the link that is mailed', async () => {
    const { email, username } = newAccount();
    const answer = await create({ email, username, roles: ['viewer'] }).expect(201);
    const { id, roles } = answer.body as { id: number; roles: string[] };
    assert.deepEqual(roles, ['viewer']);
    assert.equal((await tryLogIn(app, { email, password: PASSWORD })).status, 401);
    const [token = ''] = await resetTokensTo(app, email);
    await reset(app, token).expect(200);
    const tokens = await logIn(app, { email, password: NEW_PASSWORD });
    assert.equal(tokens.user.role, 'viewer');
    const rows = await query<{ event_type: string }>(
      'SELECT event_type FROM audit_log WHERE user_id = $1 AND actor = $2 ORDER BY id',
      [id, `user:${admin.userId}`],
    );
    const types = rows.map(({ event_type }) => event_type);
    assert.deepEqual(types, ['user_created', 'password_reset_requested']);
  });

  test('with a number signs in by code', async () => {
    const phoneNumber = newPhoneNumber();
    const answer = await create({ phone_number: phoneNumber, roles: ['driver'] }).expect(201);
    const { user } = await signIn(app, { phoneNumber });
    assert.deepEqual([user.id, user.role], [(answer.body as { id: number }).id, 'driver']);
  });

  test('is made once, of fifty at once', async () => {
    const { email } = newAccount();
    const answers = await Promise.all(Array.from({ length: 50 }, () => create({ email })));
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [201, ...Array<number>(49).fill(409)]);
    assert.equal((await mailsTo(app, email)).length, 1);
  });

  test('needs a way to sign in', async () => {
    for (const body of [{}, { username: 'ada' }, { email: 'x' }, { phone_number: '123' }]) {
      assertProblem(await create(body), { status: 400, code: 'invalid_request' });
    }
  });
});

describe('an editor', () => {
  test('neither gives nor takes a role, nor changes staff, and each try is on record', async () => {
    const rider = await register(app);
    const viewer = await signUpAs(app, 'viewer');
    const soon = new Date(Date.now() + AN_HOUR_MS).toISOString();
    const tries: [number, () => ReturnType<typeof change>][] = [
      [rider.userId, () => change(rider.userId, { roles: ['driver'] }, asEditor)],
      [rider.userId, () => change(rider.userId, { roles: ['rider', 'admin'] }, asEditor)],
      [editor.userId, () => change(editor.userId, { roles: ['admin'] }, asEditor)],
      [viewer.userId, () => change(viewer.userId, { is_active: false }, asEditor)],
      [admin.userId, () => change(admin.userId, { suspended_until: soon }, asEditor)],
      [admin.userId, () => change(admin.userId, { unlock: true }, asEditor)],
      [viewer.userId, () => change(viewer.userId, { reset_password: true }, asEditor)],
      [admin.userId, () => erase(admin.userId, asEditor)],
    ];
    for (const [target, attempt] of tries) {
      assertProblem(await attempt(), { status: 403, code: 'insufficient_permissions' });
      const [row] = await query<{ actor: string; details: object }>(
        `SELECT actor, details FROM audit_log
         WHERE event_type = 'permission_denied' ORDER BY id DESC LIMIT 1`,
      );
      const details = { permission: 'roles:write', target };
      assert.deepEqual(row, { actor: `user:${editor.userId}`, details });
    }
    assertProblem(await create({ email: newAccount().email, roles: ['driver'] }, asEditor), {
      status: 403,
      code: 'insufficient_permissions',
    });
    await change(rider.userId, { is_active: false }, asEditor).expect(200);
    await erase(rider.userId, asEditor).expect(204);
    await create({ email: newAccount().email }, asEditor).expect(201);
  });
});
