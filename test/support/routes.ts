import type { SurfaceKind } from '../../server/http/surface.ts';
import { signUp } from './accounts.ts';
import type { TestApp } from './app.ts';
import { cookie, cookieSignUp } from './cookies.ts';
import { bearer, signIn } from './phone.ts';
import { signUpAs } from './staff.ts';

export interface DescribedRoute {
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  takesBody: boolean;
  /** Whether it is of OAuth 2: bodies are forms there, and errors of another shape (test/oauth-*.test.ts). */
  isOAuth: boolean;
  /** What it takes, by media type; undefined where it takes no body. */
  content: Record<string, { schema: BodySchema }> | undefined;
  /** What its surface reads; null where it reads nothing. */
  kind: SurfaceKind | null;
  /** Whether it answers only to a token. */
  needsToken: boolean;
}

/** As much of a JSON schema as it takes to fill in a body. */
export interface BodySchema {
  properties: Record<string, { type?: string; enum?: unknown[] }>;
}

interface Operation {
  requestBody?: { content: Record<string, { schema: BodySchema }> };
  security: object[];
}

interface ApiDescription {
  paths: Record<string, Record<string, Operation>>;
}

const FORM = 'application/x-www-form-urlencoded';

/** By the path that a surface is mounted at. */
const KINDS: Record<string, SurfaceKind> = {
  '/api/v1/': 'cookie',
  '/api/v2/': 'phone',
  '/api/auth/': 'account',
  '/auth/': 'account',
  '/api/admin/': 'account',
};

/** Every route of a surface that the service says it has, its path parameters filled in. */
export async function describedRoutes(app: TestApp): Promise<DescribedRoute[]> {
  const { body } = (await app.request.get('/openapi.json').expect(200)) as { body: ApiDescription };
  const ofSurfaces = Object.entries(body.paths).filter(([path]) => kindOf(path) !== null);
  return ofSurfaces.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody, security }]) => ({
      method: method as DescribedRoute['method'],
      path: path.replace(/\{\w+\}/g, 'A'.repeat(22)),
      takesBody: requestBody !== undefined,
      isOAuth: FORM in (requestBody?.content ?? {}),
      content: requestBody?.content,
      kind: kindOf(path),
      needsToken: security.length > 0 && security.every((way) => Object.keys(way).length > 0),
    })),
  );
}

function kindOf(path: string): SurfaceKind | null {
  const mount = Object.keys(KINDS).find((prefix) => path.startsWith(prefix));
  return (mount === undefined ? null : KINDS[mount]) ?? null;
}

/** The access token of a new session that the route reads. */
export async function tokenFor(app: TestApp, { kind, path }: DescribedRoute): Promise<string> {
  if (path.startsWith('/api/admin/')) return (await signUpAs(app, 'admin')).access_token;
  const { access_token } = await (kind === 'account' ? signUp(app) : signIn(app));
  return access_token;
}

/** What a new session is shown by that the route reads. */
export async function credentialsFor(
  app: TestApp,
  route: DescribedRoute,
): Promise<Record<string, string>> {
  if (route.kind === 'cookie') return cookie((await cookieSignUp(app)).secret);
  return bearer(await tokenFor(app, route));
}
