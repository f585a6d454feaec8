import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { AppContext } from '../context.ts';
import { stateOf } from './request-state.ts';

const REQUEST_ID = /^[\w.-]{8,128}$/;

/** Gives each request its id, and when it has been answered a log line and its metrics. */
export function observe(ctx: Pick<AppContext, 'log' | 'metrics' | 'isLeaving'>): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const given = req.get('x-request-id') ?? '';
    const requestId = REQUEST_ID.test(given) ? given : randomUUID();
    stateOf(res).requestId = requestId;
    res.set('X-Request-Id', requestId);
    if (ctx.isLeaving()) res.set('Connection', 'close');
    res.on('close', () => {
      const seconds = (performance.now() - startedAt) / 1000;
      const { route = 'none', principal, cookiePrincipal } = stateOf(res);
      const status = res.writableFinished ? res.statusCode : 499;
      ctx.metrics.httpRequestDuration.observe({ method: req.method, route, status }, seconds);
      // The pattern and not the path, in which a token or a number may stand by mistake.
      ctx.log.info(
        {
          request_id: requestId,
          method: req.method,
          route,
          status,
          user_id: (principal ?? cookiePrincipal)?.userId,
        },
        `answered in ${(seconds * 1000).toFixed(1)} ms`,
      );
    });
    next();
  };
}
