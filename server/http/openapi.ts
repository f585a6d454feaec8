import { z } from 'zod';
import { AppError, ERRORS, type ErrorCode } from '../errors.ts';
import { oauthErrorSchema, toOAuthError } from './oauth-error.ts';
import { COOKIE_NAME } from './read-cookie.ts';
import { successStatus, type Route } from './route.ts';
import type { ErrorShape, Surface } from './surface.ts';

const problemSchema = z.object({
  type: z.string().describe('urn:medallion:error:<code>'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('For people'),
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]).describe('For programs'),
  request_id: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** The OpenAPI 3.1 description of every route, made of the schemas that the routes validate with. */
export function describeApi(surfaces: readonly Surface[]) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Medallion',
      version: '1',
      description:
        'Sign-in and live sockets. When a session ends, everything it held is dead at once.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: surfaces.map(({ tag }) => ({ name: tag })),
    paths: describePaths(surfaces),
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        basic: { type: 'http', scheme: 'basic', description: 'An API client' },
        cookie: { type: 'apiKey', in: 'cookie', name: COOKIE_NAME },
      },
      schemas: {
        Problem: toSchema(problemSchema, 'output'),
        OAuthError: toSchema(oauthErrorSchema, 'output'),
      },
    },
  };
}

function describePaths(surfaces: readonly Surface[]): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const surface of surfaces) {
    for (const route of surface.routes) {
      const path = surface.path + route.path.replace(/:(\w+)/g, '{$1}');
      paths[path] = { ...paths[path], [route.method]: describeRoute(route, surface) };
    }
  }
  return paths;
}

function describeRoute(route: Route, { path, tag, errors = 'problem' }: Surface) {
  const bodyType = route.form ? 'application/x-www-form-urlencoded' : 'application/json';
  const name = `${route.method} ${path}${route.path}`.replace(/\W+(\w)/g, (_, letter: string) =>
    letter.toUpperCase(),
  );
  return {
    tags: [tag],
    summary: route.summary,
    operationId: name,
    security: SECURITY[route.auth],
    parameters: [
      ...describeParameters(route.params, 'path'),
      ...describeParameters(route.query, 'query'),
    ],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            content: { [bodyType]: { schema: toSchema(route.body, 'input') } },
          },
        }),
    responses: { ...describeSuccess(route), ...describeErrors(route, errors) },
  };
}

function describeParameters(schema: z.ZodType | undefined, place: 'path' | 'query') {
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: toSchema(field, 'input'),
  }));
}

function describeSuccess(route: Route) {
  const { answer } = route;
  const status = successStatus(route);
  if (answer === undefined) return { [status]: { description: 'Done' } };
  return {
    [status]: {
      description: 'Done',
      content: { 'application/json': { schema: toSchema(answer, 'output') } },
    },
  };
}

/** `token`, `cookie-or-none`: the token may be missing where something else in the request stands in for it. */
const SECURITY: Record<Route['auth'], object[]> = {
  public: [],
  bearer: [{ bearer: [] }],
  token: [{ bearer: [] }, {}],
  staff: [{ bearer: [] }, { basic: [] }],
  cookie: [{ cookie: [] }],
  'cookie-or-none': [{ cookie: [] }, {}],
};

/** The errors of a route by status: its own, and those that its declaration brings along. */
function describeErrors(route: Route, shape: ErrorShape): Record<number, unknown> {
  const codes = new Set<ErrorCode>([
    ...route.errors,
    ...(route.auth === 'bearer' || route.auth === 'cookie' ? SESSION_ERRORS : []),
    ...(route.auth === 'staff' ? [...SESSION_ERRORS, ...STAFF_ERRORS] : []),
    ...(route.roles === undefined ? [] : (['insufficient_permissions'] as const)),
    ...(route.query === undefined && route.body === undefined
      ? []
      : (['invalid_request'] as const)),
    ...(route.body === undefined ? [] : BODY_ERRORS),
    'rate_limited',
    'origin_not_allowed',
  ]);
  const statusOf = (code: ErrorCode): number => {
    if (code === 'two_factor_required' && route.auth === 'staff') return 403;
    return shape === 'oauth' ? toOAuthError(new AppError(code)).status : ERRORS[code].status;
  };
  const statuses = new Set(Array.from(codes, statusOf));
  return Object.fromEntries(
    Array.from(statuses, (status) => [
      status,
      {
        description: [...codes].filter((code) => statusOf(code) === status).join(', '),
        content: ERROR_CONTENT[shape],
      },
    ]),
  );
}

const ERROR_CONTENT = {
  problem: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  oauth: { 'application/json': { schema: { $ref: '#/components/schemas/OAuthError' } } },
} satisfies Record<ErrorShape, object>;

const SESSION_ERRORS = ['invalid_token', 'token_revoked', 'service_unavailable'] as const;
const STAFF_ERRORS = ['invalid_client', 'insufficient_permissions', 'two_factor_required'] as const;
const BODY_ERRORS = ['malformed_json', 'payload_too_large', 'unsupported_media_type'] as const;

function toSchema(schema: z.ZodType, io: 'input' | 'output') {
  return { ...z.toJSONSchema(schema, { io, unrepresentable: 'any' }), $schema: undefined };
}
