import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { AppError, errorHeaders, toProblem, type ErrorCode } from '../server/errors.ts';
import { loadDescription } from './support/api/compiled-description.ts';
import { misfitOf, type Exchange } from './support/api/misfit.ts';
import { makeDirectory } from './support/processes.ts';

const description = await loadDescription();

const LIMITS = { 'ratelimit-limit': '9', 'ratelimit-remaining': '8', 'ratelimit-reset': '1' };
const HEADERS = { 'x-request-id': 'request-0001', 'content-type': 'application/json', ...LIMITS };
const USER = {
  id: 1,
  phone_number: null,
  email: 'ada@example.com',
  username: null,
  role: 'rider',
  roles: ['rider'],
  is_active: true,
  email_verified: false,
  totp_enabled: false,
  created_at: '2026-03-01T08:30:00.000Z',
  last_login: null,
};

/** `GET /api/auth/me` as it should be, but for what is given. */
function me(change: Partial<Omit<Exchange, 'body'>> & { body?: unknown } = {}): Exchange {
  const { body = USER, ...rest } = change;
  const exchange = { method: 'GET', url: '/api/auth/me?x=1', status: 200, headers: HEADERS };
  return { ...exchange, ...rest, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

function refusal(code: ErrorCode, change: Partial<Exchange> = {}): Exchange {
  const error = new AppError(code, { retryAfterSeconds: 1 });
  const given = Object.entries(errorHeaders(error));
  const headers = {
    ...HEADERS,
    ...Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), value])),
  };
  const body = JSON.stringify(toProblem(error, 'request-0001'));
  return { ...me(), status: error.status, headers, body, ...change };
}

const misfit = (exchange: Exchange) => misfitOf(description, exchange);

describe('an answer fits the description', () => {
  const FITTING: Record<string, Exchange> = {
    'as it should be': me(),
    'at a path in capitals, with a slash': me({ url: '/API/auth/me/' }),
    'without its body, to HEAD': me({ method: 'HEAD', body: '' }),
    'with a refusal of the route': refusal('token_revoked'),
    'with a refusal that any route may have': refusal('rate_limited'),
    'with a fault of ours': refusal('internal_error'),
    'to a path that there is not': refusal('not_found', { url: '/no/such/path' }),
    'to a method that there is not': {
      ...refusal('method_not_allowed', { method: 'PUT' }),
      headers: { ...refusal('method_not_allowed').headers, allow: 'GET' },
    },
    'of a page': me({ url: '/console.css', headers: { 'content-type': 'text/css' }, body: 'a{}' }),
    'of a preflight': me({ method: 'OPTIONS', status: 204, headers: {}, body: '' }),
  };
  for (const [name, exchange] of Object.entries(FITTING)) {
    test(name, () => {
      assert.equal(misfit(exchange), null);
    });
  }
});

describe('an answer does not fit the description', () => {
  const MISFITTING: Record<string, [Exchange, RegExp]> = {
    'with a field too many': [me({ body: { ...USER, age: 7 } }), /age/],
    'with a field too few': [me({ body: { ...USER, id: undefined } }), /id/],
    'with another type': [me({ body: { ...USER, created_at: 'today' } }), /date-time/],
    'with a status of its own': [me({ status: 201 }), /201/],
    'in another media type': [
      me({ headers: { ...HEADERS, 'content-type': 'text/html' } }),
      /type is text\/html/,
    ],
    'without its body': [me({ body: '' }), /object/],
    'without its header': [
      me({ headers: { ...LIMITS, 'content-type': 'application/json' } }),
      /X-Request-Id is missing/,
    ],
    'with a code that its route does not have': [refusal('otp_not_found'), /otp_not_found/],
    'with a page in the place of a refusal': [
      me({ url: '/no/such/path', status: 404, headers: { 'content-type': 'text/html' } }),
      /text\/html/,
    ],
    'with a success that is not described': [
      me({ method: 'PUT' }),
      /PUT \/api\/auth\/me 200: .*application\/json/,
    ],
    'that is new': [
      me({ url: '/new', headers: { 'content-type': 'text/csv' }, body: 'x' }),
      /text\/csv is not described/,
    ],
    'with a refusal as JSON of another kind': [
      { ...refusal('invalid_token'), body: '{"error":"invalid_token"}' },
      /required/,
    ],
  };
  for (const [name, [exchange, why]] of Object.entries(MISFITTING)) {
    test(name, () => {
      assert.match(misfit(exchange) ?? 'it fits', why);
    });
  }
});

/** A test file whose node answers what is not described; its tests do not mind. */
const LYING_TEST = `
  import { test } from 'node:test';
  import { startApp } from './app.ts';
  const app = await startApp({ store: 'memory' });
  const [watch, answer] = app.server.listeners('request');
  app.server.removeAllListeners('request');
  app.server.on('request', watch);
  app.server.on('request', (req, res) => {
    res.setHeader('X-Request-Id', 'request-0001');
    res.setHeader('Content-Type', 'application/json');
    res.write('{"status":');
    res.end('"fine"}');
  });
  test('passes', async () => {
    await app.request.get('/healthz').expect(200, { status: 'fine' });
  });`;

test('a test file whose tests pass fails for an answer that does not fit, and says which', async () => {
  const file = join(makeDirectory(), 'lying.test.ts');
  const support = join(import.meta.dirname, 'support');
  writeFileSync(file, LYING_TEST.replaceAll("'./", `'${support}/`));
  const child = spawn(process.execPath, ['--test', file], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  assert.equal(child.exitCode, 1, output);
  assert.match(output, /pass 1\b/);
  assert.match(output, /GET \/healthz 200: \/status must be equal to constant/);
});
