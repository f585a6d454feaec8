import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seedDemoUsers } from '../seeds/demo-users.ts';
import { ConfigError } from '../server/config.ts';
import { logIn, newAccount, PASSWORD, register, tryLogIn } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { load, refusedFor, SECRETS } from './support/settings.ts';

const listUsers = (token: string) => app.request.get('/api/admin/users').set(bearer(token));
const app = await startApp();

const noAdmins = () => query("UPDATE users SET roles = '{rider}'");
const admins = () =>
  query<{ id: number }>("SELECT id FROM users WHERE roles @> '{admin}' AND is_active");

function variables(email: string, more: Record<string, string> = {}): Record<string, string> {
  return { BOOTSTRAP_ADMIN_EMAIL: email, BOOTSTRAP_ADMIN_PASSWORD: PASSWORD, ...more };
}

describe('the first administrator', () => {
  test('is made once by nodes that start together, and signs in by password and by phone', async () => {
    await noAdmins();
    const { email } = newAccount();
    const phoneNumber = newPhoneNumber();
    const env = variables(email, { BOOTSTRAP_ADMIN_PHONE: phoneNumber });
    await Promise.all([startApp({ env }), startApp({ env }), startApp({ env })]);
    const made = await admins();
    assert.equal(made.length, 1);
    const tokens = await logIn(app, { email, password: PASSWORD });
    await listUsers(tokens.access_token).expect(200);
    const { user } = await signIn(app, { phoneNumber });
    assert.deepEqual([user.id, user.role], [made[0]?.id, 'admin']);
    const rows = await query<{ details: object; actor: null }>(
      "SELECT details, actor FROM audit_log WHERE event_type = 'user_created'",
    );
    assert.deepEqual(rows, [{ details: { roles: ['admin'] }, actor: null }]);
  });

  test('is not made where there is another, and is where none of them may sign in', async () => {
    await noAdmins();
    const [first, second] = [newAccount(), newAccount()];
    await startApp({ env: variables(first.email) });
    await startApp({ env: variables(second.email) });
    assert.equal((await tryLogIn(app, { ...second, password: PASSWORD })).status, 401);
    await query("UPDATE users SET suspended_until = 'infinity' WHERE roles @> '{admin}'");
    await startApp({ env: variables(second.email) });
    await logIn(app, { ...second, password: PASSWORD });
  });

  test('is never made of an account that somebody has registered', async () => {
    await noAdmins();
    const stranger = await register(app);
    await startApp({ env: variables(stranger.email) });
    assert.deepEqual(await admins(), []);
    const tokens = await logIn(app, stranger);
    assert.equal(tokens.user.role, 'rider');
  });

  test('needs a password that the policy allows', async () => {
    await noAdmins();
    const env = variables(newAccount().email, { BOOTSTRAP_ADMIN_PASSWORD: 'short' });
    await assert.rejects(startApp({ env }), (error) => {
      assert.ok(error instanceof ConfigError);
      return error.problems.every((line) => line.startsWith('BOOTSTRAP_ADMIN_PASSWORD: '));
    });
    assert.deepEqual(await admins(), []);
  });

  test('is configured whole or not at all', () => {
    const BOTH = 'BOOTSTRAP_ADMIN_EMAIL, BOOTSTRAP_ADMIN_PASSWORD';
    assert.equal(load(SECRETS).secrets.bootstrapAdmin, null);
    for (const [given, refused] of [
      [{ BOOTSTRAP_ADMIN_EMAIL: 'a@example.com' }, BOTH],
      [{ BOOTSTRAP_ADMIN_PASSWORD: PASSWORD }, BOTH],
      [{ BOOTSTRAP_ADMIN_PHONE: '+14155550100' }, 'BOOTSTRAP_ADMIN_EMAIL, BOOTSTRAP_ADMIN_PHONE'],
      [variables('x'), 'BOOTSTRAP_ADMIN_EMAIL'],
      [variables('a@example.com', { BOOTSTRAP_ADMIN_PHONE: '123' }), 'BOOTSTRAP_ADMIN_PHONE'],
    ] as const) {
      assert.deepEqual(refusedFor({ ...SECRETS, ...given }), [refused]);
    }
  });
});

test('the demo users have passwords of their own, which are told once', async () => {
  const seeded = await seedDemoUsers(app.context.db);
  const passwords = seeded.flatMap(({ password }) => password ?? []);
  assert.equal(new Set(passwords).size, 4);
  for (const { email, password, roles } of seeded) {
    if (email === null || password === null) continue;
    const { user } = await logIn(app, { email, password });
    assert.deepEqual(user.roles, roles);
  }
  const again = await seedDemoUsers(app.context.db);
  assert.ok(again.every(({ password, isNew }) => password === null && !isNew));
  const { user } = await signIn(app, { phoneNumber: '+14155550102' });
  assert.equal(user.role, 'driver');
});
