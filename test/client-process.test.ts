import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { createClient, memoryStorage, type Medallion } from '../client/src/medallion.ts';
import { untilListening, type ServerProcess } from '../scripts/server-process.ts';
import { register } from './support/accounts.ts';
import { startApp, testEnvironment } from './support/app.ts';
import { untilOpen } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { bearer, newPhoneNumber } from './support/phone.ts';
import { launch, makeDirectory } from './support/processes.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';

const directory = makeDirectory();
const env = await testEnvironment({ env: { DATA_DIR: directory } });

const start = (): Promise<ServerProcess> => untilListening(launch(env, directory));

async function signIn(url: string): Promise<Medallion> {
  const client = await createClient({ url, storage: memoryStorage() });
  atEnd(() => {
    client.close();
  });
  const phoneNumber = newPhoneNumber();
  await client.sendCode(phoneNumber);
  const outbox = (await (await fetch(new URL('/dev/outbox', url))).json()) as {
    messages: { to: string; code: string }[];
  };
  const code = outbox.messages.find(({ to }) => to === phoneNumber)?.code ?? '';
  await client.signInWithCode({ phoneNumber, code });
  return client;
}

test('a server that was killed and started again has its clients back, but not those whose session has ended', async () => {
  const [first, other] = await Promise.all([start(), start()]);
  const proxy = await startProxy(first.url);
  const [staying, leaving] = [await signIn(proxy.url), await signIn(proxy.url)];
  const options = { backOff: { baseMs: 50, capMs: 200 } };
  const [live, ending] = [staying.connect(options), leaving.connect(options)];
  const ends: string[] = [];
  staying.on('signedOut', ({ reason }) => ends.push(`staying ${reason}`));
  leaving.on('signedOut', ({ reason }) => ends.push(`leaving ${reason}`));
  await Promise.all([untilOpen(live), untilOpen(ending)]);
  const { session } = staying;
  const dead = leaving.session?.accessToken ?? '';
  first.child.kill('SIGKILL');
  await first.ended;
  proxy.cut();
  await eventually('both are cut off', () => live.state !== 'open' && ending.state !== 'open');
  const answer = await fetch(`${other.url}/api/v2/auth/logout`, {
    method: 'POST',
    headers: { ...bearer(dead), 'Content-Type': 'application/json' },
    body: '{}',
  });
  assert.equal(answer.status, 200);
  const second = await start();
  proxy.restore(second.url);
  await untilOpen(live);
  await eventually('the other is closed', () => ending.state === 'closed');
  assert.deepEqual(ends, ['leaving refresh_refused']);
  assert.equal(staying.session?.accessToken, session?.accessToken);
  assert.equal((await staying.me()).id, session?.user.id);
  assert.equal(leaving.session, null);
});

test('a platform that lacks what React Native lacks is enough', async () => {
  const app = await startApp();
  const { email, password } = await register(app);
  const program = join(import.meta.dirname, 'support/bare-platform.ts');
  const child = spawn(process.execPath, [program, app.url, email, password]);
  const [output, errors] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  assert.equal(errors, '');
  assert.deepEqual(JSON.parse(output), {
    device: 'Phone',
    pong: 'pong',
    isKept: true,
    aborted: 'AbortError',
    state: 'closed',
  });
});
