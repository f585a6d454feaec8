import { chromium, type Browser } from 'playwright-core';
import { required } from '../../support/database.ts';
import { atEnd } from '../../support/teardown.ts';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];

let browser: Promise<Browser> | undefined;

/** The file's Chromium, started when it is first asked for. */
export function openBrowser(): Promise<Browser> {
  browser ??= launch();
  return browser;
}

async function launch(): Promise<Browser> {
  const launched = await chromium.launch({
    executablePath: required('CHROMIUM_PATH'),
    args: FLAGS,
  });
  atEnd(() => launched.close());
  return launched;
}
