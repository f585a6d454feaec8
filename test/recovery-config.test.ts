import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, refusedFor, SECRETS, type Variables } from './support/settings.ts';

test('the pages that mailed links lead to are our own, or those that are named', () => {
  const pagesOf = (variables: Variables) => {
    const { resetPasswordUrl, verifyEmailUrl } = load({
      ...SECRETS,
      ...variables,
    }).config;
    return [resetPasswordUrl, verifyEmailUrl];
  };
  for (const PUBLIC_URL of ['https://a.example/sign-in', 'https://a.example/sign-in/']) {
    assert.deepEqual(pagesOf({ PUBLIC_URL }), [
      'https://a.example/sign-in/reset-password.html',
      'https://a.example/sign-in/verify-email.html',
    ]);
  }
  const [own, app] = ['https://b.example/new?a=b', 'rides://verify'];
  const named = { RESET_PASSWORD_URL: own, VERIFY_EMAIL_URL: app };
  assert.deepEqual(pagesOf(named), [own, app]);
  const bad = { RESET_PASSWORD_URL: `${own}#x`, VERIFY_EMAIL_URL: 'verify.html' };
  assert.deepEqual(refusedFor({ ...SECRETS, ...bad }), ['RESET_PASSWORD_URL', 'VERIFY_EMAIL_URL']);
});

test('a link for a new password works for an hour to a day', () => {
  const lifeOf = (hours?: string) =>
    load({ ...SECRETS, RESET_TOKEN_EXPIRE_HOURS: hours }).config.resetTokenSeconds;
  assert.deepEqual([lifeOf(), lifeOf('24')], [3600, 24 * 3600]);
  for (const hours of ['0', '25', '1.5', 'x']) {
    const refused = refusedFor({ ...SECRETS, RESET_TOKEN_EXPIRE_HOURS: hours });
    assert.deepEqual(refused, ['RESET_TOKEN_EXPIRE_HOURS']);
  }
});
