import type { Router } from 'express';
import { z } from 'zod';
import type { AppContext } from '../context.ts';
import type { Endpoint } from './endpoint.ts';
import { createExactRouter } from './exact-router.ts';
import { ACCOUNT_SCOPE, GRANT_TYPES } from './oauth-grants.ts';
import { stateOf } from './request-state.ts';
import { getOnly } from './route.ts';

const PATH = '/.well-known/oauth-authorization-server';
const MAX_AGE_SECONDS = 300;

const url = (path: string) => z.url().meta({ examples: [`https://auth.example.com${path}`] });

const metadataSchema = z
  .object({
    issuer: url(''),
    token_endpoint: url('/auth/token'),
    revocation_endpoint: url('/auth/revoke'),
    introspection_endpoint: url('/auth/introspect'),
    jwks_uri: url('/.well-known/jwks.json'),
    grant_types_supported: z.array(z.enum(GRANT_TYPES)).meta({ examples: [[...GRANT_TYPES]] }),
    response_types_supported: z.array(z.string()).meta({ examples: [[]] }),
    scopes_supported: z.array(z.literal(ACCOUNT_SCOPE)),
    token_endpoint_auth_methods_supported: z.array(z.literal('none')),
    revocation_endpoint_auth_methods_supported: z.array(z.literal('none')),
    introspection_endpoint_auth_methods_supported: z.array(z.literal('client_secret_basic')),
    service_documentation: url('/docs/'),
  })
  .meta({ id: 'AuthorizationServerMetadata' });

export const oauthMetadataEndpoint: Endpoint = {
  path: PATH,
  tag: 'Discovery',
  summary: 'What OAuth 2 clients configure themselves by (RFC 8414)',
  answers: {
    200: {
      description: 'May be cached for five minutes',
      content: { 'application/json': metadataSchema },
    },
  },
  errors: [],
};

/** What clients of OAuth 2 configure themselves by (RFC 8414 §3). */
export function oauthMetadataRouter({ config }: Pick<AppContext, 'config'>): Router {
  const text = JSON.stringify(describeServer(config));
  const router = createExactRouter();
  router.all(PATH, getOnly);
  router.get(PATH, (_req, res) => {
    stateOf(res).route = PATH;
    res.set('Cache-Control', `public, max-age=${MAX_AGE_SECONDS}`);
    res.type('application/json').send(text);
  });
  return router;
}

function describeServer({
  publicUrl,
  allowsPasswordGrant,
}: AppContext['config']): z.input<typeof metadataSchema> {
  const base = publicUrl.replace(/\/+$/, '');
  return {
    issuer: publicUrl,
    token_endpoint: `${base}/auth/token`,
    revocation_endpoint: `${base}/auth/revoke`,
    introspection_endpoint: `${base}/auth/introspect`,
    jwks_uri: `${base}/.well-known/jwks.json`,
    // Passwords are for first-party apps alone (RFC 9700 §2.4).
    grant_types_supported: GRANT_TYPES.filter((type) => type !== 'password' || allowsPasswordGrant),
    // There is no authorization endpoint.
    response_types_supported: [],
    scopes_supported: [ACCOUNT_SCOPE],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
    service_documentation: `${base}/docs/`,
  };
}
