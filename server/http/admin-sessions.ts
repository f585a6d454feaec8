import { z } from 'zod';
import { AppError } from '../errors.ts';
import { findUserById } from '../queries/users.ts';
import { revoke, type RevocationTarget } from '../use-cases/revoke.ts';
import { nodeIdSchema, userIdSchema, userIdTextSchema } from './admin-schemas.ts';
import { route, type Route } from './route.ts';
import { displayTextSchema, sessionIdSchema } from './schemas.ts';
import { pageOfSessions, sessionPageSchema, sessionQuerySchema } from './sessions.ts';

/** `<session id>.<generation>.<nonce>` */
const jtiSchema = z
  .string()
  .regex(/^[\w-]{22}\.\d{1,9}\.[\w-]{12}$/, 'This is no jti of ours')
  .meta({ examples: ['tJ5rXb0mSNqv3y8cWd7k1A.0.Zk3vN7sD5fG0'] });

const listRoute = route({
  method: 'get',
  path: '/users/:id/sessions',
  summary: "A user's live sessions, the newest first",
  auth: 'staff',
  permission: 'sessions:read',
  params: z.object({ id: userIdTextSchema }),
  query: sessionQuerySchema,
  answer: sessionPageSchema,
  errors: ['not_found'],
  handle: async (ctx, { params, query }) => {
    if ((await findUserById(ctx.db, params.id)) === null) throw new AppError('not_found');
    return pageOfSessions(ctx, { userId: params.id, query });
  },
});

const endAllRoute = route({
  method: 'delete',
  path: '/users/:id/sessions',
  summary: "End all of a user's sessions, of every kind",
  auth: 'staff',
  permission: 'sessions:write',
  params: z.object({ id: userIdTextSchema }),
  errors: ['not_found'],
  handle: async (ctx, { params, principal, client }) => {
    await revoke(ctx, { target: { userId: params.id }, staff: principal, client });
  },
});

const endOneRoute = route({
  method: 'delete',
  path: '/sessions/:id',
  summary: 'End one session',
  auth: 'staff',
  permission: 'sessions:write',
  params: z.object({ id: sessionIdSchema }),
  errors: ['not_found'],
  handle: async (ctx, { params, principal, client }) => {
    const target = { sessionId: params.id };
    const { sessionsEnded } = await revoke(ctx, { target, staff: principal, client });
    if (sessionsEnded === 0) throw new AppError('not_found');
  },
});

const targetSchema = z
  .strictObject({
    user_id: userIdSchema.optional(),
    session_id: sessionIdSchema.optional(),
    jti: jtiSchema.optional(),
    reason: displayTextSchema.describe('For the audit log'),
    wait_ms: z
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe('How long to wait until all nodes have acted on it'),
  })
  .superRefine(({ user_id, session_id, jti }, context) => {
    const given = [user_id, session_id, jti].filter((target) => target !== undefined);
    if (given.length === 1) return;
    context.addIssue({ code: 'custom', message: 'Give one of user_id, session_id and jti' });
  })
  .meta({
    examples: [{ user_id: 42, reason: 'Reported as stolen', wait_ms: 1000 }],
  });

const revokeRoute = route({
  method: 'post',
  path: '/revocations',
  summary: 'Revoke all that a user holds, a session, or one access token',
  auth: 'staff',
  permission: 'sessions:write',
  body: targetSchema,
  answer: z.object({
    revocation_id: z.string().meta({ examples: ['7f9d7c1e-50a8-4d7c-9c62-1c0f5d2f9a10'] }),
    committed_at: z.iso.datetime(),
    nodes: z.array(
      z.object({
        node_id: nodeIdSchema,
        sockets_closed: z.int().meta({ examples: [2] }),
        acknowledged_in_ms: z.int().meta({ examples: [3] }),
      }),
    ),
    pending_nodes: z
      .array(nodeIdSchema)
      .describe('Not heard of in time; they act within the lease')
      .meta({ examples: [[]] }),
  }),
  errors: ['not_found'],
  handle: async (ctx, { body, principal, client }) => {
    const { reason, wait_ms: waitMs } = body;
    const target = toTarget(body);
    const revoked = await revoke(ctx, { target, staff: principal, reason, client, waitMs });
    return {
      revocation_id: revoked.revocationId,
      committed_at: revoked.committedAt.toISOString(),
      nodes: revoked.acknowledged.map(({ nodeId, sockets, acknowledgedInMs }) => ({
        node_id: nodeId,
        sockets_closed: sockets,
        acknowledged_in_ms: acknowledgedInMs,
      })),
      pending_nodes: revoked.pendingNodeIds,
    };
  },
});

function toTarget({ user_id, session_id, jti }: z.output<typeof targetSchema>): RevocationTarget {
  if (user_id !== undefined) return { userId: user_id };
  return session_id === undefined ? { jti: jti ?? '' } : { sessionId: session_id };
}

/** The sessions of all people, and their end. */
export const adminSessionRoutes: Route[] = [listRoute, endAllRoute, endOneRoute, revokeRoute];
