import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import supertest from 'supertest';
import { untilListening, type ServerProcess } from '../scripts/server-process.ts';
import { testEnvironment } from './support/app.ts';
import { query } from './support/database.ts';
import { assertLives, eventually } from './support/live-sockets.ts';
import { bearer } from './support/phone.ts';
import {
  assertNothingLeft,
  beginSlowAnswer,
  findProcesses,
  launch,
  makeDirectory,
  signInAt,
  writeExtension,
} from './support/processes.ts';
import { connectTcp, handshakeText, openRawSocket } from './support/raw-socket.ts';
import { connect } from './support/socket.ts';
import { atEnd } from './support/teardown.ts';

const STOP_MS = 10_000;
const SLOW_ANSWER_MS = 700;

const directory = makeDirectory();
const EXTENSIONS = writeExtension(directory);

async function environment(extra: Record<string, string> = {}): Promise<Record<string, string>> {
  return testEnvironment({ env: { EXTENSIONS, DATA_DIR: directory, ...extra } });
}

async function start(env?: Record<string, string>): Promise<ServerProcess> {
  return untilListening(launch(env ?? (await environment()), directory));
}

async function assertWorks(server: ServerProcess): Promise<void> {
  const { access_token } = await signInAt(server.url);
  await assertLives(await connect(server.url, access_token));
}

describe('a server process', { concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`on ${signal} finishes what is under way, closes sockets with 1012 and ends with 0`, async () => {
      const server = await start();
      const { access_token } = await signInAt(server.url);
      const socket = await connect(server.url, access_token);
      const stubborn = await openRawSocket(server.url, access_token);
      const readAnswer = await beginSlowAnswer(server.url, SLOW_ANSWER_MS);
      const stoppedAt = performance.now();
      server.child.kill(signal);
      const [closed, answer, code] = await Promise.all([
        socket.closed,
        readAnswer(),
        server.ended,
        stubborn.closed,
      ]);
      assert.equal(closed.code, 1012);
      assert.equal(answer, 'begun, done');
      assert.equal(code, 0);
      assert.ok(performance.now() - stoppedAt < STOP_MS);
    });
  }

  test('exits at once on a second signal', async () => {
    const server = await start();
    const readAnswer = await beginSlowAnswer(server.url, 60_000);
    const socket = await connect(server.url, (await signInAt(server.url)).access_token);
    server.child.kill('SIGTERM');
    assert.equal((await socket.closed).code, 1012);
    assert.equal(server.child.exitCode, null);
    const insistedAt = performance.now();
    server.child.kill('SIGTERM');
    const [code] = await Promise.all([server.ended, assert.rejects(readAnswer())]);
    assert.notEqual(code, 0);
    assert.ok(performance.now() - insistedAt < 1000);
  });

  test('waits for load balancers and clients for as long as it is told to, unless a second signal comes', async () => {
    const patient = { DRAIN_READINESS_SECONDS: '0.5', DRAIN_WINDOW_SECONDS: '1' };
    const [server, hurried] = [
      await start(await environment(patient)),
      await start(await environment({ ...patient, DRAIN_READINESS_SECONDS: '60' })),
    ];
    const socket = await connect(server.url, (await signInAt(server.url)).access_token);
    const stoppedAt = performance.now();
    server.child.kill('SIGTERM');
    hurried.child.kill('SIGTERM');
    for (const { url } of [server, hurried]) {
      await eventually(async () => {
        const { status } = await fetch(`${url}/readyz`);
        return status === 503;
      }, 'it is not ready any more');
    }
    const { reconnect_after_ms } = await socket.next('drain');
    assert.ok(Number(reconnect_after_ms) < 500);
    assert.ok(performance.now() - stoppedAt >= 500);
    assert.equal((await socket.closed).code, 1012);
    assert.equal(await server.ended, 0);
    assert.equal(hurried.child.exitCode, null);
    hurried.child.kill('SIGTERM');
    assert.notEqual(await hurried.ended, 0);
  });

  test('stops in time though a request never ends and a handshake was never finished', async () => {
    const server = await start();
    const halfway = await connectTcp(server.url);
    halfway.socket.write(handshakeText({}).slice(0, 40));
    const readAnswer = await beginSlowAnswer(server.url, 60_000);
    const stoppedAt = performance.now();
    server.child.kill('SIGTERM');
    const [code] = await Promise.all([server.ended, assert.rejects(readAnswer())]);
    assert.equal(code, 0);
    assert.ok(performance.now() - stoppedAt < STOP_MS);
  });

  test('ends its kept-alive connections with the last answer, and itself with them', async () => {
    const server = await start();
    const answered = fetch(`${server.url}/late?ms=${SLOW_ANSWER_MS}`);
    const socket = await connect(server.url, (await signInAt(server.url)).access_token);
    server.child.kill('SIGTERM');
    await socket.closed;
    const answer = await answered;
    const answeredAt = performance.now();
    assert.equal(await answer.text(), 'late');
    assert.equal(await server.ended, 0);
    const took = performance.now() - answeredAt;
    assert.ok(took < 2000, `it ended ${took.toFixed()} ms after its last answer`);
  });

  test('is killed in the middle of its work, and starts again where it was', async () => {
    const server = await start();
    const kept = await signInAt(server.url);
    const ended = await signInAt(server.url);
    const traffic = Array.from({ length: 4 }, async () => {
      for (;;) {
        const { access_token } = await signInAt(server.url);
        const logout = supertest(server.url).post('/api/v2/auth/logout').set(bearer(access_token));
        await logout.expect(200);
      }
    });
    const failed = Promise.allSettled(traffic);
    const logout = supertest(server.url).post('/api/v2/auth/logout');
    await logout.set(bearer(ended.access_token)).expect(200);
    server.child.kill('SIGKILL');
    await Promise.all([server.ended, failed]);

    const again = await start();
    await assertLives(await connect(again.url, kept.access_token));
    const probe = () => supertest(again.url).get('/api/v2/test/protected');
    await probe().set(bearer(kept.access_token)).expect(200);
    await probe().set(bearer(ended.access_token)).expect(401);
    await assertWorks(again);
    assert.equal(await again.stop(), 0);
  });

  test('shares an empty database with others that start at the same moment', async () => {
    const name = `medallion_empty_${randomBytes(6).toString('hex')}`;
    await query(`CREATE DATABASE ${name}`);
    atEnd(() => query(`DROP DATABASE ${name} WITH (FORCE)`));
    const env = await environment();
    const url = new URL(env.DATABASE_URL ?? '');
    url.pathname = `/${name}`;
    const servers = await Promise.all(
      [1, 2, 3].map(() => start({ ...env, DATABASE_URL: url.href })),
    );
    for (const server of servers) await assertWorks(server);
    const codes = await Promise.all(servers.map((server) => server.stop()));
    assert.deepEqual(codes, [0, 0, 0]);
  });

  test('brings its own PostgreSQL, keeps its data over a kill, and leaves none behind', async () => {
    const home = makeDirectory();
    const env = { NODE_ENV: 'development', DATA_DIR: home, LOG_LEVEL: 'warn' };
    const file = join(home, 'postgres/postmaster.pid');
    const readPostmaster = () => Number.parseInt(readFileSync(file, 'utf8'));
    const first = await start(env);
    const { access_token } = await signInAt(first.url);
    const postmaster = readPostmaster();
    first.child.kill('SIGKILL');
    await first.ended;

    const second = await start(env);
    assert.equal(readPostmaster(), postmaster);
    await assertLives(await connect(second.url, access_token));
    assert.equal(await second.stop(), 0);
    await assertNothingLeft(home);

    const third = await start(env);
    await supertest(third.url).get('/api/v2/auth/me').set(bearer(access_token)).expect(200);
    third.child.kill('SIGINT');
    assert.equal(await third.ended, 0);
    await assertNothingLeft(home);
  });

  test('takes its PostgreSQL with it when a second signal hurries it', async () => {
    const home = makeDirectory();
    const server = await start({ NODE_ENV: 'development', DATA_DIR: home, EXTENSIONS });
    const readAnswer = await beginSlowAnswer(server.url, 60_000);
    const socket = await connect(server.url, (await signInAt(server.url)).access_token);
    server.child.kill('SIGINT');
    assert.equal((await socket.closed).code, 1012);
    server.child.kill('SIGINT');
    await Promise.all([server.ended, assert.rejects(readAnswer())]);
    await assertNothingLeft(home);
  });

  test('leaves no PostgreSQL behind when it is stopped while that starts', async () => {
    const home = makeDirectory();
    const server = launch({ NODE_ENV: 'development', DATA_DIR: home }, home);
    await eventually(
      () => findProcesses(`postgres -D ${home}`).length > 0,
      'its PostgreSQL is starting',
    );
    server.child.kill('SIGINT');
    await server.ended;
    await assertNothingLeft(home);
  });
});
