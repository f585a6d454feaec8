import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import supertest from 'supertest';
import { untilListening, type ServerProcess } from '../scripts/server-process.ts';
import { newAccount } from './support/accounts.ts';
import { testEnvironment } from './support/app.ts';
import { databaseUrl } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { launch, makeDirectory } from './support/processes.ts';
import { assertFamilyLives, familyOf, refreshClaims, type Pair } from './support/rotation.ts';
import { atEnd } from './support/teardown.ts';

const DEVICE = 'crash-test';
/** From before the statement has been sent to after the answer has been. */
const DELAYS_MS = [0, 1, 3, 8];

const directory = makeDirectory();
const environment = await testEnvironment({ env: { DATA_DIR: directory } });
const database = new Client({ connectionString: await databaseUrl() });
await database.connect();
atEnd(() => database.end());

function start(): Promise<ServerProcess> {
  return untilListening(launch(environment, directory));
}

/** The one that runs: each test goes on with the last one's. */
let server = await start();

async function kill(): Promise<void> {
  server.child.kill('SIGKILL');
  await server.ended;
}

async function killAndStart(): Promise<void> {
  await kill();
  server = await start();
}

async function signUp(): Promise<Tokens> {
  const { email, username, password } = newAccount();
  const request = supertest(server.url);
  await request.post('/api/auth/register').send({ email, username, password }).expect(201);
  const answer = await request.post('/api/auth/login').send({ email, password }).expect(200);
  return answer.body as Tokens;
}

async function renew(refresh_token: string): Promise<Pair> {
  const answer = await supertest(server.url)
    .post('/api/auth/refresh')
    .set('x-device-id', DEVICE)
    .send({ refresh_token })
    .expect(200);
  return answer.body as Pair;
}

/** A refresh whose answer nobody reads. */
async function sendRefresh(refresh_token: string): Promise<Socket> {
  const body = JSON.stringify({ refresh_token });
  const head = [
    'POST /api/auth/refresh HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    `X-Device-Id: ${DEVICE}`,
  ];
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause().write(`${head.join('\r\n')}\r\n\r\n${body}`);
  return socket;
}

/** The successor that the database knows of. */
async function successorOf(token: string): Promise<string | null> {
  const { rows } = await database.query<{ successor: string | null }>(
    'SELECT successor FROM refresh_tokens WHERE jti = $1',
    [refreshClaims(token).jti],
  );
  return rows[0]?.successor ?? null;
}

/** The client starts again with what it has, gets what it lost, and goes on as if nothing had been. */
async function assertGoesOn(token: string): Promise<Pair> {
  const before = await successorOf(token);
  const found = await renew(token);
  const { jti } = refreshClaims(found.refresh_token);
  if (before !== null) assert.equal(jti, before);
  assert.equal((await renew(token)).refresh_token, found.refresh_token);
  const request = supertest(server.url);
  await request.get('/api/auth/me').set(bearer(found.access_token)).expect(200);
  const next = await renew(found.refresh_token);
  await assertFamilyLives(token);
  return next;
}

/** The server processes of PostgreSQL that wait for a lock. */
async function listWaiting(): Promise<number[]> {
  const { rows } = await database.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows.map(({ pid }) => pid);
}

/** Has the server killed while its statement waits for the user's row, and then does `after` to that. */
async function killInStatement(
  { refresh_token, user }: Tokens,
  after: (pid: number) => Promise<unknown>,
): Promise<void> {
  const holder = new Client({ connectionString: await databaseUrl() });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [user.id]);
  const socket = await sendRefresh(refresh_token);
  await eventually('the refresh waits', async () => (await listWaiting()).length === 1);
  const [pid = 0] = await listWaiting();
  await kill();
  await after(pid);
  await holder.query('COMMIT');
  await holder.end();
  socket.destroy();
}

describe('a server that is killed in the middle of a refresh', () => {
  test('before the commit has used nothing up', async () => {
    const tokens = await signUp();
    await killInStatement(tokens, async (pid) => {
      await database.query('SELECT pg_terminate_backend($1)', [pid]);
      await eventually('the statement is over', async () => (await listWaiting()).length === 0);
    });
    assert.equal(await successorOf(tokens.refresh_token), null);
    server = await start();
    await assertGoesOn(tokens.refresh_token);
  });

  test('while PostgreSQL commits gives the successor to the device that asks again', async () => {
    const tokens = await signUp();
    await killInStatement(tokens, () => Promise.resolve());
    await eventually('the token is used', async () => {
      return (await successorOf(tokens.refresh_token)) !== null;
    });
    server = await start();
    await assertGoesOn(tokens.refresh_token);
  });

  test('as soon as the commit is seen gives the same successor, again and again', async () => {
    let token = (await signUp()).refresh_token;
    for (let round = 0; round < 3; round += 1) {
      const socket = await sendRefresh(token);
      while ((await successorOf(token)) === null);
      await killAndStart();
      socket.destroy();
      token = (await assertGoesOn(token)).refresh_token;
    }
    assert.equal((await familyOf(token)).tokens.length, 7);
  });

  test('at any moment signs nobody out', async () => {
    let token = (await signUp()).refresh_token;
    for (const delayMs of DELAYS_MS) {
      const socket = await sendRefresh(token);
      await sleep(delayMs);
      await killAndStart();
      socket.destroy();
      token = (await assertGoesOn(token)).refresh_token;
    }
  });

  test('after the answer was sent and not read is no different', async () => {
    const { refresh_token } = await signUp();
    const socket = await sendRefresh(refresh_token);
    await once(socket, 'readable');
    await killAndStart();
    socket.destroy();
    await assertGoesOn(refresh_token);
    await kill();
  });
});
