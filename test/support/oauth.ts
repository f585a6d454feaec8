import assert from 'node:assert/strict';
import type { Response, Test } from 'supertest';
import type { Account } from './accounts.ts';
import type { TestApp } from './app.ts';
import type { Pair } from './rotation.ts';

export type OAuthPath = 'token' | 'revoke' | 'introspect';

/** Sends a form, whatever the answer will be. */
export function form(app: TestApp, path: OAuthPath, fields: Record<string, string> | string): Test {
  const body = typeof fields === 'string' ? fields : new URLSearchParams(fields).toString();
  return app.request.post(`/auth/${path}`).set('user-agent', 'Owner/1.0').type('form').send(body);
}

type Credentials = Pick<Account, 'email' | 'password'>;

/** Asks for a session by the password grant, whatever the answer will be. */
export function passwordGrant(
  app: TestApp,
  { email, password }: Credentials,
  more: Record<string, string> = {},
): Test {
  return form(app, 'token', { grant_type: 'password', username: email, password, ...more });
}

export async function grant(
  app: TestApp,
  credentials: Credentials,
  more: Record<string, string> = {},
): Promise<Pair> {
  return (await passwordGrant(app, credentials, more).expect(200)).body as Pair;
}

/** Presents a refresh token, whatever the answer will be. */
export function refreshGrant(app: TestApp, refresh_token: string): Test {
  return form(app, 'token', { grant_type: 'refresh_token', refresh_token });
}

/** Checks that an answer is an error of OAuth 2 (RFC 6749 §5.2) and nothing beside, and gives its description. */
export function assertOAuthError(
  response: Response,
  { status, error }: { status: number; error: string },
): string {
  const body = response.body as { error: string; error_description: string };
  assert.deepEqual([response.status, body.error], [status, error]);
  assert.deepEqual(Object.keys(body), ['error', 'error_description']);
  assert.match(body.error_description, /^[ !#-[\]-~]+$/);
  assert.match(response.get('content-type') ?? '', /^application\/json/);
  assert.equal(response.get('cache-control'), 'no-store');
  assert.equal(response.get('pragma'), 'no-cache');
  assert.ok(response.get('x-request-id'));
  assert.equal(response.get('www-authenticate') !== undefined, status === 401);
  if ([429, 503].includes(status)) assert.match(response.get('retry-after') ?? '', /^[1-9]\d*$/);
  return body.error_description;
}

export const INVALID_GRANT = { status: 400, error: 'invalid_grant' };
export const INVALID_REQUEST = { status: 400, error: 'invalid_request' };
