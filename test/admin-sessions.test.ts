import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { renew, signUp, whoAmI, type Account } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { sessionOf } from './support/audit-scene.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { assertLives } from './support/live-sockets.ts';
import { bearer, newPhoneNumber, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect, refused } from './support/socket.ts';
import { makeApiClient, signUpAs } from './support/staff.ts';

const { client, env } = makeApiClient('fraud', 'sessions:write');
const [app, other] = [await startApp({ env }), await startApp({ env })];
const editor = await signUpAs(app, 'editor');
const REVOKED = { status: 401, code: 'token_revoked' };
const NOBODY = 'A'.repeat(22);

const asEditor = bearer(editor.access_token);
const jtiOf = ({ access_token }: Tokens) => String(decodePart(access_token, 'payload').jti);
const me = (node: TestApp, { access_token }: Tokens) =>
  node.request.get('/api/v2/auth/me').set(bearer(access_token));
const revoke = (body: object, header = asEditor) =>
  app.request
    .post('/api/admin/revocations')
    .set(header)
    .send({ reason: 'fraud', ...body });

/** What the audit log has of acts of staff on a user, the oldest first. */
function acts(userId: number): Promise<{ event_type: string; actor: string; details: object }[]> {
  return query(
    `SELECT event_type, actor, details FROM audit_log
     WHERE user_id = $1 AND actor IS NOT NULL ORDER BY id`,
    [userId],
  );
}

describe('the sessions of a user', () => {
  test('are listed, of every kind, without any being the current one', async () => {
    const phoneNumber = newPhoneNumber();
    const { user } = await signIn(app, { phoneNumber, device_name: 'Pixel' });
    await signIn(app, { phoneNumber });
    const path = `/api/admin/users/${user.id}/sessions`;
    const answer = await app.request.get(`${path}?limit=1`).set(asEditor).expect(200);
    const first = answer.body as { sessions: Record<string, unknown>[]; next_cursor: string };
    assert.equal(first.sessions.length, 1);
    const next = await app.request
      .get(`${path}?cursor=${first.next_cursor}`)
      .set(asEditor)
      .expect(200);
    const [second] = (next.body as typeof first).sessions;
    assert.deepEqual(
      [second?.device_name, second?.kind, second?.is_current],
      ['Pixel', 'phone', false],
    );
    const missing = await app.request.get('/api/admin/users/2000000000/sessions').set(asEditor);
    assertProblem(missing, { status: 404, code: 'not_found' });
  });

  test('all end, on every node, with 4501 for their sockets', async () => {
    const phoneNumber = newPhoneNumber();
    const [one, two] = [await signIn(app, { phoneNumber }), await signIn(app, { phoneNumber })];
    const stranger = await signIn(app);
    const socket = await connect(other.url, one.access_token);
    const strangers = await connect(other.url, stranger.access_token);
    await app.request.delete(`/api/admin/users/${one.user.id}/sessions`).set(asEditor).expect(204);
    assert.deepEqual(await socket.closed, { code: 4501, reason: 'admin' });
    for (const tokens of [one, two]) assertProblem(await me(other, tokens), REVOKED);
    await assertLives(strangers);
    const [event] = await acts(one.user.id);
    assert.deepEqual(
      [event?.event_type, event?.actor],
      ['all_sessions_revoked', `user:${editor.userId}`],
    );
    const answer = await app.request.delete('/api/admin/users/2000000000/sessions').set(asEditor);
    assertProblem(answer, { status: 404, code: 'not_found' });
  });

  test('one ends, with 4500 for its sockets, and once', async () => {
    const phoneNumber = newPhoneNumber();
    const [lost, kept] = [await signIn(app, { phoneNumber }), await signIn(app, { phoneNumber })];
    const [lostSocket, keptSocket] = [
      await connect(other.url, lost.access_token),
      await connect(other.url, kept.access_token),
    ];
    const path = `/api/admin/sessions/${sessionOf(lost)}`;
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => app.request.delete(path).set(asEditor)),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [
      204,
      ...Array<number>(9).fill(404),
    ]);
    assert.deepEqual(await lostSocket.closed, { code: 4500, reason: 'session_revoked' });
    await assertLives(keptSocket);
    assertProblem(await me(other, lost), REVOKED);
    assert.equal((await acts(lost.user.id)).length, 1);
    const answer = await app.request.delete(`/api/admin/sessions/${NOBODY}`).set(asEditor);
    assertProblem(answer, { status: 404, code: 'not_found' });
  });
});

describe('POST /revocations', () => {
  const signUpDriver = async (): Promise<Tokens & Account> => signUp(app);

  test('revokes one access token, whose session goes on', async () => {
    const tokens = await signUpDriver();
    const next = (await renew(app, tokens.refresh_token).expect(200)).body as Tokens;
    const [deadSocket, liveSocket] = [
      await connect(other.url, tokens.access_token),
      await connect(other.url, next.access_token),
    ];
    const answer = await revoke({ jti: jtiOf(tokens) }).expect(200);
    assert.deepEqual(Object.keys(answer.body as object), [
      'revocation_id',
      'committed_at',
      'nodes',
      'pending_nodes',
    ]);
    assert.deepEqual(await deadSocket.closed, { code: 4401, reason: 'token_revoked' });
    for (const node of [app, other]) {
      assertProblem(await whoAmI(node, tokens.access_token), REVOKED);
      await whoAmI(node, next.access_token).expect(200);
    }
    const { status } = await refused(other.url, { headers: bearer(tokens.access_token) });
    assert.equal(status, 401);
    await assertLives(liveSocket);
    await renew(app, next.refresh_token).expect(200);
  });

  test('revokes a session and all that a user holds, as often as it is asked, each on record', async () => {
    const tokens = await signUpDriver();
    const { id } = tokens.user;
    const given: unknown[] = [];
    for (const target of [{ session_id: sessionOf(tokens) }, { user_id: id }]) {
      const { body } = (await revoke(target, client.header).expect(200)) as {
        body: { revocation_id: string };
      };
      given.push(body.revocation_id);
    }
    assertProblem(await whoAmI(other, tokens.access_token), REVOKED);
    const events = await acts(id);
    assert.deepEqual(
      events.map(({ event_type, actor, details }) => [event_type, actor, details]),
      [
        ['session_revoked', 1, given[0]],
        ['all_sessions_revoked', 0, given[1]],
      ].map(([type, sessions_ended, revocation_id]) => [
        type,
        'client:fraud',
        { reason: 'fraud', sessions_ended, revocation_id },
      ]),
    );
  });

  test('closes sockets for its own reason, whatever words it is asked with', async () => {
    for (const reason of [
      'stolen phone',
      'logout_all',
      'token_reuse',
      'constructor',
      '__proto__',
    ]) {
      const [one, all] = [await signUpDriver(), await signUpDriver()];
      const [oneSocket, allSocket] = [
        await connect(other.url, one.access_token),
        await connect(app.url, all.access_token),
      ];
      await revoke({ session_id: sessionOf(one), reason }).expect(200);
      await revoke({ user_id: all.user.id, reason }).expect(200);
      assert.deepEqual(await oneSocket.closed, { code: 4500, reason: 'session_revoked' });
      assert.deepEqual(await allSocket.closed, { code: 4501, reason: 'admin' });
    }
  });

  test('what it revoked stays so on a node that starts later, with and without Redis knowing it', async () => {
    const tokens = await signUpDriver();
    const next = (await renew(app, tokens.refresh_token).expect(200)).body as Tokens;
    await revoke({ jti: jtiOf(tokens) }).expect(200);
    for (const node of [await startApp({ env }), await startApp({ env, store: 'memory' })]) {
      assertProblem(await whoAmI(node, tokens.access_token), REVOKED);
      await whoAmI(node, next.access_token).expect(200);
    }
  });

  test('refuses what is no target', async () => {
    const jti = `${NOBODY}.1.${'A'.repeat(12)}`;
    const tokens = await signUpDriver();
    const later = `${sessionOf(tokens)}.2.${'A'.repeat(12)}`;
    const refreshJti = String(decodePart(tokens.refresh_token, 'payload').jti);
    for (const body of [
      { user_id: 2_000_000_000 },
      { session_id: NOBODY },
      { jti },
      { jti: later },
      { jti: refreshJti },
    ]) {
      assertProblem(await revoke(body), { status: 404, code: 'not_found' });
    }
    for (const body of [
      {},
      { user_id: 1, session_id: NOBODY },
      { user_id: '1' },
      { user_id: 0 },
      { session_id: 'x' },
      { jti: 'x' },
      { user_id: 1, reason: '' },
      { user_id: 1, reason: 'x\u0000' },
      { user_id: 1, more: true },
    ]) {
      assertProblem(await revoke(body), { status: 400, code: 'invalid_request' });
    }
  });
});
