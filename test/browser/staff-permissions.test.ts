import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { ROLES } from '../../server/config.ts';
import { PERMISSIONS, RolePermissions } from '../../server/permissions.ts';
import { register } from '../support/accounts.ts';
import { startApp } from '../support/app.ts';
import { query } from '../support/database.ts';
import { signIn } from '../support/phone.ts';
import { signUpAs } from '../support/staff.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { openConsole } from './support/console.ts';
import { screenshot } from './support/screenshot.ts';
import { signInToAccount } from './support/sign-in.ts';
import { openAs, signUpStaff } from './support/staff.ts';

const app = await startApp();
const strict = await startApp({ env: { REQUIRE_STAFF_2FA: 'true' } });
const staff = await signUpStaff(app);
const driver = await signIn(app, { role: 'driver', device_name: 'Pixel 9' });

/** What is offered on the page of the driver, and on that of the admin. */
async function offered(page: Page, userId: number): Promise<string[]> {
  await page.goto(`/#/staff/users/${userId}`);
  await page.getByRole('heading', { name: 'Events' }).waitFor();
  await page.getByRole('table').first().waitFor();
  return page.getByRole('main').getByRole('button').allInnerTexts();
}

async function pagesOf(page: Page): Promise<string[]> {
  return page.getByRole('navigation', { name: 'Staff' }).getByRole('link').allInnerTexts();
}

describe('who may do what', () => {
  test('the console offers what the server allows', async (t) => {
    const { page } = await openConsole(t, app);
    const allowed = new RolePermissions();
    for (const role of ROLES) {
      const script = `import('/console/staff/permissions.js').then(({ can }) =>
        ${JSON.stringify(PERMISSIONS)}.filter((permission) => can('${role}', permission)))`;
      const expected = PERMISSIONS.filter((permission) => allowed.has(role, permission));
      assert.deepEqual(await page.evaluate(script), expected, role);
    }
  });

  test('a viewer sees everything, and is offered nothing that changes it', async (t) => {
    const { page } = await openAs(t, app, { member: staff.viewer, path: '/staff/users' });
    await page.getByRole('table').waitFor();
    assert.equal(await page.getByRole('button', { name: 'New user' }).count(), 0);
    assert.deepEqual(await pagesOf(page), ['Users', 'Nodes', 'Map', 'Audit log']);
    assert.deepEqual(await offered(page, driver.user.id), []);
    await checkAccessibility(page);
    await screenshot(page, 'staff-user-for-viewers');
    await page.goto('/#/staff/nodes');
    await page.getByRole('heading', { name: 'Is somebody online?' }).waitFor();
    assert.equal(await page.getByRole('heading', { name: 'Push an event' }).count(), 0);
    await page.goto('/#/staff/revoke');
    await page.getByText('Your role does not allow this page').waitFor();
    await checkAccessibility(page);
    await page.getByRole('link', { name: 'Go to the users' }).click();
    await page.getByRole('heading', { name: 'Users', level: 1 }).waitFor();
  });

  test('an editor changes users, but no roles and nobody of the staff', async (t) => {
    const { page } = await openAs(t, app, { member: staff.editor, path: '/staff/users' });
    await page.getByRole('button', { name: 'New user' }).click();
    const dialog = page.getByRole('dialog', { name: 'New user' });
    await dialog.getByLabel('Username').waitFor();
    assert.equal(await dialog.getByText('Roles').count(), 0);
    await dialog.getByLabel('Phone number').fill('+14155550177');
    await dialog.getByRole('button', { name: 'Make the user' }).click();
    await page.getByRole('heading', { name: '+14155550177' }).waitFor();
    const buttons = await offered(page, driver.user.id);
    for (const each of ['Deactivate…', 'Suspend…', 'Unlock', 'Delete…', 'End…']) {
      assert.ok(buttons.includes(each), each);
    }
    assert.ok(!buttons.includes('Change roles…'));
    const toAdmin = await offered(page, staff.admin.userId);
    assert.ok(!toAdmin.includes('Deactivate…'));
    await page.getByText('Only who may change roles can change staff.').waitFor();
  });

  test('what the server refuses all the same is said', async (t) => {
    const demoted = await signUpAs(app, 'editor');
    const path = `/staff/users/${driver.user.id}`;
    const { page, announce } = await openAs(t, app, { member: demoted, path });
    announce(/status of 40[13]/);
    await page.getByRole('button', { name: 'Unlock' }).waitFor();
    await page.route('**/api/admin/users/*', (route) =>
      route.request().method() === 'PATCH'
        ? route.fulfill({
            status: 403,
            json: { code: 'insufficient_permissions', detail: 'Insufficient permissions' },
          })
        : route.continue(),
    );
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.locator('#toasts').getByText('Your role does not allow this.').waitFor();
  });
});

describe('whoever may not see the pages', () => {
  test('is told how somebody becomes staff, and can change the account', async (t) => {
    const member = await signUpAs(app, 'rider');
    const { page } = await openAs(t, app, { member, path: '/staff/users' });
    await page.getByText('These pages are for staff').waitFor();
    await page.getByText('npm run seed').waitFor();
    await page.getByText('BOOTSTRAP_ADMIN_EMAIL').waitFor();
    await checkAccessibility(page);
    await screenshot(page, 'staff-gate');
    await page.getByRole('button', { name: 'Sign in with another account' }).click();
    await signInToAccount(page, staff.viewer);
    await page.getByRole('heading', { name: 'Users', level: 1 }).waitFor();
  });

  test('is let in once they are staff, without a new sign-in', async (t) => {
    const member = { ...(await signUpAs(app, 'rider')) };
    const { page, announce } = await openAs(t, app, { member, path: '/staff/users' });
    await page.getByText('These pages are for staff').waitFor();
    // A reload may come before the page has exchanged the token that the change of roles has made void.
    announce(/status of 401|no valid credentials/);
    const { page: admins } = await openAs(t, app, {
      member: staff.admin,
      path: `/staff/users/${member.userId}`,
    });
    await admins.getByRole('button', { name: 'Change roles…' }).click();
    await admins.getByLabel('viewer').check();
    await admins.getByRole('button', { name: 'Change the roles' }).click();
    await admins.locator('#toasts').getByText('Roles changed.').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Users', level: 1 }).waitFor();
  });

  test('signs in first, and comes back', async (t) => {
    const { page } = await openConsole(t, app, { path: '/#/staff/audit-log?severity=warning' });
    await signInToAccount(page, staff.viewer);
    await page.getByRole('heading', { name: 'Audit log' }).waitFor();
    assert.equal(await page.getByLabel('Severity').inputValue(), 'warning');
  });
});

test('staff without a second factor are led to where it is set up', async (t) => {
  const account = await register(strict);
  await query("UPDATE users SET roles = '{admin}' WHERE id = $1", [account.userId]);
  const { page, announce } = await openConsole(t, strict, { path: '/#/staff/users' });
  announce(/status of 403/);
  await signInToAccount(page, account);
  await page.getByText('Set up your second factor first').waitFor();
  await checkAccessibility(page);
  await screenshot(page, 'staff-second-factor');
  await page.getByRole('link', { name: 'Set up the second factor' }).click();
  await page.getByRole('heading', { name: 'Second factor' }).waitFor();
});
