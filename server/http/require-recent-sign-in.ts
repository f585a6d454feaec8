import type { RequestHandler } from 'express';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { findSignInTime } from '../queries/sessions.ts';
import { getCurrentUser } from './authenticate.ts';

/**
 * Lets through only sessions whose person has signed in within `maxAgeSeconds`, with the second factor where it is
 * on. A refresh makes no sign-in newer: a stolen token is of no use here. Only behind `verifyJwt`. Refuses with
 * `insufficient_user_authentication` (RFC 9470).
 */
export function requireRecentSignIn(
  ctx: Pick<AppContext, 'db' | 'clock'>,
  maxAgeSeconds: number,
): RequestHandler {
  return async (_req, res, next) => {
    const signedInAt = await findSignInTime(ctx.db, getCurrentUser(res).sessionId);
    const oldest = ctx.clock.now() - maxAgeSeconds * 1000;
    if (signedInAt === null || signedInAt.getTime() < oldest) {
      throw new AppError('insufficient_user_authentication', { maxAgeSeconds });
    }
    next();
  };
}
