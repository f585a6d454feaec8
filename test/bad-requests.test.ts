import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startApp } from './support/app.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { sendRaw, type RawResponse } from './support/raw-http.ts';
import { describedRoutes } from './support/routes.ts';

const app = await startApp();
const { access_token } = await signIn(app);
const routes = (await describedRoutes(app)).filter(({ isOAuth }) => !isOAuth);
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** One request with these header lines, on a connection of its own. */
function rawGet(path: string, lines: string[]): Promise<RawResponse> {
  const head = [`GET ${path} HTTP/1.1`, 'Host: node', 'Connection: close', ...lines];
  return sendRaw(app.url, `${head.join('\r\n')}\r\n\r\n`);
}

function assertRawProblem(response: RawResponse, status: number): void {
  assert.equal(response.status, status);
  assert.match(response.headers['content-type'] ?? '', /^application\/problem\+json/);
  const problem = JSON.parse(response.body) as { status: number; request_id: string };
  assert.equal(problem.status, status);
  assert.equal(problem.request_id, response.headers['x-request-id']);
}

describe('a path', () => {
  for (const path of [
    '/nothing',
    '/api',
    '/api/v2',
    '/api/v2/auth',
    '/api/v2/auth/send-otp/more',
    '/api/v2/auth/sessions/x/y',
    '/api/v1/me',
    '/index.php',
    '/../package.json',
    '/%2e%2e/package.json',
    '/..%2fpackage.json',
    '/.env',
    '/dev',
    '/api/v2/auth/%00',
    '/%00',
    `/${'a'.repeat(5000)}`,
  ]) {
    test(`that does not exist is 404: ${path.slice(0, 40)}`, async () => {
      const response = await rawGet(path, []);
      assertRawProblem(response, 404);
      assert.equal((JSON.parse(response.body) as { code: string }).code, 'not_found');
    });
  }

  test('that is not found is so for every method', async () => {
    for (const method of METHODS) {
      const answer = await app.request[method]('/api/v2/auth/nothing').send();
      assertProblem(answer, { status: 404, code: 'not_found' });
    }
  });

  for (const path of ['/%', '/%zz', '/%E0%A4%A', '/api/v2/auth/sessions/%', '/api/v2/%ff/x']) {
    test(`with broken percent-encoding is the client's fault: ${path}`, async () => {
      for (const method of ['GET', 'DELETE', 'POST']) {
        const head = `${method} ${path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n`;
        const request = `${head}Authorization: Bearer ${access_token}\r\nContent-Length: 0\r\n\r\n`;
        const response = await sendRaw(app.url, request);
        assert.ok([400, 404, 405].includes(response.status), `${method} gives ${response.status}`);
        assertRawProblem(response, response.status);
      }
    });
  }

  const byPath = Map.groupBy(routes, ({ path }) => path);
  for (const [path, described] of byPath) {
    test(`answers 405 for the methods that it does not have: ${path}`, async () => {
      const allowed: string[] = described.map(({ method }) => method);
      for (const method of METHODS.filter((each) => !allowed.includes(each))) {
        const answer = await app.request[method](path).set(bearer(access_token));
        assertProblem(answer, { status: 405, code: 'method_not_allowed' });
        const listed = (answer.get('allow') ?? '').toLowerCase().split(', ');
        for (const each of allowed) assert.ok(listed.includes(each), `${each} is allowed`);
        assert.ok(!listed.includes(method));
      }
    });
  }

  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs', '/ws', '/']) {
    test(`answers 405 for a POST where there is only GET: ${path}`, async () => {
      const answer = await app.request.post(path);
      assertProblem(answer, { status: 405, code: 'method_not_allowed' });
      assert.match(answer.get('allow') ?? '', /\bGET\b/);
    });
  }
});

describe('a header', () => {
  const path = '/api/v2/test/protected';

  test('that is a second Authorization gives nobody the rights of both', async () => {
    const good = `Authorization: Bearer ${access_token}`;
    const bad = 'Authorization: Bearer rubbish';
    assertRawProblem(await rawGet(path, [bad, good]), 401);
    const { status } = await rawGet(path, [good, bad]);
    assert.ok([200, 400, 401].includes(status));
    assertRawProblem(await rawGet(path, ['Authorization: Basic YTpi', good]), 401);
  });

  test('of bytes beyond ASCII is no fault of ours', async () => {
    for (const line of [
      'Authorization: Bearer \xff\xfe',
      'Authorization: Bearer caf\xe9',
      'User-Agent: \xf0\x9f\x93\xb1',
      'X-Request-Id: \xff\xff\xff\xff\xff\xff\xff\xff',
      'X-Device-Id: \xff',
    ]) {
      assertRawProblem(await rawGet(path, [line]), 401);
    }
  });

  test('of the device and the agent is kept only as far as it can be', async () => {
    const tokens = await signIn(app);
    const body = JSON.stringify({ refresh_token: tokens.refresh_token });
    const head = [
      'POST /api/v2/auth/logout HTTP/1.1',
      'Host: node',
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      `User-Agent: ${'\xe9'.repeat(2000)}`,
      `X-Device-Id: ${'x'.repeat(2000)}`,
      'X-Forwarded-For: not an address',
    ];
    const { status } = await sendRaw(app.url, `${head.join('\r\n')}\r\n\r\n${body}`);
    assert.equal(status, 200);
  });

  test('that is very long is refused as every fault is', async () => {
    assertRawProblem(await rawGet(path, [`X-Long: ${'x'.repeat(20_000)}`]), 431);
  });

  test('that HTTP does not allow is refused as every fault is', async () => {
    assertRawProblem(await rawGet(path, ['Broken header: \u0000']), 400);
    assertRawProblem(await sendRaw(app.url, 'NONSENSE\r\n\r\n'), 400);
  });
});

test('answers the request after a refused body on the same connection', async () => {
  const post = [
    'POST /api/v2/auth/refresh HTTP/1.1',
    'Host: node',
    'Content-Type: text/plain',
    'Content-Length: 5',
    '',
    'hello',
  ].join('\r\n');
  const get = 'GET /healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n';
  const { status, body } = await sendRaw(app.url, post + get);
  assert.equal(status, 415);
  assert.match(body, /HTTP\/1\.1 200 OK/);
});

test('gives every refusal an id of its own, or the one that the client gave', async () => {
  const ids = new Set<string | undefined>();
  for (let count = 0; count < 5; count++) {
    const answer = await app.request.get('/api/v2/test/protected');
    ids.add(assertProblem(answer, { status: 401, code: 'invalid_token' }).request_id);
  }
  assert.equal(ids.size, 5);
  const answer = await app.request.get('/nothing').set('X-Request-Id', 'my-request-1');
  const { request_id } = assertProblem(answer, { status: 404, code: 'not_found' });
  assert.equal(request_id, 'my-request-1');
  for (const bad of ['short', 'x'.repeat(129), 'with spaces', '<script>', 'a;b=c;d;e']) {
    const other = await app.request.get('/nothing').set('X-Request-Id', bad);
    assert.notEqual(other.get('x-request-id'), bad);
    assertProblem(other, { status: 404, code: 'not_found' });
  }
});

test('a path in another case, or with a slash too many, is no path of ours', async () => {
  for (const path of ['/METRICS', '/metrics/', '/Healthz', '/API/auth/me', '/api/auth/ME']) {
    assertProblem(await app.request.get(path), { status: 404, code: 'not_found' });
  }
  // An empty id is not all of them.
  const answer = await app.request.delete('/api/auth/sessions/');
  assertProblem(answer, { status: 404, code: 'not_found' });
  assertProblem(await app.request.get('/api/admin/users/%ff'), { status: 404, code: 'not_found' });
});

test('a target that is no path is refused in our words', async () => {
  assertRawProblem(await rawGet('http://[::bad', []), 400);
});
