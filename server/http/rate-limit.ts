import type { RequestHandler } from 'express';
import { AppError } from '../errors.ts';
import type { AppContext } from '../context.ts';
import { clientOf } from './client.ts';

type Limiter = AppContext['limiters'][keyof AppContext['limiters']];

/** Limits a route by the client's address and says in `RateLimit-*` what is left. */
export function rateLimit(limiter: Limiter): RequestHandler {
  return async (req, res, next) => {
    const { isAllowed, remaining, resetMs } = await limiter.consume(clientOf(req, res).ip ?? '');
    const resetSeconds = Math.ceil(resetMs / 1000);
    res.set('RateLimit-Limit', String(limiter.options.points));
    res.set('RateLimit-Remaining', String(remaining));
    res.set('RateLimit-Reset', String(resetSeconds));
    if (!isAllowed) throw new AppError('rate_limited', { retryAfterSeconds: resetSeconds });
    next();
  };
}
