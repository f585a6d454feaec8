import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp, type TestApp } from './support/app.ts';
import { assertLives, signInDevices } from './support/live-sockets.ts';
import { bearer, newPhoneNumber, sendCode, signIn, type Tokens } from './support/phone.ts';
import { connect, refused } from './support/socket.ts';

const SIGN_INS = 100;

const env = { OTP_LIMIT_PER_NUMBER: '1000/60' };
const a = await startApp({ env });
const b = await startApp({ env });
const nodes = [a, b];

function post(node: TestApp, path: string, token: string) {
  return node.request.post(`/api/v2/auth/${path}`).set(bearer(token));
}

async function assertWorksEverywhere(token: string): Promise<void> {
  for (const node of nodes) {
    await node.request.get('/api/v2/test/protected').set(bearer(token)).expect(200);
  }
}

/** By requests and by handshakes alike, in the words that clients know. */
async function assertRevokedEverywhere(token: string): Promise<void> {
  for (const node of nodes) {
    const answer = await node.request
      .get('/api/v2/test/protected')
      .set(bearer(token))
      .expect('content-type', /^application\/problem\+json/)
      .expect('www-authenticate', /^Bearer /)
      .expect(401);
    const { code, detail } = answer.body as { code: string; detail: string };
    assert.deepEqual([code, detail], ['token_revoked', 'Token has been revoked']);
    const { status, body } = await refused(node.url, { headers: bearer(token) });
    assert.deepEqual([status, body.detail], [401, 'Token has been revoked']);
  }
}

/** A code that one node sends and the other verifies. */
async function signInAcross(
  sender: TestApp,
  verifier: TestApp,
  phoneNumber: string,
): Promise<Tokens> {
  const otp = await sendCode(sender, phoneNumber);
  const answer = await verifier.request
    .post('/api/v2/auth/verify-otp')
    .send({ phone_number: phoneNumber, otp, role: 'driver' })
    .expect(200);
  return answer.body as Tokens;
}

async function refresh(node: TestApp, refresh_token: string) {
  return node.request.post('/api/v2/auth/refresh').send({ refresh_token });
}

test('a driver logs out of one phone through A: its socket on B dies, the other device lives', async () => {
  const phoneNumber = newPhoneNumber();
  const lost = await signIn(a, { phoneNumber, role: 'driver', device_name: 'Phone' });
  const kept = await signIn(a, { phoneNumber, role: 'driver', device_name: 'Tablet' });
  const lostSocket = await connect(b.url, lost.access_token);
  const keptSocket = await connect(b.url, kept.access_token);
  assert.notEqual(lostSocket.ready.session_id, keptSocket.ready.session_id);

  await post(a, 'logout', lost.access_token).expect(200, { message: 'Logged out' });
  assert.deepEqual(await lostSocket.closed, { code: 4500, reason: 'logout' });
  assert.deepEqual(lostSocket.frames, [{ type: 'revoked', reason: 'logout' }]);
  await assertRevokedEverywhere(lost.access_token);

  await assertLives(keptSocket);
  await assertWorksEverywhere(kept.access_token);
  for (const node of nodes) {
    assert.equal((await refresh(node, lost.refresh_token)).status, 401);
    assert.equal((await refresh(node, kept.refresh_token)).status, 200);
  }
});

test('a logout through the node that holds the socket closes it just the same', async () => {
  const { access_token } = await signIn(a);
  const sockets = await Promise.all(nodes.map(({ url }) => connect(url, access_token)));
  await post(b, 'logout', access_token).expect(200);
  for (const socket of sockets) {
    assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
    assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'logout' }]);
  }
  await assertRevokedEverywhere(access_token);
});

test('a token is refused on the other node from the moment the logout is answered', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { access_token } = await signIn(a);
    const [from = a, to = b] = round % 2 === 0 ? nodes : nodes.toReversed();
    await post(from, 'logout', access_token).expect(200);
    await to.request.get('/api/v2/test/protected').set(bearer(access_token)).expect(401);
  }
});

test('logout-all-devices closes the sockets of every device on every node with 4501', async () => {
  const tokens = await signInDevices(a, 3);
  const stranger = await connect(b.url, (await signIn(a)).access_token);
  const sockets = await Promise.all(
    tokens.flatMap((token) => nodes.map(({ url }) => connect(url, token))),
  );
  await post(a, 'logout-all-devices', tokens[0] ?? '').expect(200);
  for (const socket of sockets) {
    assert.deepEqual(await socket.closed, { code: 4501, reason: 'logout_all' });
  }
  for (const token of tokens) await assertRevokedEverywhere(token);
  await assertLives(stranger);
});

test('a device ends the session of another through A, and its socket on B closes', async () => {
  const [mine = '', other = ''] = await signInDevices(a, 2);
  const mySocket = await connect(b.url, mine);
  const otherSocket = await connect(b.url, other);
  await a.request
    .delete(`/api/v2/auth/sessions/${String(otherSocket.ready.session_id)}`)
    .set(bearer(mine))
    .expect(204);
  assert.deepEqual(await otherSocket.closed, { code: 4500, reason: 'session_revoked' });
  await assertRevokedEverywhere(other);
  await assertLives(mySocket);
});

test('an account that is erased through A loses its sockets on B with 4504', async () => {
  const phoneNumber = newPhoneNumber();
  const { access_token, refresh_token } = await signIn(a, { phoneNumber });
  const socket = await connect(b.url, access_token);
  const otp = await sendCode(b, phoneNumber);
  await a.request.delete('/api/v2/auth/me').set(bearer(access_token)).send({ otp }).expect(204);
  assert.deepEqual(await socket.closed, { code: 4504, reason: 'account_disabled' });
  await assertRevokedEverywhere(access_token);
  for (const node of nodes) assert.equal((await refresh(node, refresh_token)).status, 401);
});

test('a session that was made on A is refreshed on B, and both tokens end with it', async () => {
  const { access_token, refresh_token } = await signIn(a);
  const answer = await refresh(b, refresh_token);
  assert.equal(answer.status, 200);
  const fresh = (answer.body as { access_token: string }).access_token;
  await assertWorksEverywhere(fresh);
  const sockets = [await connect(a.url, fresh), await connect(b.url, access_token)];
  await post(b, 'logout', fresh).expect(200);
  for (const socket of sockets) assert.equal((await socket.closed).code, 4500);
  await assertRevokedEverywhere(access_token);
  await assertRevokedEverywhere(fresh);
});

test('a code that A sent signs in on B, once', async () => {
  const phoneNumber = newPhoneNumber();
  const otp = await sendCode(a, phoneNumber);
  const answers = await Promise.all(
    [b, a, b, a].map((node) =>
      node.request.post('/api/v2/auth/verify-otp').send({ phone_number: phoneNumber, otp }),
    ),
  );
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
});

test('wrong codes are counted together, whichever node they are given to', async () => {
  const phoneNumber = newPhoneNumber();
  const right = await sendCode(a, phoneNumber);
  const otp = right === '111111' ? '222222' : '111111';
  const answers = [];
  for (const node of [a, b, a, b]) {
    const submission = { phone_number: phoneNumber, otp };
    answers.push((await node.request.post('/api/v2/auth/verify-otp').send(submission)).status);
  }
  assert.deepEqual(answers, [401, 401, 429, 429]);
});

test('a second code is refused by B while the cooldown that A began lasts', async () => {
  const phoneNumber = newPhoneNumber();
  await sendCode(a, phoneNumber);
  await b.request.post('/api/v2/auth/send-otp').send({ phone_number: phoneNumber }).expect(429);
});

test('a list of sessions is the same on both nodes', async () => {
  const [token = ''] = (await signInDevices(a, 3)).toReversed();
  const lists = await Promise.all(
    nodes.map((node) => node.request.get('/api/v2/auth/sessions').set(bearer(token)).expect(200)),
  );
  const [one, other] = lists.map(({ body }) => body as { sessions: unknown[] });
  assert.equal(one?.sessions.length, 3);
  assert.deepEqual(one, other);
});

test('a hundred sign-ins over both nodes all work on both, and end one by one', async () => {
  const signedIn = await Promise.all(
    Array.from({ length: SIGN_INS }, async (_, index) => {
      const [sender = a, verifier = b] = index % 2 === 0 ? nodes : nodes.toReversed();
      const tokens = await signInAcross(sender, verifier, newPhoneNumber());
      return { tokens, socket: await connect(sender.url, tokens.access_token) };
    }),
  );
  assert.equal(new Set(signedIn.map(({ tokens }) => tokens.user.id)).size, SIGN_INS);
  assert.equal(new Set(signedIn.map(({ socket }) => socket.ready.session_id)).size, SIGN_INS);
  const leaving = signedIn.filter((_, index) => index % 2 === 0);
  const staying = signedIn.filter((_, index) => index % 2 === 1);
  await Promise.all(
    leaving.map(async ({ tokens, socket }, index) => {
      await post(index % 4 < 2 ? a : b, 'logout', tokens.access_token).expect(200);
      assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
    }),
  );
  for (const { tokens, socket } of staying) {
    await assertLives(socket);
    await assertWorksEverywhere(tokens.access_token);
  }
});
