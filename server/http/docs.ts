import { fileURLToPath } from 'node:url';
import type { RequestHandler, Response, Router } from 'express';
import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { createExactRouter } from './exact-router.ts';
import { describeApi, type DescribedApi } from './openapi.ts';
import { stateOf } from './request-state.ts';
import { getOnly } from './route.ts';

const OPENAPI_PATH = '/openapi.json';
const ASYNCAPI_PATH = '/asyncapi.json';

/** Those of the library's files that the page in `public/docs/` is made of. */
const PAGE_FILES = ['swagger-ui.css', 'swagger-ui-bundle.js'];

/** Nothing on the page is inline, and it talks to this server alone. Icons are in its style sheet. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const setPagePolicy: RequestHandler = (_req, res, next) => {
  res.set('Content-Security-Policy', PAGE_POLICY);
  next();
};

export const docsEndpoints: Endpoint[] = [
  {
    path: OPENAPI_PATH,
    tag: 'Operations',
    summary: 'This description',
    answers: {
      200: {
        description: 'OpenAPI 3.1',
        content: {
          'application/json': z.looseObject({ openapi: z.string().meta({ examples: ['3.1.0'] }) }),
        },
      },
    },
    errors: [],
  },
  {
    path: ASYNCAPI_PATH,
    tag: 'Sockets',
    summary: 'The description of the live socket: its frames in both directions, its close codes',
    answers: {
      200: {
        description: 'AsyncAPI 3',
        content: {
          'application/json': z.looseObject({ asyncapi: z.string().meta({ examples: ['3.0.0'] }) }),
        },
      },
    },
    errors: [],
  },
];

/** The descriptions, and what the page at `/docs` needs that it is tried out on. */
export function docsRouter(api: DescribedApi, describeSocket: () => object): Router {
  const router = createExactRouter();
  router.all([OPENAPI_PATH, ASYNCAPI_PATH, '/docs', '/docs/*file'], getOnly);
  router.get(
    OPENAPI_PATH,
    describedBy(OPENAPI_PATH, () => describeApi(api)),
  );
  router.get(ASYNCAPI_PATH, describedBy(ASYNCAPI_PATH, describeSocket));
  router.use('/docs', setPagePolicy);
  for (const name of PAGE_FILES) {
    const file = fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`));
    router.get(`/docs/${name}`, (_req, res) => {
      res.sendFile(file);
    });
  }
  return router;
}

/** A description is made when it is first asked for: no start waits for it, and no later request. */
function describedBy(path: string, describe: () => object): RequestHandler {
  let text: string | undefined;
  return (_req, res: Response) => {
    stateOf(res).route = path;
    text ??= JSON.stringify(describe());
    res.type('application/json').send(text);
  };
}
