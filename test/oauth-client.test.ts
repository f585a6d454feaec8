import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oauth from 'oauth4webapi';
import { newAccount, register } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { makeApiClient } from './support/staff.ts';

const gateway = makeApiClient('gateway', 'tokens:introspect');
const app = await startApp({ env: gateway.env });
const issuer = new URL('http://localhost:3000');

/** The server is where a proxy would pass requests on to. */
const toServer = (url: string, request: object): Promise<Response> =>
  fetch(url.replace(issuer.origin, app.url), request);
// eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that nobody uses it beyond tests
const options = { [oauth.customFetch]: toServer, [oauth.allowInsecureRequests]: true };

const discovered = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' });
const as = await oauth.processDiscoveryResponse(issuer, discovered.clone());
const client: oauth.Client = { client_id: 'app' };
const service: oauth.Client = { client_id: gateway.client.name };

async function passwordGrant(parameters: Record<string, string>) {
  const answer = await oauth.genericTokenEndpointRequest(
    as,
    client,
    oauth.None(),
    'password',
    parameters,
    options,
  );
  return oauth.processGenericTokenEndpointResponse(as, client, answer);
}

async function introspect(token: string) {
  const auth = oauth.ClientSecretBasic(gateway.client.secret);
  const answer = await oauth.introspectionRequest(as, service, auth, token, options);
  return oauth.processIntrospectionResponse(as, service, answer);
}

test('a client of OAuth 2 finds all that it needs by the metadata', async () => {
  assert.equal(discovered.headers.get('cache-control'), 'public, max-age=300');
  assert.deepEqual(as, {
    issuer: 'http://localhost:3000',
    token_endpoint: 'http://localhost:3000/auth/token',
    revocation_endpoint: 'http://localhost:3000/auth/revoke',
    introspection_endpoint: 'http://localhost:3000/auth/introspect',
    jwks_uri: 'http://localhost:3000/.well-known/jwks.json',
    grant_types_supported: ['password', 'refresh_token'],
    response_types_supported: [],
    scopes_supported: ['account'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
    service_documentation: 'http://localhost:3000/docs/',
  });
  const path = '/.well-known/oauth-authorization-server';
  assert.equal((await app.request.post(path)).status, 405);
});

test('a client of OAuth 2 signs in, refreshes, introspects and revokes, unchanged', async () => {
  const { email, password } = await register(app);
  const tokens = await passwordGrant({ username: email, password, scope: 'account' });
  assert.equal(tokens.token_type, 'bearer');
  assert.equal(tokens.expires_in, 900);
  const answer = await oauth.refreshTokenGrantRequest(
    as,
    client,
    oauth.None(),
    tokens.refresh_token ?? '',
    options,
  );
  const next = await oauth.processRefreshTokenResponse(as, client, answer);
  const told = await introspect(next.access_token);
  assert.deepEqual([told.active, told.username, told.iss], [true, email, as.issuer]);
  const token = next.refresh_token ?? '';
  const revoked = await oauth.revocationRequest(as, client, oauth.None(), token, options);
  await oauth.processRevocationResponse(revoked);
  assert.deepEqual(await introspect(next.access_token), { active: false });
});

test('a client of OAuth 2 understands a refusal', async () => {
  const { email, password } = newAccount();
  await assert.rejects(passwordGrant({ username: email, password }), (error) => {
    assert.ok(error instanceof oauth.ResponseBodyError);
    assert.deepEqual(
      [error.status, error.error, error.error_description],
      [400, 'invalid_grant', 'Invalid email or password'],
    );
    return true;
  });
});
