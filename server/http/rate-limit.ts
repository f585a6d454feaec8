import type { Request, RequestHandler, Response } from 'express';
import { limitKeyOf } from '../client-address.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import type { Limiter, SharedProfile } from '../rate-limits.ts';
import { clientOf } from './client.ts';

type LimitContext = Pick<AppContext, 'limiters'>;

/** Counts a request, for its session where that is known. Refuses with `rate_limited`. */
export type CountRequest = (req: Request, res: Response, sessionId: string | null) => Promise<void>;

/** What a route is counted under: its own profile, else for its session, else for its address. */
interface Profiles {
  profile: SharedProfile | undefined;
  byAddress: 'api' | 'refresh';
}

/** Counts the requests of a route under its one profile. */
export function countRequests(
  { limiters }: LimitContext,
  { profile, byAddress }: Profiles,
): CountRequest {
  return async (req, res, sessionId) => {
    const isOfSession = profile === undefined && sessionId !== null;
    const limiter = limiters[profile ?? (isOfSession ? 'apiSession' : byAddress)];
    const key = isOfSession ? sessionId : limitKeyOf(clientOf(req, res).ip);
    await countUse(res, { limiter, key });
  };
}

/** Counts one use of a key, and says in `RateLimit-*` what is left. Refuses with `rate_limited`. */
export async function countUse(
  res: Response,
  { limiter, key }: { limiter: Limiter; key: string },
): Promise<void> {
  const { isAllowed, remaining, resetMs } = await limiter.consume(key);
  const resetSeconds = Math.max(1, Math.ceil(resetMs / 1000));
  res.set('RateLimit-Limit', String(limiter.options.points));
  res.set('RateLimit-Remaining', String(remaining));
  res.set('RateLimit-Reset', String(resetSeconds));
  if (!isAllowed) throw new AppError('rate_limited', { retryAfterSeconds: resetSeconds });
}

/** Limits a route that reads no token. */
export function countByAddress(count: CountRequest): RequestHandler {
  return async (req, res, next) => {
    await count(req, res, null);
    next();
  };
}
