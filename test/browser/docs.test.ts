import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { startApp } from '../support/app.ts';
import { signIn } from '../support/phone.ts';
import { openBrowser } from './support/browser.ts';

const PATIENCE_MS = 30_000;

const app = await startApp();

/** The page of the documentation, and all that went wrong on it. */
async function openDocs(): Promise<{ page: Page; complaints: string[] }> {
  const page = await (await openBrowser()).newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const isOurs = request.url().startsWith(app.url) || request.url().startsWith('data:');
    if (!isOurs) complaints.push(`asks ${request.url()}`);
  });
  await page.goto(`${app.url}/docs/`);
  return { page, complaints };
}

/** Tries out `GET /api/v2/auth/me`, and gives the status and the body that the page shows. */
async function askWhoIAm(page: Page): Promise<{ status: string; body: string }> {
  const operation = page.locator('#operations-Phone_apps-getApiV2AuthMe');
  await page.getByRole('link', { name: 'Phone apps' }).click();
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  const answer = operation.locator('.live-responses-table');
  await answer.waitFor();
  return {
    status: await answer.locator('tbody .response-col_status').first().innerText(),
    body: await answer.locator('.highlight-code').first().innerText(),
  };
}

test('a request is tried out on the page with a token, which a reload does not forget', async () => {
  const { access_token, user } = await signIn(app);
  const { page, complaints } = await openDocs();
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const dialog = page.locator('.auth-container', { hasText: 'phoneToken' });
  await dialog.getByRole('textbox').fill(access_token);
  await dialog.getByRole('button', { name: 'Apply credentials' }).click();
  await dialog.getByRole('button', { name: 'Close', exact: true }).click();
  for (const isReloaded of [false, true]) {
    if (isReloaded) {
      // Not `reload`: the operation is in the address by now, and the page would open it while we do.
      await page.goto('about:blank');
      await page.goto(`${app.url}/docs/`);
    }
    const { status, body } = await askWhoIAm(page);
    assert.match(status, /^200/);
    assert.ok(body.includes(`"id": ${user.id}`), body);
  }
  assert.deepEqual(complaints, []);
});

test('a request without a token is tried out too, and its refusal shown', async () => {
  const { page, complaints } = await openDocs();
  const { status, body } = await askWhoIAm(page);
  assert.match(status, /^401/);
  assert.match(body, /"code": "invalid_token"/);
  // The browser's own word for any 401.
  assert.deepEqual(
    complaints.filter((text) => !text.includes('401')),
    [],
  );
});
