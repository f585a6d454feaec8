import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { startApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { openBrowser } from './support/browser.ts';
import { Complaints } from './support/complaints.ts';

const app = await startApp();

/** What the page is heard to complain of once it has run this. */
async function complaintsAfter(script: string, page: Page): Promise<Complaints> {
  const complaints = new Complaints(page);
  await page.goto(app.url);
  await page.evaluate(script);
  return complaints;
}

const CASES = [
  { what: 'an error in the console', script: 'console.error("broken")', heard: /console: broken/ },
  {
    what: 'an error that nobody catches',
    script: 'void setTimeout(() => { throw new Error("unlucky"); })',
    heard: /uncaught: .*unlucky/,
  },
  {
    what: 'a promise that nobody catches',
    script: 'void Promise.reject(new Error("dropped"))',
    heard: /uncaught: .*dropped/,
  },
  {
    what: 'an answer of 404',
    script: 'fetch("/nowhere").then(() => undefined)',
    heard: /console: Failed to load resource.*404.*\/nowhere/,
  },
  {
    what: 'a request that nobody answers',
    script: 'fetch("/hang-up").catch(() => undefined)',
    heard: /request: GET .*hang-up/,
  },
  {
    what: "a picture from elsewhere, which the page's policy forbids",
    script: 'document.body.insertAdjacentHTML("beforeend", "<img src=https://a.invalid>")',
    heard: /Content Security Policy/,
  },
];

/** A request that fails is told of twice. */
const SAID_AS_WELL = /net::ERR_CONNECTION_RESET|a\.invalid\/ csp$/;

for (const { what, script, heard } of CASES) {
  test(`${what} is a complaint, unless it was announced`, async (t) => {
    const context = await (await openBrowser()).newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.route('**/hang-up', (route) => route.abort('connectionreset'));
    const complaints = await complaintsAfter(script, page);
    await eventually(`${String(heard)} is heard`, () =>
      complaints.list().some((text) => heard.test(text)),
    );
    complaints.announce(heard);
    complaints.announce(SAID_AS_WELL);
    assert.deepEqual(complaints.list(), []);
  });
}

test('what a script takes back itself is none', async (t) => {
  const context = await (await openBrowser()).newContext();
  t.after(() => context.close());
  const script = `(() => {
    const controller = new AbortController();
    const asked = fetch('/readyz', { signal: controller.signal }).catch(() => undefined);
    controller.abort();
    return asked;
  })()`;
  const complaints = await complaintsAfter(script, await context.newPage());
  assert.deepEqual(complaints.list(), []);
});
