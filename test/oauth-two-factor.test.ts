import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventsOf, register } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { assertOAuthError, grant, INVALID_GRANT, passwordGrant } from './support/oauth.ts';
import { accessClaims, FrozenClock } from './support/rotation.ts';
import { FEW_CODES, makeAccount, protect } from './support/two-factor.ts';

const clock = new FrozenClock();
const app = await startApp({ clock, env: FEW_CODES });
const makeProtected = async () =>
  protect({ app, mount: '/api/auth', clock }, await makeAccount(app));

test('without a code the answer says that one is due, and it is on record', async () => {
  const { account } = await makeProtected();
  const told = assertOAuthError(await passwordGrant(app, account), INVALID_GRANT);
  assert.match(told, /^The password is right: send totp_code or backup_code/);
  assert.equal((await eventsOf(account.userId)).at(-1), 'two_factor_required');
});

test('a wrong password says nothing of the second factor', async () => {
  const { account, authenticator } = await makeProtected();
  const wrong = { ...account, password: 'Tall Giraffe 8 eats' };
  for (const more of [{}, { totp_code: authenticator.next() }]) {
    const told = assertOAuthError(await passwordGrant(app, wrong, more), INVALID_GRANT);
    assert.equal(told, 'Invalid email or password');
  }
});

test('a code of the app signs in, once', async () => {
  const { account, authenticator } = await makeProtected();
  const totp_code = authenticator.next();
  const { access_token } = await grant(app, account, { totp_code });
  assert.deepEqual(accessClaims(access_token).amr, ['pwd', 'otp', 'mfa']);
  assertOAuthError(await passwordGrant(app, account, { totp_code }), INVALID_GRANT);
  const next = { totp_code: authenticator.next() };
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => passwordGrant(app, account, next)),
  );
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
});

test('a backup code signs in, once, as it was written down', async () => {
  const { account, backupCodes } = await makeProtected();
  const [backup_code = ''] = backupCodes;
  const written = `${backup_code.slice(0, 4)}-${backup_code.slice(4)}`.toLowerCase();
  await grant(app, account, { backup_code: written });
  assertOAuthError(await passwordGrant(app, account, { backup_code }), INVALID_GRANT);
});

test('wrong codes lock the codes out, with the right password', async () => {
  const { account, authenticator, backupCodes } = await makeProtected();
  const totp_code = authenticator.wrong();
  for (let count = 1; count <= 5; count += 1) {
    assertOAuthError(await passwordGrant(app, account, { totp_code }), INVALID_GRANT);
  }
  const locked = { status: 429, error: 'slow_down' };
  assertOAuthError(await passwordGrant(app, account, { totp_code }), locked);
  const right = { totp_code: authenticator.next() };
  assertOAuthError(await passwordGrant(app, account, right), locked);
  await grant(app, account, { backup_code: backupCodes[0] ?? '' });
});

test('both codes at once are refused', async () => {
  const { account } = await makeProtected();
  const both = { totp_code: '123456', backup_code: 'ABCDEFGH' };
  const answer = await passwordGrant(app, account, both);
  assertOAuthError(answer, { status: 400, error: 'invalid_request' });
});

test('a code of somebody without a second factor is ignored', async () => {
  const account = await register(app);
  const { access_token } = await grant(app, account, { totp_code: '123456' });
  assert.deepEqual(accessClaims(access_token).amr, ['pwd']);
});
