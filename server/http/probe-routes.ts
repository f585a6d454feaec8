import { phoneAccessClaims, toPhonePrincipal } from '../use-cases/authenticate-token.ts';
import { route, type Route } from './route.ts';

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
    answer: phoneAccessClaims,
    errors: [],
    handle: (_ctx, { principal }) => Promise.resolve(toPhonePrincipal(principal).claims),
  });
}
