import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import {
  endCooldown,
  failTimes,
  requestCode,
  resendCode,
  STORES,
  submitCode,
} from './support/otp.ts';
import {
  bearer,
  newPhoneNumber,
  sendCode,
  signIn,
  wrongCode,
  type Tokens,
} from './support/phone.ts';
import { assertProblem, retryAfter } from './support/problem.ts';
import { TestClock } from './support/test-clock.ts';

const clock = new TestClock();
const apps = {
  redis: await startApp({ store: 'redis' }),
  memory: await startApp({ store: 'memory', clock }),
};
const NOT_FOUND = { status: 400, code: 'otp_not_found', detail: 'OTP expired or not found' };

for (const store of STORES) {
  const app = apps[store];

  describe(`verify-otp, ${store} store`, () => {
    test('creates the user at the first sign-in and gives both tokens', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      const answer = await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
      const { access_token, refresh_token, user, ...rest } = answer.body as Tokens;
      assert.deepEqual(rest, { token_type: 'bearer', expires_in: 900 });
      assert.notEqual(access_token, refresh_token);
      assert.equal(answer.get('cache-control'), 'no-store');
      const { id, created_at, last_login, ...profile } = user as unknown as Record<string, unknown>;
      assert.deepEqual(profile, {
        phone_number: phoneNumber,
        email: null,
        username: null,
        role: 'rider',
        roles: ['rider'],
        is_active: true,
        email_verified: false,
        totp_enabled: false,
      });
      assert.ok(Number.isSafeInteger(id));
      for (const time of [created_at, last_login]) assert.match(String(time), /^\d{4}-.*Z$/);
      const rows = await query('SELECT id, roles FROM users WHERE phone_number = $1', [
        phoneNumber,
      ]);
      assert.deepEqual(rows, [{ id, roles: ['rider'] }]);
    });

    test('knows the user again at the second sign-in', async () => {
      const phoneNumber = newPhoneNumber();
      const first = await signIn(app, { phoneNumber });
      const second = await signIn(app, { phoneNumber });
      assert.equal(second.user.id, first.user.id);
      assert.notEqual(second.access_token, first.access_token);
    });

    test('answers "OTP expired or not found" where no code was sent', async () => {
      const submission = { phone_number: newPhoneNumber(), otp: '123456' };
      for (let count = 0; count < 5; count++) {
        assertProblem(await submitCode(app, submission), NOT_FOUND);
      }
    });

    test('counts down the attempts, and the third wrong one locks', async () => {
      const phoneNumber = newPhoneNumber();
      const right = await sendCode(app, phoneNumber);
      const wrong = { phone_number: phoneNumber, otp: wrongCode(right) };
      for (const left of [2, 1]) {
        assertProblem(await submitCode(app, wrong), {
          status: 401,
          code: 'invalid_otp',
          detail: `Invalid OTP. ${left} attempts remaining`,
        });
      }
      const third = await submitCode(app, wrong);
      const detail = 'Too many attempts. Try again in 900 seconds';
      assertProblem(third, { status: 429, code: 'too_many_attempts', detail });
      assert.equal(retryAfter(third), 900);
      assert.equal(await app.context.ephemeral.get(`otp:${phoneNumber}`), null);
    });

    test('refuses even the right code while the number is locked', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      await failTimes(app, phoneNumber, 3);
      const answer = await submitCode(app, { phone_number: phoneNumber, otp });
      const { detail } = assertProblem(answer, { status: 429, code: 'too_many_attempts' });
      assert.equal(detail, `Too many attempts. Try again in ${retryAfter(answer)} seconds`);
      assert.ok(retryAfter(answer) > 890 && retryAfter(answer) <= 900);
    });

    test('locks only the number that failed', async () => {
      const [locked, other] = [newPhoneNumber(), newPhoneNumber()];
      await sendCode(app, locked);
      await failTimes(app, locked, 3);
      await signIn(app, { phoneNumber: other });
    });

    test('takes the right code after two wrong ones, and forgets the failures', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      assert.deepEqual(await failTimes(app, phoneNumber, 2), [401, 401]);
      await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
      await sendCode(app, phoneNumber);
      assert.deepEqual(await failTimes(app, phoneNumber, 2), [401, 401]);
    });

    test('takes a code once', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
      assertProblem(await submitCode(app, { phone_number: phoneNumber, otp }), NOT_FOUND);
    });

    test('takes no code that was sent to another number', async () => {
      const [one, other] = [newPhoneNumber(), newPhoneNumber()];
      const code = await sendCode(app, one);
      if ((await sendCode(app, other)) === code) await resendCode(app, other);
      const answer = await submitCode(app, { phone_number: other, otp: code });
      assertProblem(answer, { status: 401, code: 'invalid_otp' });
    });

    test('clears the cooldown, so that the next code can be asked for at once', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      await requestCode(app, phoneNumber).expect(429);
      await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
      await requestCode(app, phoneNumber).expect(200);
    });

    test('keeps the cooldown when a code was wrong', async () => {
      const phoneNumber = newPhoneNumber();
      await sendCode(app, phoneNumber);
      await failTimes(app, phoneNumber, 1);
      await requestCode(app, phoneNumber).expect(429);
    });

    for (const otp of ['12345', '1234567', '12345a', ' 12345', '１２３４５６', '-12345', '']) {
      test(`refuses "${otp}" as a code, and counts no failure`, async () => {
        const phoneNumber = newPhoneNumber();
        await sendCode(app, phoneNumber);
        const answer = await submitCode(app, { phone_number: phoneNumber, otp });
        const { errors } = assertProblem(answer, { status: 400, code: 'invalid_request' });
        assert.deepEqual(
          errors?.map(({ path }) => path),
          ['otp'],
        );
        assert.deepEqual(await failTimes(app, phoneNumber, 2), [401, 401]);
      });
    }

    test('refuses a disabled user, whose code then still works', async () => {
      const phoneNumber = newPhoneNumber();
      await signIn(app, { phoneNumber });
      await query('UPDATE users SET is_active = false WHERE phone_number = $1', [phoneNumber]);
      const otp = await sendCode(app, phoneNumber);
      const answer = await submitCode(app, { phone_number: phoneNumber, otp });
      assertProblem(answer, { status: 403, code: 'account_disabled' });
      await query('UPDATE users SET is_active = true WHERE phone_number = $1', [phoneNumber]);
      await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
    });

    test('keeps the device with the session and shows it in the list', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      const answer = await submitCode(app, {
        phone_number: phoneNumber,
        otp,
        device_name: ' Añil 📱 ',
      })
        .set('User-Agent', 'MedallionApp/1.0')
        .set('X-Device-Id', 'device-1');
      const { access_token } = answer.body as Tokens;
      const list = await app.request.get('/api/v2/auth/sessions').set(bearer(access_token));
      const [session] = (list.body as { sessions: Record<string, unknown>[] }).sessions;
      assert.ok(session);
      assert.equal(session.device_name, 'Añil 📱');
      assert.equal(session.user_agent, 'MedallionApp/1.0');
      const [row] = await query<{ device_id: string }>(
        'SELECT device_id FROM sessions WHERE id = $1',
        [session.id],
      );
      assert.equal(row?.device_id, 'device-1');
    });
  });
}

test('takes no code after five minutes, by the clock', async () => {
  const app = apps.memory;
  const phoneNumber = newPhoneNumber();
  const otp = await sendCode(app, phoneNumber);
  clock.advance(300_000);
  assertProblem(await submitCode(app, { phone_number: phoneNumber, otp }), NOT_FOUND);
});

test('takes a code in its last second, by the clock', async () => {
  const phoneNumber = newPhoneNumber();
  const otp = await sendCode(apps.memory, phoneNumber);
  clock.advance(298_000);
  await submitCode(apps.memory, { phone_number: phoneNumber, otp }).expect(200);
});

test('forgets failures five minutes after the last one, by the clock', async () => {
  const app = apps.memory;
  const phoneNumber = newPhoneNumber();
  await sendCode(app, phoneNumber);
  await failTimes(app, phoneNumber, 1);
  clock.advance(200_000);
  await failTimes(app, phoneNumber, 1);
  clock.advance(200_000);
  await resendCode(app, phoneNumber);
  assert.deepEqual(await failTimes(app, phoneNumber, 1), [429]);
  const other = newPhoneNumber();
  await sendCode(app, other);
  await failTimes(app, other, 2);
  clock.advance(301_000);
  await resendCode(app, other);
  assert.deepEqual(await failTimes(app, other, 2), [401, 401]);
});

test('gives a refused sign-in no part in when failures are forgotten, by the clock', async () => {
  const app = await startApp({ store: 'memory', clock, env: { SELF_SIGNUP_ROLES: 'rider' } });
  const phoneNumber = newPhoneNumber();
  await sendCode(app, phoneNumber);
  await failTimes(app, phoneNumber, 2);
  clock.advance(240_000);
  const otp = await resendCode(app, phoneNumber);
  await submitCode(app, { phone_number: phoneNumber, otp, role: 'driver' }).expect(403);
  clock.advance(70_000);
  assert.deepEqual(await failTimes(app, phoneNumber, 1), [401]);
  await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
});

test('gives a locked number three new attempts when the lockout is over, by the clock', async () => {
  const app = apps.memory;
  const phoneNumber = newPhoneNumber();
  await sendCode(app, phoneNumber);
  await failTimes(app, phoneNumber, 3);
  clock.advance(901_000);
  await endCooldown(app, phoneNumber);
  const otp = await sendCode(app, phoneNumber);
  assert.deepEqual(await failTimes(app, phoneNumber, 2), [401, 401]);
  await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
});
