import { Router, type RequestHandler } from 'express';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { isDatabaseAnswering } from '../queries/health.ts';
import { getOnly } from './route.ts';
import { stateOf } from './request-state.ts';

type OperationsContext = Pick<
  AppContext,
  'db' | 'ephemeral' | 'metrics' | 'lease' | 'outbox' | 'isLeaving'
>;

const HEALTH_TIMEOUT_MS = 1000;
/** A foreign page whose name has been made to point here sends its own (DNS rebinding). */
const LOCAL_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

/** What operators and their machines ask; no person signs in for it. */
export function operationsRouter(ctx: OperationsContext): Router {
  const router = Router();
  router.all(['/healthz', '/readyz', '/metrics', '/dev/outbox'], getOnly);
  router.get('/healthz', noteRoute, (_req, res) => {
    res.json({ status: 'ok' });
  });
  router.get('/readyz', noteRoute, readiness(ctx));
  router.get('/metrics', noteRoute, async (_req, res) => {
    res.type(ctx.metrics.registry.contentType).send(await ctx.metrics.registry.metrics());
  });
  router.get('/dev/outbox', noteRoute, outbox(ctx));
  return router;
}

const noteRoute: RequestHandler = (req, res, next) => {
  stateOf(res).route = req.path;
  res.set('Cache-Control', 'no-store');
  next();
};

/**
 * Degraded is still ready: a load balancer must not take every node out because one service is away. A node without a
 * lease is not: it serves nobody.
 */
function readiness(ctx: OperationsContext): RequestHandler {
  return async (_req, res) => {
    const [postgres, redis] = await Promise.all([
      isDatabaseAnswering(ctx.db, HEALTH_TIMEOUT_MS),
      ctx.ephemeral.ping().then(
        () => true,
        () => false,
      ),
    ]);
    const degraded = [...(postgres ? [] : ['postgres']), ...(redis ? [] : ['redis'])];
    const status = ctx.isLeaving() ? 'draining' : ctx.lease.isHeld ? 'ready' : 'no_proof';
    res.status(status === 'ready' ? 200 : 503).json({ status, degraded });
  };
}

/** The codes that the console sender printed: for whoever sits at this machine, and nobody else. */
function outbox({ outbox }: OperationsContext): RequestHandler {
  return (req, res) => {
    const isLocal =
      LOOPBACK.test(req.socket.remoteAddress ?? '') && LOCAL_HOST.test(req.get('host') ?? '');
    if (outbox === null || !isLocal) throw new AppError('not_found');
    res.json({ messages: outbox.list() });
  };
}
