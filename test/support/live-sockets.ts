import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestApp } from './app.ts';
import { newPhoneNumber, signIn } from './phone.ts';
import { listen, openWebSocket, type TestSocket } from './socket.ts';

const PATIENCE_MS = 15_000;

/** Asserts that a socket lives: it answers a ping that nobody else has sent. */
export async function assertLives(socket: TestSocket): Promise<void> {
  const ref = `lives-${Math.random()}`;
  socket.send({ type: 'ping', ref });
  assert.deepEqual(await socket.next('pong'), { type: 'pong', ref });
}

/** The access tokens of so many sessions of one new user. */
export async function signInDevices(app: TestApp, count: number): Promise<string[]> {
  const phoneNumber = newPhoneNumber();
  const tokens: string[] = [];
  // One after the other: a second code is not sent while the first is not used.
  while (tokens.length < count) tokens.push((await signIn(app, { phoneNumber })).access_token);
  return tokens;
}

/** What became of a handshake that may be refused, and of the socket if it was not. */
export type Outcome = { refused: number } | { closed: number; reason: string };

/** Opens a socket that is expected to be refused or closed; resolves when either has happened. */
export async function watchSocket(url: string, token: string): Promise<Outcome> {
  const ws = openWebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  const { closed } = listen(ws);
  const refusal = once(ws, 'unexpected-response').then(([, response]) => {
    const answer = response as IncomingMessage;
    answer.resume();
    return { refused: answer.statusCode ?? 0 };
  });
  const ended = await Promise.race([refusal, closed, sleep(PATIENCE_MS, null, { ref: false })]);
  assert.ok(ended, 'a socket survived the end of its session');
  return 'code' in ended ? { closed: ended.code, reason: ended.reason } : ended;
}

/** The sockets that a node counts as open. */
export async function countOpenSockets(app: TestApp): Promise<number> {
  const { values } = await app.context.metrics.socketsOpen.get();
  return values[0]?.value ?? 0;
}

/** How often a node has closed a socket with this code. */
export async function countCloses(app: TestApp, code: number): Promise<number> {
  const { values } = await app.context.metrics.socketCloses.get();
  return values.find(({ labels }) => String(labels.code) === String(code))?.value ?? 0;
}

/** Resolves when `isTrue` holds. */
export async function eventually(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    assert.ok(Date.now() < deadline, `still not true: ${what}`);
    await sleep(5);
  }
}
