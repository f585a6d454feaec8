import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { databaseUrl, required } from './support/database.ts';
import { eventually } from './support/live-sockets.ts';
import { assertNothingLeft, findProcesses, makeDirectory } from './support/processes.ts';
import { atEnd } from './support/teardown.ts';

const DEMO = join(import.meta.dirname, '../scripts/demo.ts');

/** What the demo shows, in this order; the times differ. */
const TIMELINE = [
  /Two nodes on one PostgreSQL and one Redis/,
  /Phone 1 is signed in, and holds a live socket on node B/,
  /Phone 2 is signed in, and holds a live socket on node B/,
  /Phone 1 logs out, through node A/,
  /ms {2}Phone 1: its socket on B is told {"type":"revoked","reason":"logout"}/,
  /ms {2}Phone 1: its socket on B is closed with 4500 logout/,
  /ms {2}Phone 1: its token is refused by node A: 401 "Token has been revoked"/,
  /ms {2}Phone 1: its token is refused by node B: 401 "Token has been revoked"/,
  /ms {2}Phone 2: its socket lives, and answers a ping/,
  /Phone 2 logs out all devices, through node A/,
  /ms {2}Phone 2: its socket on B is closed with 4501 logout_all/,
  /ms {2}Phone 2: its token is refused by node B: 401 "Token has been revoked"/,
  /All of it was as claimed\./,
];

interface Run {
  child: ChildProcess;
  output: Promise<string>;
  errors: Promise<string>;
  ended: Promise<[number | null]>;
  /** The demo's temporary directory, which names all its processes. */
  mark: string;
}

/** In a process group of its own, so that it can be sent what ctrl-C sends to all of one. */
function runDemo(env: Record<string, string> = {}): Run {
  const mark = makeDirectory();
  const child = spawn(process.execPath, [DEMO], {
    detached: true,
    env: { PATH: process.env.PATH, TMPDIR: mark, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  atEnd(() => child.kill());
  const ended = once(child, 'close') as Promise<[number | null]>;
  return { child, output: text(child.stdout), errors: text(child.stderr), ended, mark };
}

function assertTimeline(output: string): void {
  let at = 0;
  for (const step of TIMELINE) {
    const found = step.exec(output.slice(at));
    assert.ok(found, `${String(step)} is missing, or in the wrong place, in:\n${output}`);
    at += found.index;
  }
}

test('the demo shows a logout that closes one socket on the other node, and leaves nothing running', async () => {
  const { output, errors, ended, mark } = runDemo();
  assert.deepEqual([await ended, await errors], [[0, null], '']);
  assertTimeline(await output);
  await assertNothingLeft(mark);
});

test('the demo uses the PostgreSQL and the Redis that it is given', async () => {
  const { output, ended, mark } = runDemo({
    DATABASE_URL: await databaseUrl(),
    REDIS_URL: required('TEST_REDIS_URL'),
  });
  await eventually(() => findProcesses(mark).length > 1, 'the nodes are running');
  assert.ok(!findProcesses(mark).some((line) => /postgres -D|redis-server/.test(line)));
  assert.deepEqual(await ended, [0, null]);
  assertTimeline(await output);
  await assertNothingLeft(mark);
});

test('the demo says in a sentence why it cannot go on', async () => {
  const { errors, ended, mark } = runDemo({
    DATABASE_URL: 'postgres://127.0.0.1:1/nowhere',
    REDIS_URL: required('TEST_REDIS_URL'),
  });
  assert.deepEqual(await ended, [1, null]);
  assert.match(await errors, /^\nThe demo failed: A server did not start:\n/);
  await assertNothingLeft(mark);
});

for (const moment of ['its services start', 'its nodes start'] as const) {
  test(`ctrl-C while ${moment} ends the demo and all that it started`, async () => {
    const { child, ended, errors, mark } = runDemo();
    const program = moment === 'its nodes start' ? /server\/main\.ts/ : /postgres|redis-server/;
    await eventually(
      () => findProcesses(mark).some((line) => program.test(line)),
      `the demo is where ${moment}`,
    );
    process.kill(-(child.pid ?? 0), 'SIGINT');
    assert.deepEqual([await ended, await errors], [[130, null], '']);
    await assertNothingLeft(mark);
  });
}
