import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRedis, startApp } from './support/app.ts';
import { required } from './support/database.ts';
import {
  ask,
  comeOnline,
  countWrites,
  look,
  newPlace,
  report,
  type Person,
} from './support/locations.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { connect } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { TestClock } from './support/test-clock.ts';

const clock = new TestClock();
const a = await startApp({ clock });
const b = await startApp({ clock });
const nodes = [a, b];
const redis = openRedis();
const admin = await signUpAs(a, 'admin');

/** Each ends a driver's session, or only its tokens, through node A. */
const ENDS: Record<string, (driver: Person) => Promise<unknown>> = {
  'a logout': ({ access_token }) =>
    a.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200),
  'a logout of all devices': ({ access_token }) =>
    a.request.post('/api/v2/auth/logout-all-devices').set(bearer(access_token)).expect(200),
  'the end of all sessions by staff': ({ user }) =>
    a.request
      .delete(`/api/admin/users/${user.id}/sessions`)
      .set(bearer(admin.access_token))
      .expect(204),
  'the loss of the role': ({ user }) =>
    a.request
      .patch(`/api/admin/users/${user.id}`)
      .set(bearer(admin.access_token))
      .send({ roles: ['rider'] })
      .expect(200),
};

for (const [name, end] of Object.entries(ENDS)) {
  test(`${name} takes a driver off the map of every node at once`, async () => {
    const place = newPlace();
    const driver = await comeOnline(b, 'driver');
    const viewer = await signUpAs(a, 'viewer');
    const tokens = [viewer.access_token, (await signIn(b)).access_token];
    const watchers = await Promise.all(
      nodes.flatMap(({ url }) => tokens.map((token) => connect(url, token))),
    );
    await report(driver.socket, place);
    for (const watcher of watchers) assert.equal((await look(watcher, place)).length, 1);
    await end(driver);
    for (const watcher of watchers) assert.deepEqual(await look(watcher, place), []);
    assert.notEqual(await redis.get(`location:${driver.user.id}`), null);
    await driver.socket.closed;
  });
}

test('a position that waits for its turn is not stored after the end of its session', async () => {
  const place = newPlace();
  const driver = await comeOnline(b, 'driver');
  await report(driver.socket, { ...place, speed: 1 });
  await report(driver.socket, { ...place, speed: 2 });
  const { stored, dropped = 0 } = await countWrites(b);
  await ENDS['a logout']?.(driver);
  await driver.socket.closed;
  clock.advance(1000);
  assert.deepEqual(await countWrites(b), { stored, dropped: dropped + 1 });
  const record = await redis.get(`location:${driver.user.id}`);
  assert.equal((JSON.parse(record ?? '') as { speed: number }).speed, 1);
});

test('another session of the driver stays on the map, and comes back to it with its next position', async () => {
  const place = newPlace();
  const phoneNumber = newPhoneNumber();
  const lost = await comeOnline(a, 'driver', phoneNumber);
  const kept = await comeOnline(b, 'driver', phoneNumber);
  const rider = await comeOnline(b, 'rider');
  await report(kept.socket, place);
  await report(lost.socket, place);
  await ENDS['a logout']?.(lost);
  assert.deepEqual(await look(rider.socket, place), []);
  clock.advance(1000);
  await report(kept.socket, place);
  assert.equal((await look(rider.socket, place)).length, 1);
});

test('a driver whose socket only closed stays on the map until the position is old', async () => {
  const place = newPlace();
  const driver = await comeOnline(a, 'driver');
  const rider = await comeOnline(b, 'rider');
  await report(driver.socket, place);
  driver.socket.ws.close();
  await driver.socket.closed;
  assert.equal((await look(rider.socket, place)).length, 1);
});

test('a driver whose session ends while an answer is put together is not in it', async () => {
  const proxy = await startProxy(required('TEST_REDIS_URL'));
  const node = await startApp({ clock, env: { REDIS_URL: proxy.url } });
  const rider = await comeOnline(node, 'rider');
  /** The record is read as it was, and heard of when the session has ended; undefined if the node did not wait so long. */
  const lookDuringLogout = async (): Promise<unknown> => {
    const place = newPlace();
    const driver = await comeOnline(node, 'driver');
    await report(driver.socket, place);
    assert.equal((await look(rider.socket, place)).length, 1);
    const wasRead = proxy.holdAnswerTo(`location:${driver.user.id}`);
    const answer = ask(rider.socket, { type: 'nearby', ...place, radius_m: 1000 });
    await wasRead;
    await a.request.post('/api/v2/auth/logout').set(bearer(driver.access_token)).expect(200);
    await driver.socket.closed;
    proxy.restore();
    const { drivers } = await answer;
    assert.notEqual(await redis.get(`location:${driver.user.id}`), null);
    return drivers;
  };
  let drivers: unknown;
  for (let tries = 0; drivers === undefined && tries < 10; tries += 1) {
    drivers = await lookDuringLogout();
  }
  assert.deepEqual(drivers, []);
});
