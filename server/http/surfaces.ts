import type { Config } from '../config.ts';
import { accountRoutes } from './accounts.ts';
import { adminAuditLogRoute } from './admin-audit-log.ts';
import { adminRealtimeRoutes } from './admin-realtime.ts';
import { adminSessionRoutes } from './admin-sessions.ts';
import { adminUserRoutes } from './admin-users.ts';
import { cookieRoutes } from './cookie-sessions.ts';
import { docsEndpoints } from './docs.ts';
import { jsonWebKeysEndpoint } from './json-web-keys.ts';
import { oauthMetadataEndpoint } from './oauth-metadata.ts';
import { oauthRoutes } from './oauth.ts';
import type { DescribedApi } from './openapi.ts';
import { operationsEndpoints } from './operations.ts';
import { phoneOtpRoutes } from './phone-otp.ts';
import { probeRoutes } from './probe-routes.ts';
import { recoveryRoutes } from './recovery.ts';
import { sessionRoutes } from './sessions.ts';
import { socketEndpoint } from './socket-endpoint.ts';
import type { Surface } from './surface.ts';

/** As much of the configuration as makes a difference to what there is. */
export type ApiConfig = Pick<Config, 'allowsPasswordGrant' | 'defaultRegion'>;

/** All that is served to programs, in the order in which it is asked. */
export function describedApi(config: ApiConfig): DescribedApi {
  return { surfaces: surfaces(config), endpoints: ENDPOINTS };
}

function surfaces(config: ApiConfig): Surface[] {
  return [
    {
      path: '/api/v2',
      tag: 'Phone apps',
      description: 'Sign-in with a one-time code, for riders and drivers. The refresh token stays.',
      kind: 'phone',
      routes: [...phoneOtpRoutes(config), ...sessionRoutes('/auth'), ...probeRoutes],
    },
    ...accountSurfaces(),
    {
      path: '/auth',
      tag: 'OAuth 2',
      description:
        'The sessions of accounts, as RFC 6749, 7009 and 7662 have it. Bodies are forms.',
      kind: 'account',
      errors: 'oauth',
      routes: oauthRoutes(config),
    },
    {
      path: '/api/admin',
      tag: 'Staff',
      description: 'Administration, by permission: for staff, and for API clients by HTTP Basic.',
      kind: 'account',
      routes: [
        ...adminUserRoutes(config),
        ...adminSessionRoutes,
        ...adminRealtimeRoutes,
        adminAuditLogRoute,
      ],
    },
    {
      path: '/api/v1/auth',
      tag: 'Browsers',
      description: 'Sign-in for pages: the session is a cookie that scripts cannot read.',
      kind: 'cookie',
      routes: cookieRoutes,
    },
  ];
}

/** One family of endpoints, under both of its names. */
function accountSurfaces(): Surface[] {
  const kind = 'account';
  const routes = [...accountRoutes, ...recoveryRoutes, ...sessionRoutes('')];
  return [
    {
      path: '/api/auth',
      tag: 'Accounts',
      description: 'Sign-in with e-mail, password and second factor. Refresh tokens rotate.',
      kind,
      routes,
    },
    {
      path: '/auth/v2',
      tag: 'Accounts, under their other name',
      description: 'The same as `/api/auth`.',
      kind,
      routes,
    },
  ];
}

/** What stands beside the surfaces. */
const ENDPOINTS = [
  socketEndpoint,
  jsonWebKeysEndpoint,
  oauthMetadataEndpoint,
  ...operationsEndpoints,
  ...docsEndpoints,
];
