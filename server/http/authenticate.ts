import type { Request, RequestHandler, Response } from 'express';
import { systemClock } from '../clock.ts';
import type { Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import {
  assertNotRevoked,
  verifyAccessToken,
  type Principal,
  type TokenKindName,
} from '../use-cases/authenticate-token.ts';
import type { CountRequest } from './rate-limit.ts';
import { stateOf } from './request-state.ts';

type AuthenticateContext = Pick<AppContext, 'clock' | 'phoneKeys' | 'accountKeys' | 'blacklist'>;

interface VerifyOptions {
  /** Which tokens are read: of the phone surface, of accounts, or both. */
  kind?: TokenKindName | undefined;
  /** Comes between the signature and the blacklist, so that a flood asks Redis nothing. */
  count?: CountRequest;
}

/** The token of `Authorization: Bearer …` (RFC 6750 §2.1); null where there is none. */
function bearerToken(req: Request): string | null {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(req.get('authorization') ?? '')?.[1] ?? null;
}

/**
 * Lets a request through whose bearer token is good, and notes who it is from.
 * Refuses with `invalid_token`, `token_revoked`, or `service_unavailable` where nobody can tell.
 */
export function verifyJwt(ctx: AuthenticateContext, options: VerifyOptions = {}): RequestHandler {
  return async (req, res, next) => {
    await authenticateBearer(ctx, { req, res, ...options });
    next();
  };
}

type BearerInput = VerifyOptions & { req: Request; res: Response };

/** The step of `verifyJwt` itself: gives the principal, and notes it. */
export async function authenticateBearer(
  ctx: AuthenticateContext,
  input: BearerInput,
): Promise<Principal> {
  const principal = await noteSigner(ctx, input);
  if (principal === null) throw new AppError('invalid_token');
  await assertNotRevoked(ctx, principal);
  return principal;
}

/** Notes who a request is from, its token's signature and expiry holding; it may have been revoked. Refuses nobody. */
export function readJwt(ctx: AuthenticateContext, options: VerifyOptions): RequestHandler {
  return async (req, res, next) => {
    await noteSigner(ctx, { req, res, ...options });
    next();
  };
}

async function noteSigner(
  ctx: AuthenticateContext,
  { req, res, kind, count }: BearerInput,
): Promise<Principal | null> {
  const principal = tryVerify(ctx, bearerToken(req), kind);
  if (principal !== null) stateOf(res).principal = principal;
  if (count) await count(req, res, (principal ?? trySigner(ctx, req, kind))?.sessionId ?? null);
  return principal;
}

/** Whose token it is, though it has expired: an app that has slept is not counted with its whole network. */
function trySigner(
  ctx: AuthenticateContext,
  req: Request,
  kind: TokenKindName | undefined,
): Principal | null {
  const { phoneKeys, accountKeys } = ctx;
  const keys = { clock: BEFORE_ALL_TOKENS, phoneKeys, accountKeys };
  return tryVerify(keys, bearerToken(req), kind);
}

/** jsonwebtoken takes a time of 0 for none. */
const BEFORE_ALL_TOKENS = { ...systemClock, now: () => 1000 };

function tryVerify(
  ctx: Omit<AuthenticateContext, 'blacklist'>,
  token: string | null,
  kind: TokenKindName | undefined,
): Principal | null {
  try {
    return verifyAccessToken(ctx, token, kind);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
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
