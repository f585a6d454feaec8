import type { RequestHandler, Router } from 'express';
import { z } from 'zod';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { isDatabaseAnswering } from '../queries/health.ts';
import type { Endpoint } from './endpoint.ts';
import { createExactRouter } from './exact-router.ts';
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

const readinessSchema = z
  .object({
    status: z.enum(['ready', 'draining', 'no_proof']),
    degraded: z
      .array(z.enum(['postgres', 'redis']))
      .describe('What is away; a node serves without it as well as it can')
      .meta({ examples: [[]] }),
  })
  .meta({ id: 'Readiness' });

const messageInOutbox = z
  .object({
    channel: z.enum(['sms', 'email']),
    to: z.string().meta({ examples: ['+14155550100'] }),
    subject: z.string().optional(),
    body: z.string().meta({ examples: ['Your code is 042137'] }),
    code: z
      .string()
      .optional()
      .meta({ examples: ['042137'] }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'OutboxMessage' });

export const operationsEndpoints: Endpoint[] = [
  {
    path: '/healthz',
    tag: 'Operations',
    summary: 'Whether the process runs',
    answers: {
      200: {
        description: 'It does',
        content: { 'application/json': z.object({ status: z.literal('ok') }) },
      },
    },
    errors: [],
  },
  {
    path: '/readyz',
    tag: 'Operations',
    summary: 'Whether a load balancer should send requests here',
    answers: {
      200: { description: 'It should', content: { 'application/json': readinessSchema } },
      503: {
        description: 'The node is stopping, or cannot prove that it knows every revocation',
        content: {
          'application/json': readinessSchema.meta({
            examples: [{ status: 'draining', degraded: [] }],
          }),
        },
      },
    },
    errors: [],
  },
  {
    path: '/metrics',
    tag: 'Operations',
    summary: 'Metrics in the text format of Prometheus',
    answers: {
      200: {
        description: 'As they are now',
        content: {
          'text/plain': z
            .string()
            .meta({ examples: ['# TYPE sockets_open gauge\nsockets_open 3\n'] }),
        },
      },
    },
    errors: [],
  },
  {
    path: '/dev/outbox',
    tag: 'Operations',
    summary: 'The messages that were printed instead of sent, the newest first',
    description: 'In development alone (`SMS_PROVIDER=console`), and only to this machine itself.',
    answers: {
      200: {
        description: 'The last 200',
        content: { 'application/json': z.object({ messages: z.array(messageInOutbox) }) },
      },
    },
    errors: ['not_found'],
  },
];

/** What operators and their machines ask; no person signs in for it. */
export function operationsRouter(ctx: OperationsContext): Router {
  const router = createExactRouter();
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
    const status: z.input<typeof readinessSchema>['status'] = ctx.isLeaving()
      ? 'draining'
      : ctx.lease.isHeld
        ? 'ready'
        : 'no_proof';
    if (status !== 'ready') res.set('Retry-After', '1');
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
