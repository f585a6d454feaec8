import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { startApp } from './support/app.ts';
import { assertLives, eventually } from './support/live-sockets.ts';
import { bearer, signIn } from './support/phone.ts';
import { encodeFrame, handshakeText, connectTcp, shakeHands } from './support/raw-socket.ts';
import { assertRefused } from './support/refused-handshake.ts';
import { connect, listen, openWebSocket } from './support/socket.ts';
import { TestClock } from './support/test-clock.ts';

const ACCESS_TOKEN_MS = 15 * 60 * 1000;

const app = await startApp({
  env: { ALLOWED_ORIGINS: 'https://app.example.com', MAX_SOCKETS_PER_USER: '1000' },
});
const { access_token: token, refresh_token: refreshToken, user } = await signIn(app);

function decodePart(part: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as Record<string, unknown>;
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

const [header, payload, signature = ''] = token.split('.');
const claims = decodePart(payload);

test('the first frame is ready, and says whose socket it is and how long', async () => {
  const { ready, frames, ws } = await connect(app.url, token);
  const { connection_id, ...rest } = ready;
  assert.match(String(connection_id), /^[\w-]{16,}$/);
  assert.deepEqual(rest, {
    type: 'ready',
    session_id: String(claims.jti).split('.')[0],
    user_id: user.id,
    role: 'rider',
    expires_at: new Date(Number(claims.exp) * 1000).toISOString(),
    heartbeat_seconds: 25,
  });
  assert.deepEqual(frames, []);
  assert.equal(ws.protocol, '');
});

test('every socket has a connection id of its own', async () => {
  const sockets = await Promise.all([1, 2, 3].map(() => connect(app.url, token)));
  assert.equal(new Set(sockets.map(({ ready }) => ready.connection_id)).size, 3);
});

for (const [name, offered] of [
  ['the protocol first', ['medallion.v1', `medallion.bearer.${token}`]],
  ['the token first', [`medallion.bearer.${token}`, 'medallion.v1']],
  ['another protocol first', ['chat', `medallion.bearer.${token}`, 'medallion.v1']],
] as const) {
  test(`a browser gives its token as a subprotocol, ${name}, and only medallion.v1 is selected`, async () => {
    const socket = listen(openWebSocket(app.url, {}, [...offered]));
    assert.equal((await socket.next('ready')).user_id, user.id);
    assert.equal(socket.ws.protocol, 'medallion.v1');
    await assertLives(socket);
  });
}

test('the answer to a handshake never repeats the token', async () => {
  for (const protocols of [
    `medallion.bearer.${token}`,
    `medallion.bearer.${token}, medallion.v1`,
    `chat, medallion.bearer.${token}`,
  ]) {
    const peer = await connectTcp(app.url);
    peer.socket.write(handshakeText({ headers: { 'Sec-WebSocket-Protocol': protocols } }));
    const answer = (await peer.until((bytes) => bytes.includes('\r\n\r\n'))).toString();
    assert.ok(!answer.includes('medallion.bearer') && !answer.includes(token));
    const selected = /^sec-websocket-protocol: (.*)$/im.exec(answer)?.[1];
    assert.equal(selected, protocols.includes('medallion.v1') ? 'medallion.v1' : undefined);
    peer.socket.destroy();
  }
});

test('a refusal never repeats the token', async () => {
  const stale = `${token.slice(0, -4)}AAAA`;
  const headers = { 'Sec-WebSocket-Protocol': `medallion.v1, medallion.bearer.${stale}` };
  const answer = await shakeHands(app.url, { headers });
  assert.ok(!answer.body.includes(stale) && !JSON.stringify(answer.headers).includes(stale));
  await assertRefused(answer, { status: 401, code: 'invalid_token' });
});

test('the scheme of the Authorization header is matched without regard to case', async () => {
  const { status } = await shakeHands(app.url, { headers: { Authorization: `bEARER ${token}` } });
  assert.equal(status, 101);
});

const anotherKey = randomBytes(32);
function signWith(key: Buffer, parts: string): string {
  return `${parts}.${createHmac('sha256', key).update(parts).digest('base64url')}`;
}

const unsigned = { ...decodePart(header), alg: 'none' };
const BAD_AUTHORIZATIONS: Record<string, string | undefined> = {
  'no token': undefined,
  'an empty token': 'Bearer ',
  garbage: 'Bearer not.a.token',
  'a token that is no JWT': `Bearer ${'x'.repeat(200)}`,
  'a token that is far too long': `Bearer ${token}${'x'.repeat(8000)}`,
  'another scheme': `Basic ${Buffer.from('user:password').toString('base64')}`,
  'a refresh token': `Bearer ${refreshToken}`,
  'a token with the algorithm none': `Bearer ${encodePart(unsigned)}.${String(payload)}.`,
  'a token with the algorithm none that kept its signature': `Bearer ${encodePart(unsigned)}.${String(payload)}.${signature}`,
  'a token of another key': `Bearer ${signWith(anotherKey, `${String(header)}.${String(payload)}`)}`,
  'a token whose claims were changed': `Bearer ${String(header)}.${encodePart({ ...claims, role: 'admin' })}.${signature}`,
  'a token without its signature': `Bearer ${String(header)}.${String(payload)}.`,
};

for (const [name, authorization] of Object.entries(BAD_AUTHORIZATIONS)) {
  test(`${name} is refused with 401 before the upgrade`, async () => {
    const answer = await shakeHands(app.url, { headers: { Authorization: authorization } });
    await assertRefused(answer, {
      status: 401,
      code: 'invalid_token',
      detail: 'Invalid or expired token',
    });
  });
}

test('a token of a service with another secret is refused', async () => {
  const foreign = await startApp({ env: { JWT_SECRET_KEY: randomBytes(32).toString('base64') } });
  const { access_token } = await signIn(foreign);
  const answer = await shakeHands(app.url, {
    headers: { Authorization: `Bearer ${access_token}` },
  });
  await assertRefused(answer, { status: 401, code: 'invalid_token' });
});

test('a bad Authorization header is not made good by a subprotocol', async () => {
  const headers = {
    Authorization: 'Bearer garbage',
    'Sec-WebSocket-Protocol': `medallion.v1, medallion.bearer.${token}`,
  };
  const answer = await shakeHands(app.url, { headers });
  await assertRefused(answer, { status: 401, code: 'invalid_token' });
});

test('an expired token is refused', async () => {
  const clock = new TestClock();
  const later = await startApp({ clock });
  const headers = { Authorization: `Bearer ${(await signIn(later)).access_token}` };
  clock.advance(ACCESS_TOKEN_MS - 5000);
  assert.equal((await shakeHands(later.url, { headers })).status, 101);
  clock.advance(6000);
  const answer = await shakeHands(later.url, { headers });
  const detail = 'Invalid or expired token';
  await assertRefused(answer, { status: 401, code: 'invalid_token', detail });
});

test('a token that expires while its revocation is checked is refused', async () => {
  const clock = new TestClock();
  const later = await startApp({ clock });
  const { access_token } = await signIn(later);
  const { ephemeral } = later.context;
  const get = ephemeral.getEach.bind(ephemeral);
  let isAsked = false;
  let isHeld = false;
  const held = Promise.withResolvers<undefined>();
  ephemeral.getEach = async (key) => {
    isAsked = true;
    if (isHeld) await held.promise;
    return get(key);
  };
  // Until the blacklist has been written after the start, PostgreSQL is asked in its place.
  await eventually(async () => {
    await later.request.get('/api/v2/auth/me').set(bearer(access_token)).expect(200);
    return isAsked;
  }, 'the blacklist is written');
  isAsked = false;
  isHeld = true;
  const answer = shakeHands(later.url, { headers: { Authorization: `Bearer ${access_token}` } });
  await eventually(() => isAsked, 'the check is under way');
  clock.advance(ACCESS_TOKEN_MS);
  held.resolve(undefined);
  await assertRefused(await answer, { status: 401, code: 'invalid_token' });
});

test('a revoked token is refused in the words for it', async () => {
  const { access_token } = await signIn(app);
  await app.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200);
  const answer = await shakeHands(app.url, {
    headers: { Authorization: `Bearer ${access_token}` },
  });
  const detail = 'Token has been revoked';
  await assertRefused(answer, { status: 401, code: 'token_revoked', detail });
});

const authorized = { Authorization: `Bearer ${token}` };

for (const origin of ['https://evil.example', 'null', 'https://app.example.com.evil.example']) {
  test(`a page of the foreign origin ${origin} is refused with 403, whatever its token`, async () => {
    const answer = await shakeHands(app.url, { headers: { ...authorized, Origin: origin } });
    await assertRefused(answer, { status: 403, code: 'origin_not_allowed' });
  });
}

for (const origin of ['https://app.example.com', 'http://localhost:5173', undefined]) {
  test(`a socket may come from ${origin ?? 'a client without an origin'}`, async () => {
    const answer = await shakeHands(app.url, { headers: { ...authorized, Origin: origin } });
    assert.equal(answer.status, 101);
  });
}

test('in production a page on localhost is as foreign as any other', async () => {
  const production = await startApp({
    env: {
      NODE_ENV: 'production',
      ALLOWED_ORIGINS: 'https://app.example.com',
      SMS_PROVIDER: 'webhook',
      SMS_WEBHOOK_URL: 'http://127.0.0.1:9/never-asked',
      SMS_WEBHOOK_SECRET: randomBytes(32).toString('base64'),
    },
  });
  for (const [origin, expected] of [
    ['http://localhost:5173', { status: 403, code: 'origin_not_allowed' }],
    ['https://app.example.com', { status: 401, code: 'invalid_token' }],
  ] as const) {
    const answer = await shakeHands(production.url, { headers: { Origin: origin } });
    await assertRefused(answer, expected);
  }
});

for (const name of ['token', 'access_token', 'jwt']) {
  test(`a token in the URL as ${name} is refused, also beside a good header`, async () => {
    const path = `/ws?${name}=${token}`;
    const expected = { status: 400, code: 'token_in_url' };
    await assertRefused(await shakeHands(app.url, { path }), expected);
    await assertRefused(await shakeHands(app.url, { path, headers: authorized }), expected);
  });
}

for (const path of ['/', '/socket', '/ws/', '/ws/more', '/api/v2/auth/me', '//ws']) {
  test(`there is no socket at ${path}`, async () => {
    const answer = await shakeHands(app.url, { path, headers: authorized });
    await assertRefused(answer, { status: 404, code: 'not_found' });
  });
}

test("other parameters in the URL are nobody's business", async () => {
  const answer = await shakeHands(app.url, { path: '/ws?app=4.2', headers: authorized });
  assert.equal(answer.status, 101);
});

test('a frame that comes together with the handshake is answered after ready', async () => {
  const peer = await connectTcp(app.url);
  const ping = encodeFrame('text', '{"type":"ping","ref":1}');
  peer.socket.write(Buffer.concat([Buffer.from(handshakeText({ headers: authorized })), ping]));
  const received = (await peer.until((bytes) => bytes.includes('"pong"'))).toString();
  assert.ok(received.indexOf('"ready"') < received.indexOf('"pong"'));
});
