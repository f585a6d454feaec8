import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { resendCode, STORES, submitCode } from './support/otp.ts';
import { bearer, newPhoneNumber, sendCode, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';

const env = { SELF_SIGNUP_ROLES: 'rider' };
const open = { redis: await startApp(), memory: await startApp({ store: 'memory' }) };
const strict = { redis: await startApp({ env }), memory: await startApp({ store: 'memory', env }) };

async function rolesOf(phoneNumber: string): Promise<string[] | undefined> {
  const rows = await query<{ roles: string[] }>('SELECT roles FROM users WHERE phone_number = $1', [
    phoneNumber,
  ]);
  return rows[0]?.roles;
}

async function insertUser(roles: string[]): Promise<string> {
  const phoneNumber = newPhoneNumber();
  await query('INSERT INTO users (phone_number, roles, created_at) VALUES ($1, $2, now())', [
    phoneNumber,
    roles,
  ]);
  return phoneNumber;
}

async function roleIn(app: TestApp, { access_token }: Tokens): Promise<unknown> {
  const answer = await app.request.get('/api/v2/test/protected').set(bearer(access_token));
  return (answer.body as { role: unknown }).role;
}

for (const store of STORES) {
  describe(`the role of a session, ${store} store`, () => {
    const app = open[store];

    test('is rider for somebody new', async () => {
      const tokens = await signIn(app);
      assert.equal(tokens.user.role, 'rider');
      assert.equal(await roleIn(app, tokens), 'rider');
    });

    test('is the one asked for, and the user holds it from then on', async () => {
      const phoneNumber = newPhoneNumber();
      const tokens = await signIn(app, { phoneNumber, role: 'driver' });
      assert.equal(tokens.user.role, 'driver');
      assert.deepEqual(tokens.user.roles, ['driver']);
      assert.deepEqual(await rolesOf(phoneNumber), ['driver']);
    });

    test('is the only one held where none is asked for', async () => {
      const phoneNumber = newPhoneNumber();
      await signIn(app, { phoneNumber, role: 'driver' });
      assert.equal((await signIn(app, { phoneNumber })).user.role, 'driver');
    });

    test('is rider for a rider and driver who asks for none', async () => {
      const phoneNumber = newPhoneNumber();
      const driver = await signIn(app, { phoneNumber, role: 'driver' });
      const rider = await signIn(app, { phoneNumber, role: 'rider' });
      const third = await signIn(app, { phoneNumber });
      assert.deepEqual(new Set(third.user.roles), new Set(['rider', 'driver']));
      assert.equal(third.user.role, 'rider');
      assert.equal(await roleIn(app, driver), 'driver');
      assert.equal(await roleIn(app, rider), 'rider');
    });

    test('opens what that role may, in each of two sessions of one person', async () => {
      const phoneNumber = newPhoneNumber();
      const driver = await signIn(app, { phoneNumber, role: 'driver' });
      const rider = await signIn(app, { phoneNumber, role: 'rider' });
      const driverOnly = (token: string) =>
        app.request.get('/api/v2/test/driver-only').set(bearer(token));
      await driverOnly(driver.access_token).expect(200);
      assertProblem(await driverOnly(rider.access_token), {
        status: 403,
        code: 'insufficient_permissions',
        detail: 'Insufficient permissions',
      });
    });

    for (const [held, expected] of [
      [['rider', 'viewer'], 'viewer'],
      [['editor', 'viewer', 'driver'], 'editor'],
      [['rider', 'admin', 'viewer'], 'admin'],
    ] as const) {
      test(`is ${expected} for ${held.join(', ')} who asks for none`, async () => {
        const phoneNumber = await insertUser([...held]);
        const tokens = await signIn(app, { phoneNumber });
        assert.equal(tokens.user.role, expected);
        assert.equal(await roleIn(app, tokens), expected);
      });
    }

    test('can be an app role for staff who ask for it', async () => {
      const phoneNumber = await insertUser(['admin', 'driver']);
      assert.equal((await signIn(app, { phoneNumber, role: 'driver' })).user.role, 'driver');
    });

    for (const role of ['viewer', 'editor', 'admin', 'root', '', 'Rider']) {
      test(`is never "${role}" because somebody asked for it`, async () => {
        const phoneNumber = await insertUser(['admin']);
        const otp = await sendCode(app, phoneNumber);
        const answer = await submitCode(app, { phone_number: phoneNumber, otp, role });
        assertProblem(answer, { status: 400, code: 'invalid_request' });
      });
    }
  });

  describe(`a role that SELF_SIGNUP_ROLES does not name, ${store} store`, () => {
    const app = strict[store];

    test('is refused to somebody new, nothing is made, and the code still works', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      const asDriver = { phone_number: phoneNumber, otp, role: 'driver' };
      for (let count = 0; count < 4; count++) {
        const answer = await submitCode(app, asDriver);
        assertProblem(answer, { status: 403, code: 'role_not_allowed' });
      }
      assert.equal(await rolesOf(phoneNumber), undefined);
      const answer = await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
      assert.equal((answer.body as Tokens).user.role, 'rider');
    });

    test('is refused to a user, who keeps the roles and gets no session', async () => {
      const phoneNumber = newPhoneNumber();
      const { user } = await signIn(app, { phoneNumber });
      const otp = await sendCode(app, phoneNumber);
      const answer = await submitCode(app, { phone_number: phoneNumber, otp, role: 'driver' });
      assertProblem(answer, { status: 403, code: 'role_not_allowed' });
      assert.deepEqual(await rolesOf(phoneNumber), ['rider']);
      const sessions = await query('SELECT id FROM sessions WHERE user_id = $1', [user.id]);
      assert.equal(sessions.length, 1);
    });

    test('is given to whom it was given before', async () => {
      const phoneNumber = await insertUser(['driver']);
      assert.equal((await signIn(app, { phoneNumber, role: 'driver' })).user.role, 'driver');
      assert.equal((await signIn(app, { phoneNumber })).user.role, 'driver');
    });

    test('leaves a refused code no longer to live than it had', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      const before = await app.context.ephemeral.ttlMs(`otp:${phoneNumber}`);
      await submitCode(app, { phone_number: phoneNumber, otp, role: 'driver' }).expect(403);
      const after = await app.context.ephemeral.ttlMs(`otp:${phoneNumber}`);
      assert.ok(before !== null && after !== null && after <= before && after > before - 5000);
    });

    test('is refused while a new code is under way, and the new code is the one that works', async () => {
      const phoneNumber = newPhoneNumber();
      const old = await sendCode(app, phoneNumber);
      await submitCode(app, { phone_number: phoneNumber, otp: old, role: 'driver' }).expect(403);
      const otp = await resendCode(app, phoneNumber);
      await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
    });
  });
}

test('holds a role that was added at sign-in also for whoever held none', async () => {
  const phoneNumber = await insertUser([]);
  const tokens = await signIn(open.redis, { phoneNumber });
  assert.equal(tokens.user.role, 'rider');
  assert.deepEqual(await rolesOf(phoneNumber), ['rider']);
});
