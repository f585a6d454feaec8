import type { Request, RequestHandler, Response } from 'express';
import type { Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { authenticateToken, type Principal } from '../use-cases/authenticate-token.ts';
import { stateOf } from './request-state.ts';

type AuthenticateContext = Pick<AppContext, 'clock' | 'phoneKeys' | 'blacklist'>;

/** The token of `Authorization: Bearer …` (RFC 6750 §2.1); null where there is none. */
export function bearerToken(req: Request): string | null {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(req.get('authorization') ?? '')?.[1] ?? null;
}

/**
 * Lets a request through whose bearer token is good, and notes who it is from.
 * Refuses with `invalid_token`, `token_revoked`, or `service_unavailable` where nobody can tell.
 */
export function verifyJwt(ctx: AuthenticateContext): RequestHandler {
  return async (req, res, next) => {
    stateOf(res).principal = await authenticateToken(ctx, bearerToken(req));
    next();
  };
}

/** Who the request is from. Only behind `verifyJwt`. */
export function getCurrentUser(res: Response): Principal {
  const { principal } = stateOf(res);
  if (principal === undefined) throw new Error('getCurrentUser is called in front of verifyJwt');
  return principal;
}

/** Lets through only sessions that act in one of these roles. Only behind `verifyJwt`. */
export function requireRole(...roles: Role[]): RequestHandler {
  return (_req, res, next) => {
    if (!roles.includes(getCurrentUser(res).role)) throw new AppError('insufficient_permissions');
    next();
  };
}
