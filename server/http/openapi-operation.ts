import { z } from 'zod';
import type { JsonSchema, PublishedSchemas } from '../json-schema.ts';
import { nameOf } from '../json-schema.ts';
import type { Endpoint } from './endpoint.ts';
import { describeErrors, errorCodesOf } from './openapi-errors.ts';
import {
  headersOfStatus,
  RATE_LIMIT_HEADERS,
  referToHeaders,
  referToParameters,
} from './openapi-headers.ts';
import { successStatus, type Route } from './route.ts';
import type { Surface, SurfaceKind } from './surface.ts';

/** One endpoint of a surface. */
export function describeRoute(schemas: PublishedSchemas, route: Route, surface: Surface) {
  const { kind, tag, errors = 'problem' } = surface;
  const { summary, description, auth, body, form, params, query, method } = route;
  const bodyType = form ? 'application/x-www-form-urlencoded' : 'application/json';
  const errorSource = { shape: errors, isForStaff: auth === 'staff', isLimited: true };
  return {
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    operationId: operationIdOf(method, surface.path + route.path),
    security: securityOf(auth, kind),
    parameters: [
      ...describeParameters(schemas, params, 'path'),
      ...describeParameters(schemas, query, 'query'),
      ...referToParameters('DeviceId', 'RequestId'),
    ],
    ...(body !== undefined && {
      requestBody: {
        required: !acceptsNothing(body),
        content: { [bodyType]: describeContent(schemas, schemas.add(body, 'input')) },
      },
    }),
    responses: {
      ...describeSuccess(schemas, route),
      ...describeErrors(errorCodesOf(route), errorSource),
    },
  };
}

/** One that no surface has. */
export function describeEndpoint(schemas: PublishedSchemas, endpoint: Endpoint) {
  const { path, tag, summary, description, answers, errors, takesToken = false } = endpoint;
  const described = Object.entries(answers).map(([status, answer]) => [
    status,
    {
      description: answer.description,
      headers: referToHeaders([...headersOfStatus(Number(status)), ...(answer.headers ?? [])]),
      ...(answer.content && { content: describeContents(schemas, answer.content) }),
    },
  ]);
  const errorSource = { shape: 'problem', isForStaff: false, isLimited: false } as const;
  return {
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    operationId: operationIdOf('get', path),
    security: takesToken ? [{ phoneToken: [] }, { accountToken: [] }] : [],
    parameters: referToParameters('RequestId'),
    responses: {
      ...(Object.fromEntries(described) as Record<string, object>),
      ...describeErrors([...errors, 'origin_not_allowed'], errorSource),
    },
  };
}

function operationIdOf(method: string, path: string): string {
  return `${method} ${path}`.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** `token`, `cookie-or-none`: it may be missing where something else in the request stands in for it. */
function securityOf(auth: Route['auth'], kind: SurfaceKind): object[] {
  const token = { [kind === 'phone' ? 'phoneToken' : 'accountToken']: [] };
  const ways: Record<Route['auth'], object[]> = {
    public: [],
    bearer: [token],
    token: [token, {}],
    staff: [token, { apiClient: [] }],
    cookie: [{ cookie: [] }],
    'cookie-or-none': [{ cookie: [] }, {}],
  };
  return ways[auth];
}

function acceptsNothing(body: z.ZodType): boolean {
  return body.safeParse({}).success;
}

function describeParameters(
  schemas: PublishedSchemas,
  schema: z.ZodType | undefined,
  place: 'path' | 'query',
) {
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, field]) => {
    const { description, ...rest } = schemas.add(field, 'input');
    return {
      name,
      in: place,
      required: place === 'path',
      ...(description !== undefined && { description }),
      schema: rest,
    };
  });
}

function describeSuccess(schemas: PublishedSchemas, route: Route) {
  const { answer, auth, files = {} } = route;
  const cookie = auth === 'cookie-or-none' ? ['Set-Cookie'] : [];
  const described = {
    description: 'Done',
    headers: referToHeaders(['X-Request-Id', ...RATE_LIMIT_HEADERS, ...cookie]),
  };
  const content = { ...(answer && { 'application/json': answer }), ...files };
  if (Object.keys(content).length === 0) return { [successStatus(route)]: described };
  return {
    [successStatus(route)]: { ...described, content: describeContents(schemas, content) },
  };
}

function describeContents(schemas: PublishedSchemas, content: Record<string, z.ZodType>) {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [
      type,
      describeContent(schemas, schemas.add(schema, 'output')),
    ]),
  );
}

/** An example for each of the things that it may be. */
function describeContent(schemas: PublishedSchemas, schema: JsonSchema) {
  const { anyOf } = schema as { anyOf?: { $ref?: string }[] };
  const named = anyOf?.filter(({ $ref }) => $ref !== undefined) ?? [];
  if (named.length === 0) return { schema, example: schemas.exampleOf(schema) };
  const examples = named.map((each) => [
    nameOf(each.$ref ?? ''),
    { value: schemas.exampleOf(each) },
  ]);
  return { schema, examples: Object.fromEntries(examples) as Record<string, object> };
}
