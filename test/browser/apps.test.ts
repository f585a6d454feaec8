import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import type { Locator, Page } from 'playwright-core';
import { startApp } from '../support/app.ts';
import { newPhoneNumber } from '../support/phone.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { openConsole } from './support/console.ts';
import { screenshot } from './support/screenshot.ts';
import { signInOnPhone } from './support/sign-in.ts';

const app = await startApp({ env: { OTP_LIMIT_PER_NUMBER: '100000/60' } });
const STEP_MS = 30_000;

function phone(page: Page, letter: 'A' | 'B'): Locator {
  return page.getByRole('region', { name: `Phone ${letter}`, exact: true });
}

function button(phone: Locator, name: string): Locator {
  return phone.getByRole('button', { name, exact: true });
}

async function capture(page: Page, name: string): Promise<void> {
  await checkAccessibility(page);
  await screenshot(page, name);
}

/** The line of a frame in the log of a phone. */
function frame(phone: Locator, type: string): Locator {
  return phone
    .getByRole('log')
    .locator('.frame', { has: phone.page().getByText(type, { exact: true }) });
}

async function signInOnBoth(page: Page, phoneNumber = newPhoneNumber()) {
  const [a, b] = [phone(page, 'A'), phone(page, 'B')];
  for (const each of [a, b]) {
    await signInOnPhone(each, phoneNumber);
    await each.getByText('Live', { exact: true }).waitFor();
  }
  return { a, b };
}

async function diedWithin(phone: Locator, { close, ms }: { close: string; ms: number }) {
  await phone.getByText(close, { exact: true }).waitFor();
  const text = await phone.locator('.milliseconds').innerText();
  const [value, unit] = [Number.parseFloat(text), text.split(' ')[1]];
  assert.ok(unit === 'ms' && value < ms, `it died after ${text}`);
}

describe('a phone', () => {
  test('signs in with the code of the development outbox, and shows frames as they come', async (t) => {
    const { page, announce } = await openConsole(t, app);
    announce(/401 \(Unauthorized\)|400 \(Bad Request\)/);
    const a = phone(page, 'A');
    await a.getByLabel('Phone number').fill('12');
    await button(a, 'Send a code').click();
    await a.getByText('Give the number with + and the country code').waitFor();
    await capture(page, 'apps-signed-out');

    await a.getByLabel('Phone number').fill(newPhoneNumber());
    await button(a, 'Send a code').click();
    await a.getByLabel('Code', { exact: true }).fill('000000');
    await button(a, 'Sign in').click();
    await a.getByText(/Invalid OTP. 2 attempts remaining/).waitFor();
    await capture(page, 'apps-code');
    await button(a, 'Use it').click();
    await page.keyboard.press('Enter');
    await a.getByText('Live', { exact: true }).waitFor();
    await frame(a, 'ready').waitFor();

    await button(a, 'Ping').click();
    await frame(a, 'pong').waitFor();
    await button(a, 'Find drivers').click();
    await frame(a, 'nearby').nth(1).waitFor();
    await button(a, 'Refresh the token').click();
    await frame(a, 'refreshed').waitFor();
    assert.doesNotMatch(await a.getByRole('log').innerText(), /eyJ/, 'no token is shown');
    await frame(a, 'ready').locator('summary').click();
    await a.getByText('"connection_id"').waitFor();
    await capture(page, 'apps-live');
  });

  test('sends a frame of its own, right or wrong', async (t) => {
    const { page } = await openConsole(t, app);
    const a = phone(page, 'A');
    await signInOnPhone(a, newPhoneNumber(), 'Driver');
    await button(a, 'Report a place').click();
    await frame(a, 'location_ok').waitFor();
    await a.getByText('Send a frame of your own').click();
    await a.getByLabel('Frame', { exact: true }).fill('{ "type": ');
    await button(a, 'Send').click();
    await a.getByText(/Not JSON/).waitFor();
    await a.getByLabel('Frame', { exact: true }).fill('{ "type": "teleport" }');
    await button(a, 'Send').click();
    await frame(a, 'error').waitFor();
  });

  test('pauses, filters and clears its frames', async (t) => {
    const { page } = await openConsole(t, app);
    const a = phone(page, 'A');
    await signInOnPhone(a, newPhoneNumber());
    await frame(a, 'ready').waitFor();
    await button(a, 'Pause').click();
    await button(a, 'Ping').click();
    await page.waitForTimeout(200);
    assert.equal(await frame(a, 'pong').count(), 0);
    await button(a, 'Pause').click();
    await frame(a, 'pong').waitFor();
    await a.getByPlaceholder('Filter').fill('connection_id');
    assert.equal(await a.getByRole('log').locator('.frame').count(), 1);
    await a.getByPlaceholder('Filter').fill('');
    await button(a, 'Clear').click();
    await a.getByText('Nothing yet.').waitFor();
  });
});

describe('of two phones', () => {
  test('one logs out, and hears of it by its socket', async (t) => {
    const { page } = await openConsole(t, app);
    const { a, b } = await signInOnBoth(page);
    await button(a, 'Log out').click();
    await diedWithin(a, { close: '4500 logout', ms: 1000 });
    await button(a, 'Send a code').waitFor();
    await b.getByText('Live', { exact: true }).waitFor();
    await capture(page, 'apps-one-logged-out');
  });

  test('one logs out all devices, and the other is dead at once', async (t) => {
    const { page } = await openConsole(t, app);
    const { a, b } = await signInOnBoth(page);
    await button(a, 'Log out all devices').click();
    for (const each of [a, b]) {
      await diedWithin(each, { close: '4501 logout_all', ms: 1000 });
    }
    await b.getByText('“Log out all devices” was pressed on Phone A').waitFor();
    await capture(page, 'apps-death');
  });

  test('one ends the other', async (t) => {
    const { page } = await openConsole(t, app);
    const { a, b } = await signInOnBoth(page);
    await button(a, 'End Phone B').click();
    await diedWithin(b, { close: '4500 session_revoked', ms: 1000 });
    await a.getByText('Live', { exact: true }).waitFor();
  });

  test('both live on while other pages are shown', async (t) => {
    const { page } = await openConsole(t, app);
    const { b } = await signInOnBoth(page);
    await page.getByRole('link', { name: 'Account' }).click();
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await page.getByRole('link', { name: 'Apps', exact: true }).first().click();
    await b.getByText('Live', { exact: true }).waitFor();
    assert.equal(await frame(b, 'ready').count(), 1);
  });
});

test('a number gets a second factor, and is asked for it', async (t) => {
  const { page } = await openConsole(t, app);
  const a = phone(page, 'A');
  const phoneNumber = newPhoneNumber();
  await signInOnPhone(a, phoneNumber);
  await a.getByRole('link', { name: 'This number' }).click();
  await page.getByRole('button', { name: 'Set it up' }).click();
  await page.getByText('Or type the secret in').click();
  const secret = (await page.locator('code.secret').innerText()).replaceAll(' ', '');
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  await page.getByLabel('Code of the authenticator app').fill(totp.generate());
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await page.getByText('10 backup codes left').waitFor();
  await capture(page, 'number');

  await page.getByRole('link', { name: 'Back to the apps' }).click();
  const b = phone(page, 'B');
  await signInOnPhone(b, phoneNumber);
  const next = totp.generate({ timestamp: Date.now() + STEP_MS });
  await b.getByLabel('Code of the authenticator app').fill(next);
  await button(b, 'Continue').click();
  await b.getByText('Live', { exact: true }).waitFor();

  await a.getByRole('link', { name: 'This number' }).click();
  await page.getByRole('button', { name: 'Delete the account' }).click();
  const dialog = page.getByRole('dialog');
  const hint = await dialog.getByText(/In the development outbox/).innerText();
  await dialog.getByLabel('One-time code').fill(/\d{6}/.exec(hint)?.[0] ?? '');
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await b.getByText('4504 account_disabled', { exact: true }).waitFor();
});
