import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startRedisServer } from '../scripts/redis-server.ts';
import { untilListening } from '../scripts/server-process.ts';
import { startApp, testEnvironment, type TestApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { assertLives } from './support/live-sockets.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertNoPlace, assertPlaces, knock, readPresence } from './support/places.ts';
import { assertProblem } from './support/problem.ts';
import { launch, makeDirectory } from './support/processes.ts';
import { connect } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';
import { TestClock } from './support/test-clock.ts';

const BEAT_MS = 2500;
const env = { MAX_SOCKETS_PER_USER: '2' };

/** A Redis of this file's own, which may be lost. */
async function startRedis(): Promise<string> {
  const server = await startRedisServer({ directory: await mkdtemp(join(tmpdir(), 'redis-')) });
  atEnd(server.stop);
  return server.url;
}

const url = await startRedis();

/** Two nodes, each with a way to Redis that may be cut, and what they tell of a user. */
async function setUp() {
  const proxies = [await startProxy(url), await startProxy(url)] as const;
  const nodes = await Promise.all(
    proxies.map((proxy) => startApp({ env: { ...env, REDIS_URL: proxy.url } })),
  );
  const [a, b] = nodes as [TestApp, TestApp];
  const staffToken = (await signUpAs(a, 'viewer')).access_token;
  const { access_token: token, user } = await signIn(a);
  const ask = (node: TestApp) =>
    node.request.get(`/api/admin/realtime/users/${user.id}`).set(bearer(staffToken));
  /** Resolves when a node answers again how many sockets each node holds. */
  const untilHeld = (expected: [number, number]) =>
    eventually(`the nodes hold ${expected.join(' and ')}`, async () => {
      for (const node of nodes) {
        if ((await ask(node)).status !== 200) return false;
        const { nodes: held } = await readPresence(node, { userId: user.id, staffToken });
        const counts = nodes.map(
          ({ context }) => held.find(({ node_id }) => node_id === context.node.id)?.sockets ?? 0,
        );
        if (counts.join() !== expected.join()) return false;
      }
      return true;
    });
  return { a, b, proxies, token, ask, untilHeld };
}

describe('with Redis away', { concurrency: true }, () => {
  for (const outage of ['cut', 'stall'] as const) {
    test(`(${outage}) each node admits as many as by its own count, and all are counted after it`, async () => {
      const { a, b, proxies, token, ask, untilHeld } = await setUp();
      const before = await connect(a.url, token);
      for (const proxy of proxies) proxy[outage]();
      const startedAt = performance.now();
      const sockets = [
        before,
        await connect(a.url, token),
        await connect(b.url, token),
        await connect(b.url, token),
      ];
      assert.ok(performance.now() - startedAt < 1500, 'a handshake waited for Redis');
      for (const node of [a, b]) await assertNoPlace(node.url, token);
      assertProblem(await ask(a), { status: 503, code: 'service_unavailable' });
      for (const proxy of proxies) proxy.restore();
      await untilHeld([2, 2]);
      for (const socket of sockets) await assertLives(socket);
      for (const node of [a, b]) await assertNoPlace(node.url, token);
    });
  }

  test('whoever goes meanwhile is not counted after it', async () => {
    const { a, b, proxies, token, untilHeld } = await setUp();
    const [gone, kept] = [await connect(a.url, token), await connect(b.url, token)];
    proxies[0].cut();
    gone.ws.close();
    await gone.closed;
    await untilHeldBy(a, 0);
    proxies[0].restore();
    await untilHeld([0, 1]);
    await assertPlaces(a.url, token, 1);
    await assertLives(kept);
  });

  test('a Redis that comes back empty is told at once who is there', async () => {
    const { a, b, proxies, token, untilHeld } = await setUp();
    const sockets = [await connect(a.url, token), await connect(b.url, token)];
    const empty = await startRedis();
    for (const proxy of proxies) proxy.cut();
    for (const proxy of proxies) proxy.restore(empty);
    await untilHeld([1, 1]);
    for (const node of [a, b]) await assertNoPlace(node.url, token);
    for (const socket of sockets) await assertLives(socket);
  });
});

async function untilHeldBy({ context }: TestApp, count: number): Promise<void> {
  await eventually(`the node holds ${count}`, async () => {
    const { values } = await context.metrics.socketsOpen.get();
    return (values[0]?.value ?? 0) === count;
  });
}

test('a node that is killed frees its places within 15 seconds, and not at once', async () => {
  const clock = new TestClock();
  const node = await startApp({ clock, env });
  const staffToken = (await signUpAs(node, 'viewer')).access_token;
  const { access_token, user } = await signIn(node);
  const directory = makeDirectory();
  const launched = launch(
    await testEnvironment({ env: { ...env, DATA_DIR: directory } }),
    directory,
  );
  const { url: killedUrl, child, ended } = await untilListening(launched);
  const mine = await connect(node.url, access_token);
  await connect(killedUrl, access_token);
  const read = () => readPresence(node, { userId: user.id, staffToken });
  assert.equal((await read()).nodes.length, 2);
  child.kill('SIGKILL');
  await ended;
  await assertNoPlace(node.url, access_token);
  let passedMs = 0;
  while ((await read()).sockets === 2) {
    assert.ok(passedMs <= 15_000, 'still held after 15 seconds');
    clock.advance(BEAT_MS);
    passedMs += BEAT_MS;
  }
  assert.ok(passedMs > BEAT_MS, 'a node that is late is not dead');
  assert.deepEqual((await read()).nodes, [{ node_id: node.context.node.id, sockets: 1 }]);
  const { status } = await knock(node.url, access_token);
  assert.equal(status, 101);
  await assertNoPlace(node.url, access_token);
  await assertLives(mine);
});
