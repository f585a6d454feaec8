import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { failLogins, mailsTo, register, tryLogIn } from '../support/accounts.ts';
import { startApp } from '../support/app.ts';
import { newPhoneNumber, signIn } from '../support/phone.ts';
import { connect } from '../support/socket.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { screenshot } from './support/screenshot.ts';
import { insertRiders, openAs, signUpStaff } from './support/staff.ts';

const app = await startApp();
const staff = await signUpStaff(app);
const ada = await register(app, {
  email: 'ada.lovelace@rides.example',
  username: 'ada',
  password: 'Tall Giraffe 7 eats',
});
const driver = await signIn(app, { phoneNumber: '+14155550142', role: 'driver' });
await insertRiders(60);

async function openUsers(t: TestContext) {
  return openAs(t, app, { member: staff.admin, path: '/staff/users' });
}

async function openUser(t: TestContext, id: number) {
  const opened = await openAs(t, app, { member: staff.admin, path: `/staff/users/${id}` });
  await opened.page.getByRole('heading', { name: 'Sessions', exact: true }).waitFor();
  return opened;
}

/** The names of those who are listed. */
function rows(page: Page) {
  return page.getByRole('table').getByRole('row');
}

async function said(page: Page, sentence: string): Promise<void> {
  await page.locator('#toasts').getByText(sentence, { exact: true }).waitFor();
}

describe('the list of users', () => {
  test('is read page by page', async (t) => {
    const { page } = await openUsers(t);
    await page.getByRole('link', { name: 'rider60@rides.example' }).waitFor();
    assert.equal(await rows(page).count(), 1 + 50);
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByRole('link', { name: 'ada.lovelace@rides.example' }).waitFor();
    assert.equal(await rows(page).count(), 1 + 65);
    assert.equal(await page.getByRole('button', { name: 'Show more' }).isVisible(), false);
  });

  test('is searched as one types, and shows what was typed last', async (t) => {
    const { page } = await openUsers(t);
    const asked: string[] = [];
    page.on('request', (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === '/api/admin/users') asked.push(searchParams.get('q') ?? '');
    });
    await page.getByRole('link', { name: 'rider60@rides.example' }).waitFor();
    await page.getByLabel('Search').pressSequentially('lovelace', { delay: 20 });
    await page.getByRole('link', { name: 'ada.lovelace@rides.example' }).waitFor();
    await page.getByRole('link', { name: 'rider60' }).waitFor({ state: 'detached' });
    assert.equal(await rows(page).count(), 1 + 1);
    assert.deepEqual(asked.filter(Boolean), ['lovelace'], 'one question, not eight');

    await page.getByLabel('Search').fill('+1415555014');
    await page.getByRole('link', { name: '+14155550142' }).waitFor();
    await page.getByLabel('Search').fill('no');
    await page.getByText('Type 3 characters at least.').waitFor();
    await page.getByLabel('Search').fill('nobody at all');
    await page.getByText('Nobody fits').waitFor();
    await checkAccessibility(page);
    await screenshot(page, 'staff-users-nobody');
  });

  test('takes back a question that another one follows', async (t) => {
    const { page } = await openUsers(t);
    let hold = (): void => undefined;
    const held = new Promise<void>((resolve) => (hold = resolve));
    const aborted = page.waitForEvent('requestfailed', (request) =>
      request.url().includes('rider1'),
    );
    await page.route('**/api/admin/users?*q=rider1&**', async (route) => {
      await held;
      await route.continue().catch(() => undefined);
    });
    await page.getByLabel('Search').fill('rider1');
    await page.waitForRequest(/q=rider1&/);
    await page.getByLabel('Search').fill('lovelace');
    assert.equal((await aborted).failure()?.errorText, 'net::ERR_ABORTED');
    hold();
    await page.getByRole('link', { name: 'ada.lovelace@rides.example' }).waitFor();
    assert.equal(await rows(page).count(), 1 + 1);
  });

  test('is filtered by role and state, which the way back from a user keeps', async (t) => {
    const { page } = await openUsers(t);
    await page.getByLabel('Role').selectOption('driver');
    await page.getByRole('link', { name: '+14155550142' }).waitFor();
    await page.getByLabel('State').selectOption('Active');
    await page.getByRole('link', { name: '+14155550142' }).click();
    await page.getByRole('heading', { name: '+14155550142' }).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: '+14155550142' }).waitFor();
    assert.equal(await page.getByLabel('Role').inputValue(), 'driver');
    await page.getByLabel('State').selectOption('Deactivated');
    await page.getByText('Nobody fits').waitFor();
    await page.getByLabel('State').selectOption('Any state');
    await page.getByLabel('Role').selectOption('Any role');
    await page.getByRole('link', { name: 'rider60@rides.example' }).waitFor();
    await page.getByLabel('Search').fill('lovelace');
    await page.getByRole('link', { name: 'rider60' }).waitFor({ state: 'detached' });
    await checkAccessibility(page);
    await page.getByLabel('Search').fill('rider5');
    await page.getByRole('link', { name: 'rider5@rides.example' }).waitFor();
    await screenshot(page, 'staff-users');
  });
});

describe('a new user', () => {
  test('is made with roles, and shown', async (t) => {
    const { page } = await openUsers(t);
    await page.getByRole('button', { name: 'New user' }).click();
    const dialog = page.getByRole('dialog', { name: 'New user' });
    await dialog.getByLabel('E-mail').fill('grace.hopper@rides.example');
    await dialog.getByLabel('viewer').check();
    await dialog.getByLabel('rider').uncheck();
    await checkAccessibility(page);
    await screenshot(page, 'staff-new-user');
    await dialog.getByRole('button', { name: 'Make the user' }).click();
    await page.getByRole('heading', { name: 'grace.hopper@rides.example' }).waitFor();
    await said(page, 'The user is made, and a link is on its way to them.');
    assert.equal((await mailsTo(app, 'grace.hopper@rides.example')).length, 1);
  });

  test('is refused beside the field that is wrong', async (t) => {
    const { page, announce } = await openUsers(t);
    announce(/status of 400/);
    announce(/status of 409/);
    await page.getByRole('button', { name: 'New user' }).click();
    const dialog = page.getByRole('dialog', { name: 'New user' });
    await dialog.getByLabel('E-mail').fill('no address');
    await dialog.getByRole('button', { name: 'Make the user' }).click();
    await dialog.getByText('Give an e-mail address').waitFor();
    await dialog.getByLabel('E-mail').fill(ada.email);
    await dialog.getByRole('button', { name: 'Make the user' }).click();
    await dialog.getByText('There is an account with this e-mail address').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
  });
});

describe('a user', () => {
  test('gets other roles, and the tokens of before are dead', async (t) => {
    const socket = await connect(app.url, driver.access_token);
    const { page } = await openUser(t, driver.user.id);
    await page.getByText('1 socket', { exact: true }).waitFor();
    await checkAccessibility(page);
    await screenshot(page, 'staff-user');
    await page.getByRole('button', { name: 'Change roles…' }).click();
    const dialog = page.getByRole('dialog', { name: /Roles of/ });
    await dialog.getByText('their sockets close with 4403').waitFor();
    await dialog.getByLabel('driver').uncheck();
    await dialog.getByRole('button', { name: 'Change the roles' }).click();
    await dialog.getByText('Tick one at least.').waitFor();
    await dialog.getByLabel('rider').check();
    await checkAccessibility(page);
    await screenshot(page, 'staff-roles');
    await dialog.getByRole('button', { name: 'Change the roles' }).click();
    await said(page, 'Roles changed.');
    assert.equal((await socket.closed).code, 4403);
    await page.getByText('Roles changed', { exact: true }).first().waitFor();
  });

  test('is deactivated and activated', async (t) => {
    const phoneNumber = newPhoneNumber();
    const { user, access_token } = await signIn(app, { phoneNumber });
    const socket = await connect(app.url, access_token);
    const { page } = await openUser(t, user.id);
    await page.getByRole('button', { name: 'Deactivate…' }).click();
    const dialog = page.getByRole('dialog', { name: /Deactivate/ });
    await checkAccessibility(page);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Deactivate…' }).click();
    await dialog.getByRole('button', { name: 'Deactivate' }).click();
    await page.getByText('Deactivated', { exact: true }).first().waitFor();
    assert.deepEqual(await socket.closed, { code: 4504, reason: 'account_disabled' });
    await page.getByText('No live session').waitFor();
    await page.getByRole('button', { name: 'Activate' }).click();
    await said(page, 'Activated.');
    await page.getByRole('button', { name: 'Deactivate…' }).waitFor();
  });

  test('is suspended for a while, and let in again', async (t) => {
    const { user } = await signIn(app);
    const { page, announce } = await openUser(t, user.id);
    announce(/status of 400/);
    await page.getByRole('button', { name: 'Suspend…' }).click();
    const dialog = page.getByRole('dialog', { name: /Suspend/ });
    await dialog.getByLabel('Until').fill('2001-01-01T10:00');
    await dialog.getByRole('button', { name: 'Suspend' }).click();
    await dialog.getByText('Give a time in the future, or null').waitFor();
    await dialog.getByLabel('Until').fill('2099-01-01T10:00');
    await checkAccessibility(page);
    await screenshot(page, 'staff-suspend');
    await dialog.getByRole('button', { name: 'Suspend' }).click();
    await page.getByText(/Suspended until 1 Jan 2099/).waitFor();
    await page.getByRole('button', { name: 'Lift the suspension' }).click();
    await said(page, 'The suspension is lifted.');
    await page.getByRole('button', { name: 'Suspend…' }).waitFor();
  });

  test('is unlocked, and mailed a link for a new password', async (t) => {
    await failLogins(app, ada.email);
    assert.equal((await tryLogIn(app, ada)).status, 429);
    const { page } = await openUser(t, ada.userId);
    await page.getByRole('button', { name: 'Unlock' }).click();
    await said(page, 'Unlocked.');
    assert.equal((await tryLogIn(app, ada)).status, 200);
    const before = (await mailsTo(app, ada.email)).length;
    await page.getByRole('button', { name: 'Mail a password link' }).click();
    await said(page, 'A link is on its way to the user.');
    assert.equal((await mailsTo(app, ada.email)).length, before + 1);
  });

  test('is deleted once the id was typed, and is no more', async (t) => {
    const { user } = await signIn(app);
    const { page, announce } = await openUser(t, user.id);
    announce(/status of 404/);
    await page.getByRole('button', { name: 'Delete…' }).click();
    const dialog = page.getByRole('dialog', { name: /Delete/ });
    await dialog.getByLabel(/Type the user id/).fill('1');
    await dialog.getByRole('button', { name: 'Delete the user' }).click();
    await dialog.getByText(`Type ${user.id} to confirm.`).waitFor();
    await checkAccessibility(page);
    await screenshot(page, 'staff-delete');
    await dialog.getByLabel(/Type the user id/).fill(String(user.id));
    await dialog.getByRole('button', { name: 'Delete the user' }).click();
    await page.getByRole('heading', { name: 'Users', level: 1 }).waitFor();
    await page.goto(`/#/staff/users/${user.id}`);
    await page.getByText('There is no such thing any more.').waitFor();
  });
});
