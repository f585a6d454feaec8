import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { isClientSecret } from '../server/crypto/client-secret.ts';
import { apiClientsSchema } from '../server/api-clients.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { assertProblem } from './support/problem.ts';
import { load, refusedFor, SECRETS } from './support/settings.ts';
import { basic, makeApiClient } from './support/staff.ts';

const { client, env } = makeApiClient('dispatch', 'users:read');
const app = await startApp({ env: { ...env, RATE_LIMIT_LOGIN: '200/60' } });

const list = (header: { authorization: string }, node = app) =>
  node.request.get('/api/admin/users').set(header);
const BAD_CLIENT = {
  status: 401,
  code: 'invalid_client',
  detail: 'Unknown API client, or wrong secret',
};

function refusals(): Promise<{ actor: null; details: object }[]> {
  return query(
    "SELECT actor, details FROM audit_log WHERE event_type = 'api_client_refused' ORDER BY id",
  );
}

describe('an API client', () => {
  test('does with its secret what its permissions say, and no more', async () => {
    await list(client.header).expect(200);
    const answer = await app.request.get('/api/admin/audit-log').set(client.header);
    assertProblem(answer, { status: 403, code: 'insufficient_permissions' });
    const denied = await query<{ actor: string; user_id: null; details: unknown }>(
      "SELECT actor, user_id, details FROM audit_log WHERE event_type = 'permission_denied'",
    );
    assert.deepEqual(denied, [
      {
        actor: 'client:dispatch',
        user_id: null,
        details: { permission: 'audit:read', route: 'GET /api/admin/audit-log' },
      },
    ]);
  });

  test('may encode its name and secret as clients of OAuth do', async () => {
    const encode = (text: string) =>
      encodeURIComponent(text).replace(/[-_.]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
    await list(basic(encode(client.name), encode(client.secret))).expect(200);
  });

  test('is refused with another secret, which is put on record, and an unknown name is not', async () => {
    const before = await refusals();
    for (const header of [
      basic('dispatch', 'wrong'),
      basic('dispatch', ''),
      basic('dispatch', `${client.secret}:more`),
      basic('dispatch', `${client.secret}%`),
      basic(client.secret, client.secret),
    ]) {
      const answer = await list(header);
      assertProblem(answer, BAD_CLIENT);
      assert.match(answer.get('www-authenticate') ?? '', /^Bearer .*, Basic realm="medallion"/);
    }
    const now = (await refusals()).slice(before.length);
    const known = { actor: null, details: { claimed: 'dispatch' } };
    assert.deepEqual(now, [known, known, known, known, { actor: null, details: {} }]);
  });

  test('is nobody elsewhere', async () => {
    for (const path of ['/api/auth/me', '/auth/v2/me', '/api/v2/auth/me']) {
      const answer = await app.request.get(path).set(client.header);
      assertProblem(answer, { status: 401, code: 'invalid_token' });
    }
  });

  test('broken credentials are refused like wrong ones', async () => {
    for (const value of ['Basic', 'Basic ', 'Basic :', 'Basic %%%', `Basic ${'x'.repeat(9000)}`]) {
      const { status } = await list({ authorization: value });
      assert.equal(status, 401, value);
    }
  });
});

describe('the limits of API clients', () => {
  test('a client has one of its own', async () => {
    const node = await startApp({ env: { ...env, RATE_LIMIT_API_CLIENT: '2/600' } });
    for (const status of [200, 200, 429]) await list(client.header, node).expect(status);
  });

  test('whoever guesses is counted by address, and writes no more once refused', async () => {
    const node = await startApp({
      store: 'memory',
      env: { ...env, RATE_LIMIT_LOGIN: '3/600', RATE_LIMIT_API_CLIENT: '100/600' },
    });
    const before = (await refusals()).length;
    const wrong = basic('dispatch', 'wrong');
    for (const status of [401, 401, 401, 429, 429]) await list(wrong, node).expect(status);
    assert.equal((await refusals()).length, before + 3);
    await list(client.header, node).expect(200);
  });
});

describe('API_CLIENTS', () => {
  const entry = { name: 'dispatch', permissions: ['users:read'], secret_hashes: [] as string[] };
  const hash = `sha256:${'A'.repeat(43)}`;
  const good = { ...entry, secret_hashes: [hash] };

  test('names clients, of which each has one or two secrets', () => {
    const { secrets } = load({ ...SECRETS, API_CLIENTS: JSON.stringify([good]) });
    assert.deepEqual(secrets.apiClients, [
      { name: 'dispatch', permissions: ['users:read'], secretHashes: [hash] },
    ]);
    assert.deepEqual(load(SECRETS).secrets.apiClients, []);
  });

  test('is refused whole where it is wrong', () => {
    for (const value of [
      'dispatch',
      '{}',
      JSON.stringify([entry]),
      JSON.stringify([{ ...good, name: 'Dispatch Service' }]),
      JSON.stringify([{ ...good, permissions: ['everything'] }]),
      JSON.stringify([{ ...good, secret_hashes: ['plain text'] }]),
      JSON.stringify([{ ...good, secret: 'x' }]),
      JSON.stringify([good, good]),
    ]) {
      assert.deepEqual(refusedFor({ ...SECRETS, API_CLIENTS: value }), ['API_CLIENTS'], value);
    }
  });

  test('npm run api-client makes the secret and what to configure', async () => {
    const script = new URL('../scripts/api-client.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [script, 'hr', 'users:read']);
    const [, secret = ''] = /only now: ([\w-]{43})$/m.exec(stdout) ?? [];
    const [, value = ''] = /^API_CLIENTS='(.+)'$/m.exec(stdout) ?? [];
    const [made] = apiClientsSchema.parse(value);
    assert.deepEqual([made?.name, made?.permissions], ['hr', ['users:read']]);
    assert.ok(isClientSecret(secret, made?.secretHashes ?? []));
    assert.ok(!value.includes(secret));
    await assert.rejects(promisify(execFile)(process.execPath, [script, 'hr']), /Usage/);
  });
});
