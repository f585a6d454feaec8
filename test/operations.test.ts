import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Router } from 'express';
import { pino } from 'pino';
import type { Extension } from '../server/extension.ts';
import { startApp } from './support/app.ts';
import { databaseUrl, required } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { bearer, newPhoneNumber, sendCode, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { sendRaw } from './support/raw-http.ts';
import { connect, refused } from './support/socket.ts';
import { startProxy } from './support/tcp-proxy.ts';

const failing: Extension = ({ addRouter }) => {
  const router = Router();
  router.get('/', () => {
    throw new Error('the reason is ours alone');
  });
  addRouter('/failing', router);
};

const lines: string[] = [];
const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
const app = await startApp({ log, extensions: [failing] });

/** The log lines of one request, once it has been answered. */
async function logOf(requestId: string): Promise<Record<string, unknown>[]> {
  const find = () => lines.filter((line) => line.includes(requestId));
  await eventually('the request is logged', () => find().some((line) => line.includes('answered')));
  return find().map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('probes', () => {
  test('/healthz answers while the process runs', async () => {
    const answer = await app.request.get('/healthz').expect(200, { status: 'ok' });
    assert.equal(answer.get('cache-control'), 'no-store');
    await app.request.head('/healthz').expect(200);
  });

  test('/readyz names what is away, and is ready all the same', async () => {
    const postgres = await startProxy(await databaseUrl());
    const redis = await startProxy(required('TEST_REDIS_URL'));
    const node = await startApp({ env: { DATABASE_URL: postgres.url, REDIS_URL: redis.url } });
    const degraded = async () => {
      const answer = await node.request.get('/readyz').expect(200);
      const body = answer.body as { status: string; degraded: string[] };
      assert.equal(body.status, 'ready');
      return body.degraded;
    };
    assert.deepEqual(await degraded(), []);
    postgres.cut();
    assert.deepEqual(await degraded(), ['postgres']);
    redis.cut();
    assert.deepEqual(await degraded(), ['postgres', 'redis']);
    await node.request.get('/healthz').expect(200);
    postgres.restore();
    redis.restore();
    await eventually('all is back', async () => (await degraded()).length === 0);
  });

  test('/readyz is 503 while the node drains', async () => {
    const slow = Promise.withResolvers<undefined>();
    const isAsked = Promise.withResolvers<undefined>();
    const extension: Extension = ({ addRouter }) => {
      const router = Router();
      router.get('/', async (_req, res) => {
        isAsked.resolve(undefined);
        await slow.promise;
        res.json({});
      });
      addRouter('/slow', router);
    };
    const node = await startApp({ store: 'memory', extensions: [extension] });
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: node\r\n\r\n`;
    const answers = sendRaw(node.url, get('/slow') + get('/readyz'));
    await isAsked.promise;
    const closing = node.close();
    slow.resolve(undefined);
    const { status, body } = await answers;
    assert.equal(status, 200);
    assert.match(body, /HTTP\/1\.1 503 /);
    assert.match(body, /"status":"draining"/);
    await closing;
  });
});

describe('/metrics', () => {
  test('counts what happened, by route and not by path', async () => {
    const tokens = await signIn(app);
    const socket = await connect(app.url, tokens.access_token);
    await refused(app.url, { headers: bearer('rubbish') });
    await app.request.get('/api/v2/test/protected').set(bearer(tokens.access_token)).expect(200);
    await app.request
      .delete(`/api/v2/auth/sessions/${'A'.repeat(22)}`)
      .set(bearer(tokens.access_token));
    await app.request.get('/no/such/path').expect(404);
    await app.request.post('/api/v2/auth/logout').set(bearer(tokens.access_token)).expect(200);
    await socket.closed;
    const expected = [
      /^http_request_duration_seconds_count\{.*route="\/api\/v2\/test\/protected".*status="200".*\} [1-9]/m,
      /^http_request_duration_seconds_count\{.*route="\/api\/v2\/auth\/sessions\/:id".*\} [1-9]/m,
      /^http_request_duration_seconds_count\{.*route="none".*status="404".*\} [1-9]/m,
      /^sockets_open 0/m,
      /^socket_handshakes_total\{status="101"\} 1/m,
      /^socket_handshakes_total\{status="401"\} 1/m,
      /^socket_closes_total\{code="4500"\} 1/m,
      /^revocations_total\{reason="logout"\} [1-9]/m,
      /^revocation_push_failures_total 0/m,
      /^nodejs_eventloop_lag_seconds/m,
      /^process_resident_memory_bytes/m,
    ];
    let text = '';
    await eventually('all is counted', async () => {
      const answer = await app.request.get('/metrics').expect(200);
      assert.match(answer.get('content-type') ?? '', /^text\/plain/);
      text = answer.text;
      return expected.every((series) => series.test(text));
    });
    assert.doesNotMatch(text, /no\/such\/path|AAAAAA|\+1415/);
  });
});

describe('the documentation', () => {
  test('the address of the sockets says what it speaks', async () => {
    const answer = await app.request.get('/ws');
    assertProblem(answer, { status: 426, code: 'upgrade_required' });
    assert.equal(answer.get('upgrade')?.toLowerCase(), 'websocket');
  });
});

describe('an answer', () => {
  test('carries the id that the request gave, or a new one', async () => {
    const given = await app.request.get('/healthz').set('X-Request-Id', 'client-id.0001');
    assert.equal(given.get('x-request-id'), 'client-id.0001');
    const [one, other] = [await app.request.get('/healthz'), await app.request.get('/healthz')];
    assert.notEqual(one.get('x-request-id'), other.get('x-request-id'));
  });

  test('does not say what it was made with, and carries the headers that browsers heed', async () => {
    const answer = await app.request.get('/healthz');
    assert.equal(answer.get('x-powered-by'), undefined);
    assert.equal(answer.get('x-content-type-options'), 'nosniff');
    assert.ok(answer.get('content-security-policy') !== undefined);
  });

  test('to a fault of ours tells only its id, under which the log has the reason', async () => {
    const answer = await app.request.get('/failing').set('X-Request-Id', 'failing-request');
    const problem = assertProblem(answer, { status: 500, code: 'internal_error' });
    assert.equal(problem.request_id, 'failing-request');
    assert.doesNotMatch(answer.text, /ours alone|at .*\.ts/);
    const logged = await logOf('failing-request');
    const fault = logged.find(({ level }) => level === 50);
    assert.equal((fault?.err as { message: string }).message, 'the reason is ours alone');
    assert.equal(answer.get('cache-control'), 'no-store');
  });
});

describe('the log', () => {
  test('has a line for each request, with its route and nothing that was in its address', async () => {
    const query = '/api/v2/test/protected?access_token=a.secret.token';
    await app.request.get(query).set('X-Request-Id', 'logged-request').expect(401);
    const path = '/api/v2/auth/sessions/a.secret.token';
    await app.request.delete(path).set('X-Request-Id', 'request-with-a-path').expect(401);
    await app.request.get('/a.secret.token').set('X-Request-Id', 'unknown-route').expect(404);
    const [line] = await logOf('logged-request');
    assert.equal(line?.method, 'GET');
    assert.equal(line.status, 401);
    assert.equal(line.route, '/api/v2/test/protected');
    const [deletion] = await logOf('request-with-a-path');
    assert.equal(deletion?.route, '/api/v2/auth/sessions/:id');
    await logOf('unknown-route');
    assert.ok(!lines.join('').includes('a.secret.token'));
  });

  test('never has a token or a code sent by a provider, whatever happens', async () => {
    const phoneNumber = newPhoneNumber();
    const tokens = await signIn(app, { phoneNumber });
    const code = await sendCode(app, phoneNumber);
    await app.request.post('/api/v2/auth/refresh').send({ refresh_token: tokens.refresh_token });
    await app.request
      .post('/api/v2/auth/verify-otp')
      .send({ phone_number: phoneNumber, otp: code, token: tokens.access_token });
    await app.request
      .post('/api/v2/auth/logout')
      .set('X-Request-Id', 'last-request')
      .set(bearer(tokens.access_token));
    await logOf('last-request');
    // The console sender prints its message: that is what it is for.
    const text = lines.filter((line) => !line.includes('SMS: ')).join('');
    for (const secret of [tokens.access_token, tokens.refresh_token, 'eyJhbGciOi']) {
      assert.equal(text.includes(secret), false);
    }
  });
});
