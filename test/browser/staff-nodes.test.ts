import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { startApp, type TestApp } from '../support/app.ts';
import { eventually } from '../support/eventually.ts';
import { signIn } from '../support/phone.ts';
import { connect } from '../support/socket.ts';
import { signUpAs } from '../support/staff.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { screenshot } from './support/screenshot.ts';
import { openAs } from './support/staff.ts';

const [one, two] = [await startApp(), await startApp()];
const admin = await signUpAs(one, 'admin');
const driver = await signIn(one, { role: 'driver' });

function nodeIn(page: Page, { context }: TestApp) {
  return page
    .getByRole('list', { name: 'Nodes' })
    .getByRole('listitem')
    .filter({ hasText: context.node.id });
}

/** As if another tab were looked at, or this one again. */
async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { get: () => ${isHidden}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

test('every node is shown with its sockets, as they come and go', async (t) => {
  const { page } = await openAs(t, one, { member: admin, path: '/staff/nodes' });
  await nodeIn(page, two).getByText('0 sockets').waitFor();
  const socket = await connect(two.url, driver.access_token);
  await nodeIn(page, two).getByText('1 socket', { exact: true }).waitFor();
  await nodeIn(page, two)
    .getByText(/^Up \d+ s$/)
    .waitFor();
  await page.getByText('Live', { exact: true }).last().waitFor();
  await checkAccessibility(page);
  await screenshot(page, 'staff-nodes');
  socket.ws.close();
  await nodeIn(page, two).getByText('0 sockets').waitFor();
});

test('a hidden page asks nothing, and looks again when it is back', async (t) => {
  const { page } = await openAs(t, one, { member: admin, path: '/staff/nodes' });
  await nodeIn(page, one).waitFor();
  await setHidden(page, true);
  await page.getByText('Paused while hidden').waitFor();
  let asked = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/api/admin/realtime')) asked += 1;
  });
  const heartbeats = async () => {
    const before = Date.now();
    await eventually('two rounds would have passed', () => Date.now() - before > 4200);
  };
  await heartbeats();
  assert.equal(asked, 0);
  await setHidden(page, false);
  await page.getByText('Paused while hidden').waitFor({ state: 'detached' });
  await eventually('it asks again', () => asked > 0);
});

test('what was read last stays where the service does not answer', async (t) => {
  const { page, announce } = await openAs(t, one, { member: admin, path: '/staff/nodes' });
  announce(/status of 503/);
  await nodeIn(page, one).waitFor();
  await page.route('**/api/admin/realtime', (route) =>
    route.fulfill({ status: 503, json: { code: 'service_unavailable', detail: 'Try again' } }),
  );
  await page.getByText('Not up to date').waitFor();
  await nodeIn(page, one).waitFor();
  await page.unroute('**/api/admin/realtime');
  await page.getByText('Not up to date').waitFor({ state: 'detached' });
});

test('whether somebody is online is told by node', async (t) => {
  const { page, announce } = await openAs(t, one, { member: admin, path: '/staff/nodes' });
  announce(/status of 404/);
  const socket = await connect(two.url, driver.access_token);
  const card = page.getByRole('region', { name: 'Is somebody online?' });
  const lookUp = async (id: string) => {
    await card.getByLabel('User id').fill(id);
    await card.getByRole('button', { name: 'Look up' }).click();
  };
  await lookUp('many');
  await card.getByText('An id is a number.').waitFor();
  await lookUp('2147483647');
  await card.getByText('There is no such user.').waitFor();
  await lookUp(String(driver.user.id));
  await card.getByText('Online', { exact: true }).waitFor();
  await card.getByText(two.context.node.id).waitFor();
  socket.ws.close();
  await socket.closed;
  await lookUp(String(driver.user.id));
  await card.getByText('Offline').waitFor();
  await card.getByRole('link', { name: 'Open the user' }).click();
  await page.getByRole('heading', { name: 'Profile' }).waitFor();
});

test('an event is pushed to a user and to a role, and reaches their sockets', async (t) => {
  const socket = await connect(two.url, driver.access_token);
  const { page } = await openAs(t, one, { member: admin, path: '/staff/nodes' });
  const card = page.getByRole('region', { name: 'Push an event' });
  const push = () => card.getByRole('button', { name: 'Push' }).click();
  await card.getByLabel('Data, as JSON').fill('{ no');
  await card.getByLabel('User id').fill(String(driver.user.id));
  await push();
  await card.getByText(/This is no JSON/).waitFor();
  await card.getByLabel('Data, as JSON').fill('{"gate": 4}');
  await card.getByLabel('Event').fill('gate.changed');
  await push();
  await card.getByText('1 socket reached.').waitFor();
  assert.deepEqual(await socket.next('event'), {
    type: 'event',
    event: 'gate.changed',
    data: { gate: 4 },
  });
  await card.getByLabel('A role').check();
  await card.getByLabel('Role', { exact: true }).selectOption('all who act as driver');
  await push();
  await socket.next('event');
  await card.getByLabel('Role', { exact: true }).selectOption('all who act as rider');
  await push();
  await card.getByText('Nobody is there to hear it.').waitFor();
  await checkAccessibility(page);
});
