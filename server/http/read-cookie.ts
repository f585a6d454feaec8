import { parseCookie } from 'cookie';
import type { CookieOptions, Request, RequestHandler, Response } from 'express';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { findCookieSession, type CookieSession } from '../queries/cookie-sessions.ts';
import {
  authenticateCookie,
  hashCookie,
  liveCookieSession,
} from '../use-cases/authenticate-cookie.ts';
import { COOKIE_LIFE_MS } from '../use-cases/open-cookie-session.ts';
import type { CountRequest } from './rate-limit.ts';
import { stateOf } from './request-state.ts';

export const COOKIE_NAME = 'session_id';
/** 32 bytes in base64url: what is not of this form is no cookie of ours, and PostgreSQL is not asked for it. */
const SECRET = /^[\w-]{43}$/;

type CookieContext = Pick<AppContext, 'clock' | 'db' | 'log' | 'revocations' | 'knownCookies'>;

/**
 * Lets a request through whose cookie stands for a live session, and notes who it is from.
 * Refuses with `invalid_token`, `token_revoked`, or `service_unavailable` where PostgreSQL is away.
 */
export function verifyCookie(ctx: CookieContext, count: CountRequest): RequestHandler {
  return async (req, res, next) => {
    const session = await findSession(ctx, { req, res, count });
    stateOf(res).cookiePrincipal = authenticateCookie(ctx, session);
    next();
  };
}

/** Notes who a request is from, if its cookie stands for a live session. Refuses nobody for it. */
export function readCookie(ctx: CookieContext, count: CountRequest): RequestHandler {
  return async (req, res, next) => {
    const principal = liveCookieSession(ctx, await findSession(ctx, { req, res, count }));
    if (principal !== null) stateOf(res).cookiePrincipal = principal;
    next();
  };
}

interface Lookup {
  req: Request;
  res: Response;
  count: CountRequest;
}

/** Counted before PostgreSQL is asked: for its session where this node knows the cookie, else for its address. */
async function findSession(
  ctx: CookieContext,
  { req, res, count }: Lookup,
): Promise<CookieSession | null> {
  const secret = cookieOf(req);
  const cookieHash = secret === null ? null : hashCookie(secret);
  await count(req, res, cookieHash === null ? null : ctx.knownCookies.get(cookieHash));
  if (cookieHash === null) return null;
  const session = await findCookieSession(ctx.db, cookieHash);
  if (session !== null) ctx.knownCookies.add(cookieHash, session.sessionId);
  return session;
}

/** Of several the first, which browsers send for the longest path (RFC 6265 §5.4). */
function cookieOf(req: Request): string | null {
  const secret = parseCookie(req.get('cookie') ?? '')[COOKIE_NAME];
  return secret !== undefined && SECRET.test(secret) ? secret : null;
}

/** Gives the browser the cookie of its new session; null takes it away. */
export function setCookie({ config }: AppContext, res: Response, secret: string | null): void {
  const options: CookieOptions = {
    httpOnly: true,
    sameSite: 'lax',
    secure: config.environment === 'production',
    path: '/api/v1',
  };
  if (secret === null) res.clearCookie(COOKIE_NAME, options);
  else res.cookie(COOKIE_NAME, secret, { ...options, maxAge: COOKIE_LIFE_MS });
}

/** What a page of another site makes a browser send is not what its person wants (Fetch Metadata). */
export const refuseCrossSite: RequestHandler = (req, _res, next) => {
  if (req.get('sec-fetch-site') === 'cross-site') throw new AppError('origin_not_allowed');
  next();
};
