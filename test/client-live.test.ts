import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WebSocket as WsSocket } from 'ws';
import { z } from 'zod';
import type { WebSocketConstructor } from '../client/src/medallion.ts';
import { startApp } from './support/app.ts';
import {
  assertCode,
  countRefreshes,
  enterByPassword,
  enterByPhone,
  openClient,
  openLive,
  recordRequests,
  untilOpen,
  urlOf,
} from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { bearer } from './support/phone.ts';
import { makeApiClient } from './support/staff.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { TestClock } from './support/test-clock.ts';

const ACCESS_LIFE_MS = 15 * 60_000;
const SILENCE_MS = 25_000 * 1.5;

const staff = makeApiClient('back-office', 'realtime:write');
const clock = new TestClock();
const app = await startApp({
  clock,
  env: staff.env,
  extensions: [
    ({ addMessage }) => {
      addMessage('greet', { fields: { name: z.string() }, handle: () => ({ type: 'greeting' }) });
      addMessage('muse', { fields: {}, handle: () => undefined });
    },
  ],
});

const SOCKETS: [string, WebSocketConstructor][] = [
  ["Node's own WebSocket", WebSocket],
  ['ws', WsSocket],
];

describe('a live socket', () => {
  for (const [name, Socket] of SOCKETS) {
    test(`with ${name} connects, asks, hears events, and closes`, async () => {
      const { client, live, frames, states } = await openLive(app, { WebSocket: Socket });
      assert.deepEqual(states, [{ state: 'open' }]);
      assert.deepEqual(await live.ask({ type: 'greet', name: 'A' }), {
        type: 'greeting',
        ref: 'ask-1',
      });
      const heard: unknown[] = [];
      live.on('event', ({ event, data }) => heard.push([event, data]));
      await app.request
        .post('/api/admin/realtime/events')
        .set(staff.client.header)
        .send({ to: { user_id: client.session?.user.id }, event: 'trip', data: { n: 1 } });
      await eventually('the event has come', () => heard.length > 0);
      assert.deepEqual(heard, [['trip', { n: 1 }]]);
      assert.equal(frames[0]?.frame.type, 'ready');
      assert.ok(frames.every(({ at }) => at instanceof Date));
      for (const bad of [null, undefined, 5, 'ping', {}]) {
        assert.throws(() => {
          live.send(bad as never);
        }, TypeError);
      }
      await live.ask({ type: 'ping' });
      live.close();
      assert.equal(live.state, 'closed');
      await assertCode(live.ask({ type: 'ping' }), 'not_connected');
      assert.throws(
        () => {
          live.send({ type: 'ping' });
        },
        { code: 'not_connected' },
      );
      assert.equal((await client.me()).id, client.session?.user.id);
    });

    test(`with ${name} that is refused again and again asks, and learns that the session is over`, async () => {
      const proxy = await startProxy(app.url);
      const { client, live } = await openLive(app, { url: proxy.url, WebSocket: Socket });
      const ends: string[] = [];
      client.on('signedOut', ({ reason }) => ends.push(reason));
      const token = client.session?.accessToken ?? '';
      proxy.cut();
      await eventually('it waits', () => live.state !== 'open');
      await app.request.post('/api/auth/logout').set(bearer(token)).expect(200);
      proxy.restore();
      await eventually('it is closed', () => live.state === 'closed');
      assert.deepEqual(ends, ['refresh_refused']);
    });
  }

  test('does not close on what a frame is refused for', async () => {
    const { live } = await openLive(app);
    await assertCode(live.ask({ type: 'unheard_of' }), 'unknown_type');
    await assertCode(live.ask({ type: 'greet' }), 'invalid_frame');
    await assertCode(live.ask({ type: 'muse' }, { timeoutMs: 20 }), 'no_answer');
    await assertCode(live.reportLocation({ lat: 1, lng: 2 }), 'insufficient_permissions');
    assert.equal(live.state, 'open');
  });

  test('lets drivers report where they are, and riders find them', async () => {
    const driver = await openClient(app);
    await enterByPhone(app, driver.client, { role: 'driver' });
    const reporting = driver.client.connect();
    await untilOpen(reporting);
    await reporting.reportLocation({ lat: 12.5, lng: 41.25, heading: null, speed: 3 });
    const { live } = await openLive(app);
    const drivers = await live.findNearby({ lat: 12.5, lng: 41.25, radius_m: 500 });
    assert.equal(drivers.length, 1);
    assert.equal(typeof drivers[0]?.driver, 'string');
  });

  test('rejects what was asked when the connection ends', async () => {
    const proxy = await startProxy(app.url);
    const { live } = await openLive(app, { url: proxy.url });
    const lost = assertCode(live.ask({ type: 'muse' }), 'connection_lost');
    proxy.cut();
    await lost;
    live.close();
  });

  test('that a listener closes stays closed', async () => {
    const { client } = await openClient(app);
    await enterByPassword(app, client);
    const live = client.connect();
    live.on('frame', () => {
      live.close();
    });
    await eventually('it is closed', () => live.state === 'closed');
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(live.state, 'closed');
  });
});

describe('the token of a live socket', () => {
  test('is renewed on the open connection when the service says that it expires', async () => {
    const { client, live, frames, states } = await openLive(app);
    const old = client.session?.accessToken;
    clock.advance(ACCESS_LIFE_MS - 59_000);
    await eventually('it is renewed', () => frames.some(({ frame }) => frame.type === 'refreshed'));
    assert.notEqual(client.session?.accessToken, old);
    const sent = frames.find(
      ({ direction, frame }) => direction === 'out' && frame.type === 'refresh',
    );
    assert.equal(sent?.frame.access_token, '…');
    // Past the end of the first token.
    clock.advance(60_000 + 5000);
    await live.ask({ type: 'ping' });
    assert.deepEqual(states, [{ state: 'open' }]);
  });

  test('is renewed by the client’s own time where the word of the service is late', async () => {
    const { client, live, timing, frames } = await openLive(app);
    const old = client.session?.accessToken;
    timing.advance(ACCESS_LIFE_MS - 59_000);
    await eventually('it is renewed', () => frames.some(({ frame }) => frame.type === 'refreshed'));
    assert.notEqual(client.session?.accessToken, old);
    live.close();
  });

  test('follows every refresh, and one is enough for many sockets', async () => {
    const { client, live } = await openLive(app);
    const second = client.connect();
    await untilOpen(second);
    const requests = recordRequests(app);
    const refreshed = [live, second].map(
      (each) => new Promise((resolve) => each.on('refreshed', resolve)),
    );
    await client.refresh();
    await Promise.all(refreshed);
    assert.equal(countRefreshes(requests), 1);
  });

  test('that the connection does not take is tried on another one', async () => {
    class Forgetful extends WsSocket {
      override send(data: string): void {
        const frame = JSON.parse(data) as { type: string };
        // As of a token that a node does not accept.
        const garbled = { ...frame, access_token: 'not.a.token' };
        super.send(JSON.stringify(frame.type === 'refresh' ? garbled : frame));
      }
    }
    const { client, live, states } = await openLive(app, {
      WebSocket: Forgetful,
    });
    await client.refresh();
    await eventually('it connected anew', () => states.length >= 4 && live.state === 'open');
    assert.deepEqual(
      states.map(({ state }) => state),
      ['open', 'waiting', 'connecting', 'open'],
    );
    assert.equal(states[1]?.retryInMs, 0);
  });

  test('that has expired while nobody was connected is renewed before the handshake', async () => {
    const requests: string[] = [];
    const { client, timing } = await openClient(app, {
      fetch: (input, init) => {
        requests.push(urlOf(input));
        return fetch(input, init);
      },
    });
    await enterByPassword(app, client);
    clock.advance(ACCESS_LIFE_MS);
    timing.advance(ACCESS_LIFE_MS);
    const live = client.connect();
    const closes: unknown[] = [];
    live.on('close', (close) => closes.push(close));
    await untilOpen(live);
    assert.equal(countRefreshes(requests), 1);
    assert.deepEqual(closes, []);
  });
});

describe('a dead connection', () => {
  test('is found by its silence, and replaced', async () => {
    const proxy = await startProxy(app.url);
    const { live, timing, frames } = await openLive(app, { url: proxy.url });
    const closes: unknown[] = [];
    live.on('close', ({ code, reason, action }) => closes.push([code, reason, action]));
    timing.advance(SILENCE_MS);
    await eventually('a pong came', () => frames.some(({ frame }) => frame.type === 'pong'));
    timing.advance(10_000);
    assert.equal(live.state, 'open');
    proxy.stall();
    timing.advance(SILENCE_MS);
    assert.equal(live.state, 'open');
    timing.advance(10_000);
    assert.deepEqual(closes, [[1006, 'no_pong', 'back-off']]);
    proxy.restore();
    await untilOpen(live);
    live.close();
  });

  test('is found at once where somebody has a suspicion', async () => {
    const proxy = await startProxy(app.url);
    const { live, timing, states } = await openLive(app, { url: proxy.url });
    live.reconnect();
    timing.advance(0);
    await live.ask({ type: 'ping' });
    proxy.stall();
    live.reconnect();
    live.reconnect();
    timing.advance(10_000);
    assert.deepEqual(states.map(({ state }) => state).slice(0, 2), ['open', 'waiting']);
    live.close();
  });

  test('that never becomes ready is given up', async () => {
    const proxy = await startProxy(app.url);
    const { client, timing } = await openClient(proxy);
    await enterByPassword(app, client);
    const live = client.connect();
    const closes: unknown[] = [];
    live.on('close', ({ code, reason }) => closes.push([code, reason]));
    proxy.stall();
    await new Promise((resolve) => setTimeout(resolve, 50));
    timing.advance(15_000);
    assert.deepEqual(closes, [[1006, 'not_ready']]);
    live.close();
  });
});
