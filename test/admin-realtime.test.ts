import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect, type Frame, type TestSocket } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { TestClock } from './support/test-clock.ts';

interface State {
  nodes: { node_id: string; sockets: number; started_at: string }[];
  sockets: number;
  users_online: number;
}

interface Pushed {
  event_id: string;
  sockets_reached: number;
  nodes: { node_id: string; sockets_reached: number }[];
  pending_nodes: string[];
}

const clock = new TestClock();
const env = { OTP_LIMIT_PER_NUMBER: '100000/60' };
const [a, b] = [await startApp({ clock, env }), await startApp({ clock, env })];
const admin = await signUpAs(a, 'admin');
const asAdmin = bearer(admin.access_token);

async function readState(): Promise<State> {
  return (await a.request.get('/api/admin/realtime').set(asAdmin).expect(200)).body as State;
}

const push = (body: object) => a.request.post('/api/admin/realtime/events').set(asAdmin).send(body);

async function pushed(body: object): Promise<Pushed> {
  return (await push(body).expect(200)).body as Pushed;
}

/** The events that a socket has been sent so far, once it has answered. */
async function eventsOf(socket: TestSocket): Promise<Frame[]> {
  const events: Frame[] = [];
  socket.send({ type: 'ping' });
  await socket.next('pong');
  for (const frame of socket.frames) if (frame.type === 'event') events.push(frame);
  return events;
}

describe('GET /realtime', () => {
  test('shows the nodes, what each holds, and everybody who is online once', async () => {
    const phoneNumber = newPhoneNumber();
    const [phone, tablet] = [await signIn(a, { phoneNumber }), await signIn(a, { phoneNumber })];
    const other = await signIn(a);
    const sockets = [
      await connect(a.url, phone.access_token),
      await connect(b.url, tablet.access_token),
      await connect(b.url, other.access_token),
    ];
    await eventually('each node has told of its sockets', async () => {
      const { nodes } = await readState();
      const held = new Map(nodes.map(({ node_id, sockets }) => [node_id, sockets]));
      return held.get(a.context.node.id) === 1 && held.get(b.context.node.id) === 2;
    });
    const state = await readState();
    assert.deepEqual([state.nodes.length, state.sockets, state.users_online], [2, 3, 2]);
    sockets[0]?.ws.close();
    await sockets[0]?.closed;
    clock.advance(10_000);
    await eventually('the second device keeps its user online', async () => {
      clock.advance(5001);
      return (await readState()).users_online === 2;
    });
    for (const { ws } of sockets) ws.close();
    for (const { closed } of sockets) await closed;
    clock.advance(15_001);
    assert.equal((await readState()).users_online, 0);
  });
});

describe('POST /realtime/events', () => {
  test('reaches all sockets of a user, on every node, and nobody else', async () => {
    const phoneNumber = newPhoneNumber();
    const [phone, tablet, stranger] = [
      await signIn(a, { phoneNumber }),
      await signIn(a, { phoneNumber }),
      await signIn(a),
    ];
    const mine = [
      await connect(a.url, phone.access_token),
      await connect(b.url, phone.access_token),
      await connect(b.url, tablet.access_token),
    ];
    const theirs = await connect(b.url, stranger.access_token);
    const data = { ride: 7, text: 'Ärger ✓' };
    const answer = await pushed({ to: { user_id: phone.user.id }, event: 'ride_offered', data });
    assert.deepEqual([answer.sockets_reached, answer.pending_nodes], [3, []]);
    for (const socket of mine) {
      assert.deepEqual(await eventsOf(socket), [{ type: 'event', event: 'ride_offered', data }]);
    }
    assert.deepEqual(await eventsOf(theirs), []);
  });

  test('reaches all who act in a role, each in the order in which events were sent', async () => {
    const drivers = await Promise.all(
      [a, b].map(async (node) => {
        const { access_token } = await signIn(node, { role: 'driver' });
        return connect(node.url, access_token);
      }),
    );
    const rider = await connect(b.url, (await signIn(a, { role: 'rider' })).access_token);
    for (let n = 1; n <= 20; n += 1) {
      const { sockets_reached } = await pushed({ to: { role: 'driver' }, event: 'surge', data: n });
      assert.equal(sockets_reached, 2);
    }
    for (const driver of drivers) {
      assert.deepEqual(
        (await eventsOf(driver)).map(({ data }) => data),
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
    }
    assert.deepEqual(await eventsOf(rider), []);
  });

  test('reaches no socket of a session that has ended', async () => {
    const { access_token, user } = await signIn(a);
    const socket = await connect(b.url, access_token);
    await a.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200);
    const { sockets_reached } = await pushed({ to: { user_id: user.id }, event: 'too_late' });
    assert.equal(sockets_reached, 0);
    await socket.closed;
    assert.deepEqual(
      socket.frames.map(({ type }) => type),
      ['revoked'],
    );
  });

  test('refuses what is no event', async () => {
    const event = 'ride_offered';
    for (const body of [
      {},
      { event },
      { to: {}, event },
      { to: { user_id: 1, role: 'driver' }, event },
      { to: { user_id: 0 }, event },
      { to: { role: 'king' }, event },
      { to: { user_id: 1 }, event: 'No Name' },
      { to: { user_id: 1 }, event, more: 1 },
    ]) {
      assertProblem(await push(body), { status: 400, code: 'invalid_request' });
    }
  });
});
