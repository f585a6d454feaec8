import { PublishedSchemas } from '../json-schema.ts';
import { packageVersion } from '../package-version.ts';
import { ENDPOINT_TAGS, type Endpoint } from './endpoint.ts';
import { oauthErrorSchema } from './oauth-error.ts';
import { errorExamples, unexpectedResponses } from './openapi-errors.ts';
import { HEADER_COMPONENTS } from './openapi-headers.ts';
import { describeEndpoint, describeRoute } from './openapi-operation.ts';
import { problemSchema } from './problem-schema.ts';
import { COOKIE_NAME } from './read-cookie.ts';
import type { Surface } from './surface.ts';

/** Everything that is described: the surfaces, and what stands beside them. */
export interface DescribedApi {
  surfaces: readonly Surface[];
  endpoints: readonly Endpoint[];
}

const DESCRIPTION = `Sign-in and live sockets. When a session ends, everything it held is dead at once.

Every error is a problem document (RFC 9457) whose \`code\` is stable; OAuth 2 alone answers as RFC 6749 §5.2 has it.
Ways to sign in do not mix: each operation names the only ones that it reads. Answers may get new fields at any time.`;

/** The OpenAPI 3.1 description of every route, made of the schemas that the routes validate with. */
export function describeApi({ surfaces, endpoints }: DescribedApi) {
  const schemas = new PublishedSchemas();
  schemas.add(problemSchema, 'output');
  schemas.add(oauthErrorSchema, 'output');
  const paths = describePaths(schemas, { surfaces, endpoints });
  const responses = unexpectedResponses();
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Medallion',
      version: packageVersion(),
      summary: 'Sign-in and live sockets for ride-hailing teams',
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The node that this description is read from' }],
    tags: describeTags({ surfaces, endpoints }),
    paths,
    components: {
      securitySchemes: SECURITY_SCHEMES,
      schemas: schemas.components,
      responses,
      examples: errorExamples(JSON.stringify([paths, responses])),
      ...HEADER_COMPONENTS,
    },
  };
}

const SECURITY_SCHEMES = {
  phoneToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token of the phone surface: `POST /api/v2/auth/verify-otp` gives one.',
  },
  accountToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token of an account: `POST /api/auth/login` gives one.',
  },
  apiClient: {
    type: 'http',
    scheme: 'basic',
    description: 'An API client of `API_CLIENTS`: its name, and its secret.',
  },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: COOKIE_NAME,
    description: 'The cookie that `POST /api/v1/auth/login` sets.',
  },
};

function describeTags({ surfaces, endpoints }: DescribedApi) {
  const used = new Set(endpoints.map(({ tag }) => tag));
  return [
    ...surfaces.map(({ tag: name, description }) => ({ name, description })),
    ...Array.from(used, (name) => ({ name, description: ENDPOINT_TAGS[name] })),
  ];
}

function describePaths(schemas: PublishedSchemas, { surfaces, endpoints }: DescribedApi) {
  const paths: Record<string, Record<string, object>> = {};
  for (const surface of surfaces) {
    for (const route of surface.routes) {
      const path = surface.path + route.path.replace(/:(\w+)/g, '{$1}');
      const operation = describeRoute(schemas, route, surface);
      paths[path] = { ...paths[path], [route.method]: operation };
    }
  }
  for (const each of endpoints) paths[each.path] = { get: describeEndpoint(schemas, each) };
  return paths;
}
