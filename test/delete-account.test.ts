import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { failTimes } from './support/otp.ts';
import { bearer, newPhoneNumber, sendCode, signIn, wrongCode } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';

const app = await startApp();
const REVOKED = { status: 401, code: 'token_revoked', detail: 'Token has been revoked' };

function get(path: string, token: string): Test {
  return app.request.get(`/api/v2${path}`).set(bearer(token));
}

function erase(token: string, body: object): Test {
  return app.request.delete('/api/v2/auth/me').set(bearer(token)).send(body);
}

describe('erasing the account', () => {
  test('erases the user, ends every session and leaves only the id in the audit log', async () => {
    const phoneNumber = newPhoneNumber();
    const driver = await signIn(app, { phoneNumber, role: 'driver' });
    const { access_token, refresh_token, user } = await signIn(app, { phoneNumber, role: 'rider' });
    const socket = await connect(app.url, driver.access_token);
    const otp = await sendCode(app, phoneNumber);
    await erase(access_token, { otp }).expect(204);
    assert.deepEqual(await socket.closed, { code: 4504, reason: 'account_disabled' });
    assert.deepEqual(await query('SELECT 1 FROM users WHERE id = $1', [user.id]), []);
    assert.deepEqual(await query('SELECT 1 FROM sessions WHERE user_id = $1', [user.id]), []);
    for (const token of [access_token, driver.access_token]) {
      assertProblem(await get('/test/protected', token), REVOKED);
    }
    const renewed = await app.request.post('/api/v2/auth/refresh').send({ refresh_token });
    assertProblem(renewed, { status: 401, code: 'invalid_refresh_token' });
    const rows = await query<{ text: string; event_type: string }>(
      'SELECT a::text AS text, event_type FROM audit_log a WHERE user_id = $1 ORDER BY id',
      [user.id],
    );
    assert.equal(rows.at(-1)?.event_type, 'account_deleted');
    const all = await query<{ text: string }>('SELECT a::text AS text FROM audit_log a');
    assert.deepEqual(
      all.filter(({ text }) => text.includes(phoneNumber.slice(1))),
      [],
    );
    const again = await signIn(app, { phoneNumber });
    assert.notEqual(again.user.id, user.id);
    assert.deepEqual(again.user.roles, ['rider']);
  });

  test('needs the right code, and a wrong one counts as anywhere', async () => {
    const phoneNumber = newPhoneNumber();
    const { access_token } = await signIn(app, { phoneNumber });
    assertProblem(await erase(access_token, { otp: '123456' }), {
      status: 400,
      code: 'otp_not_found',
    });
    const otp = await sendCode(app, phoneNumber);
    assertProblem(await erase(access_token, { otp: wrongCode(otp) }), {
      status: 401,
      code: 'invalid_otp',
      detail: 'Invalid OTP. 2 attempts remaining',
    });
    assert.deepEqual(await failTimes(app, phoneNumber, 2), [401, 429]);
    assertProblem(await erase(access_token, { otp }), { status: 429, code: 'too_many_attempts' });
    await get('/auth/me', access_token).expect(200);
  });

  test('needs a code of the own number', async () => {
    const [one, other] = [newPhoneNumber(), newPhoneNumber()];
    const { access_token } = await signIn(app, { phoneNumber: one });
    const otp = await sendCode(app, other);
    assertProblem(await erase(access_token, { otp }), { status: 400, code: 'otp_not_found' });
  });

  test('needs a token and a body', async () => {
    const { access_token } = await signIn(app);
    const without = await app.request.delete('/api/v2/auth/me').send({ otp: '123456' });
    assertProblem(without, { status: 401, code: 'invalid_token' });
    for (const body of [{}, { otp: 123456 }, { otp: '123456', sure: true }]) {
      assertProblem(await erase(access_token, body), { status: 400, code: 'invalid_request' });
    }
  });

  test('happens once for five requests at once with one code', async () => {
    const phoneNumber = newPhoneNumber();
    const { access_token, user } = await signIn(app, { phoneNumber });
    const otp = await sendCode(app, phoneNumber);
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => erase(access_token, { otp })));
    assert.equal(answers.filter(({ status }) => status === 204).length, 1);
    assert.ok(answers.every(({ status }) => status < 500));
    const rows = await query(
      "SELECT 1 FROM audit_log WHERE user_id = $1 AND event_type = 'account_deleted'",
      [user.id],
    );
    assert.equal(rows.length, 1);
  });
});
