import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { openBrowser } from './browser.ts';
import { Complaints } from './complaints.ts';
import { recordPage } from './record-page.ts';
import { screenshotOfFailure, WIDE } from './screenshot.ts';

const PATIENCE_MS = 8000;

interface ConsoleOptions {
  path?: string;
  viewport?: { width: number; height: number };
}

export interface Console {
  page: Page;
  /** What the test makes the browser complain of: an answer of 401, for instance, is an error in its console. */
  announce: (pattern: RegExp) => void;
}

/**
 * The console of a node in a browser of its own, as if nobody had used it before. The test fails on any error in its
 * console, uncaught error, failed request or breach of the content security policy that it did not announce.
 */
export async function openConsole(
  t: TestContext,
  { url }: { url: string },
  { path = '/', viewport = WIDE }: ConsoleOptions = {},
): Promise<Console> {
  const browser = await openBrowser();
  const context = await browser.newContext({
    baseURL: url,
    viewport,
    locale: 'en-GB',
    // A colour on its way to another one has no contrast of its own.
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = new Complaints(page);
  recordPage(page);
  t.after(async () => {
    if (!hasPassed(t)) await screenshotOfFailure(page, t.name);
    await context.close();
    assert.deepEqual(complaints.list(), [], 'the browser complained');
  });
  await page.goto(path);
  return {
    page,
    announce: (pattern) => {
      complaints.announce(pattern);
    },
  };
}

/** Node tells since 21.7; its types do not know it yet. */
function hasPassed(t: TestContext): boolean {
  return (t as TestContext & { passed: boolean }).passed;
}
