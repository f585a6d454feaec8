import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import supertest from 'supertest';
import { launchServer, type ServerProcess } from '../../scripts/server-process.ts';
import { exemptFrames } from './api/watch-frames.ts';
import { eventually } from './live-sockets.ts';
import { newPhoneNumber, type Tokens } from './phone.ts';
import { atEnd } from './teardown.ts';

/**
 * A new directory that PostgreSQL can enter as whatever user it runs. The test runner removes it, and ends
 * the PostgreSQL that a failed test left in it.
 */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'medallion-process-'));
  chmodSync(directory, 0o711);
  return directory;
}

/** What the processes are extended with: answers that take their time, and a frame. */
const EXTENSION = `
  const wait = ({ query }: { query: { ms: string } }, done: () => void) => setTimeout(done, query.ms);
  export default ({ addRouter, addMessage }) => {
    addRouter('/slow', (req, res) => {
      res.write('begun, ');
      wait(req, () => res.end('done'));
    });
    addRouter('/late', (req, res) => wait(req, () => res.end('late')));
    addMessage('greet', { fields: {}, handle: () => ({ type: 'greeting' }) });
  };`;

/** Writes the module that `EXTENSIONS` names, and gives its path. */
export function writeExtension(directory: string): string {
  exemptFrames();
  const file = join(directory, 'extension.ts');
  writeFileSync(file, EXTENSION);
  return file;
}

/** A server that is still to listen, or to fail; ended after the file, whatever becomes of it. */
export function launch(env: Record<string, string>, cwd: string): ServerProcess {
  const server = launchServer({ env, cwd });
  atEnd(() => server.child.kill('SIGKILL'));
  return server;
}

/** An answer that has begun: what there will be of it in the end. */
export async function beginSlowAnswer(url: string, ms: number): Promise<() => Promise<string>> {
  const answer = await fetch(`${url}/slow?ms=${ms}`);
  return () => answer.text();
}

/** The processes that have this text in their command line or environment, but for ourselves. */
export function findProcesses(mark: string): string[] {
  const { stdout } = spawnSync('ps', ['axeww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout
    .split('\n')
    .filter((line) => line.includes(mark) && Number.parseInt(line) !== process.pid)
    .map((line) => line.trim().slice(0, 200));
}

/** Asserts that nothing is left running that has this text in its command line or environment. */
export async function assertNothingLeft(mark: string): Promise<void> {
  await eventually(() => findProcesses(mark).length === 0, 'nothing is left running').catch(() => {
    assert.fail(`left running:\n${findProcesses(mark).join('\n')}`);
  });
}

/** Signs in at a process, whose outbox is read as a developer reads it. */
export async function signInAt(url: string, phoneNumber = newPhoneNumber()): Promise<Tokens> {
  const request = supertest(url);
  await request.post('/api/v2/auth/send-otp').send({ phone_number: phoneNumber }).expect(200);
  const { body } = (await request.get('/dev/outbox').expect(200)) as {
    body: { messages: { to: string; code: string }[] };
  };
  const otp = body.messages.find(({ to }) => to === phoneNumber)?.code;
  const answer = await request
    .post('/api/v2/auth/verify-otp')
    .send({ phone_number: phoneNumber, otp })
    .expect(200);
  return answer.body as Tokens;
}
