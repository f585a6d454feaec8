import { z } from 'zod';
import { ROLES } from '../config.ts';
import { listLiveSessions, type SessionListItem } from '../queries/sessions.ts';
import { endOwnSession } from '../use-cases/end-own-session.ts';
import { pageQuerySchema, toPage } from './pagination.ts';
import { route, type Route } from './route.ts';
import { sessionIdSchema } from './schemas.ts';

const sessionSchema = z.object({
  id: z.string(),
  kind: z.enum(['cookie', 'phone', 'account']),
  role: z.enum(ROLES),
  device_name: z.string().nullable(),
  user_agent: z.string().nullable(),
  ip: z.string().nullable(),
  created_at: z.iso.datetime(),
  last_seen_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  is_current: z.boolean(),
});

/** A user's own sessions, of every kind. */
export const sessionRoutes: Route[] = [
  route({
    method: 'get',
    path: '/auth/sessions',
    summary: "The user's live sessions, the newest first",
    auth: 'bearer',
    query: pageQuerySchema,
    answer: z.object({ sessions: z.array(sessionSchema), next_cursor: z.string().nullable() }),
    errors: [],
    handle: async (ctx, { principal, query }) => {
      const found = await listLiveSessions(ctx.db, {
        userId: principal.userId,
        after: query.cursor ?? null,
        limit: query.limit + 1,
        now: new Date(ctx.clock.now()),
      });
      const { items, nextCursor } = toPage(found, query.limit);
      return {
        sessions: items.map((item) => toSessionAnswer(item, principal.sessionId)),
        next_cursor: nextCursor,
      };
    },
  }),
  route({
    method: 'delete',
    path: '/auth/sessions/:id',
    summary: "End one of the user's sessions",
    auth: 'bearer',
    params: z.object({ id: sessionIdSchema }),
    errors: ['not_found'],
    handle: (ctx, { principal, params, client }) =>
      endOwnSession(ctx, { principal, sessionId: params.id, client }),
  }),
];

function toSessionAnswer(
  session: SessionListItem,
  currentId: string,
): z.input<typeof sessionSchema> {
  return {
    id: session.id,
    kind: session.kind,
    role: session.role,
    device_name: session.deviceName,
    user_agent: session.userAgent,
    ip: session.ip,
    created_at: session.createdAt.toISOString(),
    last_seen_at: session.lastSeenAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    is_current: session.id === currentId,
  };
}
