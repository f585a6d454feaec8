import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Response } from 'supertest';
import { startApp, type TestApp } from './support/app.ts';
import { requestCode } from './support/otp.ts';
import { newPhoneNumber } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';

const app = await startApp({
  env: { ALLOWED_ORIGINS: 'https://app.example.com, https://b.example' },
});
const production = await startApp({
  env: {
    NODE_ENV: 'production',
    ALLOWED_ORIGINS: 'https://app.example.com',
    PUBLIC_URL: 'https://auth.example.com',
    SMS_PROVIDER: 'webhook',
    SMS_WEBHOOK_URL: 'http://127.0.0.1:9/unused',
    SMS_WEBHOOK_SECRET: 'q8vF3tLz0XnB7yWc5rKd1mGh9pSj2aEu',
  },
});

const LOCALHOST = [
  'http://localhost',
  'http://localhost:5173',
  'http://127.0.0.1:8080',
  'http://[::1]:3000',
];
const FOREIGN = [
  'https://evil.example',
  'null',
  'http://app.example.com',
  'https://app.example.com:8443',
  'https://app.example.com.evil.example',
  'https://evil-app.example.com',
  'http://localhost.evil.example',
  'http://localhost:80.evil.example',
  'http://127.0.0.1.evil.example',
  'https://APP.example.com@evil.example',
  'file://',
  '',
];

async function from(node: TestApp, origin: string, path = '/healthz'): Promise<Response> {
  return node.request.get(path).set('Origin', origin);
}

function assertAllowed(response: Response, origin: string): void {
  assert.equal(response.status, 200);
  assert.equal(response.get('access-control-allow-origin'), origin);
  assert.equal(response.get('access-control-allow-credentials'), 'true');
  assert.match(response.get('vary') ?? '', /\bOrigin\b/);
}

describe('a request', () => {
  test('without an origin is let through', async () => {
    const answer = await app.request.get('/healthz').expect(200);
    assert.notEqual(answer.get('access-control-allow-origin'), '*');
    await production.request.get('/healthz').expect(200);
  });

  test('from an origin of the configuration is let through, with credentials', async () => {
    for (const origin of ['https://app.example.com', 'https://b.example']) {
      assertAllowed(await from(app, origin), origin);
    }
    assertAllowed(await from(production, 'https://app.example.com'), 'https://app.example.com');
  });

  test('from the address of the service itself is let through', async () => {
    assertAllowed(await from(production, 'https://auth.example.com'), 'https://auth.example.com');
  });

  for (const origin of LOCALHOST) {
    test(`from ${origin} is let through, but not in production`, async () => {
      assertAllowed(await from(app, origin), origin);
      const refused = await from(production, origin);
      assertProblem(refused, { status: 403, code: 'origin_not_allowed' });
    });
  }

  for (const origin of FOREIGN) {
    test(`from "${origin}" is refused, whatever it asks for`, async () => {
      for (const path of ['/healthz', '/api/v2/test/protected', '/nothing', '/openapi.json']) {
        const answer = await from(app, origin, path);
        assertProblem(answer, { status: 403, code: 'origin_not_allowed' });
        assert.equal(answer.get('access-control-allow-origin'), undefined);
      }
    });
  }

  test('from a foreign page has no effect', async () => {
    const phoneNumber = newPhoneNumber();
    const answer = await requestCode(app, phoneNumber).set('Origin', 'https://evil.example');
    assertProblem(answer, { status: 403, code: 'origin_not_allowed' });
    await requestCode(app, phoneNumber).expect(200);
  });

  test('that is refused for another reason can still be read by the page', async () => {
    const origin = 'https://app.example.com';
    const answer = await from(app, origin, '/api/v2/test/protected');
    assertProblem(answer, { status: 401, code: 'invalid_token' });
    assert.equal(answer.get('access-control-allow-origin'), origin);
  });
});

describe('a preflight', () => {
  const ask = (origin: string) =>
    app.request
      .options('/api/v2/auth/sessions/x')
      .set('Origin', origin)
      .set('Access-Control-Request-Method', 'DELETE')
      .set('Access-Control-Request-Headers', 'authorization,content-type');

  test('allows the methods and headers that an app needs', async () => {
    const answer = await ask('https://app.example.com').expect(204);
    assert.equal(answer.get('access-control-allow-origin'), 'https://app.example.com');
    assert.equal(answer.get('access-control-allow-credentials'), 'true');
    assert.match(answer.get('access-control-allow-methods') ?? '', /DELETE/);
    assert.match(answer.get('access-control-allow-headers') ?? '', /authorization/i);
    assert.ok(Number(answer.get('access-control-max-age')) > 0);
  });

  test('from a foreign page is refused', async () => {
    assertProblem(await ask('https://evil.example'), { status: 403, code: 'origin_not_allowed' });
  });
});
