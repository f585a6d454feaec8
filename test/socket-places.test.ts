import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openRedis, startApp, type TestApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { assertLives, signInDevices } from './support/live-sockets.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertNoPlace, assertPlaces, knock, readPresence } from './support/places.ts';
import { assertProblem } from './support/problem.ts';
import { connectTcp, handshakeText, shakeHands } from './support/raw-socket.ts';
import { assertRefused } from './support/refused-handshake.ts';
import { connect } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { atEnd } from './support/teardown.ts';
import { TestClock } from './support/test-clock.ts';

const BEAT_MS = 2500;
const FIFTEEN_MINUTES_MS = 15 * 60 * 1000;
const clock = new TestClock();
const env = { MAX_SOCKETS_PER_USER: '5', OTP_LIMIT_PER_NUMBER: '100000/60' };
const [a, b] = [await startApp({ clock, env }), await startApp({ clock, env })];
const staffToken = (await signUpAs(a, 'viewer')).access_token;
const redis = openRedis();

const presenceOf = (userId: number, node: TestApp = a) =>
  readPresence(node, { userId, staffToken });
const idOf = (node: TestApp) => node.context.node.id;

/** The next handshake of a node waits for its place until it is let go. */
function holdPlaces({ context }: TestApp) {
  const { maps } = context.ephemeral;
  const addBelow = maps.addBelow.bind(maps);
  const held = Promise.withResolvers<undefined>();
  const asked = Promise.withResolvers<undefined>();
  let placed: Promise<boolean> = Promise.resolve(false);
  maps.addBelow = (...args) => {
    maps.addBelow = addBelow;
    asked.resolve(undefined);
    placed = held.promise.then(() => addBelow(...args));
    return placed;
  };
  /** Resolves when the store has answered. */
  const letGo = async () => {
    held.resolve(undefined);
    await placed;
  };
  atEnd(letGo);
  return { asked: () => asked.promise, letGo };
}

describe('MAX_SOCKETS_PER_USER', () => {
  test('lets in exactly so many of fifty handshakes at once over two nodes', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { access_token, user } = await signIn(a);
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          knock((index % 2 === 0 ? a : b).url, access_token),
        ),
      );
      const opened = answers.filter(({ status }) => status === 101);
      assert.equal(opened.length, 5);
      for (const answer of answers.filter(({ status }) => status !== 101)) {
        await assertRefused(answer, { status: 429, code: 'too_many_sockets' });
      }
      assert.equal((await presenceOf(user.id)).sockets, 5);
      opened[0]?.peer.socket.destroy();
      await assertPlaces(b.url, access_token, 1);
    }
  });

  test('counts the sockets of all nodes, of every device, and of nobody else', async () => {
    const [one = '', other = ''] = await signInDevices(a, 2);
    const sockets = [
      await connect(a.url, one),
      await connect(a.url, other),
      await connect(b.url, one),
      await connect(b.url, other),
      await connect(b.url, other),
    ];
    for (const { url } of [a, b]) await assertNoPlace(url, one);
    await connect(a.url, (await signIn(b)).access_token);
    for (const socket of sockets) await assertLives(socket);
    sockets[0]?.ws.close();
    await assertPlaces(b.url, other, 1);
  });

  test('grants no place to a handshake that still asks for one when all others are noted anew', async () => {
    const { access_token, user } = await signIn(a);
    await connect(b.url, access_token);
    for (let count = 0; count < 4; count += 1) await connect(a.url, access_token);
    const places = holdPlaces(b);
    const answer = knock(b.url, access_token);
    await places.asked();
    await redis.del(`sockets:${user.id}`, 'nodes');
    clock.advance(BEAT_MS);
    await eventually('all are noted', async () => (await presenceOf(user.id)).sockets === 5);
    await places.letGo();
    await assertRefused(await answer, { status: 429, code: 'too_many_sockets' });
    assert.equal((await presenceOf(user.id)).sockets, 5);
  });

  test('counts a handshake that was given its place while all others were noted anew', async () => {
    const { access_token, user } = await signIn(a);
    const places = holdPlaces(b);
    const answer = knock(b.url, access_token);
    await places.asked();
    await redis.del('nodes');
    clock.advance(BEAT_MS);
    await eventually('both nodes beat', async () => (await redis.hlen('nodes')) >= 2);
    await places.letGo();
    assert.equal((await answer).status, 101);
    assert.equal((await presenceOf(user.id, b)).sockets, 1);
  });

  test('is no answer to a token that was revoked', async () => {
    const [one = '', other = ''] = await signInDevices(a, 2);
    for (let count = 0; count < 5; count += 1) await connect(a.url, one);
    await a.request.post('/api/v2/auth/logout').set(bearer(other)).expect(200);
    await assertRefused(await knock(b.url, other), { status: 401, code: 'token_revoked' });
  });
});

describe('a handshake that fails after it was given a place gives it back', () => {
  test('when its token was revoked', async () => {
    const [live = '', dead = ''] = await signInDevices(a, 2);
    await a.request.post('/api/v2/auth/logout').set(bearer(dead)).expect(200);
    for (let attempt = 0; attempt < 7; attempt += 1) {
      await assertRefused(await knock(b.url, dead), { status: 401, code: 'token_revoked' });
    }
    await assertPlaces(a.url, live, 5);
  });

  test('when it is no WebSocket handshake', async () => {
    const { access_token } = await signIn(a);
    const headers = { Authorization: `Bearer ${access_token}`, 'Sec-WebSocket-Key': 'c2hvcnQ=' };
    for (let attempt = 0; attempt < 7; attempt += 1) {
      const { status, peer } = await shakeHands(b.url, { headers });
      assert.equal(status, 400);
      await peer.closed;
    }
    await assertPlaces(a.url, access_token, 5);
  });

  test('when its client hangs up before it is given one', async () => {
    const { access_token, user } = await signIn(a);
    const places = holdPlaces(b);
    const peer = await connectTcp(b.url);
    peer.socket.write(handshakeText({ headers: { Authorization: `Bearer ${access_token}` } }));
    await places.asked();
    peer.socket.resetAndDestroy();
    const isOffline = async () => !(await presenceOf(user.id)).is_online;
    // The node has seen that it has gone.
    await assertPlaces(b.url, access_token, 5);
    await eventually('the others have gone', isOffline);
    await places.letGo();
    await eventually('the place is free', isOffline);
    await assertPlaces(b.url, access_token, 5);
  });
});

describe('GET /api/admin/realtime/users/:id', () => {
  test('tells on which nodes a user is online, whichever is asked', async () => {
    const phoneNumber = newPhoneNumber();
    const [phone, tablet] = [await signIn(a, { phoneNumber }), await signIn(b, { phoneNumber })];
    const userId = phone.user.id;
    const offline = { user_id: userId, is_online: false, sockets: 0, nodes: [] };
    assert.deepEqual(await presenceOf(userId), offline);
    const first = await connect(a.url, phone.access_token);
    const second = await connect(b.url, tablet.access_token);
    const third = await connect(b.url, tablet.access_token);
    for (const node of [a, b]) {
      const { nodes } = await presenceOf(userId, node);
      const held = new Map(nodes.map(({ node_id, sockets }) => [node_id, sockets]));
      assert.deepEqual([held.size, held.get(idOf(a)), held.get(idOf(b))], [2, 1, 2]);
    }
    for (const { ws } of [second, third]) ws.close();
    const isAlone = async () => (await presenceOf(userId, b)).sockets === 1;
    await eventually("the second device's exit leaves the first", isAlone);
    assert.deepEqual((await presenceOf(userId)).nodes, [{ node_id: idOf(a), sockets: 1 }]);
    await assertLives(first);
    first.ws.close();
    await eventually('the user is offline', async () => !(await presenceOf(userId)).is_online);
    assert.deepEqual(await presenceOf(userId), offline);
    assert.equal(await redis.exists(`sockets:${userId}`), 0);
  });

  test('knows nothing of a user who does not exist', async () => {
    for (const id of ['2000000000', 'x']) {
      const answer = await a.request.get(`/api/admin/realtime/users/${id}`).set(bearer(staffToken));
      assertProblem(answer, { status: 404, code: 'not_found' });
    }
  });

  test('works on one node without Redis', async () => {
    const node = await startApp({ store: 'memory', env });
    const viewer = (await signUpAs(node, 'viewer')).access_token;
    const { access_token, user } = await signIn(node);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => knock(node.url, access_token)),
    );
    assert.equal(answers.filter(({ status }) => status === 101).length, 5);
    const presence = await readPresence(node, { userId: user.id, staffToken: viewer });
    assert.deepEqual(presence.nodes, [{ node_id: idOf(node), sockets: 5 }]);
    for (const { peer } of answers) peer.socket.destroy();
    await assertPlaces(node.url, access_token, 5);
  });
});

describe('what Redis knows of sockets', () => {
  test('has an end, and is noted again before it', async () => {
    const { access_token, user } = await signIn(a);
    const socket = await connect(a.url, access_token);
    const key = `sockets:${user.id}`;
    for (const each of [key, 'nodes']) {
      const ttlMs = await redis.pttl(each);
      assert.ok(ttlMs > 0 && ttlMs <= FIFTEEN_MINUTES_MS, `${each} lives ${ttlMs} ms`);
    }
    await redis.pexpire(key, 60_000);
    await eventually('its life begins anew', async () => {
      clock.advance(BEAT_MS);
      return (await redis.pttl(key)) > 60_000;
    });
    await redis.del(key);
    await eventually('it is noted again', async () => {
      clock.advance(BEAT_MS);
      return (await presenceOf(user.id)).sockets === 1;
    });
    await assertLives(socket);
  });

  test('is noted again at the next beat where all of it was lost without a sound', async () => {
    const users = await Promise.all(Array.from({ length: 20 }, () => signIn(a)));
    await Promise.all(users.map(({ access_token }) => connect(b.url, access_token)));
    const keys = users.map(({ user }) => `sockets:${user.id}`);
    await redis.del(...keys, 'nodes');
    clock.advance(BEAT_MS);
    await eventually('everybody is noted', async () => (await redis.exists(...keys)) === 20);
    for (const { user } of users) {
      assert.deepEqual((await presenceOf(user.id)).nodes, [{ node_id: idOf(b), sockets: 1 }]);
    }
  });

  test('says nothing of a node that has stopped, from that moment on', async () => {
    const node = await startApp({ clock, env });
    const { access_token, user } = await signIn(node);
    for (let count = 0; count < 4; count += 1) await connect(node.url, access_token);
    await connect(a.url, access_token);
    assert.equal((await presenceOf(user.id)).sockets, 5);
    await node.close();
    assert.deepEqual((await presenceOf(user.id)).nodes, [{ node_id: idOf(a), sockets: 1 }]);
    await assertPlaces(b.url, access_token, 4);
  });
});
