import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startRedisServer } from '../scripts/redis-server.ts';
import { startApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { ask, comeOnline, countWrites, look, newPlace, report } from './support/locations.ts';
import { assertLives } from './support/live-sockets.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';
import { TestClock } from './support/test-clock.ts';

const server = await startRedisServer({ directory: await mkdtemp(join(tmpdir(), 'redis-')) });
atEnd(server.stop);

async function setUp(env: Record<string, string> = {}) {
  const proxy = await startProxy(server.url);
  const clock = new TestClock();
  const app = await startApp({ clock, env: { REDIS_URL: proxy.url, ...env } });
  const [driver, rider] = [await comeOnline(app, 'driver'), await comeOnline(app, 'rider')];
  return { proxy, clock, app, driver: driver.socket, rider: rider.socket, place: newPlace() };
}

async function isUnavailable(socket: Parameters<typeof ask>[0], frame: object): Promise<boolean> {
  const startedAt = performance.now();
  const { code } = await ask(socket, frame);
  const tookMs = Math.round(performance.now() - startedAt);
  assert.ok(tookMs < 1500, `an answer took ${tookMs} ms`);
  await assertLives(socket);
  return code === 'service_unavailable';
}

for (const outage of ['cut', 'stall'] as const) {
  test(`without Redis (${outage}) both frames say so soon, and work again when it is back`, async () => {
    const { proxy, driver, rider, place } = await setUp();
    proxy[outage]();
    for (let count = 0; count < 3; count += 1) {
      assert.ok(await isUnavailable(driver, { type: 'location', ...place }));
    }
    assert.ok(await isUnavailable(rider, { type: 'nearby', ...place, radius_m: 100 }));
    proxy.restore();
    await eventually(
      'a position is stored',
      async () => (await ask(driver, { type: 'location', ...place })).type === 'location_ok',
    );
    assert.equal((await look(rider, place)).length, 1);
  });

  test(`looking around finds out by itself that Redis is away (${outage})`, async () => {
    const { proxy, rider, place } = await setUp();
    proxy[outage]();
    assert.ok(await isUnavailable(rider, { type: 'nearby', ...place, radius_m: 5000 }));
  });

  test(`a position that waited and could not be stored (${outage}) harms nobody`, async () => {
    const { proxy, clock, app, driver, place } = await setUp();
    await report(driver, place);
    await report(driver, { ...place, speed: 1 });
    proxy[outage]();
    clock.advance(1000);
    await eventually('it has failed', async () => (await countWrites(app)).failed === 1);
    assert.ok(await isUnavailable(driver, { type: 'location', ...place }));
  });
}

test('a node that can not prove what has ended shows no driver', async () => {
  const { app, driver, rider, place } = await setUp({
    REVOCATION_LEASE_SECONDS: '2',
  });
  await report(driver, place);
  assert.equal((await look(rider, place)).length, 1);
  await app.context.proof.stop();
  rider.frames.length = 0;
  const ask = setInterval(() => {
    rider.send({ type: 'nearby', ...place, radius_m: 100 });
  }, 400);
  assert.deepEqual(await rider.closed, { code: 1013, reason: 'no_proof' });
  clearInterval(ask);
  const known = rider.frames.filter(({ type }) => type === 'nearby').length;
  assert.ok(known > 0 && known < 16, `${known} answers`);
});
