import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp } from './support/app.ts';
import { logIn, register, renew } from './support/accounts.ts';
import { assertLives, signInDevices } from './support/live-sockets.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { connect, type Frame } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { TestClock } from './support/test-clock.ts';

const MINUTE_MS = 60_000;
const ACCESS_TOKEN_MS = 15 * MINUTE_MS;

const clock = new TestClock();
const [a, b] = [await startApp({ clock }), await startApp({ clock })];

async function refreshPhone(refresh_token: string): Promise<string> {
  const answer = await a.request.post('/api/v2/auth/refresh').send({ refresh_token }).expect(200);
  return (answer.body as { access_token: string }).access_token;
}

function msUntil(expires_at: unknown): number {
  return Date.parse(String(expires_at)) - clock.now();
}

function assertInvalid(error: Frame, ref: unknown): void {
  const detail = 'Invalid or expired token';
  assert.deepEqual(error, { type: 'error', code: 'invalid_token', detail, ref });
}

test('a driver stays connected for a whole shift, told each time when to refresh', async () => {
  const { access_token, refresh_token } = await signIn(a, { role: 'driver' });
  const socket = await connect(b.url, access_token);
  let expires_at = socket.ready.expires_at;
  for (let refreshes = 0; refreshes < 32; refreshes += 1) {
    clock.advance(msUntil(expires_at) - MINUTE_MS - 2000);
    await assertLives(socket);
    assert.deepEqual(socket.frames, []);
    clock.advance(2001);
    assert.deepEqual(await socket.next('token_expiring'), { type: 'token_expiring', expires_at });
    socket.send({ type: 'refresh', access_token: await refreshPhone(refresh_token), ref: 'r' });
    const { expires_at: next, ...rest } = await socket.next('refreshed');
    assert.deepEqual(rest, { type: 'refreshed', ref: 'r' });
    assert.ok(msUntil(next) > ACCESS_TOKEN_MS - 3000 && msUntil(next) <= ACCESS_TOKEN_MS);
    expires_at = next;
  }
  clock.advance(msUntil(expires_at));
  assert.deepEqual(await socket.closed, { code: 4401, reason: 'token_expired' });
});

test('a socket of an account lives on by rotated tokens', async () => {
  const account = await register(a);
  const tokens = await logIn(a, account);
  const socket = await connect(a.url, tokens.access_token);
  clock.advance(ACCESS_TOKEN_MS - MINUTE_MS);
  await socket.next('token_expiring');
  const { body } = (await renew(a, tokens.refresh_token).expect(200)) as {
    body: { access_token: string };
  };
  socket.send({ type: 'refresh', access_token: body.access_token });
  await socket.next('refreshed');
  clock.advance(2 * MINUTE_MS);
  await assertLives(socket);
});

test('one that connects in the last minute of its token is told right after ready', async () => {
  const { access_token } = await signIn(a);
  clock.advance(ACCESS_TOKEN_MS - MINUTE_MS / 2);
  const { ready, next } = await connect(a.url, access_token);
  assert.equal((await next('token_expiring')).expires_at, ready.expires_at);
});

test('a token that is not valid costs an error, and the socket lives', async () => {
  const phoneNumber = newPhoneNumber();
  const old = await signIn(a, { phoneNumber });
  clock.advance(ACCESS_TOKEN_MS);
  const socket = await connect(a.url, await refreshPhone(old.refresh_token));
  const [head, , signature] = old.access_token.split('.');
  const unfit = ['', 'x', 'a.b.c', `${head}.e30.${signature}`, old.refresh_token, old.access_token];
  for (const [ref, access_token] of unfit.entries()) {
    socket.send({ type: 'refresh', access_token, ref });
    assertInvalid(await socket.next('error'), ref);
  }
  for (const access_token of [7, null, undefined, {}, [old.access_token]]) {
    socket.send({ type: 'refresh', access_token });
    assert.equal((await socket.next('error')).code, 'invalid_frame');
  }
  await assertLives(socket);
});

test('a token of another session closes with 4400, of the same user too', async () => {
  const [mine, tablet] = await signInDevices(a, 2);
  const { access_token: stranger } = await signIn(a);
  for (const foreign of [tablet, stranger]) {
    const socket = await connect(a.url, mine ?? '');
    socket.send({ type: 'refresh', access_token: foreign });
    socket.send({ type: 'ping' });
    assert.deepEqual(await socket.closed, { code: 4400, reason: 'foreign_token' });
    assert.deepEqual(socket.frames, []);
  }
});

test('a token that was revoked closes with 4500, and the other tokens of its session live', async () => {
  const admin = await signUpAs(a, 'admin');
  const { access_token, refresh_token } = await signIn(a);
  const [socket, bystander] = [
    await connect(b.url, access_token),
    await connect(b.url, access_token),
  ];
  const revoked = await refreshPhone(refresh_token);
  const [, payload = ''] = revoked.split('.');
  const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string };
  await a.request
    .post('/api/admin/revocations')
    .set(bearer(admin.access_token))
    .send({ jti, reason: 'leaked', wait_ms: 1000 })
    .expect(200);
  socket.send({ type: 'refresh', access_token: revoked });
  assert.deepEqual(await socket.closed, { code: 4500, reason: 'session_revoked' });
  await assertLives(bystander);
});

test('an older token shortens nothing', async () => {
  const { access_token, refresh_token } = await signIn(a);
  clock.advance(5 * MINUTE_MS);
  const socket = await connect(a.url, await refreshPhone(refresh_token));
  socket.send({ type: 'refresh', access_token });
  assert.equal((await socket.next('refreshed')).expires_at, socket.ready.expires_at);
  clock.advance(ACCESS_TOKEN_MS - 4 * MINUTE_MS);
  await assertLives(socket);
});

test('the token that it lives by now is the one whose revocation closes it', async () => {
  const { access_token, refresh_token } = await signIn(a);
  const socket = await connect(b.url, access_token);
  socket.send({ type: 'refresh', access_token: await refreshPhone(refresh_token) });
  await socket.next('refreshed');
  await a.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200);
  assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
});

test('a logout on another node at the same moment wins, whichever comes first', async () => {
  const rounds = Array.from({ length: 20 }, async (_, round) => {
    const { access_token, refresh_token } = await signIn(a);
    const socket = await connect(b.url, access_token);
    const renewed = await refreshPhone(refresh_token);
    const loggedOut = a.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200);
    const sent = new Promise((resolve) => setTimeout(resolve, round / 4)).then(() => {
      socket.send({ type: 'refresh', access_token: renewed });
    });
    await Promise.all([loggedOut, sent]);
    assert.equal((await socket.closed).code, 4500);
  });
  await Promise.all(rounds);
});
