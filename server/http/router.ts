import cors from 'cors';
import express, { type Express, type RequestHandler, type Response, type Router } from 'express';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { isOriginAllowed } from '../origins.ts';
import { docsRouter } from './docs.ts';
import { errorHandler } from './error-handler.ts';
import { createExactRouter } from './exact-router.ts';
import { jsonWebKeysRouter } from './json-web-keys.ts';
import { oauthMetadataRouter } from './oauth-metadata.ts';
import { observe } from './observe.ts';
import { operationsRouter } from './operations.ts';
import { pageHeaders } from './page-policy.ts';
import { getOnly, mountRoutes } from './route.ts';
import { describedApi } from './surfaces.ts';

/** A router of the team's own, mounted beside ours. */
export interface ExtraRouter {
  path: string;
  router: Router;
}

/** What is served beside our own surfaces. */
interface Beside {
  routers: readonly ExtraRouter[];
  /** Makes the description of what is said on the live sockets. */
  describeSocket: () => object;
}

/** For origins that `checkOrigin` let through. */
const CORS = {
  origin: true,
  credentials: true,
  maxAge: 600,
  exposedHeaders: [
    'X-Request-Id',
    'Retry-After',
    'RateLimit-Limit',
    'RateLimit-Remaining',
    'RateLimit-Reset',
  ],
};

const PUBLIC_DIRECTORY = new URL('../../public/', import.meta.url).pathname;
/** What `npm run build` makes of `client/src`. */
const CLIENT_DIRECTORY = new URL('../../client/dist/', import.meta.url).pathname;

/** The HTTP application: every surface and its place, in the order in which they are asked; the busiest first. */
export function createHttpApp(ctx: AppContext, { routers, describeSocket }: Beside): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', ctx.config.trustedProxyHops);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('strict routing', true);
  app.set('etag', false);
  app.use(observe(ctx), apiHeaders, checkOrigin(ctx));
  const api = describedApi(ctx.config);
  const ours = api.surfaces;
  for (const surface of ours) {
    const router = createExactRouter();
    mountRoutes(router, ctx, surface);
    app.use(surface.path, router);
  }
  app.use(pageHeaders(ctx));
  app.use(operationsRouter(ctx));
  app.use(jsonWebKeysRouter(ctx));
  app.use(oauthMetadataRouter(ctx));
  app.use(docsRouter(api, describeSocket));
  for (const { path, router } of routers) app.use(path, router);
  app.all('/ws', getOnly);
  app.get('/ws', () => {
    throw new AppError('upgrade_required', { headers: { Upgrade: 'websocket' } });
  });
  app.all('/', getOnly);
  app.use(
    '/client',
    express.static(CLIENT_DIRECTORY, { index: false, setHeaders: typeDeclarations }),
  );
  app.use(express.static(PUBLIC_DIRECTORY));
  app.use(() => {
    throw new AppError('not_found');
  });
  for (const { path, routes, errors } of ours) {
    const paths = routes.map((each) => path + each.path);
    if (errors !== undefined) app.use(paths, errorHandler(ctx.log, errors));
  }
  app.use(errorHandler(ctx.log));
  return app;
}

/** For an answer that is no page: nothing may run in it or frame it. `pageHeaders` has those that are. */
const API_HEADERS = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

const apiHeaders: RequestHandler = (_req, res, next) => {
  for (const [name, value] of Object.entries(API_HEADERS)) res.setHeader(name, value);
  next();
};

/** Their file name ends as that of a video format does. */
function typeDeclarations(res: Response, path: string): void {
  if (path.endsWith('.d.ts')) res.setHeader('Content-Type', 'text/plain; charset=utf-8');
}

/** A foreign page gets nothing, not even a simple request through; one of ours may read the answer. */
function checkOrigin({ config }: AppContext): RequestHandler {
  const allow = cors(CORS);
  return (req, res, next) => {
    const origin = req.get('origin');
    if (!isOriginAllowed(config, origin)) throw new AppError('origin_not_allowed');
    if (origin === undefined) next();
    else allow(req, res, next);
  };
}
