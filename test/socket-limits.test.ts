import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { z } from 'zod';
import type { Extension } from '../server/extension.ts';
import type { Connection } from '../server/realtime/connection.ts';
import { startApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { assertLives, countCloses } from './support/live-sockets.ts';
import { bearer, signIn } from './support/phone.ts';
import { decodeFrames, encodeFrame, openRawSocket } from './support/raw-socket.ts';
import { connect, listen, openWebSocket, type Frame } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { TestClock } from './support/test-clock.ts';

const BURST = 20;

/** The steady clock of a test runs by itself: one that stands still makes every count exact. */
class FrozenClock extends TestClock {
  #steadyMs = 1000;

  override steady(): number {
    return this.#steadyMs;
  }

  pass(ms: number): void {
    this.#steadyMs += ms;
  }
}

async function startLimited() {
  const clock = new FrozenClock();
  const app = await startApp({ clock, env: { RATE_LIMIT_SOCKET_MESSAGES: `${BURST}/10` } });
  return { app, clock };
}

test('one frame more than a burst closes the socket with 4429, and no other', async () => {
  const { app } = await startLimited();
  const { access_token } = await signIn(app);
  const [socket, bystander] = [
    await connect(app.url, access_token),
    await connect(app.url, access_token),
  ];
  for (let ref = 0; ref < BURST; ref += 1) socket.send({ type: 'ping', ref });
  for (let ref = 0; ref < BURST; ref += 1) assert.equal((await socket.next('pong')).ref, ref);
  socket.send({ type: 'ping' });
  assert.deepEqual(await socket.closed, { code: 4429, reason: 'too_many_messages' });
  assert.deepEqual(socket.frames, []);
  await assertLives(bystander);
});

test('what a burst used up comes back with time', async () => {
  const { app, clock } = await startLimited();
  const socket = await connect(app.url, (await signIn(app)).access_token);
  for (let frames = 0; frames < BURST; frames += 1) await assertLives(socket);
  clock.pass(1000);
  await assertLives(socket);
  await assertLives(socket);
  socket.send({ type: 'ping' });
  assert.equal((await socket.closed).code, 4429);
});

test('an even pace of the allowed rate goes on for ever', async () => {
  const { app, clock } = await startLimited();
  const socket = await connect(app.url, (await signIn(app)).access_token);
  for (let frames = 0; frames < 5 * BURST; frames += 1) {
    await assertLives(socket);
    clock.pass(500);
  }
});

test('WebSocket pings and frames that are refused count as well', async () => {
  const { app } = await startLimited();
  const socket = listen(
    openWebSocket(app.url, { headers: bearer((await signIn(app)).access_token) }),
  );
  await socket.next('ready');
  for (let pings = 0; pings < BURST / 2; pings += 1) {
    socket.ws.ping();
    await once(socket.ws, 'pong');
    socket.send({ type: 'no such frame' });
    await socket.next('error');
  }
  socket.ws.ping();
  assert.equal((await socket.closed).code, 4429);
});

const BIG = 'x'.repeat(12 * 1024);

/** What a client sees that does not read, until it does. */
async function startSlow() {
  const own: Connection[] = [];
  const counts = { filled: 0 };
  const addMessages: Extension = ({ addMessage }) => {
    addMessage('fill', {
      fields: {},
      handle: () => {
        counts.filled += 1;
        return { type: 'filled', big: BIG };
      },
    });
    addMessage('where', {
      fields: { n: z.int() },
      isLatestOnly: true,
      handle: (connection, { n }) => {
        own.push(connection);
        return { type: 'there', n };
      },
    });
  };
  const app = await startApp({ extensions: [addMessages] });
  const { access_token, user } = await signIn(app);
  const peer = await openRawSocket(app.url, access_token);
  const ask = (frame: object) => peer.socket.write(encodeFrame('text', JSON.stringify(frame)));
  return { app, peer, ask, user, own, counts };
}

/** Lets so much pile up for a client that the next frames wait. */
async function fill({
  peer,
  ask,
  own,
  counts,
}: Awaited<ReturnType<typeof startSlow>>): Promise<void> {
  peer.socket.pause();
  ask({ type: 'where', n: 0 });
  await eventually('the node has the frame', () => own.length === 1);
  for (let frames = 0; own[0]?.isSlow !== true; frames += 1) {
    assert.ok(frames < 5000, 'nothing piles up');
    ask({ type: 'fill' });
    while (counts.filled === frames) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** All texts that have come once the client reads again, up to the answer to its last ping. */
async function readOn({ peer, ask }: Awaited<ReturnType<typeof startSlow>>): Promise<Frame[]> {
  peer.socket.resume();
  ask({ type: 'ping', ref: 'last' });
  await peer.until((bytes) => bytes.includes('"last"'));
  const texts = decodeFrames(peer.take()).filter(({ opcode }) => opcode === 'text');
  return texts.map(({ payload }) => JSON.parse(payload.toString()) as Frame);
}

test('of answers of which only the newest counts a slow client gets the newest', async () => {
  const slow = await startSlow();
  await fill(slow);
  for (let n = 1; n <= 50; n += 1) slow.ask({ type: 'where', n });
  await eventually('the node has all', () => slow.own.length === 51);
  const frames = await readOn(slow);
  const seen = frames.filter(({ type }) => type === 'there').map(({ n }) => n);
  assert.deepEqual(seen, [0, 50]);
  slow.ask({ type: 'where', n: 51 });
  assert.match(String(await slow.peer.until((bytes) => bytes.includes('there'))), /"n":51/);
});

test('of events that are pushed as latest_only too, by their name, and of the others all', async () => {
  const slow = await startSlow();
  const admin = await signUpAs(slow.app, 'admin');
  await fill(slow);
  for (let n = 1; n <= 5; n += 1) {
    for (const [event, latest_only] of [
      ['car', true],
      ['taxi', true],
      ['ride', false],
    ] as const) {
      const answer = await slow.app.request
        .post('/api/admin/realtime/events')
        .set(bearer(admin.access_token))
        .send({ to: { user_id: slow.user.id }, event, data: n, latest_only })
        .expect(200);
      assert.equal((answer.body as { sockets_reached: number }).sockets_reached, 1);
    }
  }
  const events = (await readOn(slow)).filter(({ type }) => type === 'event');
  const dataOf = (name: string) => events.filter(({ event }) => event === name).map((e) => e.data);
  assert.deepEqual([dataOf('car'), dataOf('taxi'), dataOf('ride')], [[5], [5], [1, 2, 3, 4, 5]]);
});

test('a slow client that is sent more than its budget is closed with 4408', async () => {
  const slow = await startSlow();
  await fill(slow);
  for (let frames = 0; frames < 40; frames += 1) slow.ask({ type: 'fill' });
  await eventually('it is cut off', async () => (await countCloses(slow.app, 4408)) === 1);
});

test('what waits for a slow client is not sent after the end of its session', async () => {
  const slow = await startSlow();
  const { access_token } = await signIn(slow.app);
  await fill(slow);
  slow.ask({ type: 'where', n: 1 });
  await eventually('the node has it', () => slow.own.length === 2);
  const session = slow.own[0]?.principal.sessionId ?? '';
  assert.notEqual(session, '');
  await slow.app.context.revocations.publish({
    user_id: slow.user.id,
    session_ids: [session],
    generations: {},
    jtis: [],
    reason: 'logout',
    committed_at: new Date().toISOString(),
  });
  slow.peer.socket.resume();
  await slow.peer.closed;
  assert.ok(!slow.peer.received().includes('"n":1'), 'a frame came after the end');
  await assertLives(await connect(slow.app.url, access_token));
});
