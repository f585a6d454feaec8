import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { startApp } from '../support/app.ts';
import { bearer, newPhoneNumber, signIn } from '../support/phone.ts';
import { connect } from '../support/socket.ts';
import { signUpAs } from '../support/staff.ts';
import { checkAccessibility } from './support/accessibility.ts';
import { screenshot } from './support/screenshot.ts';
import { openAs } from './support/staff.ts';

const [one, two] = [await startApp(), await startApp()];
const viewer = await signUpAs(one, 'viewer');
const admin = await signUpAs(one, 'admin');

/** A driver who reports from one node, while staff look at another. */
async function drive(lat: number, lng: number) {
  const tokens = await signIn(two, { phoneNumber: newPhoneNumber(), role: 'driver' });
  const socket = await connect(two.url, tokens.access_token);
  const report = async (place: { lat: number; lng: number }) => {
    socket.send({ type: 'location', ...place });
    await socket.next('location_ok');
  };
  await report({ lat, lng });
  return { id: tokens.user.id, socket, report };
}

const near = await drive(37.7755, -122.4194);
const far = await drive(37.79, -122.44);
const elsewhere = await drive(48.2082, 16.3738);

/** The row of a driver, at a distance and an age as they are told. */
function row(page: Page, id: number, { distance = '.*', age = '.*' } = {}) {
  const name = new RegExp(`^id ${id} ${distance} ${age} ago$`);
  return page.getByRole('listitem').getByRole('button', { name });
}

/** How many pixels of the canvas have the colour of a driver who was just heard of. */
function countDriverPixels(page: Page): Promise<number> {
  return page.evaluate<number>(`(() => {
    const canvas = document.querySelector('canvas');
    const probe = document.createElement('canvas').getContext('2d');
    probe.fillStyle = getComputedStyle(canvas).getPropertyValue('--accent');
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4)
      if (data[at] === r && data[at + 1] === g && data[at + 2] === b) count += 1;
    return count;
  })()`);
}

async function openMap(t: Parameters<typeof openAs>[0], member = viewer) {
  const opened = await openAs(t, one, { member, path: '/staff/map' });
  await row(opened.page, near.id).waitFor();
  return opened;
}

test('drivers are on the map and in the list, the nearest first, and as they move', async (t) => {
  const { page } = await openMap(t);
  await near.report({ lat: 37.7755, lng: -122.4194 });
  await far.report({ lat: 37.79, lng: -122.44 });
  await row(page, near.id)
    .filter({ hasText: /67 m[01] s ago/ })
    .waitFor();
  assert.equal(await row(page, elsewhere.id).count(), 0);
  const texts = await page.getByRole('listitem').allInnerTexts();
  assert.deepEqual(
    texts.map((text) => /id (\d+)/.exec(text)?.[1]),
    [String(near.id), String(far.id)],
  );
  assert.ok((await countDriverPixels(page)) > 100);
  for (const [lat, distance] of [
    [37.7849, '1.1 km'],
    [37.7949, '2.2 km'],
    [37.8049, '3.3 km'],
  ] as const) {
    await near.report({ lat, lng: -122.4194 });
    await row(page, near.id, { distance }).waitFor();
  }
  await row(page, near.id).click();
  assert.equal(await row(page, near.id).getAttribute('aria-pressed'), 'true');
  await checkAccessibility(page);
  await far.report({ lat: 37.79, lng: -122.44 });
  await screenshot(page, 'staff-map');
});

test('the map is moved and zoomed by keys, buttons, mouse and by a place', async (t) => {
  await near.report({ lat: 37.7755, lng: -122.4194 });
  const { page } = await openMap(t);
  const canvas = page.getByRole('application');
  const hides = (id: number) => row(page, id).waitFor({ state: 'detached' });

  await canvas.focus();
  for (let press = 0; press < 30; press++) await page.keyboard.press('ArrowRight');
  await hides(near.id);
  await page.getByText('No driver here').waitFor();
  await checkAccessibility(page);
  await screenshot(page, 'staff-map-nobody');

  await page.getByLabel('Go to').fill('48.2082, 16.3738');
  await page.getByRole('button', { name: 'Go', exact: true }).click();
  await elsewhere.report({ lat: 48.2082, lng: 16.3738 });
  await row(page, elsewhere.id, { distance: '0 m' }).waitFor();

  const box = await canvas.boundingBox();
  assert.ok(box);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.click(x, y);
  await page.locator('button[aria-pressed="true"]', { hasText: `id ${elsewhere.id}` }).waitFor();
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 100, y, { steps: 5 });
  await page.mouse.up();
  await row(page, elsewhere.id)
    .filter({ hasText: /[1-9]\d* (k)?m/ })
    .waitFor();

  const scale = page.locator('.map-scale');
  const before = await scale.innerText();
  await page.getByRole('button', { name: 'Zoom in' }).click();
  assert.notEqual(await scale.innerText(), before);
  await page.getByRole('button', { name: 'Zoom out' }).click();
  assert.equal(await scale.innerText(), before);
  await canvas.press('-');
  await canvas.press('-');
  assert.notEqual(await scale.innerText(), before);
  await page.mouse.move(x, y);
  for (let turn = 0; turn < 20; turn++) await page.mouse.wheel(0, 300);
  await page.getByText('within 50 km of the centre: the dashed line.').waitFor();
  await page.getByRole('button', { name: 'Fit: show all drivers' }).click();
  await row(page, elsewhere.id, { distance: '0 m' }).waitFor();
});

test('a driver beyond the edge is brought into view by the list', async (t) => {
  await near.report({ lat: 37.8249, lng: -122.4194 });
  const { page } = await openMap(t);
  await row(page, near.id, { distance: '5.6 km' }).click();
  await row(page, near.id, { distance: '0 m' }).waitFor();
});

test('a place that is none is refused, and the map remembers where it was', async (t) => {
  await near.report({ lat: 37.7755, lng: -122.4194 });
  const { page } = await openMap(t);
  await page.getByLabel('Go to').fill('the airport');
  await page.getByRole('button', { name: 'Go', exact: true }).click();
  await page.getByText('Such as 37.7749, -122.4194.').waitFor();
  await page.getByLabel('Go to').fill('48.2082 16.3738');
  await page.getByRole('button', { name: 'Go', exact: true }).click();
  await elsewhere.report({ lat: 48.2082, lng: 16.3738 });
  await row(page, elsewhere.id).waitFor();
  await page.reload();
  await row(page, elsewhere.id).waitFor();
});

test('a driver whose sessions are revoked is off the map at once', async (t) => {
  const lost = await drive(37.776, -122.418);
  await near.report({ lat: 37.7755, lng: -122.4194 });
  const { page } = await openMap(t, admin);
  await row(page, lost.id).waitFor();
  await one.request
    .post('/api/admin/revocations')
    .set(bearer(admin.access_token))
    .send({ user_id: lost.id, reason: 'Lost phone' })
    .expect(200);
  assert.deepEqual(await lost.socket.closed, { code: 4501, reason: 'admin' });
  await row(page, lost.id).waitFor({ state: 'detached' });
  await row(page, near.id).waitFor();
});

test('the row that has the focus keeps it while others come', async (t) => {
  await near.report({ lat: 37.7755, lng: -122.4194 });
  const { page } = await openMap(t);
  await row(page, near.id).focus();
  const nearest = await drive(37.7749, -122.4194);
  await row(page, nearest.id).waitFor();
  const focused = await page.evaluate<string>('document.activeElement.textContent');
  assert.match(focused, new RegExp(`id ${near.id}`));
  await page.keyboard.press('Enter');
  assert.equal(await row(page, near.id).getAttribute('aria-pressed'), 'true');
});

test('a hidden map asks nobody where they are', async (t) => {
  await near.report({ lat: 37.7755, lng: -122.4194 });
  const { page } = await openMap(t);
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
  const nearest = await drive(37.7749, -122.4195);
  await near.report({ lat: 37.7755, lng: -122.4194 });
  assert.equal(await row(page, nearest.id).count(), 0);
  await page.evaluate(`
    delete document.hidden;
    document.dispatchEvent(new Event('visibilitychange'));
  `);
  await row(page, nearest.id).waitFor();
});
