import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { untilListening } from '../scripts/server-process.ts';
import { logIn, PASSWORD, register, renew } from './support/accounts.ts';
import { startApp, testEnvironment } from './support/app.ts';
import { forge } from './support/jwt.ts';
import { requestCode } from './support/otp.ts';
import { bearer, newPhoneNumber, sendCode, signIn } from './support/phone.ts';
import { launch, makeDirectory, signInAt } from './support/processes.ts';
import { startProvider } from './support/provider.ts';
import { sendRaw } from './support/raw-http.ts';
import { connectTcp, encodeFrame, openRawSocket } from './support/raw-socket.ts';
import { findSecrets, type Sender } from './support/secret-kinds.ts';
import { allowAtRest, recordedSecrets, recordText } from './support/secret-record.ts';
import { ADDRESS, senderTo, startSmtp } from './support/smtp.ts';
import { connect, openWebSocket } from './support/socket.ts';

// What is made up here does not count as used in the test run.
process.env.TEST_SECRET_REPORT = '';

const app = await startApp();

const kindOf = (value: string) => recordedSecrets().get(value);
const newToken = (): string => randomBytes(32).toString('base64url');
const newJwt = (): string => forge({ alg: 'HS256' }, { user_id: 1 }, newToken());

/** What is found in a text, as `kind: value`. */
const found = (text: string, sender: Sender = 'client') =>
  findSecrets(text, sender).map(({ kind, value }) => `${kind}: ${value}`);

test('a secret is known by the field that it is in', () => {
  const token = newToken();
  const jwt = newJwt();
  const body = { password: 'a "b" \\ caf\u00e9', otp: '042137', code: '271828', token };
  assert.deepEqual(found(JSON.stringify(body, null, 2)), [
    `password: a "b" \\ caf\u00e9`,
    'one-time code: 042137',
    'TOTP code: 271828',
    `mailed token: ${token}`,
  ]);
  assert.deepEqual(found(`{"message":{"code":"314159","to":"+1"}}`, 'node'), [
    'one-time code: 314159',
  ]);
  assert.deepEqual(found(`{"token" : "${jwt}"}`), [`refresh token: ${jwt}`]);
  assert.deepEqual(found('{"backup_codes":["K7Q2M9XA","P4T8W3ZB"]}', 'node'), [
    'backup code: K7Q2M9XA',
    'backup code: P4T8W3ZB',
  ]);
  const url = 'otpauth://totp/Medallion:ada?secret=JBSWY3DPEHPK3PXP&issuer=Medallion';
  assert.deepEqual(found(`{"otpauth_url":"${url}"}`, 'node'), ['TOTP secret: JBSWY3DPEHPK3PXP']);
  const form = `\r\n\r\ngrant_type=password&username=ada&password=a+b%2Bc%21&refresh_token=${jwt}`;
  assert.deepEqual(found(form), ['password: a b+c!', `refresh token: ${jwt}`]);
  const mail = `Follow https://medallion.example/reset?token=${token}\nwithin the hour.`;
  assert.deepEqual(found(mail, 'node'), [`mailed token: ${token}`]);
});

test('a secret is known by the header that it is in', () => {
  const token = newToken();
  const jwt = newJwt();
  const basic = Buffer.from('billing:a long secret').toString('base64');
  const head = (line: string) => `GET / HTTP/1.1\r\nHost: node\r\n${line}\r\n\r\n`;
  assert.deepEqual(found(head(`authorization: Bearer ${jwt}`)), [`access token: ${jwt}`]);
  assert.deepEqual(found(head(`Sec-WebSocket-Protocol: medallion.v1, medallion.bearer.${jwt}`)), [
    `access token: ${jwt}`,
  ]);
  assert.deepEqual(found(head(`Cookie: theme=dark; session_id=${token}; a=b`)), [
    `session cookie: ${token}`,
  ]);
  assert.deepEqual(found(head(`Set-Cookie: session_id=${token}; HttpOnly`), 'node'), [
    `session cookie: ${token}`,
  ]);
  assert.deepEqual(found(head(`Authorization: Basic ${basic}`)), [
    'API client secret: a long secret',
  ]);
});

test('what opens nothing is no secret', () => {
  const problem = { code: 'invalid_token', detail: 'Invalid or expired token', status: 401 };
  assert.deepEqual(found(JSON.stringify(problem), 'node'), []);
  assert.deepEqual(
    found('{"password":"short","otp":"12345","refresh_token":"x","token":null}'),
    [],
  );
  assert.deepEqual(found('{"code":"{","password":"\\u00"}'), []);
  assert.deepEqual(found(JSON.stringify({ session_id: newToken(), token_type: 'bearer' })), []);
});

test('what clients send and are sent is kept, though the test says nothing of it', async () => {
  const account = await register(app);
  const tokens = await logIn(app, account);
  const next = (await renew(app, tokens.refresh_token)).body as typeof tokens;
  assert.equal(kindOf(PASSWORD), 'password');
  assert.equal(kindOf(tokens.access_token), 'access token');
  for (const { refresh_token } of [tokens, next]) {
    assert.equal(kindOf(refresh_token), 'refresh token');
  }
  const unused = await sendCode(app, newPhoneNumber());
  assert.equal(kindOf(unused), 'one-time code');
});

test('what is written by hand, sent by fetch, or broken off is kept', async () => {
  const [raw, fetched, brokenOff] = [newJwt(), newJwt(), newJwt()];
  await sendRaw(app.url, `GET /api/v2/auth/me HTTP/1.0\r\nAuthorization: Bearer ${raw}\r\n\r\n`);
  await fetch(`${app.url}/api/v2/auth/me`, { headers: bearer(fetched) });
  const { socket } = await connectTcp(app.url);
  const head = 'POST /api/v2/auth/refresh HTTP/1.1\r\nHost: node\r\nContent-Length: 9999\r\n\r\n';
  await new Promise((resolve) => socket.write(`${head}{"refresh_token":"${brokenOff}",`, resolve));
  socket.destroy();
  assert.equal(kindOf(raw), 'access token');
  assert.equal(kindOf(fetched), 'access token');
  assert.equal(kindOf(brokenOff), 'refresh token');
});

test('what comes in pieces on a long connection is kept', async () => {
  const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { socket } = await connectTcp(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const tokens = Array.from({ length: 100 }, newJwt);
  const isKept = (token: string) => kindOf(token) === 'refresh token';
  const text = tokens
    .map((token) => `{"refresh_token":"${token}","x":"${'x'.repeat(5000)}"}`)
    .join('');
  for (let at = 0; at < text.length; at += 1009) {
    const piece = (at === 0 ? 'POST / HTTP/1.1\r\n\r\n' : '') + text.slice(at, at + 1009);
    await new Promise((resolve) => socket.write(piece, resolve));
    // Looking in between loses nothing of what follows.
    if (at % 50 === 0) assert.ok(!tokens.every(isKept));
  }
  socket.destroy();
  server.close();
  assert.ok(tokens.every(isKept));
});

test('what a socket sends and is opened with is kept', async () => {
  const { access_token } = await signIn(app);
  const [offered, renewed, raw] = [newJwt(), newJwt(), newJwt()];
  const ws = openWebSocket(app.url, {}, ['medallion.v1', `medallion.bearer.${offered}`]);
  await once(ws, 'unexpected-response');
  const socket = await connect(app.url, access_token);
  socket.send({ type: 'refresh', access_token: renewed });
  await socket.next('error');
  const peer = await openRawSocket(app.url, access_token);
  peer.socket.write(encodeFrame('text', JSON.stringify({ type: 'refresh', access_token: raw })));
  await peer.until((bytes) => bytes.includes('"error"'));
  for (const token of [offered, renewed, raw]) assert.equal(kindOf(token), 'access token');
});

test('what a process of its own is sent and sends is kept', async () => {
  const directory = makeDirectory();
  const env = await testEnvironment({ store: 'memory', env: { DATA_DIR: directory } });
  const server = await untilListening(launch(env, directory));
  const { access_token, refresh_token } = await signInAt(server.url);
  assert.equal(kindOf(access_token), 'access token');
  assert.equal(kindOf(refresh_token), 'refresh token');
  assert.equal(kindOf(env.JWT_SECRET_KEY ?? ''), 'server secret');
});

test('a code that is sent through a provider is kept, used or not', async () => {
  const provider = await startProvider();
  const secret = randomBytes(32).toString('base64');
  const webhook = {
    SMS_PROVIDER: 'webhook',
    SMS_WEBHOOK_URL: provider.url,
    SMS_WEBHOOK_SECRET: secret,
  };
  const node = await startApp({ env: webhook });
  await requestCode(node, newPhoneNumber()).expect(200);
  const { code } = JSON.parse(provider.requests[0]?.body ?? '') as { code: string };
  assert.equal(kindOf(code), 'one-time code');
  assert.equal(kindOf(secret), 'server secret');
});

test('what is put into an outbox or mailed is kept', async () => {
  const [shown, mailed] = [newToken(), newToken()];
  const link = (token: string) => `https://medallion.example/reset?token=${token}`;
  const created_at = new Date().toISOString();
  const message = { channel: 'email', to: ADDRESS, subject: 'x', created_at } as const;
  app.context.outbox?.add({ ...message, body: link(shown) });
  assert.equal(kindOf(shown), 'mailed token');
  const smtp = await startSmtp();
  await senderTo(smtp.url).send(ADDRESS, { subject: 'x', text: link(mailed), html: '<p>x</p>' });
  assert.equal(kindOf(mailed), 'mailed token');
});

test('a value that a test lets be at rest is not searched for', () => {
  const token = newToken();
  recordText(JSON.stringify({ token }), 'client');
  assert.equal(kindOf(token), 'mailed token');
  allowAtRest(token);
  assert.equal(kindOf(token), undefined);
});
