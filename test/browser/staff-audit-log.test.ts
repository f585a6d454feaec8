import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import type { Page } from 'playwright-core';
import { failLogins, register } from '../support/accounts.ts';
import { startApp } from '../support/app.ts';
import { query } from '../support/database.ts';
import { signUpAs } from '../support/staff.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { screenshot } from './support/screenshot.ts';
import { insertRiders, openAs } from './support/staff.ts';

const app = await startApp();
const admin = await signUpAs(app, 'admin');
const ada = await register(app);
await failLogins(app, ada.email);
await insertRiders(60);
await query(
  `INSERT INTO audit_log (at, event_type, severity, user_id, details)
   SELECT date_trunc('second', now()) - interval '1 hour', 'logout', 'info', id, '{}' FROM users WHERE username LIKE 'rider%'`,
);

function events(page: Page) {
  return page.getByRole('table').getByRole('row');
}

function eventNamed(page: Page, name: string) {
  return page.getByRole('table').getByText(name, { exact: true });
}

async function download(page: Page, format: string): Promise<{ name: string; text: string }> {
  const started = page.waitForEvent('download');
  await page.getByRole('button', { name: `Export as ${format}` }).click();
  const file = await started;
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
}

test('the audit log is read page by page, and each event opens', async (t) => {
  const { page } = await openAs(t, app, { member: admin, path: '/staff/audit-log' });
  await eventNamed(page, 'Account locked').waitFor();
  assert.equal(await events(page).count(), 1 + 50);
  await eventNamed(page, 'Account locked').click();
  await page.locator('details[open]').getByText('"request_id"').waitFor();
  await checkAccessibility(page);
  await screenshot(page, 'staff-audit-log');
  await page.getByRole('button', { name: 'Show more' }).click();
  await events(page)
    .nth(1 + 60)
    .waitFor();
});

test('filters narrow it down, and are in the address', async (t) => {
  const { page, announce } = await openAs(t, app, { member: admin, path: '/staff/audit-log' });
  await eventNamed(page, 'Account locked').waitFor();
  await page.getByLabel('Event', { exact: true }).selectOption('Account locked');
  await eventNamed(page, 'Logout').first().waitFor({ state: 'detached' });
  assert.equal(await events(page).count(), 1 + 1);
  await page.getByRole('link', { name: `id ${ada.userId}` }).waitFor();

  await page.reload();
  await eventNamed(page, 'Account locked').waitFor();
  assert.equal(await page.getByLabel('Event', { exact: true }).inputValue(), 'account_locked');
  await page.getByLabel('User id').fill(String(admin.userId));
  await page.getByLabel('User id').blur();
  await page.getByText('Nothing fits').waitFor();
  await checkAccessibility(page);

  announce(/status of 400/);
  await page.getByLabel('By').fill('somebody');
  await page.getByLabel('By').blur();
  await page.getByText('Something that was given is not right.').waitFor();
});

test('a user’s own events are a click away', async (t) => {
  const { page } = await openAs(t, app, { member: admin, path: `/staff/users/${ada.userId}` });
  await page.getByRole('link', { name: 'In the audit log' }).click();
  await eventNamed(page, 'Account locked').waitFor();
  assert.equal(await page.getByLabel('User id').inputValue(), String(ada.userId));
});

test('what the filters let through is saved as CSV and as NDJSON, which is put on record', async (t) => {
  const path = `/staff/audit-log?user_id=${ada.userId}`;
  const { page } = await openAs(t, app, { member: admin, path });
  await eventNamed(page, 'Account locked').waitFor();
  const csv = await download(page, 'CSV');
  const rows = parse<{ user_id: string }>(csv.text, { columns: true });
  assert.equal(csv.name, 'audit-log.csv');
  assert.equal(rows.length, (await events(page).count()) - 1);
  assert.ok(rows.every(({ user_id }) => user_id === String(ada.userId)));
  const lines = (await download(page, 'NDJSON')).text.trim().split('\n');
  assert.equal(lines.length, rows.length);
  for (const line of lines)
    assert.equal((JSON.parse(line) as { user_id: number }).user_id, ada.userId);
  await page.goto('/#/staff/audit-log?event_type=audit_log_exported');
  await eventNamed(page, 'Audit log exported').nth(1).waitFor();
});

test('an export that is refused says so', async (t) => {
  const { page, announce } = await openAs(t, app, { member: admin, path: '/staff/audit-log' });
  announce(/status of 503/);
  await page.route('**/api/admin/audit-log?*format=csv', (route) =>
    route.fulfill({ status: 503, json: { code: 'service_unavailable', detail: 'Try again' } }),
  );
  await page.getByRole('button', { name: 'Export as CSV' }).click();
  await page.locator('#toasts').getByText('The service cannot answer now.').waitFor();
});
