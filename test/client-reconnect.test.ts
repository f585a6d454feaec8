import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startApp, type TestApp } from './support/app.ts';
import { enterByPassword, openClient, openLive, untilOpen } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { TestClock } from './support/test-clock.ts';

const ACCESS_LIFE_MS = 15 * 60_000;

const clock = new TestClock();
const app = await startApp({ clock });

async function nodes(): Promise<{ leaving: TestApp; staying: TestApp }> {
  const env = { DRAIN_WINDOW_SECONDS: '10' };
  return { leaving: await startApp({ clock, env }), staying: await startApp({ clock }) };
}

describe('the wait before another connection', () => {
  test('is what a draining node gave', async () => {
    const { leaving, staying } = await nodes();
    const proxy = await startProxy(leaving.url);
    const { live, timing, states } = await openLive(leaving, { url: proxy.url });
    let toldMs = NaN;
    live.on('drain', ({ reconnect_after_ms }) => (toldMs = reconnect_after_ms));
    const closed = leaving.close();
    await eventually('it is told', () => !Number.isNaN(toldMs));
    proxy.restore(staying.url);
    assert.equal(live.state, 'open');
    // The node closes before the time has come, as when its operator insists.
    clock.advance(toldMs + 1000);
    await eventually('it waits', () => states.at(-1)?.state === 'waiting');
    const waitMs = states.at(-1)?.retryInMs ?? 0;
    assert.ok(waitMs > toldMs - 1000 && waitMs <= toldMs, `${waitMs} of ${toldMs}`);
    timing.advance(waitMs - 20);
    timing.advance(20);
    await untilOpen(live);
    await Promise.all([closed, live.ask({ type: 'ping' })]);
  });

  test('grows, is drawn, has a limit, and begins anew only after a time of quiet', async () => {
    const proxy = await startProxy(app.url);
    const opened = await openClient(proxy);
    const { client, timing } = opened;
    await enterByPassword(app, client);
    const live = client.connect({ backOff: { capMs: 2000 }, stableMs: 20_000 });
    await untilOpen(live);
    const waits: number[] = [];
    live.on('state', ({ retryInMs }) => retryInMs !== undefined && waits.push(retryInMs));
    timing.luck = 0.5;
    const fail = async (): Promise<void> => {
      const count = waits.length;
      proxy.cut();
      await eventually('it waits', () => waits.length > count);
      proxy.restore();
      live.reconnect();
      await untilOpen(live);
    };
    for (let count = 0; count < 4; count += 1) await fail();
    assert.deepEqual(waits, [250, 500, 1000, 1000]);
    timing.advance(19_000);
    await fail();
    timing.advance(20_000);
    await fail();
    assert.deepEqual(waits.slice(4), [1000, 250]);
    live.close();
  });

  test('is cut short by `reconnect`, and by nothing after `close`', async () => {
    const proxy = await startProxy(app.url);
    const { live, timing, states } = await openLive(app, { url: proxy.url });
    timing.luck = 0.99;
    proxy.cut();
    await eventually('it waits', () => live.state === 'waiting');
    live.close();
    proxy.restore();
    live.reconnect();
    timing.advance(60_000);
    assert.deepEqual(
      states.map(({ state }) => state),
      ['open', 'waiting', 'closed'],
    );
  });

  test('is no tight loop where a new token is refused as well', async () => {
    const { live, states, timing } = await openLive(app);
    timing.luck = 0.5;
    // Twice in a row, though the first token was exchanged.
    for (const times of [1, 2]) {
      clock.advance(ACCESS_LIFE_MS + 1000);
      await eventually(
        'it was closed',
        () => states.filter(({ state }) => state === 'waiting').length === times,
      );
      timing.advance(1000);
      await untilOpen(live);
    }
    const waits = states.flatMap(({ retryInMs }) => retryInMs ?? []);
    assert.deepEqual(waits, [0, 500]);
  });

  test('for an unreachable service does not end, nor the session', async () => {
    const proxy = await startProxy(app.url);
    const { client, live, timing, states } = await openLive(app, { url: proxy.url });
    timing.luck = 0.01;
    proxy.cut();
    await eventually('it has tried often', () => {
      timing.advance(1000);
      return states.length > 20;
    });
    assert.notEqual(client.session, null);
    proxy.restore();
    await eventually('it is open', () => {
      timing.advance(1000);
      return live.state === 'open';
    });
  });
});
