import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { signUp, whoAmI } from '../support/accounts.ts';
import { startApp } from '../support/app.ts';
import { sessionOf } from '../support/audit-scene.ts';
import { required } from '../support/database.ts';
import { decodePart } from '../support/jwt.ts';
import { newPhoneNumber, signIn } from '../support/phone.ts';
import { connect } from '../support/socket.ts';
import { signUpAs } from '../support/staff.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { atEnd } from '../support/teardown.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { screenshot } from './support/screenshot.ts';
import { openAs } from './support/staff.ts';

const redis = await startProxy(required('TEST_REDIS_URL'));
atEnd(() => {
  redis.restore();
});
const [one, two] = [await startApp(), await startApp()];
const lonely = await startApp({ env: { REDIS_URL: redis.url } });
const admin = await signUpAs(one, 'admin');

/** What is shown of a node. */
function nodeIn(place: Page | Locator, app: typeof one): Locator {
  return place
    .getByRole('list', { name: 'Nodes' })
    .getByRole('listitem')
    .filter({ hasText: app.context.node.id });
}

describe('revoking all of a driver', () => {
  test('closes the live sockets on every node, and shows which node did when', async (t) => {
    const phoneNumber = newPhoneNumber();
    const tokens = await signIn(one, { phoneNumber, role: 'driver', device_name: 'Pixel 9' });
    const sockets = await Promise.all(
      [one, two, two].map(({ url }) => connect(url, tokens.access_token)),
    );
    const path = `/staff/users/${tokens.user.id}`;
    const { page } = await openAs(t, one, { member: admin, path });
    await page.getByText('Online', { exact: true }).last().waitFor();
    const card = page.getByRole('region', { name: 'Revoke all sessions' });
    await card.getByLabel('Reason').fill('Lost phone');
    await card.getByRole('button', { name: 'Revoke everything' }).click();
    await card.getByText('Dead everywhere').waitFor();
    await card.getByText(/3 sockets closed on 3 nodes within \d/).waitFor();
    await nodeIn(card, one).getByText('1 socket closed').waitFor();
    await nodeIn(card, two).getByText('2 sockets closed').waitFor();
    await nodeIn(card, lonely).getByText('0 sockets closed').waitFor();
    for (const { closed } of sockets) {
      assert.deepEqual(await closed, { code: 4501, reason: 'admin' });
    }
    await page.getByText('No live session').waitFor();
    await page.getByText('All sessions revoked').waitFor();
    await page.getByText('Offline').waitFor();
    await checkAccessibility(page);
    await screenshot(page, 'staff-revoked');
  });

  test('asks for a reason', async (t) => {
    const { user } = await signIn(one);
    const path = `/staff/users/${user.id}`;
    const { page, announce } = await openAs(t, one, { member: admin, path });
    announce(/status of 400/);
    const card = page.getByRole('region', { name: 'Revoke all sessions' });
    await card.getByRole('button', { name: 'Revoke everything' }).click();
    await card.locator('.field-error', { hasText: /\S/ }).waitFor();
    assert.equal(await card.getByLabel('Reason').getAttribute('aria-invalid'), 'true');
  });
});

describe('ending one session', () => {
  test('leaves the other one alone', async (t) => {
    const phoneNumber = newPhoneNumber();
    const lost = await signIn(one, { phoneNumber, device_name: 'Lost' });
    const kept = await signIn(one, { phoneNumber, device_name: 'Kept' });
    const lostSocket = await connect(two.url, lost.access_token);
    const keptSocket = await connect(two.url, kept.access_token);
    const path = `/staff/users/${lost.user.id}`;
    const { page } = await openAs(t, one, { member: admin, path });
    await page.getByRole('button', { name: 'End the session Lost' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('Found by somebody');
    await checkAccessibility(page);
    await dialog.getByRole('button', { name: 'End the session' }).click();
    await dialog.getByText('Dead everywhere').waitFor();
    await nodeIn(dialog, two).getByText('1 socket closed').waitFor();
    assert.deepEqual(await lostSocket.closed, { code: 4500, reason: 'session_revoked' });
    await checkAccessibility(page);
    await screenshot(page, 'staff-session-ended');
    await dialog.getByRole('button', { name: 'Done' }).click();
    await page.getByText('Lost', { exact: true }).waitFor({ state: 'detached' });
    await page.getByText('Kept', { exact: true }).waitFor();
    assert.equal(keptSocket.ws.readyState, keptSocket.ws.OPEN);
  });
});

describe('the page to revoke by id', () => {
  test('ends a session, and says of one that is over that nothing was left', async (t) => {
    const tokens = await signUp(one);
    const { page } = await openAs(t, one, { member: admin, path: '/staff/revoke' });
    await checkAccessibility(page);
    await page.getByLabel('One session').check();
    await page.getByLabel('Session id').fill(sessionOf(tokens));
    await page.getByLabel('Reason').fill('Ticket 4711');
    const press = () => page.getByRole('main').getByRole('button', { name: 'Revoke' }).click();
    await press();
    await page.getByText('Dead everywhere').waitFor();
    assert.equal((await whoAmI(two, tokens.access_token)).status, 401);
    await screenshot(page, 'staff-revoke');
    await press();
    await page.getByText('Nothing was left to end').waitFor();
    await checkAccessibility(page);
  });

  test('ends one access token, and the session goes on', async (t) => {
    const tokens = await signUp(one);
    const socket = await connect(two.url, tokens.access_token);
    const { page } = await openAs(t, one, { member: admin, path: '/staff/revoke' });
    await page.getByLabel('One access token').check();
    await page
      .getByLabel('jti', { exact: true })
      .fill(String(decodePart(tokens.access_token, 'payload').jti));
    await page.getByLabel('Reason').fill('Ticket 4712');
    await page.getByRole('main').getByRole('button', { name: 'Revoke' }).click();
    await nodeIn(page, two).getByText('1 socket closed').waitFor();
    assert.deepEqual(await socket.closed, { code: 4401, reason: 'token_revoked' });
  });

  test('says what is wrong beside the field', async (t) => {
    const { page, announce } = await openAs(t, one, { member: admin, path: '/staff/revoke' });
    announce(/status of 40[04]/);
    await page.getByLabel('One access token').check();
    await page.getByLabel('jti', { exact: true }).fill('no jti');
    await page.getByLabel('Reason').fill('Ticket 4713');
    await page.getByRole('main').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('This is no jti of ours').waitFor();
    await page.getByLabel('All of a user').check();
    await page.getByLabel('User id').fill('2147483647');
    await page.getByRole('main').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('There is no such thing any more.').waitFor();
    await checkAccessibility(page);
  });

  test('shows the nodes that were not heard of, which act all the same', async (t) => {
    const tokens = await signUp(one);
    const socket = await connect(lonely.url, tokens.access_token);
    const { page } = await openAs(t, one, { member: admin, path: '/staff/revoke' });
    redis.cut();
    await page.getByLabel('User id').fill(String(tokens.user.id));
    await page.getByLabel('Reason').fill('Ticket 4714');
    await page.getByRole('main').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('1 node not heard of').waitFor();
    await nodeIn(page, lonely).getByText('Pending').waitFor();
    assert.deepEqual(await socket.closed, { code: 4501, reason: 'admin' });
    await checkAccessibility(page);
    await screenshot(page, 'staff-revoke-pending');
    redis.restore();
  });
});
