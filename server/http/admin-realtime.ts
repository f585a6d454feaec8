import { z } from 'zod';
import { ROLES } from '../config.ts';
import { AppError } from '../errors.ts';
import { listNodes } from '../queries/nodes.ts';
import { findUserById } from '../queries/users.ts';
import { countOnline } from '../use-cases/count-online.ts';
import { pushEvent } from '../use-cases/push-event.ts';
import { nodeIdSchema, userIdSchema, userIdTextSchema } from './admin-schemas.ts';
import { route, type Route } from './route.ts';

const countSchema = z.int().meta({ examples: [2] });

const stateRoute = route({
  method: 'get',
  path: '/realtime',
  summary: 'The nodes, the sockets that each holds, and how many users are online',
  auth: 'staff',
  permission: 'realtime:read',
  answer: z.object({
    nodes: z.array(
      z.object({ node_id: nodeIdSchema, sockets: countSchema, started_at: z.iso.datetime() }),
    ),
    sockets: countSchema,
    users_online: countSchema,
  }),
  errors: [],
  handle: async (ctx) => {
    const [nodes, usersOnline] = await Promise.all([listNodes(ctx.db), countOnline(ctx)]);
    return {
      nodes: nodes.map(({ id, sockets, startedAt }) => ({
        node_id: id,
        sockets,
        started_at: startedAt.toISOString(),
      })),
      sockets: nodes.reduce((sum, { sockets }) => sum + sockets, 0),
      users_online: usersOnline,
    };
  },
});

const userRoute = route({
  method: 'get',
  path: '/realtime/users/:id',
  summary: 'Whether a user is online, and how many sockets are held on which nodes',
  auth: 'staff',
  permission: 'users:read',
  params: z.object({ id: userIdTextSchema }),
  answer: z.object({
    user_id: userIdSchema,
    is_online: z.boolean(),
    sockets: countSchema,
    nodes: z.array(z.object({ node_id: nodeIdSchema, sockets: countSchema })),
  }),
  errors: ['not_found'],
  handle: async (ctx, { params }) => {
    const user = await findUserById(ctx.db, params.id);
    if (user === null) throw new AppError('not_found');
    const nodes = Array.from(await ctx.places.countByNode(user.id), ([node_id, sockets]) => ({
      node_id,
      sockets,
    }));
    const sockets = nodes.reduce((sum, node) => sum + node.sockets, 0);
    return { user_id: user.id, is_online: sockets > 0, sockets, nodes };
  },
});

const recipient = z.union([
  z.strictObject({ user_id: userIdSchema }),
  z.strictObject({ role: z.enum(ROLES) }),
]);

const pushRoute = route({
  method: 'post',
  path: '/realtime/events',
  summary: 'Push an event to all sockets of a user, or of all who act in a role',
  auth: 'staff',
  permission: 'realtime:write',
  body: z.strictObject({
    to: recipient,
    event: z
      .string()
      .regex(/^[a-z][a-z0-9_.-]{0,63}$/, 'Use small letters, digits and _ . -')
      .meta({ examples: ['ride_offered'] }),
    data: z
      .unknown()
      .optional()
      .describe('Any JSON; null where there is none')
      .meta({ examples: [{ ride_id: 7 }] }),
    latest_only: z
      .boolean()
      .default(false)
      .describe('Of events of this name, a client that is slow to read gets the newest alone'),
  }),
  answer: z.object({
    event_id: z.string().meta({ examples: ['7f9d7c1e-50a8-4d7c-9c62-1c0f5d2f9a10'] }),
    sockets_reached: countSchema,
    nodes: z.array(z.object({ node_id: nodeIdSchema, sockets_reached: countSchema })),
    pending_nodes: z
      .array(nodeIdSchema)
      .describe('Not heard of within a second')
      .meta({ examples: [[]] }),
  }),
  errors: [],
  handle: async (ctx, { body, principal, client }) => {
    const { data = null, ...rest } = body;
    const pushed = await pushEvent(ctx, { ...rest, data, staff: principal, client });
    const { eventId, delivered, pendingNodeIds } = pushed;
    return {
      event_id: eventId,
      sockets_reached: delivered.reduce((sum, { sockets }) => sum + sockets, 0),
      nodes: delivered.map(({ nodeId, sockets }) => ({
        node_id: nodeId,
        sockets_reached: sockets,
      })),
      pending_nodes: pendingNodeIds,
    };
  },
});

/** The live sockets of all nodes. */
export const adminRealtimeRoutes: Route[] = [stateRoute, userRoute, pushRoute];
