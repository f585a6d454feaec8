import { phoneAccessClaims, toPhonePrincipal } from '../use-cases/authenticate-token.ts';
import { route, type Route } from './route.ts';

const claimsSchema = phoneAccessClaims.meta({
  id: 'PhoneClaims',
  examples: [
    {
      user_id: 42,
      phone_number: '+14155550100',
      role: 'driver',
      jti: 'tJ5rXb0mSNqv3y8cWd7k1A.0.Zk3vN7sD5fG0',
      iat: 1772353800,
      exp: 1772354700,
    },
  ],
});

/** For client developers: what a token opens, and what it says. */
export const probeRoutes: Route[] = [
  probe('/test/protected', 'Any good access token'),
  probe('/test/driver-only', 'A session that acts as driver', ['driver']),
  probe('/test/admin-only', 'A session that acts as admin', ['admin']),
];

function probe(path: string, summary: string, roles?: Route['roles']): Route {
  return route({
    method: 'get',
    path,
    summary,
    auth: 'bearer',
    ...(roles === undefined ? {} : { roles }),
    answer: claimsSchema,
    errors: [],
    handle: (_ctx, { principal }) => Promise.resolve(toPhonePrincipal(principal).claims),
  });
}
