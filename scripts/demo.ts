/**
 * Shows what Medallion is for, with real processes: a driver signs in on two phones, logs out of one through
 * node A, and that phone's socket on node B dies. `npm run demo`; DATABASE_URL and REDIS_URL are optional.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { randomBytes, randomInt } from 'node:crypto';
import { chmod, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { WebSocket } from 'ws';

import { startEmbeddedPostgres } from '../server/embedded/embedded-postgres.ts';
import { cleanUpAtExit } from './clean-up.ts';
import { startRedisServer } from './redis-server.ts';
import { launchServer, untilListening } from './server-process.ts';

const PATIENCE_MS = 5000;

interface Phone {
  name: string;
  accessToken: string;
  socket: WebSocket;
  closed: Promise<{ code: number; reason: string; at: number }>;
}

const { start, exit, isExiting } = cleanUpAtExit();
let origin = performance.now();

try {
  await run();
  console.log('\nAll of it was as claimed.');
  await exit(0);
} catch (error) {
  if (!isExiting()) console.error(`\nThe demo failed: ${(error as Error).message}`);
  await exit(1);
}

async function run(): Promise<void> {
  const [a, b] = await startNodes();
  const phoneNumber = `+14155550${100 + randomInt(100)}`;
  console.log(`A driver signs in through node A, on two phones (${phoneNumber}, one-time codes):`);
  const phones = [];
  for (const name of ['Phone 1', 'Phone 2']) {
    phones.push(await openPhone({ name, accessToken: await signIn(a, phoneNumber, name) }, b));
    console.log(`  ${name} is signed in, and holds a live socket on node B`);
  }
  const [lost, kept] = phones;
  assert.ok(lost && kept);
  await logOutOnePhone({ a, b, lost, kept });
  await logOutEverywhere({ a, b, kept });
}

async function startNodes(): Promise<[string, string]> {
  const startedAt = performance.now();
  const home = await start(makeHome(), (path) => rm(path, { recursive: true, force: true }));
  const [databaseUrl, redisUrl] = await Promise.all([databaseAt(home), redisAt(home)]);
  const env = {
    NODE_ENV: 'development',
    LOG_LEVEL: 'warn',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REDIS_KEY_PREFIX: `demo:${randomBytes(6).toString('hex')}:`,
    JWT_SECRET_KEY: randomBytes(32).toString('base64'),
    HASH_PEPPER: randomBytes(32).toString('base64'),
    DATABASE_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    OTP_LIMIT_PER_NUMBER: '1000/60',
  };
  const startNode = (name: string) => {
    const node = launchServer({ env: { ...env, DATA_DIR: join(home, name) }, cwd: home });
    return start(untilListening(node), (started) => started.stop());
  };
  const [a, b] = await Promise.all([startNode('node-a'), startNode('node-b')]);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`Two nodes on one PostgreSQL and one Redis, ready after ${seconds} s:`);
  console.log(`  node A  ${a.url}\n  node B  ${b.url}\n`);
  return [a.url, b.url];
}

async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(await realpath(tmpdir()), 'medallion-demo-'));
  await chmod(home, 0o711); // PostgreSQL may run as another user, who must be able to enter
  return home;
}

async function databaseAt(directory: string): Promise<string> {
  if (process.env.DATABASE_URL) return process.env.DATABASE_URL;
  const starting = startEmbeddedPostgres({ directory, durable: false, log: console.log });
  return (await start(starting, (postgres) => postgres.stop())).url;
}

async function redisAt(directory: string): Promise<string> {
  if (process.env.REDIS_URL) return process.env.REDIS_URL;
  const starting = startRedisServer({ directory, log: console.log });
  return (await start(starting, (redis) => redis.stop())).url;
}

/** As the phone app does it; the code is read where a developer reads it. */
async function signIn(node: string, phoneNumber: string, device_name: string): Promise<string> {
  await call(`${node}/api/v2/auth/send-otp`, { body: { phone_number: phoneNumber } });
  const outbox = (await call(`${node}/dev/outbox`)) as { messages: { to: string; code: string }[] };
  const otp = outbox.messages.find(({ to }) => to === phoneNumber)?.code;
  const body = { phone_number: phoneNumber, otp, role: 'driver', device_name };
  const tokens = await call(`${node}/api/v2/auth/verify-otp`, { body });
  return (tokens as { access_token: string }).access_token;
}

async function openPhone(
  { name, accessToken }: Pick<Phone, 'name' | 'accessToken'>,
  node: string,
): Promise<Phone> {
  const socket = new WebSocket(`${node.replace('http', 'ws')}/ws`, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  const closed = once(socket, 'close').then(([code, reason]) => ({
    code: code as number,
    reason: String(reason),
    at: performance.now(),
  }));
  closed.catch(() => undefined); // a socket that never opened is reported below
  await inTime(nextFrame(socket), `${name} could not open its socket`);
  return { name, accessToken, socket, closed };
}

interface Scene {
  a: string;
  b: string;
  lost: Phone;
  kept: Phone;
}

async function logOutOnePhone({ a, b, lost, kept }: Scene): Promise<void> {
  console.log(`\n${lost.name} logs out, through node A. Milliseconds from that request:`);
  origin = performance.now();
  const told = expectRevokedFrame(lost);
  const closed = expectClose(lost, '4500 logout');
  const answered = call(`${a}/api/v2/auth/logout`, { token: lost.accessToken, body: {} }).then(
    () => {
      step('node A answers: logged out');
    },
  );
  await Promise.all([answered, told, closed]);
  await expectRefused({ A: a, B: b }, lost);
  await expectPong(kept);
  for (const [name, node] of Object.entries({ A: a, B: b })) {
    await call(`${node}/api/v2/test/protected`, { token: kept.accessToken });
    step(`${kept.name}: its token still works on node ${name}`);
  }
}

async function logOutEverywhere({ a, b, kept }: Omit<Scene, 'lost'>): Promise<void> {
  console.log(`\n${kept.name} logs out all devices, through node A:`);
  origin = performance.now();
  const closed = expectClose(kept, '4501 logout_all');
  await call(`${a}/api/v2/auth/logout-all-devices`, { token: kept.accessToken, body: {} });
  step('node A answers: logged out of all devices');
  await closed;
  await expectRefused({ A: a, B: b }, kept);
}

async function expectRevokedFrame({ name, socket }: Phone): Promise<void> {
  const frame = await inTime(nextFrame(socket), `${name} was not told that its session ended`);
  assert.equal(frame, '{"type":"revoked","reason":"logout"}', `${name} was told ${frame}`);
  step(`${name}: its socket on B is told ${frame}`);
}

async function nextFrame(socket: WebSocket): Promise<string> {
  const [data] = (await once(socket, 'message')) as [Buffer];
  return data.toString();
}

async function expectClose({ name, closed }: Phone, expected: string): Promise<void> {
  const { code, reason, at } = await inTime(closed, `the socket of ${name} was not closed`);
  assert.equal(`${code} ${reason}`, expected, `the socket of ${name} closed with ${code}`);
  step(`${name}: its socket on B is closed with ${expected}`, at);
}

async function expectRefused(nodes: Record<string, string>, phone: Phone): Promise<void> {
  for (const [name, node] of Object.entries(nodes)) {
    const headers = { authorization: `Bearer ${phone.accessToken}` };
    const answer = await fetch(`${node}/api/v2/test/protected`, { headers });
    const { detail } = (await answer.json()) as { detail?: string };
    assert.equal(answer.status, 401, `node ${name} still takes the token of ${phone.name}`);
    step(`${phone.name}: its token is refused by node ${name}: 401 "${String(detail)}"`);
  }
}

async function expectPong({ name, socket }: Phone): Promise<void> {
  assert.equal(socket.readyState, WebSocket.OPEN, `the socket of ${name} was closed as well`);
  const answer = nextFrame(socket);
  socket.send(JSON.stringify({ type: 'ping', ref: name }));
  const frame = await inTime(answer, `the socket of ${name} does not answer a ping`);
  assert.match(frame, /"pong"/, `the socket of ${name} answered ${frame}`);
  step(`${name}: its socket lives, and answers a ping with ${frame}`);
}

function step(sentence: string, at = performance.now()): void {
  console.log(`${(at - origin).toFixed(1).padStart(8)} ms  ${sentence}`);
}

async function call(url: string, { token, body }: { token?: string; body?: object } = {}) {
  const answer = await fetch(url, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as unknown;
}

async function inTime<Result>(result: Promise<Result>, failure: string): Promise<Result> {
  const late = sleep(PATIENCE_MS, null, { ref: false }).then(() => {
    throw new Error(`${failure} within ${PATIENCE_MS / 1000} s`);
  });
  return Promise.race([result, late]);
}
