import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Router } from 'express';
import { z } from 'zod';
import type { AppContext } from '../server/context.ts';
import { AppError } from '../server/errors.ts';
import type { Extension } from '../server/extension.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';

/** What a team writes: routes for drivers, and frames of its own. */
const trips: Extension = ({ addRouter, addMessage, verifyJwt, requireRole, getCurrentUser }) => {
  const router = Router();
  router.get('/open', (_req, res) => {
    res.json({ isOpen: true });
  });
  router.get('/careless', (_req, res) => {
    res.json({ user: getCurrentUser(res).userId });
  });
  router.use(verifyJwt);
  router.get('/mine', (_req, res) => {
    const { kind, userId, role, sessionId } = getCurrentUser(res);
    res.json({ kind, userId, role, sessionId });
  });
  router.post('/accept', requireRole('driver', 'admin'), (_req, res) => {
    res.status(201).json({ by: getCurrentUser(res).userId });
  });
  router.get('/refused', () => {
    throw new AppError('insufficient_permissions', { detail: 'Not your trip' });
  });
  router.get('/broken', () => {
    throw new Error('a secret of ours');
  });
  router.get('/broken-later', async () => {
    await Promise.reject(new TypeError('a secret of ours'));
  });
  router.get('/strange', () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- a library may
    throw 'not even an error';
  });
  addRouter('/trips', router);
  addMessage('trip_status', {
    fields: { trip_id: z.int().positive(), note: z.string().max(10).optional() },
    handle: ({ principal }, { trip_id, note }) => ({
      type: 'trip',
      trip_id,
      user_id: principal.userId,
      noted: note ?? null,
    }),
  });
  addMessage('trip_seen', { fields: {}, handle: () => undefined });
  addMessage('trip_failed', {
    fields: {},
    handle: () => Promise.reject(new Error('a secret of ours')),
  });
};

const app = await startApp({ extensions: [trips] });
const phoneNumber = newPhoneNumber();
const driver = await signIn(app, { phoneNumber, role: 'driver' });
const rider = await signIn(app);

const get = (path: string, token = driver.access_token) =>
  app.request.get(`/trips${path}`).set(bearer(token));

describe("a team's router", () => {
  test('answers at its path, and knows who asks', async () => {
    await app.request.get('/trips/open').expect(200, { isOpen: true });
    const { body } = (await get('/mine').expect(200)) as { body: Record<string, unknown> };
    assert.equal(typeof body.sessionId, 'string');
    assert.deepEqual(
      { ...body, sessionId: '' },
      { kind: 'phone', userId: driver.user.id, role: 'driver', sessionId: '' },
    );
  });

  test('refuses those without a good token, in the words of every surface', async () => {
    assertProblem(await app.request.get('/trips/mine'), {
      status: 401,
      code: 'invalid_token',
      detail: 'Invalid or expired token',
    });
    assertProblem(await get('/mine', driver.refresh_token), { status: 401, code: 'invalid_token' });
    const gone = await signIn(app);
    await app.request.post('/api/v2/auth/logout').set(bearer(gone.access_token)).expect(200);
    assertProblem(await get('/mine', gone.access_token), {
      status: 401,
      code: 'token_revoked',
      detail: 'Token has been revoked',
    });
  });

  test('lets only its roles through, in the role of the session', async () => {
    const accept = (token: string) => app.request.post('/trips/accept').set(bearer(token));
    await accept(driver.access_token).expect(201, { by: driver.user.id });
    const detail = 'Insufficient permissions';
    const refusal = { status: 403, code: 'insufficient_permissions', detail };
    assertProblem(await accept(rider.access_token), refusal);
    const asRider = await signIn(app, { phoneNumber, role: 'rider' });
    assertProblem(await accept(asRider.access_token), refusal);
    await query("UPDATE users SET roles = '{admin}' WHERE id = $1", [rider.user.id]);
    const number = await query<{ phone_number: string }>(
      'SELECT phone_number FROM users WHERE id = $1',
      [rider.user.id],
    );
    const admin = await signIn(app, { phoneNumber: number[0]?.phone_number ?? '' });
    await accept(admin.access_token).expect(201);
  });

  test('may throw our errors, with a sentence of its own', async () => {
    assertProblem(await get('/refused'), {
      status: 403,
      code: 'insufficient_permissions',
      detail: 'Not your trip',
    });
  });

  for (const path of ['/broken', '/broken-later', '/strange', '/careless']) {
    test(`that fails is answered 500 and tells nothing: ${path}`, async () => {
      const answer = await get(path);
      assertProblem(answer, { status: 500, code: 'internal_error' });
      assert.doesNotMatch(answer.text, /secret|verifyJwt|not even/);
    });
  }

  test('leaves what it does not answer to us', async () => {
    assertProblem(await get('/nothing'), { status: 404, code: 'not_found' });
    assertProblem(await app.request.get('/trips/open').set('Origin', 'https://evil.example'), {
      status: 403,
      code: 'origin_not_allowed',
    });
    assert.match((await app.request.get('/trips/open')).get('x-request-id') ?? '', /^[\w.-]{8,}$/);
  });

  test('cannot take the place of a route of ours', async () => {
    const usurper: Extension = ({ addRouter }) => {
      const router = Router();
      router.use((_req, res) => {
        res.json({ usurped: true });
      });
      addRouter('/api/v2', router);
    };
    const node = await startApp({ extensions: [usurper] });
    assertProblem(await node.request.get('/api/v2/auth/me'), {
      status: 401,
      code: 'invalid_token',
    });
    await node.request.get('/api/v2/own').expect(200, { usurped: true });
  });
});

describe("a team's frame", () => {
  test('is handled, and answered with its ref', async () => {
    const socket = await connect(app.url, driver.access_token);
    socket.send({ type: 'trip_status', trip_id: 7, ref: 'a' });
    assert.deepEqual(await socket.next('trip'), {
      type: 'trip',
      trip_id: 7,
      user_id: driver.user.id,
      noted: null,
      ref: 'a',
    });
    socket.send({ type: 'trip_status', trip_id: 8, note: 'late' });
    assert.equal((await socket.next('trip')).noted, 'late');
  });

  test('needs no answer', async () => {
    const socket = await connect(app.url, driver.access_token);
    socket.send({ type: 'trip_seen', ref: 1 });
    socket.send({ type: 'ping', ref: 2 });
    assert.deepEqual(await socket.next('pong'), { type: 'pong', ref: 2 });
    assert.deepEqual(socket.frames, []);
  });

  test('that has not its fields is refused, and the socket lives', async () => {
    const socket = await connect(app.url, driver.access_token);
    for (const frame of [
      { type: 'trip_status' },
      { type: 'trip_status', trip_id: '7' },
      { type: 'trip_status', trip_id: 7, note: 'x'.repeat(11) },
      { type: 'trip_status', trip_id: 7, more: 1 },
    ]) {
      socket.send({ ...frame, ref: 'r' });
      const { code, ref } = await socket.next('error');
      assert.deepEqual({ code, ref }, { code: 'invalid_frame', ref: 'r' });
    }
    socket.send({ type: 'ping' });
    await socket.next('pong');
  });

  test('that fails is answered with an error that tells nothing, and the socket lives', async () => {
    const socket = await connect(app.url, driver.access_token);
    socket.send({ type: 'trip_failed', ref: 3 });
    const error = await socket.next('error');
    assert.equal(error.code, 'internal_error');
    assert.equal(error.ref, 3);
    assert.doesNotMatch(JSON.stringify(error), /secret/);
    socket.send({ type: 'ping' });
    await socket.next('pong');
  });

  test('is unknown to a node without the extension', async () => {
    const plain = await startApp();
    const socket = await connect(plain.url, driver.access_token);
    socket.send({ type: 'trip_status', trip_id: 7 });
    assert.equal((await socket.next('error')).code, 'unknown_type');
  });
});

test('an extension that fails keeps the service from starting, and nothing is left open', async () => {
  const contexts: AppContext[] = [];
  const failing: Extension = ({ context }) => {
    contexts.push(context);
    return Promise.reject(new Error('no trips today'));
  };
  await assert.rejects(startApp({ extensions: [failing], store: 'memory' }), /no trips today/);
  const ask = async (): Promise<unknown> => contexts[0]?.db.query('SELECT 1');
  await assert.rejects(ask, /after calling end on the pool/);
});
