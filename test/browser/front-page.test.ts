import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp } from '../support/app.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { openConsole } from './support/console.ts';
import { screenshot } from './support/screenshot.ts';

const app = await startApp();

test('the console opens without a word of complaint', async (t) => {
  const { page } = await openConsole(t, app);
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.match(await page.title(), /Medallion/);
  await checkAccessibility(page);
  await screenshot(page, 'front-page');
});
