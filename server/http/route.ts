import type { Request, RequestHandler, Response, Router } from 'express';
import { z } from 'zod';
import type { Client } from '../audit.ts';
import { limitKeyOf } from '../client-address.ts';
import type { Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { AppError, type ErrorCode, type InputIssue } from '../errors.ts';
import type { Permission } from '../permissions.ts';
import type { SharedProfile } from '../rate-limits.ts';
import type { CookiePrincipal } from '../use-cases/authenticate-cookie.ts';
import type { Principal, TokenKindName } from '../use-cases/authenticate-token.ts';
import type { Staff } from '../use-cases/authorize-staff.ts';
import { verifyStaff } from './authenticate-staff.ts';
import { readJwt, requireRole, verifyJwt } from './authenticate.ts';
import { clientOf } from './client.ts';
import { countByAddress, countRequests, countUse } from './rate-limit.ts';
import { readCookie, refuseCrossSite, setCookie, verifyCookie } from './read-cookie.ts';
import { readForm } from './read-form.ts';
import { readJson } from './read-json.ts';
import { stateOf } from './request-state.ts';
import { Streamed } from './streamed.ts';
import type { Surface, SurfaceKind } from './surface.ts';

/**
 * `public` reads no token. `bearer` needs a good one, and gives its principal. `token` gives the principal of
 * one whose signature and expiry hold, or null: the use case judges whether it was revoked. `staff` needs somebody
 * with the route's permission: a person with an account token, or an API client. `cookie` needs that of a live
 * session; `cookie-or-none` gives the principal of one, or null. Only these two read a cookie, and nothing else.
 */
type Auth = 'public' | 'bearer' | 'token' | 'staff' | 'cookie' | 'cookie-or-none';

type PrincipalFor<IsAuthenticated extends Auth> = IsAuthenticated extends 'bearer'
  ? Principal
  : IsAuthenticated extends 'token'
    ? Principal | null
    : IsAuthenticated extends 'staff'
      ? Staff
      : IsAuthenticated extends 'cookie'
        ? CookiePrincipal
        : IsAuthenticated extends 'cookie-or-none'
          ? CookiePrincipal | null
          : undefined;

/** What a handler is given: input as its schema parsed it. */
export interface RouteInput<Body, Query, Params, IsAuthenticated extends Auth> {
  body: Body;
  query: Query;
  params: Params;
  /** Which tokens the surface reads. */
  kind: IsAuthenticated extends 'bearer' | 'token' ? TokenKindName : SurfaceKind;
  principal: PrincipalFor<IsAuthenticated>;
  client: Client;
  /** Puts the secret of a session into the cookie; null clears it. */
  setCookie: (secret: string | null) => void;
}

/** One endpoint, whole: what it takes, who may, what it answers. Express and OpenAPI both come from it. */
export interface RouteDefinition<
  Body extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Params extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
  IsAuthenticated extends Auth = Auth,
> {
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  summary: string;
  /** More than fits into the summary. */
  description?: string;
  auth: IsAuthenticated;
  roles?: Role[];
  /** What staff must be allowed to do. */
  permission?: Permission;
  /** Its rate limit; without one, that of all the others, `api`. */
  limit?: SharedProfile;
  body?: Body;
  /** Whether the body is a form of OAuth 2 (RFC 6749 §4.3.2), and not JSON. */
  form?: boolean;
  /** One more rate limit, by what was sent. */
  bodyLimit?: (body: z.output<Body>) => SharedProfile | undefined;
  query?: Query;
  params?: Params;
  /** What a success answers with. */
  answer?: Answer;
  /** What it may answer with instead, by media type: files, which are streamed. */
  files?: Record<string, z.ZodType>;
  /** Of a success: 200 unless it says otherwise, without an answer 204. */
  status?: 200 | 201 | 202;
  /** Refusals of its own, beside those that its `auth`, `limit` and schemas bring along. */
  errors: ErrorCode[];
  handle: (
    ctx: AppContext,
    input: RouteInput<z.output<Body>, z.output<Query>, z.output<Params>, IsAuthenticated>,
  ) => Promise<z.input<Answer> | Streamed>;
}

/** A route of any shape, as the router and OpenAPI see it. */
export type Route = RouteDefinition;

/** Keeps a handler in step with the schemas beside it. */
export function route<
  Body extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Params extends z.ZodType = z.ZodUndefined,
  Answer extends z.ZodType = z.ZodVoid,
  IsAuthenticated extends Auth = Auth,
>(definition: RouteDefinition<Body, Query, Params, Answer, IsAuthenticated>): Route {
  return definition;
}

const NO_FIELDS = z.strictObject({});

/** Adds a surface's routes to an Express router, and 405 for the other methods of their paths. */
export function mountRoutes(
  router: Router,
  ctx: AppContext,
  { routes, kind }: Pick<Surface, 'routes' | 'kind'>,
): void {
  for (const each of routes) {
    router[each.method](each.path, ...guards(ctx, each, kind), toHandler(ctx, each, kind));
  }
  for (const path of new Set(routes.map((each) => each.path))) {
    const allowed = routes.filter((each) => each.path === path).map((each) => each.method);
    router.all(path, refuseMethod(allowed));
  }
}

/** What stands in front of a handler, in this order: nothing is read of a body before its sender is known. */
function guards(ctx: AppContext, route: Route, kind: SurfaceKind): RequestHandler[] {
  const { path, limit, auth, roles, method, form = false } = route;
  const note: RequestHandler = (req, res, next) => {
    stateOf(res).route = req.baseUrl + path;
    // RFC 6749 §5.1 wants it beside `Cache-Control`.
    if (form) res.set('Pragma', 'no-cache');
    next();
  };
  // A refresh token that is to be logged out is worth as much as one that is to be used.
  const byAddress = auth === 'token' ? 'refresh' : 'api';
  const count = countRequests(ctx, { profile: limit, byAddress });
  const authenticate = {
    public: () => countByAddress(count),
    token: () => readJwt(ctx, { kind: tokenKind(kind), count }),
    bearer: () => verifyJwt(ctx, { kind: tokenKind(kind), count }),
    staff: () => verifyStaff(ctx, { permission: permissionOf(route), count }),
    cookie: () => verifyCookie(ctx, count),
    'cookie-or-none': () => readCookie(ctx, count),
  };
  return [
    note,
    ...(kind === 'cookie' && method !== 'get' ? [refuseCrossSite] : []),
    authenticate[auth](),
    ...(roles === undefined ? [] : [requireRole(...roles)]),
    ...(method === 'get' ? [] : [form ? readForm : readJson]),
  ];
}

function permissionOf({ permission, path }: Route): Permission {
  if (permission === undefined) throw new Error(`${path} says nobody who may use it`);
  return permission;
}

function tokenKind(kind: SurfaceKind): TokenKindName {
  if (kind === 'cookie') throw new Error('a surface that reads the cookie reads no tokens');
  return kind;
}

function toHandler(ctx: AppContext, definition: Route, kind: SurfaceKind): RequestHandler {
  const { body = NO_FIELDS, query, params, answer, auth, bodyLimit } = definition;
  const status = successStatus(definition);
  return async (req, res) => {
    const input = {
      body: definition.method === 'get' ? undefined : parseInput(body, req.body ?? {}),
      query: query && parseInput(query, req.query),
      params: params && parseParams(params, req),
      kind: kind as never,
      principal: callerOf(auth, res) as never,
      client: clientOf(req, res),
      setCookie: (secret: string | null) => {
        setCookie(ctx, res, secret);
      },
    };
    const profile = bodyLimit?.(input.body);
    if (profile !== undefined) {
      const limiter = ctx.limiters[profile];
      await countUse(res, { limiter, key: limitKeyOf(input.client.ip) });
    }
    const result = await definition.handle(ctx, input);
    if (result instanceof Streamed) await result.send(res.set('Cache-Control', 'no-store'));
    else sendAnswer(ctx, res, { schema: answer, value: result, status });
  };
}

function callerOf(auth: Auth, res: Response) {
  const { principal, staff, cookiePrincipal } = stateOf(res);
  if (auth === 'public') return undefined;
  if (auth === 'staff') return staff;
  return (auth === 'bearer' || auth === 'token' ? principal : cookiePrincipal) ?? null;
}

/** Of a route's answer when all went well. */
export function successStatus({ answer, status }: Pick<Route, 'answer' | 'status'>): number {
  return status ?? (answer === undefined ? 204 : 200);
}

interface Answer {
  status: number;
  schema: z.ZodType | undefined;
  value: unknown;
}

function sendAnswer(ctx: AppContext, res: Response, answer: Answer): void {
  res.set('Cache-Control', 'no-store').status(answer.status);
  if (answer.schema === undefined) {
    res.end();
    return;
  }
  // An answer that its own schema does not know is a defect, found before it is shipped.
  if (ctx.config.environment !== 'production') answer.schema.parse(answer.value);
  res.json(answer.value);
}

function parseInput(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError('invalid_request', { issues: parsed.error.issues.flatMap(toIssues) });
}

/** An id that no object can have is that of an object that does not exist. */
function parseParams(schema: z.ZodType, req: Request): unknown {
  const parsed = schema.safeParse(req.params);
  if (parsed.success) return parsed.data;
  throw new AppError('not_found');
}

function toIssues(issue: z.core.$ZodIssue): InputIssue[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ path: issue.path.join('.'), message: issue.message }];
  }
  return issue.keys.map((key) => ({
    path: [...issue.path, key].join('.'),
    message: 'There is no such field',
  }));
}

/** For what is only ever read. */
export const getOnly: RequestHandler = (req, res, next) => {
  if (req.method === 'GET' || req.method === 'HEAD') next();
  else refuseMethod(['get'])(req, res, next);
};

/** RFC 9110 §15.5.6. */
function refuseMethod(allowed: string[]): RequestHandler {
  const headers = { Allow: allowed.map((method) => method.toUpperCase()).join(', ') };
  return () => {
    throw new AppError('method_not_allowed', { headers });
  };
}
