import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRedis, startApp, type TestApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import {
  ask,
  comeOnline,
  countWrites,
  look,
  newPlace,
  report,
  type Position,
} from './support/locations.ts';
import { assertLives } from './support/live-sockets.ts';
import { newPhoneNumber } from './support/phone.ts';
import { connect } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { TestClock } from './support/test-clock.ts';

const clock = new TestClock();
const a = await startApp({ clock });
const b = await startApp({ clock });
const redis = openRedis();

async function stored(driverId: number): Promise<Record<string, unknown> | null> {
  const text = await redis.get(`location:${driverId}`);
  return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
}

async function refuse(socket: Parameters<typeof ask>[0], frame: object): Promise<unknown> {
  const { type, code } = await ask(socket, frame);
  assert.equal(type, 'error');
  await assertLives(socket);
  return code;
}

test('a rider on one node finds a driver on another, and is told no more than the block', async () => {
  const place = newPlace();
  const driver = await comeOnline(a, 'driver');
  const rider = await comeOnline(b, 'rider');
  await report(driver.socket, { ...place, heading: 90, speed: 12.5 });
  const [found, ...others] = await look(rider.socket, place);
  assert.ok(found);
  assert.deepEqual(others, []);
  const { driver: id, lat, lng, distance_m, updated_at, ...rest } = found;
  assert.deepEqual(rest, {});
  assert.match(String(id), /^[\w-]{22}$/);
  assert.ok(Math.abs(lat - place.lat) < 0.0003 && Math.abs(lng - place.lng) < 0.0003);
  assert.notDeepEqual({ lat, lng }, place);
  assert.ok(Number.isInteger(distance_m) && distance_m <= 36);
  assert.equal(Date.parse(updated_at) % 5000, 0);
  assert.ok(clock.now() - Date.parse(updated_at) < 10_000);
});

for (const role of ['viewer', 'editor', 'admin'] as const) {
  test(`staff see who a driver is and exactly where: ${role}`, async () => {
    const place = newPlace();
    const driver = await comeOnline(a, 'driver');
    const staff = await connect(b.url, (await signUpAs(b, role)).access_token);
    const before = clock.now();
    await report(driver.socket, { ...place, heading: 359.9, speed: 0 });
    const north = { ...place, lat: place.lat + 0.4 };
    const [found] = await look(staff, north, 50_000);
    assert.ok(found);
    const { updated_at, ...rest } = found;
    const expected = { user_id: driver.user.id, ...place, heading: 359.9, speed: 0 };
    assert.deepEqual(rest, { ...expected, distance_m: 44_491 });
    assert.ok(Date.parse(updated_at) >= before && Date.parse(updated_at) <= clock.now());
    assert.equal(await refuse(staff, { type: 'location', ...place }), 'insufficient_permissions');
  });
}

test('only drivers report, and drivers look for nobody', async () => {
  const place = newPlace();
  const [driver, rider] = [await comeOnline(a, 'driver'), await comeOnline(a, 'rider')];
  const frames = { location: { type: 'location', ...place }, nearby: { type: 'nearby', ...place } };
  assert.equal(await refuse(rider.socket, frames.location), 'insufficient_permissions');
  for (const radius_m of [10, 6000]) {
    const code = await refuse(driver.socket, { ...frames.nearby, radius_m });
    assert.equal(code, 'insufficient_permissions');
  }
  assert.deepEqual(await look(rider.socket, place), []);
});

test('a driver who is a rider too reports in the one role and looks in the other', async () => {
  const place = newPlace();
  const phoneNumber = newPhoneNumber();
  const driver = await comeOnline(a, 'driver', phoneNumber);
  const rider = await comeOnline(a, 'rider', phoneNumber);
  await report(driver.socket, place);
  assert.equal((await look(rider.socket, place)).length, 1);
});

const EDGES: Position[] = [
  { lat: 85.05112878, lng: 180 },
  { lat: -85.05112878, lng: -180 },
  { lat: 0, lng: 0, heading: 0, speed: 0 },
  { lat: 0, lng: 0, heading: 360, speed: 150 },
  { lat: 1e-7, lng: -1e-7, heading: null, speed: null },
];

test('positions at the edges of what there is are taken, and found from there', async () => {
  const driver = await comeOnline(a, 'driver');
  for (const edge of EDGES) {
    const rider = await comeOnline(a, 'rider');
    clock.advance(1000);
    await report(driver.socket, edge);
    assert.equal((await look(rider.socket, edge, 100)).length, 1, JSON.stringify(edge));
  }
});

const UNFIT: Record<string, string> = {
  'too far north': '"lat":85.0512,"lng":0',
  'too far south': '"lat":-90,"lng":0',
  'too far east': '"lat":0,"lng":180.0001',
  'no longitude': '"lat":0',
  'a text for a number': '"lat":"0","lng":0',
  null: '"lat":null,"lng":0',
  infinity: '"lat":0,"lng":1e999',
  'a heading below nothing': '"lat":0,"lng":0,"heading":-1',
  'a heading beyond the circle': '"lat":0,"lng":0,"heading":360.1',
  'a speed below nothing': '"lat":0,"lng":0,"speed":-0.1',
  'a speed of no car': '"lat":0,"lng":0,"speed":151',
  'a field too many': '"lat":0,"lng":0,"at":1',
};

test('a position that can not be is refused, and the socket lives', async () => {
  const { socket } = await comeOnline(a, 'driver');
  for (const [name, fields] of Object.entries(UNFIT)) {
    socket.send(`{"type":"location",${fields}}`);
    assert.equal((await socket.next('error')).code, 'invalid_frame', name);
  }
  await assertLives(socket);
});

test('a circle has a radius that its role may look', async () => {
  const place = newPlace();
  const { socket } = await comeOnline(a, 'rider');
  const staff = await connect(a.url, (await signUpAs(a, 'viewer')).access_token);
  const frame = { type: 'nearby', ...place };
  for (const radius_m of [0, -1, 0.5, 5000.1, 50_000, '100', null, undefined]) {
    assert.equal(await refuse(socket, { ...frame, radius_m }), 'invalid_frame');
  }
  assert.deepEqual(await look(socket, place, 5000), []);
  assert.equal(await refuse(staff, { ...frame, radius_m: 50_001 }), 'invalid_frame');
  assert.deepEqual(await look(staff, place, 50_000), []);
});

test('staff who must have a second factor look for nobody without one', async () => {
  const strict = await startApp({ env: { REQUIRE_STAFF_2FA: 'true' } });
  const staff = await connect(strict.url, (await signUpAs(strict, 'viewer')).access_token);
  const { lat, lng } = newPlace();
  assert.deepEqual(await ask(staff, { type: 'nearby', lat, lng, radius_m: 1000 }), {
    type: 'error',
    code: 'two_factor_required',
    detail: 'Set up the second factor first',
  });
});

test('a user may look five times at once on all sockets, and then once a second', async () => {
  const place = newPlace();
  const rider = await comeOnline(a, 'rider');
  const second = await connect(a.url, rider.access_token);
  const frame = { type: 'nearby', ...place, radius_m: 10 };
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => ask(index % 2 ? second : rider.socket, frame)),
  );
  const refusals = answers.filter(({ type }) => type === 'error');
  assert.deepEqual([...new Set(refusals.map(({ code }) => code))], ['rate_limited']);
  assert.equal(refusals.length, 3);
  assert.deepEqual(await look((await comeOnline(a, 'rider')).socket, place), []);
});

test('of fifty positions in a moment, on two sockets, two are stored, and the last one is kept', async () => {
  const place = newPlace();
  const driver = await comeOnline(b, 'driver');
  const sockets = [driver.socket, await connect(b.url, driver.access_token)];
  const { stored: before = 0 } = await countWrites(b);
  for (let step = 0; step < 50; step += 1) {
    // One after the other, so that it is known which came last.
    await report(sockets[step % 2] ?? driver.socket, { ...place, speed: step });
  }
  clock.advance(1000);
  await eventually('the last is stored', async () => (await stored(driver.user.id))?.speed === 49);
  // The moment may have been longer than a second.
  const { stored: after = 0 } = await countWrites(b);
  assert.ok(after - before >= 2 && after - before <= 3, `${after - before} writes`);
  clock.advance(1000);
  assert.equal((await stored(driver.user.id))?.speed, 49);
});

test('a position that waited on one node does not replace a later one of another', async () => {
  const place = newPlace();
  const driver = await comeOnline(a, 'driver');
  const other = await connect(b.url, driver.access_token);
  await report(driver.socket, { ...place, speed: 1 });
  await report(driver.socket, { ...place, speed: 2 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  await report(other, { ...place, speed: 3 });
  const { stored: before = 0 } = await countWrites(a);
  clock.advance(1000);
  await eventually('the one that waited is written', async () => {
    return ((await countWrites(a)).stored ?? 0) > before;
  });
  assert.equal((await stored(driver.user.id))?.speed, 3);
});

test('a driver who has moved is found once, and only where it is now', async () => {
  const [one, other] = [newPlace(), newPlace()];
  const near = { ...one, lat: one.lat + 0.05 };
  const driver = await comeOnline(a, 'driver');
  const staff = await connect(b.url, (await signUpAs(b, 'viewer')).access_token);
  for (const position of [one, other, near]) {
    await report(driver.socket, position);
    clock.advance(12_000);
  }
  const found = await look(staff, one, 50_000);
  assert.deepEqual(
    found.map(({ user_id, lat }) => ({ user_id, lat })),
    [{ user_id: driver.user.id, lat: near.lat }],
  );
  assert.deepEqual(await look(staff, one, 1000), []);
  assert.deepEqual(await look(staff, other, 1000), []);
});

test('a position is given out for as long as it is told to, and no key outlives it by much', async () => {
  const place = newPlace();
  const driver = await comeOnline(a, 'driver');
  const rider = await comeOnline(b, 'rider');
  await report(driver.socket, place);
  clock.advance(29_000);
  assert.equal((await look(rider.socket, place)).length, 1);
  clock.advance(1000);
  assert.deepEqual(await look(rider.socket, place), []);
  await assertAllExpire();
});

async function assertAllExpire(): Promise<void> {
  const prefix = redis.options.keyPrefix ?? '';
  const keys = await redis.keys(`${prefix}*`);
  const ours = keys
    .map((key) => key.slice(prefix.length))
    .filter((key) => /^(location|drivers):/.test(key));
  assert.ok(ours.length > 2);
  for (const key of ours) {
    const ttlMs = await redis.pttl(key);
    // -2: it has gone meanwhile.
    assert.ok(ttlMs !== -1 && ttlMs <= (key.startsWith('location') ? 30_000 : 60_000), key);
  }
}

test('the life of a position is configured', async () => {
  const node: TestApp = await startApp({
    clock,
    store: 'memory',
    env: { LOCATION_TTL_SECONDS: '5' },
  });
  const place = newPlace();
  const driver = await comeOnline(node, 'driver');
  const rider = await comeOnline(node, 'rider');
  await report(driver.socket, place);
  clock.advance(4000);
  assert.equal((await look(rider.socket, place)).length, 1);
  clock.advance(1000);
  assert.deepEqual(await look(rider.socket, place), []);
});
