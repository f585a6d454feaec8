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

/** Puts a button into the corner that gives way to another one in the same place when it is pressed. */
const TWO_BUTTONS = `
  self.pressed = [];
  const make = (name, onPressed) => {
    const button = document.createElement('button');
    button.textContent = name;
    button.style.cssText = 'position: fixed; inset: 0 auto auto 0; z-index: 9';
    button.addEventListener('click', () => { pressed.push(name); onPressed(); });
    document.body.append(button);
    return button;
  };
  const first = make('Come in', () => { first.remove(); make('Go out', () => undefined); });
  undefined;
`;

test('a second click does not press what the first has put under the pointer', async (t) => {
  const { page } = await openConsole(t, app);
  await page.getByRole('heading', { name: 'Apps' }).waitFor();
  await page.evaluate(TWO_BUTTONS);
  await page.mouse.dblclick(10, 10, { delay: 30 });
  assert.deepEqual(await page.evaluate('pressed'), ['Come in']);
  await page.waitForTimeout(600);
  await page.mouse.click(10, 10);
  assert.deepEqual(await page.evaluate('pressed'), ['Come in', 'Go out']);
});
