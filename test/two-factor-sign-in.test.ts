import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, PASSWORD } from './support/accounts.ts';
import { openRedis, startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { storesFor, type STORES } from './support/otp.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { FrozenClock } from './support/rotation.ts';
import {
  BAD_CHALLENGE,
  challenge,
  FEW_CODES,
  makeAccount,
  post,
  protect,
  STEP_MS,
  SURFACES,
  verify,
  verifyBackup,
  WRONG_CODE,
} from './support/two-factor.ts';

const clock = new FrozenClock();
const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ clock, env: FEW_CODES }),
  memory: await startApp({ clock, env: FEW_CODES, store: 'memory' }),
};
const places = SURFACES.flatMap((surface) =>
  storesFor(surface.mount).map((store) => ({ ...surface, store, app: apps[store] })),
);

for (const { app, mount, store, amr, makePerson } of places) {
  const makeProtected = async () => protect({ app, mount, clock }, await makePerson(app));

  describe(`${mount} on the ${store} store: signing in with the second factor`, () => {
    test('gives what the first factor alone would have given', async () => {
      const { authenticator, begin, tokens } = await makeProtected();
      const asked = await begin(app, { deviceName: 'Pixel' });
      assert.equal(asked.get('cache-control'), 'no-store');
      const { challenge_token } = asked.body as { challenge_token: string };
      // 256 bits.
      assert.match(challenge_token, /^[\w-]{43}$/);
      const code = authenticator.next();
      const answer = await verify(app, mount, { challenge_token, code }).expect(200);
      const { access_token, refresh_token, user, ...rest } = answer.body as Tokens;
      assert.deepEqual(rest, { token_type: 'bearer', expires_in: 900 });
      assert.equal(user.id, tokens.user.id);
      assert.ok(refresh_token);
      const list = await app.request.get(`${mount}/sessions`).set(bearer(access_token)).expect(200);
      const { sessions } = list.body as { sessions: { device_name: string | null }[] };
      assert.equal(sessions[0]?.device_name, 'Pixel');
    });

    test('is on record with both factors', async () => {
      const person = await makeProtected();
      const challenge_token = await challenge(app, person);
      const code = person.authenticator.next();
      const answer = await verify(app, mount, { challenge_token, code }).expect(200);
      const jti = String(decodePart((answer.body as Tokens).access_token, 'payload').jti);
      const [row] = await query('SELECT amr FROM sessions WHERE id = $1', [jti.split('.')[0]]);
      assert.deepEqual(row, { amr: [amr, 'otp', 'mfa'] });
      const events = await eventsOf(person.tokens.user.id);
      assert.deepEqual(events.slice(-2), ['two_factor_required', 'login_succeeded']);
    });

    test('lets a wrong code be followed by the right one, on the same challenge', async () => {
      const person = await makeProtected();
      const challenge_token = await challenge(app, person);
      const { authenticator } = person;
      const wrong = { challenge_token, code: authenticator.wrong() };
      assertProblem(await verify(app, mount, wrong), WRONG_CODE);
      const code = authenticator.next();
      await verify(app, mount, { challenge_token, code }).expect(200);
    });

    test('spends the challenge', async () => {
      const person = await makeProtected();
      const challenge_token = await challenge(app, person);
      const code = person.authenticator.next();
      await verify(app, mount, { challenge_token, code }).expect(200);
      const again = { challenge_token, code: person.authenticator.next() };
      assertProblem(await verify(app, mount, again), BAD_CHALLENGE);
      const backup = { challenge_token, backup_code: person.backupCodes[0] };
      assertProblem(await verifyBackup(app, mount, backup), BAD_CHALLENGE);
    });

    test('accepts a code once, whichever challenge it comes with', async () => {
      const person = await makeProtected();
      const code = person.authenticator.next();
      const first = await challenge(app, person);
      await verify(app, mount, { challenge_token: first, code }).expect(200);
      const second = await challenge(app, person);
      assertProblem(await verify(app, mount, { challenge_token: second, code }), WRONG_CODE);
    });

    test('does not accept the code that turned it on', async () => {
      const person = await makeProtected();
      const challenge_token = await challenge(app, person);
      const code = person.authenticator.code();
      assertProblem(await verify(app, mount, { challenge_token, code }), WRONG_CODE);
    });

    test('accepts a code a time step early or late, and none before one it has accepted', async () => {
      const person = await makeProtected();
      const { authenticator } = person;
      const submit = async (code: string) =>
        verify(app, mount, { challenge_token: await challenge(app, person), code });
      clock.advance(10 * STEP_MS);
      assertProblem(await submit(authenticator.code(-2)), WRONG_CODE);
      assertProblem(await submit(authenticator.code(2)), WRONG_CODE);
      assert.equal((await submit(authenticator.code(-1))).status, 200);
      assert.equal((await submit(authenticator.code(1))).status, 200);
      assertProblem(await submit(authenticator.code(0)), WRONG_CODE);
      assertProblem(await submit(authenticator.code(1)), WRONG_CODE);
    });

    test('refuses a challenge that nobody gave', async () => {
      for (const challenge_token of ['x', 'A'.repeat(43), 'eyJhbGciOiJIUzI1NiJ9.e30.x']) {
        const answer = await verify(app, mount, { challenge_token, code: '123456' });
        assertProblem(answer, BAD_CHALLENGE);
        const backup_code = 'ABCDEFGH';
        assertProblem(
          await verifyBackup(app, mount, { challenge_token, backup_code }),
          BAD_CHALLENGE,
        );
      }
    });

    test('refuses what is missing, unknown or of a wrong type', async () => {
      const challenge_token = 'A'.repeat(43);
      for (const body of [
        {},
        { challenge_token },
        { code: '123456' },
        { challenge_token, code: 123456 },
        { challenge_token, code: '12345a' },
        { challenge_token: [challenge_token], code: '123456' },
        { challenge_token: '', code: '123456' },
        { challenge_token: 'A'.repeat(200), code: '123456' },
        { challenge_token, code: '123456', role: 'admin' },
      ]) {
        const answer = await verify(app, mount, body);
        assertProblem(answer, { status: 400, code: 'invalid_request' });
      }
    });

    test('refuses somebody who was disabled meanwhile', async () => {
      const person = await makeProtected();
      const challenge_token = await challenge(app, person);
      const { id } = person.tokens.user;
      await query('UPDATE users SET is_active = false WHERE id = $1', [id]);
      const code = person.authenticator.next();
      const disabled = { status: 403, code: 'account_disabled' };
      assertProblem(await verify(app, mount, { challenge_token, code }), disabled);
      // Nothing was spent on it.
      await query('UPDATE users SET is_active = true WHERE id = $1', [id]);
      await verify(app, mount, { challenge_token, code }).expect(200);
    });
  });
}

describe('a challenge', () => {
  const app = apps.redis;
  const [account, , phone] = SURFACES;
  assert.ok(account && phone);

  test('is answered on the surface that gave it, and no other', async () => {
    for (const [surface, foreign] of [
      [account, phone],
      [phone, account],
    ] as const) {
      const { mount } = surface;
      const person = await protect({ app, mount, clock }, await surface.makePerson(app));
      const challenge_token = await challenge(app, person);
      const body = { challenge_token, code: person.authenticator.next() };
      assertProblem(await verify(app, foreign.mount, body), BAD_CHALLENGE);
      await verify(app, mount, body).expect(200);
    }
  });

  test('is over after ten minutes', async () => {
    const { memory } = apps;
    const { mount } = account;
    const person = await protect({ app: memory, mount, clock }, await account.makePerson(memory));
    const challenge_token = await challenge(memory, person);
    clock.advance(10 * 60 * 1000 - 1);
    const wrong = { challenge_token, code: person.authenticator.wrong() };
    assertProblem(await verify(memory, mount, wrong), WRONG_CODE);
    clock.advance(1);
    const late = { challenge_token, code: person.authenticator.code() };
    assertProblem(await verify(memory, mount, late), BAD_CHALLENGE);
  });

  test('is in Redis for ten minutes, under a hash', async () => {
    const { mount } = account;
    const person = await protect({ app, mount, clock }, await account.makePerson(app));
    const challenge_token = await challenge(app, person);
    const redis = openRedis();
    const prefix = redis.options.keyPrefix ?? '';
    const keys = await redis.keys(`${prefix}2fa:challenge:*`);
    assert.ok(keys.length > 0);
    for (const key of keys) {
      assert.ok(!key.includes(challenge_token));
      const ttlMs = await redis.pttl(key.slice(prefix.length));
      assert.ok(ttlMs > 0 && ttlMs <= 10 * 60 * 1000);
    }
  });

  test('is void after the password was changed', async () => {
    const { mount } = account;
    const person = await protect({ app, mount, clock }, await makeAccount(app));
    const { tokens } = person;
    const challenge_token = await challenge(app, person);
    const change = { current_password: PASSWORD, new_password: 'Small Giraffe 9 eats' };
    await post(app, `${mount}/change-password`, change)
      .set(bearer(tokens.access_token))
      .expect(200);
    const body = { challenge_token, code: person.authenticator.next() };
    assertProblem(await verify(app, mount, body), BAD_CHALLENGE);
  });

  test('is void after the number was changed', async () => {
    const { mount } = phone;
    const person = await protect({ app, mount, clock }, await phone.makePerson(app));
    const challenge_token = await challenge(app, person);
    const { id } = person.tokens.user;
    await query('UPDATE users SET phone_number = $2 WHERE id = $1', [id, '+14155559999']);
    const body = { challenge_token, code: person.authenticator.next() };
    assertProblem(await verify(app, mount, body), BAD_CHALLENGE);
  });

  test('keeps the role that was asked for', async () => {
    const { mount } = phone;
    const person = await protect({ app, mount, clock }, await phone.makePerson(app));
    const otp = (await person.prove(app)).otp;
    const [row] = await query<{ phone_number: string }>(
      'SELECT phone_number FROM users WHERE id = $1',
      [person.tokens.user.id],
    );
    const asked = await post(app, `${mount}/verify-otp`, { ...row, otp, role: 'driver' });
    const { challenge_token } = asked.body as { challenge_token: string };
    const code = person.authenticator.next();
    const answer = await verify(app, mount, { challenge_token, code }).expect(200);
    const { user } = answer.body as Tokens;
    assert.equal(user.role, 'driver');
    assert.deepEqual(user.roles, ['rider', 'driver']);
  });
});
