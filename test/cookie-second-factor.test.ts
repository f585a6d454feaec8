import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  eventsOf,
  failLogins,
  register,
  WRONG_CREDENTIALS,
  WRONG_PASSWORD,
} from './support/accounts.ts';
import { startApp } from './support/app.ts';
import {
  cookieIn,
  cookieLogIn,
  cookieMe,
  cookieSessionsOf,
  tryCookieLogIn,
  TWO_FACTOR_REQUIRED,
} from './support/cookies.ts';
import { query } from './support/database.ts';
import { assertProblem } from './support/problem.ts';
import { FrozenClock } from './support/rotation.ts';
import { FEW_CODES, makeAccount, protect, WRONG_CODE } from './support/two-factor.ts';

const clock = new FrozenClock();
const app = await startApp({ clock, env: FEW_CODES });
const MAX_FAILURES = 5;

async function makeProtected() {
  return protect({ app, mount: '/api/auth', clock }, await makeAccount(app));
}

describe('a login for a cookie with a second factor', () => {
  test('is refused without a code, on record, and after the right password alone', async () => {
    const { account } = await makeProtected();
    const answer = await tryCookieLogIn(app, account);
    assertProblem(answer, TWO_FACTOR_REQUIRED);
    assert.equal(answer.get('set-cookie'), undefined);
    assert.equal((await eventsOf(account.userId)).at(-1), 'two_factor_required');
    const wrong = { ...account, password: WRONG_PASSWORD };
    assertProblem(await tryCookieLogIn(app, wrong), WRONG_CREDENTIALS);
    assertProblem(await tryCookieLogIn(app, wrong, { totp_code: '123456' }), WRONG_CREDENTIALS);
    assert.deepEqual(await cookieSessionsOf(account.userId), []);
  });

  test('without a code forgets the wrong passwords before it', async () => {
    const { account } = await makeProtected();
    for (let round = 0; round < 2; round++) {
      await failLogins(app, account.email, { times: 4 });
      assertProblem(await tryCookieLogIn(app, account), TWO_FACTOR_REQUIRED);
    }
  });

  test('opens with a code of the app, which works once', async () => {
    const { account, authenticator } = await makeProtected();
    const totp_code = authenticator.next();
    const secret = await cookieLogIn(app, account, { totp_code, device_name: 'Office' });
    const me = (await cookieMe(app, secret).expect(200)).body as { totp_enabled: boolean };
    assert.equal(me.totp_enabled, true);
    const [row] = await query(
      "SELECT amr, device_name FROM sessions WHERE user_id = $1 AND kind = 'cookie'",
      [account.userId],
    );
    assert.deepEqual(row, { amr: ['pwd', 'otp', 'mfa'], device_name: 'Office' });
    assertProblem(await tryCookieLogIn(app, account, { totp_code }), WRONG_CODE);
  });

  test('opens with a backup code, which works once', async () => {
    const { account, backupCodes } = await makeProtected();
    const [backup_code = ''] = backupCodes;
    await cookieLogIn(app, account, { backup_code });
    assertProblem(await tryCookieLogIn(app, account, { backup_code }), WRONG_CODE);
    assert.ok((await eventsOf(account.userId)).includes('backup_code_used'));
  });

  test('of two at once with the same code opens one session', async () => {
    const { account, authenticator } = await makeProtected();
    const totp_code = authenticator.next();
    const answers = await Promise.all(
      [1, 2].map(() => tryCookieLogIn(app, account, { totp_code })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401]);
    assert.equal((await cookieSessionsOf(account.userId)).length, 1);
  });

  test('locks that way of showing it after five wrong codes, and not the other', async () => {
    const { account, authenticator, backupCodes } = await makeProtected();
    for (let failures = 0; failures < MAX_FAILURES; failures++) {
      const totp_code = authenticator.wrong();
      assertProblem(await tryCookieLogIn(app, account, { totp_code }), WRONG_CODE);
    }
    const locked = await tryCookieLogIn(app, account, { totp_code: authenticator.next() });
    assertProblem(locked, { status: 429, code: 'too_many_attempts' });
    assert.ok((await eventsOf(account.userId)).includes('two_factor_locked'));
    await cookieLogIn(app, account, { backup_code: backupCodes[0] ?? '' });
  });

  test('counts wrong codes together with the challenges of other surfaces', async () => {
    const { account, authenticator, begin } = await makeProtected();
    const { challenge_token } = (await begin(app)).body as { challenge_token: string };
    const verify = (code: string) =>
      app.request.post('/api/auth/verify-2fa').send({ challenge_token, code });
    for (let failures = 0; failures < 3; failures++) await verify(authenticator.wrong());
    for (let failures = 0; failures < 2; failures++) {
      await tryCookieLogIn(app, account, { totp_code: authenticator.wrong() }).expect(401);
    }
    await verify(authenticator.next()).expect(429);
  });

  test('judges no more than five codes of a person at once', async () => {
    const { account, authenticator } = await makeProtected();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        tryCookieLogIn(app, account, { totp_code: authenticator.wrong() }),
      ),
    );
    const judged = answers.filter(({ status }) => status === 401);
    assert.ok(judged.length <= MAX_FAILURES);
    assert.ok(answers.every(({ status }) => status === 401 || status === 429));
  });

  test('ignores a code of somebody who has no second factor', async () => {
    const account = await register(app);
    await cookieLogIn(app, account, { totp_code: '123456' });
    await cookieLogIn(app, account, { backup_code: 'ABCDEFGH' });
    assert.ok(!(await eventsOf(account.userId)).includes('two_factor_failed'));
  });

  test('tells a disabled user so, and spends nothing', async () => {
    const { account, authenticator } = await makeProtected();
    await query('UPDATE users SET is_active = false WHERE id = $1', [account.userId]);
    const totp_code = authenticator.next();
    const disabled = { status: 403, code: 'account_disabled' };
    assertProblem(await tryCookieLogIn(app, account, { totp_code }), disabled);
    await query('UPDATE users SET is_active = true WHERE id = $1', [account.userId]);
    cookieIn(await tryCookieLogIn(app, account, { totp_code }).expect(200));
  });
});
