import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { logIn, register, tryLogIn, WRONG_PASSWORD } from '../support/accounts.ts';
import { startApp } from '../support/app.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { openConsole } from './support/console.ts';
import { screenshot } from './support/screenshot.ts';
import { signInToAccount } from './support/sign-in.ts';

const app = await startApp();

async function capture(page: Page, name: string): Promise<void> {
  await checkAccessibility(page);
  await screenshot(page, name);
}

test('what happened to an account is listed, filtered and read page by page', async (t) => {
  const account = await register(app);
  await tryLogIn(app, { ...account, password: WRONG_PASSWORD }).expect(401);
  for (let count = 0; count < 24; count += 1) await logIn(app, account);
  const { page } = await openConsole(t, app, { path: '/#/activity' });
  await signInToAccount(page, account);
  const rows = page.getByRole('table').locator('tbody tr');
  await rows.first().waitFor();
  assert.equal(await rows.count(), 25);
  await page.getByRole('button', { name: 'Show more' }).click();
  await rows.nth(25).waitFor();
  await rows.first().locator('summary').click();
  await page.getByText('"request_id"').first().waitFor();
  await capture(page, 'activity');

  await page.getByLabel('Severity', { exact: true }).selectOption('warning');
  await rows.filter({ hasText: 'Login failed' }).first().waitFor();
  await page.getByLabel('Event', { exact: true }).selectOption('login_failed');
  await page.waitForURL(/event_type=login_failed/);
  await page.locator('tbody tr:only-child', { hasText: 'Login failed' }).waitFor();
  await page.reload();
  await page.locator('tbody tr:only-child', { hasText: 'Login failed' }).waitFor();
  assert.equal(await page.getByLabel('Event', { exact: true }).inputValue(), 'login_failed');

  await page.getByLabel('From', { exact: true }).fill('2020-01-01T00:00');
  await page.getByLabel('Until').fill('2020-02-01T00:00');
  await page.getByText('Nothing of the kind').waitFor();
  await capture(page, 'activity-empty');
});
