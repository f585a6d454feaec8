import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import supertest from 'supertest';
import { untilListening, type ServerProcess } from '../scripts/server-process.ts';
import { developmentSecrets } from '../server/embedded/development-secrets.ts';
import { testEnvironment } from './support/app.ts';
import {
  beginSlowAnswer,
  launch,
  makeDirectory,
  signInAt,
  writeExtension,
} from './support/processes.ts';
import { connect } from './support/socket.ts';
import { atEnd } from './support/teardown.ts';

const directory = makeDirectory();
const EXTENSIONS = writeExtension(directory);

async function environment(extra: Record<string, string> = {}): Promise<Record<string, string>> {
  return testEnvironment({ env: { EXTENSIONS, DATA_DIR: directory, ...extra } });
}

async function start(env?: Record<string, string>): Promise<ServerProcess> {
  return untilListening(launch(env ?? (await environment()), directory));
}

/** Its exit code and all that it wrote. */
async function untilEnded(
  env: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  const server = launch(env, directory);
  const code = await server.ended;
  return { code, output: server.output() };
}

describe('a server process that starts', { concurrency: 2 }, () => {
  test('says where it is, and what it is missing for production', async () => {
    const server = await start();
    const lines = server.output().trim().split('\n');
    assert.equal(lines[0], `Medallion listens on ${server.url}`);
    assert.match(server.output(), /API {2}http:\S+\/docs/);
    const missing = lines.slice(lines.indexOf('For production it is missing:') + 1);
    assert.deepEqual(missing, [
      '  SMS_PROVIDER: must be twilio or webhook in production: console only prints the codes',
    ]);
    await supertest(server.url).get('/readyz').expect(200);
    assert.equal(await server.stop(), 0);
  });

  test('loads the modules that EXTENSIONS names', async () => {
    const server = await start();
    assert.equal(await (await beginSlowAnswer(server.url, 1))(), 'begun, done');
    const socket = await connect(server.url, (await signInAt(server.url)).access_token);
    socket.send({ type: 'greet', ref: 1 });
    assert.deepEqual(await socket.next('greeting'), { type: 'greeting', ref: 1 });
    assert.equal(await server.stop(), 0);
  });

  test('does not start with a module that is no extension', async () => {
    const file = join(directory, 'nothing.ts');
    writeFileSync(file, 'export const nothing = 1;');
    const env = await environment({ EXTENSIONS: file, LOG_LEVEL: 'info' });
    const { code, output } = await untilEnded(env);
    assert.equal(code, 1);
    assert.match(output, /EXTENSIONS: \S+nothing\.ts has no function as its default export/);
  });

  test('shares the secrets it makes with others that start in its directory at the same moment', async () => {
    const home = join(makeDirectory(), 'data');
    const [first, ...others] = await Promise.all(
      Array.from({ length: 8 }, () => developmentSecrets(home)),
    );
    assert.ok(first?.JWT_SECRET_KEY && first.HASH_PEPPER && first.DATABASE_ENCRYPTION_KEY);
    for (const secrets of [...others, await developmentSecrets(home)]) {
      assert.deepEqual(secrets, first);
    }
  });

  test('names every problem of its configuration at once, and no secret', async () => {
    const { code, output } = await untilEnded({
      DATA_DIR: directory,
      PORT: 'everywhere',
      DATABASE_URL: 'mysql://localhost/medallion',
      LOG_LEVEL: 'loud',
      JWT_SECRET_KEY: 'hunter2',
      OTP_LIMIT_PER_IP: 'many',
    });
    assert.equal(code, 1);
    for (const name of [
      'PORT',
      'DATABASE_URL',
      'LOG_LEVEL',
      'JWT_SECRET_KEY',
      'OTP_LIMIT_PER_IP',
    ]) {
      assert.match(output, new RegExp(`^ {2}${name}: .`, 'm'));
    }
    assert.ok(!output.includes('hunter2'));
    assert.ok(!output.includes('    at '), output);
  });

  test('refuses to start in production without what production needs', async () => {
    const { code, output } = await untilEnded({ NODE_ENV: 'production' });
    assert.equal(code, 1);
    for (const name of [
      'DATABASE_URL',
      'REDIS_URL',
      'SMS_PROVIDER',
      'JWT_SECRET_KEY',
      'HASH_PEPPER',
      'DATABASE_ENCRYPTION_KEY',
    ]) {
      assert.match(output, new RegExp(`^ {2}${name}: .`, 'm'));
    }
  });

  for (const LOG_LEVEL of ['info', 'silent']) {
    test(`says in one line that its port is taken, with the log level ${LOG_LEVEL}`, async () => {
      const other = createServer().listen(0, '127.0.0.1');
      atEnd(() => other.close());
      await new Promise((resolve) => other.once('listening', resolve));
      const PORT = String((other.address() as AddressInfo).port);
      const env = await environment({ NODE_ENV: 'development', LOG_LEVEL, PORT });
      const { code, output } = await untilEnded(env);
      assert.equal(code, 1);
      const lines = output.trim().split('\n');
      assert.equal(lines.length, 1, output);
      assert.match(lines[0] ?? '', new RegExp(`\\b${PORT}\\b`));
    });
  }
});
