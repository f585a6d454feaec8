import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import type { createClient, browserStorage, Live, Medallion } from '../../client/src/medallion.ts';
import { register, type Account } from '../support/accounts.ts';
import { startApp } from '../support/app.ts';
import { countRefreshes, recordRequests } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { TestClock } from '../support/test-clock.ts';
import { openBrowser } from './support/browser.ts';
import { recordPage } from './support/record-page.ts';

const ACCESS_LIFE_MS = 15 * 60_000;
const AT_ONCE = 50;

/** What runs in a page: the module that the node serves, and what a test keeps of it. */
interface ClientPage {
  client: Medallion;
  live: Live;
  ends: string[];
}
declare const self: ClientPage;

const clock = new TestClock();
const app = await startApp({ clock });
let context: BrowserContext;
let account: Account;
const complaints: string[] = [];

before(async () => {
  context = await (await openBrowser()).newContext({ baseURL: app.url });
  account = await register(app);
});

after(() => context.close());

/** A tab of the node's own origin, under its content security policy, with the client that the node serves. */
async function openTab(): Promise<Page> {
  const page = await context.newPage();
  recordPage(page);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // Whatever the client is refused, the browser itself tells; the client tells nothing.
    if (message.location().url.includes('/client/')) complaints.push(message.text());
  });
  const answer = await page.goto('/reset-password.html');
  assert.match(answer?.headers()['content-security-policy'] ?? '', /script-src 'self'/);
  await page.evaluate(async () => {
    const url = '/client/medallion.js';
    const module = (await import(url)) as {
      createClient: typeof createClient;
      browserStorage: typeof browserStorage;
    };
    self.client = await module.createClient({ storage: module.browserStorage() });
    self.ends = [];
    self.client.on('signedOut', ({ reason }) => self.ends.push(reason));
  });
  return page;
}

const tokenOf = (page: Page) => page.evaluate(() => self.client.session?.accessToken ?? null);
const endsOf = (page: Page) => page.evaluate(() => self.ends);
const stateOf = (page: Page) => page.evaluate(() => self.live.state);

async function connect(page: Page): Promise<void> {
  await page.evaluate(() => {
    self.live = self.client.connect();
  });
  await eventually('the live socket is open', async () => (await stateOf(page)) === 'open');
}

async function signIn(page: Page): Promise<void> {
  const { email, password } = account;
  await page.evaluate((given) => self.client.signInWithPassword(given), { email, password });
}

function askManyTimes(page: Page): Promise<number[]> {
  return page.evaluate(
    async (times) =>
      (await Promise.all(Array.from({ length: times }, () => self.client.me()))).map(
        ({ id }) => id,
      ),
    AT_ONCE,
  );
}

describe('two tabs of a browser', () => {
  test('are served the client as JavaScript that is looked after anew', async () => {
    const { headers } = await app.request.get('/client/medallion.js').expect(200);
    assert.match(headers['content-type'] ?? '', /^text\/javascript/);
    assert.match(headers['cache-control'] ?? '', /max-age=0/);
    const types = await app.request.get('/client/medallion.d.ts').expect(200);
    assert.match(types.headers['content-type'] ?? '', /^text\/plain/);
  });

  test('share a session, refresh it once for all calls, and are signed out together', async () => {
    const [one, other] = [await openTab(), await openTab()];
    await signIn(one);
    await eventually('the other tab has it', async () => (await tokenOf(other)) !== null);
    await Promise.all([connect(one), connect(other)]);

    clock.advance(ACCESS_LIFE_MS - 30_000);
    const old = await tokenOf(one);
    await eventually('the sockets have renewed it', async () => (await tokenOf(other)) !== old);
    await one.evaluate(() => {
      self.live.close();
    });
    await other.evaluate(() => {
      self.live.close();
    });

    clock.advance(ACCESS_LIFE_MS + 1000);
    const requests = recordRequests(app);
    const ids = await Promise.all([askManyTimes(one), askManyTimes(other)]);
    assert.equal(new Set(ids.flat()).size, 1);
    assert.equal(countRefreshes(requests), 1);
    await eventually('both have it', async () => (await tokenOf(one)) === (await tokenOf(other)));

    await connect(other);
    await one.evaluate(() => self.client.signOut());
    await eventually('the other is signed out', async () => (await tokenOf(other)) === null);
    assert.deepEqual(await endsOf(one), ['logout']);
    assert.equal((await endsOf(other)).length, 1);
    assert.equal(await stateOf(other), 'closed');
  });

  test('survive a reload, and a network that goes and comes back', async () => {
    const tab = await openTab();
    await signIn(tab);
    const token = await tokenOf(tab);
    await tab.close();
    const again = await openTab();
    assert.equal(await tokenOf(again), token);
    await connect(again);
    await again.evaluate(() => self.client.refresh());
    assert.equal(await stateOf(again), 'open');
    await context.setOffline(true);
    const refused = await again.evaluate(() =>
      self.client.me().catch((error: unknown) => (error as { code: string }).code),
    );
    assert.equal(refused, 'no_answer');
    await context.setOffline(false);
    assert.notEqual(await tokenOf(again), null);
    await eventually('it is open', async () => (await stateOf(again)) === 'open');
    await again.evaluate(() => self.client.signOut());
  });

  test('never complain', () => {
    assert.deepEqual(complaints, []);
  });
});
