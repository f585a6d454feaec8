import { z } from 'zod';
import type { Config } from '../config.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { introspectToken, type LiveToken } from '../use-cases/introspect-token.ts';
import { logInAtOnce } from '../use-cases/log-in-at-once.ts';
import { refreshAccountSession } from '../use-cases/refresh-account-session.ts';
import { revokeToken } from '../use-cases/revoke-token.ts';
import type { IssuedTokens } from '../use-cases/issue-account-tokens.ts';
import { ACCOUNT_SCOPE, toGrant, tokenForm, type Grant } from './oauth-grants.ts';
import { route, type Route, type RouteInput } from './route.ts';
import { secondsSchema, tokenSchema } from './schemas.ts';

/** RFC 7009 §2.1, RFC 7662 §2.1. The hint is not needed: a token says itself what it is. */
const presentedToken = z.object({
  token: z
    .string()
    .max(16 * 1024)
    .meta({
      examples: ['eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9.eyJ1c2VyX2lkIjo0Mn0.c2lnbmF0dXJl'],
    }),
  token_type_hint: z
    .string()
    .optional()
    .meta({ examples: ['refresh_token'] }),
});

/** RFC 6749 §5.1 */
const tokenAnswer = z
  .object({
    access_token: tokenSchema,
    token_type: z.literal('Bearer'),
    expires_in: secondsSchema.describe('Seconds that the access token has left'),
    refresh_token: tokenSchema,
    scope: z.literal(ACCOUNT_SCOPE).describe('There is this one alone, whatever is asked for'),
  })
  .meta({ id: 'OAuthTokens' });

function tokenRoute({ allowsPasswordGrant }: Pick<Config, 'allowsPasswordGrant'>): Route {
  return route({
    method: 'post',
    path: '/token',
    summary: 'Tokens for a password, which is for first-party apps alone, or for a refresh token',
    auth: 'public',
    limit: 'refresh',
    bodyLimit: ({ grant_type }) => (grant_type === 'password' ? 'login' : undefined),
    form: true,
    body: tokenForm,
    answer: tokenAnswer,
    errors: [
      'unsupported_grant_type',
      'invalid_refresh_token',
      ...(allowsPasswordGrant ? PASSWORD_ERRORS : []),
      'service_unavailable',
    ],
    handle: async (ctx, { body, client }) => {
      const grant = toGrant(body);
      if (grant === null) throw new AppError('unsupported_grant_type');
      return toTokenAnswer(await issueTokens(ctx, grant, client));
    },
  });
}

const PASSWORD_ERRORS = [
  'invalid_credentials',
  'two_factor_required',
  'invalid_two_factor_code',
  'account_disabled',
  'session_limit_reached',
  'too_many_attempts',
  'busy',
] as const;

type Client = RouteInput<unknown, unknown, unknown, 'public'>['client'];

function issueTokens(ctx: AppContext, grant: Grant, client: Client): Promise<IssuedTokens> {
  if (grant.type === 'refresh_token') {
    return refreshAccountSession(ctx, { refreshToken: grant.refreshToken, client });
  }
  if (!ctx.config.allowsPasswordGrant) throw new AppError('unsupported_grant_type');
  return logInAtOnce(ctx, { ...grant, client });
}

function toTokenAnswer(tokens: IssuedTokens): z.input<typeof tokenAnswer> {
  return {
    access_token: tokens.accessToken,
    token_type: 'Bearer',
    expires_in: tokens.expiresInSeconds,
    refresh_token: tokens.refreshToken,
    scope: ACCOUNT_SCOPE,
  };
}

const revokeRoute = route({
  method: 'post',
  path: '/revoke',
  summary: 'End the session of an access or refresh token, with all that it holds (RFC 7009)',
  auth: 'public',
  limit: 'refresh',
  form: true,
  body: presentedToken,
  status: 200,
  errors: ['service_unavailable'],
  handle: (ctx, { body, client }) => revokeToken(ctx, { token: body.token, client }),
});

/** RFC 7662 §2.2 */
const introspection = z
  .object({
    active: z.boolean(),
    scope: z.string().optional(),
    username: z.string().optional(),
    token_type: z.enum(['Bearer', 'refresh_token']).optional(),
    exp: z.int().optional(),
    iat: z.int().optional(),
    sub: z.string().optional(),
    aud: z.string().optional(),
    iss: z.string().optional(),
    jti: z.string().optional(),
    sid: z.string().optional(),
    user_id: z.int().optional(),
    role: z.string().optional(),
    roles: z.array(z.string()).optional(),
  })
  .meta({
    id: 'Introspection',
    examples: [
      {
        active: true,
        scope: 'account',
        username: 'rider@example.com',
        token_type: 'Bearer',
        exp: 1772354700,
        iat: 1772353800,
        sub: '42',
        jti: 'tJ5rXb0mSNqv3y8cWd7k1A.0.Zk3vN7sD5fG0',
        sid: 'tJ5rXb0mSNqv3y8cWd7k1A',
        user_id: 42,
        role: 'rider',
        roles: ['rider'],
      },
    ],
  });

const introspectRoute = route({
  method: 'post',
  path: '/introspect',
  summary: 'Whether a token of either kind is live, and whose it is (RFC 7662)',
  auth: 'staff',
  permission: 'tokens:introspect',
  form: true,
  body: presentedToken,
  answer: introspection,
  errors: [],
  handle: async (ctx, { body }) => toIntrospection(await introspectToken(ctx, body)),
});

function toIntrospection(token: LiveToken | null): z.input<typeof introspection> {
  if (token === null) return { active: false };
  const { isAccess, isAccount, username, sessionId, claims } = token;
  const { exp, iat, jti, user_id } = claims;
  return {
    active: true,
    ...(isAccount && { scope: ACCOUNT_SCOPE }),
    ...(username !== null && { username }),
    token_type: isAccess ? 'Bearer' : 'refresh_token',
    ...{ exp, iat, jti, user_id },
    sub: String(user_id),
    sid: sessionId,
    ...('iss' in claims && { iss: claims.iss, aud: claims.aud }),
    ...('role' in claims && { role: claims.role }),
    ...('roles' in claims && { roles: claims.roles }),
  };
}

/** OAuth 2: RFC 6749, 7009, 7662. */
export function oauthRoutes(config: Pick<Config, 'allowsPasswordGrant'>): Route[] {
  return [tokenRoute(config), revokeRoute, introspectRoute];
}
