import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp, type TestApp } from './support/app.ts';
import { holdChecks } from './support/held-checks.ts';
import { assertLives, countOpenSockets, eventually } from './support/live-sockets.ts';
import { signIn } from './support/phone.ts';
import { connectTcp, handshakeText, openRawSocket, shakeHands } from './support/raw-socket.ts';
import { assertRefused } from './support/refused-handshake.ts';
import { connect } from './support/socket.ts';

const app = await startApp();

async function newHeaders(on: TestApp): Promise<{ Authorization: string }> {
  return { Authorization: `Bearer ${(await signIn(on)).access_token}` };
}

/** Only one socket fits on this node: whatever leaks a place is noticed by the next. */
async function startSmallNode(): Promise<TestApp> {
  return startApp({ env: { MAX_SOCKETS_PER_NODE: '1' } });
}

async function assertOneFits(node: TestApp): Promise<void> {
  const { access_token } = await signIn(node);
  await eventually(async () => {
    const { status, peer } = await shakeHands(node.url, {
      headers: { Authorization: `Bearer ${access_token}` },
    });
    peer.socket.destroy();
    return status === 101;
  }, 'a socket fits on the node');
  await eventually(async () => (await countOpenSockets(node)) === 0, 'the socket has gone again');
}

test('a full node refuses with 503, and has room again when a socket has gone', async () => {
  const node = await startSmallNode();
  const socket = await connect(node.url, (await signIn(node)).access_token);
  const answer = await shakeHands(node.url, { headers: await newHeaders(node) });
  await assertRefused(answer, { status: 503, code: 'node_full' });
  await assertLives(socket);
  socket.ws.close();
  await assertOneFits(node);
});

test('a user who holds too many sockets is refused with 429, and nobody else is', async () => {
  const node = await startApp({ env: { MAX_SOCKETS_PER_USER: '2' } });
  const { access_token } = await signIn(node);
  const [one] = await Promise.all([1, 2].map(() => connect(node.url, access_token)));
  const headers = { Authorization: `Bearer ${access_token}` };
  const answer = await shakeHands(node.url, { headers });
  await assertRefused(answer, { status: 429, code: 'too_many_sockets' });
  await connect(node.url, (await signIn(node)).access_token);
  one?.ws.close();
  await eventually(async () => {
    const again = await shakeHands(node.url, { headers });
    return again.status === 101;
  }, 'the user may open a socket again');
});

test('handshakes at once do not get past the limit', async () => {
  const node = await startApp({ env: { MAX_SOCKETS_PER_USER: '3' } });
  const headers = await newHeaders(node);
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => shakeHands(node.url, { headers })),
  );
  const opened = answers.filter(({ status }) => status === 101);
  assert.equal(opened.length, 3);
  assert.ok(answers.every(({ status }) => status === 101 || status === 429));
});

const BAD_HANDSHAKES: Record<string, Record<string, string | undefined>> = {
  'an unknown Sec-WebSocket-Version': { 'Sec-WebSocket-Version': '99' },
  'no Sec-WebSocket-Version': { 'Sec-WebSocket-Version': undefined },
  'a Sec-WebSocket-Key that is too short': { 'Sec-WebSocket-Key': 'c2hvcnQ=' },
  'no Sec-WebSocket-Key': { 'Sec-WebSocket-Key': undefined },
  'a protocol offered twice': { 'Sec-WebSocket-Protocol': 'medallion.v1, medallion.v1' },
  'a protocol list that is none': { 'Sec-WebSocket-Protocol': ',,' },
};

for (const [name, headers] of Object.entries(BAD_HANDSHAKES)) {
  test(`a handshake with ${name} leaves no place taken on the node`, async () => {
    const node = await startSmallNode();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const authorized = await newHeaders(node);
      const answer = await shakeHands(node.url, { headers: { ...authorized, ...headers } });
      assert.equal(Math.floor(answer.status / 100), 4);
      await answer.peer.closed;
    }
    await assertOneFits(node);
  });

  test(`a handshake with ${name} is refused in a problem document`, async () => {
    const authorized = await newHeaders(app);
    const answer = await shakeHands(app.url, { headers: { ...authorized, ...headers } });
    const isVersion = name.includes('Version');
    assert.ok(answer.status === 400 || (isVersion && answer.status === 426));
    // RFC 6455 §4.4: which version would do.
    if (isVersion) assert.match(answer.headers['sec-websocket-version'] ?? '', /\b13\b/);
    const code = answer.status === 426 ? 'upgrade_required' : 'invalid_request';
    await assertRefused(answer, { status: answer.status, code });
  });
}

test('refused handshakes leave no place taken on the node', async () => {
  const node = await startSmallNode();
  const { access_token, refresh_token } = await signIn(node);
  await node.request.post('/api/v2/auth/logout').send({ refresh_token }).expect(200);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const headers = { Authorization: `Bearer ${access_token}` };
    const answer = await shakeHands(node.url, { headers });
    await assertRefused(answer, { status: 401, code: 'token_revoked' });
  }
  await assertOneFits(node);
});

test('a client that hangs up in the middle of its handshake leaves nothing behind', async () => {
  const node = await startSmallNode();
  const headers = await newHeaders(node);
  for (const hangUp of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const checks = holdChecks(node);
    const peer = await connectTcp(node.url);
    peer.socket.write(handshakeText({ headers }));
    await checks.asked();
    peer.socket[hangUp]();
    if (hangUp !== 'end') await peer.closed;
    checks.letGo();
    await peer.closed;
    await assertOneFits(node);
  }
});

test('a client that hangs up during its handshake frees its place before the check has ended', async () => {
  const node = await startSmallNode();
  const headers = await newHeaders(node);
  const checks = holdChecks(node);
  const peer = await connectTcp(node.url);
  peer.socket.write(handshakeText({ headers }));
  await checks.asked();
  const full = await shakeHands(node.url, { headers });
  await assertRefused(full, { status: 503, code: 'node_full' });
  peer.socket.resetAndDestroy();
  await eventually(async () => {
    const { body, peer: late } = await shakeHands(node.url, { headers: {} });
    late.socket.destroy();
    return !body.includes('node_full');
  }, 'the place is free');
  checks.letGo();
});

test('a handshake that stops halfway holds up nobody, and opens when the rest comes', async () => {
  const node = await startSmallNode();
  const headers = await newHeaders(node);
  const text = handshakeText({ headers });
  const peer = await connectTcp(node.url);
  peer.socket.write(text.slice(0, text.length / 2));
  await assertOneFits(node);
  peer.socket.write(text.slice(text.length / 2));
  await peer.until((bytes) => bytes.includes('"ready"'));
});

test('a handshake may come a few bytes at a time', async () => {
  const peer = await connectTcp(app.url);
  peer.socket.setNoDelay(true);
  for (const part of handshakeText({ headers: await newHeaders(app) }).match(/.{1,7}/gs) ?? []) {
    peer.socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await peer.until((bytes) => bytes.includes('"ready"'));
});

test('a node that is stopping refuses with 503 and closes its sockets with 1012', async () => {
  const node = await startApp();
  const { access_token } = await signIn(node);
  const socket = await connect(node.url, access_token);
  const stubborn = await openRawSocket(node.url, access_token);
  const late = await connectTcp(node.url);
  const stopped = node.close();
  assert.equal((await socket.closed).code, 1012);
  late.socket.write(handshakeText({ headers: { Authorization: `Bearer ${access_token}` } }));
  const answer = (await late.until((bytes) => bytes.includes('"draining"'))).toString();
  assert.match(answer, /^HTTP\/1\.1 503 .*\r\nRetry-After: [1-9]\d*\r\n/s);
  await Promise.all([stubborn.closed, late.closed, stopped]);
});

test('an upgrade by POST is refused with 405, and GET named as what is allowed', async () => {
  const headers = await newHeaders(app);
  const answer = await shakeHands(app.url, { method: 'POST', headers });
  assert.equal(answer.headers.allow, 'GET');
  await assertRefused(answer, { status: 405, code: 'method_not_allowed' });
});

test('a plain GET is told to upgrade, and to what', async () => {
  const answer = await app.request.get('/ws').expect(426);
  assert.equal((answer.body as { code: string }).code, 'upgrade_required');
  // RFC 9110 §15.5.22.
  assert.equal(answer.get('upgrade')?.toLowerCase(), 'websocket');
});

test('a plain POST is refused with 405', async () => {
  const answer = await app.request.post('/ws').expect(405);
  assert.equal((answer.body as { code: string }).code, 'method_not_allowed');
});

test('a request that asks for HTTP/2 is answered in HTTP/1.1', async () => {
  const headers = {
    Connection: 'Upgrade, HTTP2-Settings',
    Upgrade: 'h2c',
    'HTTP2-Settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
    'Sec-WebSocket-Key': undefined,
    'Sec-WebSocket-Version': undefined,
  };
  const health = await shakeHands(app.url, { path: '/healthz', headers });
  assert.deepEqual([health.status, JSON.parse(health.body)], [200, { status: 'ok' }]);
  const socket = await shakeHands(app.url, { headers });
  assert.equal(socket.status, 426);
});

test('noise on the port ends that connection alone', async () => {
  const socket = await connect(app.url, (await signIn(app)).access_token);
  for (const noise of [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET /ws HTTP/9.9\r\n\r\n',
  ]) {
    const peer = await connectTcp(app.url);
    peer.socket.write(Buffer.from(noise, 'latin1'));
    await peer.closed;
  }
  await assertLives(socket);
});
