import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { logIn, register, whoAmI } from '../support/accounts.ts';
import { startApp } from '../support/app.ts';
import { newPhoneNumber } from '../support/phone.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { openConsole } from './support/console.ts';
import { screenshot } from './support/screenshot.ts';
import { signInOnPhone, signInToAccount } from './support/sign-in.ts';

const app = await startApp();

async function capture(page: Page, name: string): Promise<void> {
  await checkAccessibility(page);
  await screenshot(page, name);
}

test("an account's devices are listed and ended, one, the others, and all", async (t) => {
  const account = await register(app);
  const phone = await logIn(app, account, { device_name: "Ann's phone" });
  const tablet = await logIn(app, account, { device_name: "Ann's tablet" });
  const { page } = await openConsole(t, app, { path: '/#/devices' });
  await page.getByText('Nobody is signed in').waitFor();
  await capture(page, 'devices-nobody');
  await page.getByRole('link', { name: 'Sign in to an account' }).click();
  await signInToAccount(page, account);
  const row = (text: string) => page.getByRole('row').filter({ hasText: text });
  await row('Console').getByText('This one').waitFor();
  await row('Console')
    .getByText(/Chrome \d+ on Linux/)
    .waitFor();
  assert.equal(await page.getByRole('row').count(), 4);
  await capture(page, 'devices');

  await page.getByRole('button', { name: "End: Ann's phone" }).click();
  await page.getByText("Ann's phone is signed out.").waitFor();
  await whoAmI(app, phone.access_token).expect(401);
  await page.getByRole('button', { name: 'End all others' }).click();
  await page.getByText('All other sessions are ended.').waitFor();
  await whoAmI(app, tablet.access_token).expect(401);

  await page.getByRole('button', { name: 'End all', exact: true }).click();
  await capture(page, 'devices-end-all');
  await page.keyboard.press('Escape');
  await row('Console').waitFor();
  await page.getByRole('button', { name: 'End all', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End all' }).click();
  await page.getByText('Nobody is signed in').waitFor();
  await page.getByText('You were signed out on all devices.').waitFor();
});

test('the devices of a phone number are listed beside', async (t) => {
  const account = await register(app);
  const { page } = await openConsole(t, app);
  await signInOnPhone(page.getByRole('region', { name: 'Phone A' }), newPhoneNumber());
  await page.getByRole('link', { name: 'Devices', exact: true }).last().click();
  await page.getByRole('heading', { level: 2, name: /Phone A/ }).waitFor();
  await page.getByRole('link', { name: 'Account' }).click();
  await signInToAccount(page, account);
  await page.getByRole('heading', { level: 1, name: 'Account' }).waitFor();
  await page.getByRole('link', { name: 'Devices' }).click();
  await page.getByRole('heading', { level: 2, name: /Account/ }).waitFor();
  await page.getByRole('link', { name: 'Phone A' }).click();
  await page.getByRole('heading', { level: 2, name: /Phone A/ }).waitFor();
  await page.getByText('Phone app, rider').waitFor();
  await capture(page, 'devices-of-a-phone');
  await page.getByRole('button', { name: 'Sign out: Phone A' }).click();
  await page.getByRole('heading', { level: 2, name: /Account/ }).waitFor();
});
