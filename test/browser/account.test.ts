import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import type { Page } from 'playwright-core';
import { logIn, newAccount, PASSWORD, register, WRONG_PASSWORD } from '../support/accounts.ts';
import { startApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { bearer } from '../support/phone.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { openConsole } from './support/console.ts';
import { screenshot } from './support/screenshot.ts';
import { signInToAccount } from './support/sign-in.ts';

const app = await startApp({ env: { OTP_LIMIT_PER_NUMBER: '100000/60' } });
const NEW_PASSWORD = 'Small Walrus 9 sings';
const STEP_MS = 30_000;

/** Somebody with an account, who is signed in in a browser. */
async function openSignedIn(t: TestContext) {
  const account = await register(app);
  const { page, announce } = await openConsole(t, app, { path: '/#/account' });
  await signInToAccount(page, account);
  await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor();
  return { page, announce, account };
}

function button(page: Page, name: string) {
  return page.getByRole('button', { name, exact: true });
}

async function capture(page: Page, name: string): Promise<void> {
  await checkAccessibility(page);
  await screenshot(page, name);
}

describe('an account', () => {
  test('is made, and the reasons against a weak password stand beside it', async (t) => {
    const account = newAccount();
    const { page, announce } = await openConsole(t, app, { path: '/#/register' });
    announce(/400 \(Bad Request\)/);
    await page.getByLabel('E-mail address').fill(account.email);
    await page.getByLabel('Username').fill(account.username);
    await page.getByLabel('Password', { exact: true }).fill('Password1');
    await button(page, 'Make the account').click();
    await page.getByText('Use at least 12 characters').waitFor();
    await page.getByText('Add a special character').waitFor();
    assert.equal(
      await page.getByLabel('Password', { exact: true }).getAttribute('aria-invalid'),
      'true',
    );
    await capture(page, 'register-refused');

    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await button(page, 'Make the account').click();
    await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor();
    await page.getByText('Not confirmed').waitFor();
    await button(page, 'Mail the link again').click();
    await page.getByText('A link is on its way to your e-mail address').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await capture(page, 'account');
  });

  test('is signed in to, outlives a reload, and is shared by tabs', async (t) => {
    const account = await register(app);
    const { page, announce } = await openConsole(t, app, { path: '/#/activity' });
    announce(/401 \(Unauthorized\)/);
    await signInToAccount(page, { ...account, password: WRONG_PASSWORD });
    await page.getByText('The e-mail address or the password is not right.').waitFor();
    await capture(page, 'sign-in-refused');
    await signInToAccount(page, account);
    await page.getByRole('heading', { level: 1, name: 'Activity' }).waitFor();

    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Activity' }).waitFor();
    const tab = await page.context().newPage();
    await tab.goto('/#/account');
    await tab.getByText(account.email).first().waitFor();
    await button(page, 'Sign out').first().click();
    await page.getByText('You signed out.').waitFor();
    await tab.getByText('You signed out in another tab.').waitFor();
  });

  test('that nobody is signed in to leads to the sign-in, and back', async (t) => {
    const account = await register(app);
    const { page } = await openConsole(t, app, { path: '/#/account' });
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await capture(page, 'sign-in');
    await page.keyboard.type(account.email);
    await page.keyboard.press('Tab');
    await page.keyboard.type(account.password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor();
  });

  test('changes its password', async (t) => {
    const { page, account, announce } = await openSignedIn(t);
    announce(/400 \(Bad Request\)/);
    await page.getByLabel('Current password').fill(PASSWORD);
    await page.getByLabel('New password').fill(PASSWORD);
    await button(page, 'Change the password').click();
    await page.locator('.field-error', { hasText: /./ }).waitFor();
    await page.getByLabel('New password').fill(NEW_PASSWORD);
    await button(page, 'Change the password').click();
    await page.getByText('The password is changed.').waitFor();
    await logIn(app, { ...account, password: NEW_PASSWORD });
  });

  test('is erased for its password', async (t) => {
    const { page, account } = await openSignedIn(t);
    await button(page, 'Delete the account').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Password').fill(account.password);
    await capture(page, 'account-delete');
    await dialog.getByRole('button', { name: 'Delete the account' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await page.getByText('The account was deactivated, suspended or deleted.').waitFor();
    await app.request.post('/api/auth/login').send(account).expect(400);
  });

  test('gets a link for a forgotten password', async (t) => {
    const account = await register(app);
    const { page } = await openConsole(t, app, { path: '/#/sign-in' });
    await page.getByRole('link', { name: 'Forgot the password?' }).click();
    await page.getByRole('heading', { level: 1, name: 'Forgot the password?' }).waitFor();
    await page.getByLabel('E-mail address').fill(account.email);
    await button(page, 'Send a link').click();
    await page.getByText('Look into your mail.').waitFor();
    await capture(page, 'forgot-password');
  });
});

test('a second factor is set up, asked for, and turned off', async (t) => {
  const { page, account, announce } = await openSignedIn(t);
  announce(/401 \(Unauthorized\)/);
  await button(page, 'Set it up').click();
  await page.getByAltText('QR code for the authenticator app').waitFor();
  await page.getByText('Or type the secret in').click();
  const secret = (await page.locator('code.secret').innerText()).replaceAll(' ', '');
  const codes = await page.locator('.backup-codes code').allInnerTexts();
  const [first = '', second = ''] = codes;
  assert.equal(codes.length, 10);
  await capture(page, 'second-factor-set-up');
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  await page.getByLabel('Code of the authenticator app').fill(totp.generate());
  await button(page, 'Turn it on').click();
  await page.getByText('The second factor is on.').waitFor();
  await page.getByText('10 backup codes left').waitFor();
  await capture(page, 'second-factor-on');

  await button(page, 'Sign out').first().click();
  await signInToAccount(page, account);
  await page.getByLabel('Code of the authenticator app').fill('000000');
  await button(page, 'Continue').click();
  await page.getByText('The code is not right.').waitFor();
  await capture(page, 'second-factor-asked');
  const next = totp.generate({ timestamp: Date.now() + STEP_MS });
  await page.getByLabel('Code of the authenticator app').fill(next);
  await button(page, 'Continue').click();
  await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor();

  await button(page, 'Sign out').first().click();
  await signInToAccount(page, account);
  await button(page, 'Use a backup code').click();
  await page.getByLabel('Backup code').fill(first);
  await button(page, 'Continue').click();
  await page.getByText('9 backup codes left').waitFor();

  await button(page, 'New backup codes').click();
  await page.getByRole('dialog').getByLabel('Password').fill(PASSWORD);
  await button(page, 'Make new ones').click();
  await page.getByRole('heading', { name: 'Keep these codes' }).waitFor();
  const fresh = await page.getByRole('dialog').locator('code').allInnerTexts();
  assert.equal(fresh.includes(second), false);
  await button(page, 'I have kept them').click();

  await button(page, 'Turn it off').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Password').fill(PASSWORD);
  await dialog.getByLabel('Code, or a backup code').fill(fresh[0] ?? '');
  await dialog.getByRole('button', { name: 'Turn it off' }).click();
  await page.getByText('The second factor is off.').waitFor();
});

test('a session that is ended elsewhere says why, and leads to the sign-in', async (t) => {
  const { page, account } = await openSignedIn(t);
  await page.getByText('Live', { exact: true }).waitFor();
  const { access_token } = await logIn(app, account);
  await app.request.delete('/api/auth/sessions').set(bearer(access_token)).expect(204);
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await page.getByText('This session was ended from another device').waitFor();
  await page.getByText('close code 4500 session_revoked').waitFor();
  await capture(page, 'session-ended');
});

test('a server that does not answer is said to be silent, and asked again', async (t) => {
  const { page, announce } = await openSignedIn(t);
  announce(/ERR_CONNECTION_REFUSED|CONNECTION_REFUSED/);
  await page.route('**/api/**', (route) => route.abort('connectionrefused'));
  await page.getByRole('link', { name: 'Activity' }).click();
  await page.getByText('The server did not answer.').waitFor();
  await capture(page, 'no-answer');
  await page.unroute('**/api/**');
  await button(page, 'Try again').click();
  await page.locator('summary', { hasText: 'Login succeeded' }).first().waitFor();
});

test('an address that leads nowhere has a way on', async (t) => {
  const { page } = await openConsole(t, app, { path: '/#/no/such/page' });
  await page.getByRole('heading', { name: 'No such page' }).waitFor();
  await capture(page, 'no-such-page');
  await page.getByRole('link', { name: 'Go to the apps' }).click();
  await page.getByRole('heading', { level: 1, name: 'Apps' }).waitFor();
});

describe('a link that was mailed', () => {
  test('sets a new password', async (t) => {
    const account = await register(app);
    await app.request.post('/api/auth/forgot-password').send({ email: account.email });
    const link = await linkTo(account.email, 'reset-password');
    const { page } = await openConsole(t, app, { path: link });
    assert.equal(new URL(page.url()).hash, '');
    await page.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD);
    await page.getByLabel('New password, once more').fill('Another one');
    await button(page, 'Set the new password').click();
    await page.getByText('The two are not the same').waitFor();
    await capture(page, 'reset-password');
    await page.getByLabel('New password, once more').fill(NEW_PASSWORD);
    await button(page, 'Set the new password').click();
    await page.getByText('Your password was changed.').waitFor();
    await page.getByRole('link', { name: 'Go to the sign-in' }).click();
    await signInToAccount(page, { ...account, password: NEW_PASSWORD });
    await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor();
  });

  test('confirms the address, once', async (t) => {
    const account = await register(app);
    const link = await linkTo(account.email, 'verify-email');
    const { page, announce } = await openConsole(t, app, { path: link });
    await capture(page, 'verify-email');
    await button(page, 'Confirm this address').click();
    await page.getByText('Your e-mail address is confirmed.').waitFor();
    await page.getByRole('link', { name: 'Go to the sign-in' }).click();
    await signInToAccount(page, account);
    await page.getByText('Confirmed', { exact: true }).waitFor();
    announce(/400 \(Bad Request\)/);
    await page.goto('/');
    await page.goto(link);
    await button(page, 'Confirm this address').click();
    await page.getByText('This link has expired, or was used before.').waitFor();
    await page.goto('/verify-email.html');
    await page.getByText('This link is not whole.').waitFor();
  });
});

/** The path of the newest link that was mailed to an address. */
async function linkTo(email: string, page: string): Promise<string> {
  let found: string | undefined;
  await eventually('the link is mailed', async () => {
    const answer = await app.request.get('/dev/outbox').expect(200);
    const { messages } = answer.body as { messages: { to: string; body: string }[] };
    const text = messages.filter(({ to }) => to === email).map((mail) => mail.body);
    found = new RegExp(`/${page}\\.html#token=\\S+`).exec(text.join('\n'))?.[0];
    return found !== undefined;
  });
  return found ?? '';
}
