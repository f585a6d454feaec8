import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Router, json } from 'express';
import { MedallionError } from '../client/src/medallion.ts';
import { startApp } from './support/app.ts';
import { eventsOf, PASSWORD, WRONG_PASSWORD } from './support/accounts.ts';
import {
  assertCode,
  countRefreshes,
  enterByPassword,
  enterByPhone,
  openClient,
  recordRequests,
} from './support/client.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { TestClock } from './support/test-clock.ts';

const ACCESS_LIFE_MS = 15 * 60_000;

/** A team's own routes: one tells what it was sent, one always refuses, in words of its own or in none. */
const own = Router();
own.all('/echo', json(), (req, res) => {
  const { authorization = '', 'x-device-id': deviceId, 'x-mine': mine } = req.headers;
  res.json({
    method: req.method,
    query: req.query,
    body: req.body as unknown,
    mine,
    deviceId,
    isBearer: authorization.startsWith('Bearer '),
  });
});
own.all('/refusing', (_req, res) => {
  res.sendStatus(401);
});
own.get('/slow', () => undefined);
own.get('/page', (_req, res) => {
  res.send('<p>no JSON</p>');
});
own.get('/elsewhere', (_req, res) => {
  res.redirect(307, 'https://elsewhere.example/');
});

const clock = new TestClock();
const app = await startApp({
  clock,
  extensions: [
    ({ addRouter }) => {
      addRouter('/own', own);
    },
  ],
});

async function openAccount(options: Parameters<typeof openClient>[1] = {}) {
  const opened = await openClient(app, options);
  await enterByPassword(app, opened.client);
  return opened;
}

describe('a request', () => {
  test('goes with the token, the device id, the query and the body', async () => {
    const { client } = await openAccount({ deviceId: 'phone-1' });
    const answer = await client.request('POST', '/own/echo', {
      body: { a: [1] },
      query: { q: 'å b&c', n: 3, none: null, missing: undefined },
      headers: { 'X-Mine': 'yes' },
    });
    assert.deepEqual(answer, {
      method: 'POST',
      query: { q: 'å b&c', n: '3' },
      body: { a: [1] },
      mine: 'yes',
      deviceId: 'phone-1',
      isBearer: true,
    });
  });

  test('that is refused is repeated once, with another token, and not again', async () => {
    const { client } = await openAccount();
    const requests = recordRequests(app);
    await assert.rejects(client.request('PUT', '/own/refusing'), { status: 401, code: '' });
    assert.deepEqual(requests, [
      'PUT /own/refusing',
      'POST /api/auth/refresh',
      'PUT /own/refusing',
    ]);
    assert.equal((await client.fetch('/own/refusing')).status, 401);
    assert.notEqual(client.session, null);
  });

  test('is not repeated where a password was wrong, and not the token', async () => {
    const { client } = await openAccount();
    const requests = recordRequests(app);
    const body = { current_password: WRONG_PASSWORD, new_password: `${PASSWORD}!` };
    await assertCode(
      client.request('POST', client.authPath('/change-password'), { body }),
      'invalid_credentials',
    );
    assert.deepEqual(requests, ['POST /api/auth/change-password']);
    const answer = await client.fetch('/api/auth/change-password', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 401);
    assert.equal(((await answer.json()) as { code: string }).code, 'invalid_credentials');
    assert.equal(requests.length, 2);
    const failures = (await eventsOf(client.session?.user.id ?? 0)).filter((type) =>
      type.includes('fail'),
    );
    assert.ok(failures.length <= 2);
  });

  test('goes to the service and to nobody else', async () => {
    const { client } = await openAccount();
    for (const path of [
      'https://elsewhere.example/',
      '//elsewhere.example/',
      '/\\elsewhere.example',
      'own/echo',
      '@elsewhere.example/',
    ]) {
      await assertCode(client.request('GET', path), 'invalid_call');
      await assertCode(client.fetch(path), 'invalid_call');
    }
    await assertCode(client.request('GET', '/own/elsewhere'), 'no_answer');
  });

  test('without an answer of the service says so', async () => {
    const proxy = await startProxy(app.url);
    const { client, timing } = await openAccount({ url: proxy.url });
    await assertCode(client.request('GET', '/own/page'), 'bad_answer');
    const late = assertCode(client.request('GET', '/own/slow'), 'no_answer');
    await new Promise((resolve) => setTimeout(resolve, 50));
    timing.advance(10_000);
    await late;
    proxy.cut();
    await assertCode(client.request('GET', '/own/echo'), 'no_answer');
    await assertCode(client.fetch('/own/echo'), 'no_answer');
  });

  test('ends with its signal, wherever it is, and its refresh goes on for the others', async () => {
    const opened = await openAccount();
    const { client, timing } = opened;
    const reason = new Error('left the page');
    await assert.rejects(
      client.request('GET', '/own/echo', { signal: AbortSignal.abort(reason) }),
      reason,
    );
    const leaving = new AbortController();
    const slow = assert.rejects(
      client.request('GET', '/own/slow', { signal: leaving.signal }),
      reason,
    );
    setTimeout(() => {
      leaving.abort(reason);
    }, 30);
    await slow;
    timing.advance(ACCESS_LIFE_MS);
    const requests = recordRequests(app);
    const controller = new AbortController();
    const waiting = assert.rejects(
      client.request('GET', '/own/echo', { signal: controller.signal }),
      reason,
    );
    const other = client.request('GET', '/own/echo');
    controller.abort(reason);
    await Promise.all([waiting, other]);
    assert.deepEqual(requests, ['POST /api/auth/refresh', 'GET /own/echo']);
    await assert.rejects(client.fetch('/own/echo', { signal: AbortSignal.abort() }), {
      name: 'AbortError',
    });
  });
});

describe('fetch', () => {
  const upload = (body: string | ReadableStream): RequestInit => ({
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/json' },
    duplex: 'half',
  });

  test('gives every answer, and repeats what can be sent again', async () => {
    const { client } = await openAccount();
    assert.equal((await client.fetch('/nowhere')).status, 404);
    clock.advance(ACCESS_LIFE_MS + 1000);
    const requests = recordRequests(app);
    const answer = await client.fetch('/api/auth/logout-all-devices', upload('{}'));
    assert.equal(answer.status, 200);
    assert.equal(countRefreshes(requests), 1);
    assert.equal(requests.length, 3);
  });

  test('does not repeat a stream: the caller gets the refusal, and a good token for the next one', async () => {
    const { client } = await openAccount();
    clock.advance(ACCESS_LIFE_MS + 1000);
    const requests = recordRequests(app);
    const stream = () => new Blob(['{}']).stream();
    const refused = await client.fetch('/api/auth/logout-all-devices', upload(stream()));
    assert.equal(refused.status, 401);
    assert.deepEqual(requests, ['POST /api/auth/logout-all-devices', 'POST /api/auth/refresh']);
    assert.equal(
      (await client.fetch('/api/auth/logout-all-devices', upload(stream()))).status,
      200,
    );
  });
});

describe('an error', () => {
  test('holds no token, whatever was asked', async () => {
    const proxy = await startProxy(app.url);
    const { client } = await openAccount({ url: proxy.url });
    const token = client.session?.accessToken ?? '';
    proxy.cut();
    const errors = await Promise.all(
      [
        client.me(),
        client.refresh(),
        client.fetch('/own/echo'),
        client.request('POST', '/own/echo', { body: {} }),
      ].map((call) =>
        call.then(
          () => null,
          (error: unknown) => error,
        ),
      ),
    );
    for (const error of errors) {
      assert.ok(error instanceof MedallionError);
      const text = [JSON.stringify(error), String(error), error.stack, String(error.cause)].join();
      assert.ok(!text.includes(token));
      assert.doesNotMatch(text, /eyJ/);
    }
  });
});

test('the sessions of the user are listed page by page and ended one by one', async () => {
  const { client } = await openClient(app, { deviceName: 'First' });
  const account = await enterByPassword(app, client);
  const second = await openClient(app, { deviceName: 'Second' });
  await enterByPassword(app, second.client, account);
  const page = await client.listSessions({ limit: 1 });
  assert.equal(page.sessions[0]?.device_name, 'Second');
  const rest = await client.listSessions({ limit: 1, cursor: page.next_cursor ?? '' });
  assert.equal(rest.sessions[0]?.is_current, true);
  await client.endSession(page.sessions[0].id);
  await assertCode(second.client.me(), 'signed_out');
  await assert.rejects(client.endSession('a/../b?c'), { status: 404 });
  await assert.rejects(client.endSession(''), TypeError);
});

test('a phone session asks at the paths of phone sessions', async () => {
  const { client } = await openClient(app);
  await enterByPhone(app, client);
  const requests = recordRequests(app);
  await client.me();
  await client.listSessions();
  await client.refresh();
  await client.signOutEverywhere();
  assert.ok(
    requests.every((each) => each.includes(' /api/v2/auth/')),
    requests.join(),
  );
});

test('a node serves the client as JavaScript, which browsers look after anew', async () => {
  const { headers, text } = await app.request.get('/client/medallion.js').expect(200);
  assert.match(headers['content-type'] ?? '', /^text\/javascript/);
  assert.equal(headers['cache-control'], 'public, max-age=0');
  assert.match(text, /createClient/);
  const types = await app.request.get('/client/medallion.d.ts').expect(200);
  assert.match(types.headers['content-type'] ?? '', /^text\/plain/);
  await app.request.get('/client/').expect(404);
});
