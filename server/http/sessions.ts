import { z } from 'zod';
import { ROLES } from '../config.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { listLiveSessions, type SessionListItem } from '../queries/sessions.ts';
import { findUserById } from '../queries/users.ts';
import { endOtherSessions, endOwnSession } from '../use-cases/end-own-session.ts';
import { logOutEverywhere } from '../use-cases/log-out-everywhere.ts';
import { logOut } from '../use-cases/log-out.ts';
import { nextCursorSchema, pageQuerySchema, toPage } from './pagination.ts';
import { route, type Route } from './route.ts';
import {
  messageOf,
  refreshTokenSchema,
  sessionIdAnswer,
  sessionIdSchema,
  toUserAnswer,
  userSchema,
} from './schemas.ts';

const sessionSchema = z
  .object({
    id: sessionIdAnswer,
    kind: z.enum(['cookie', 'phone', 'account']),
    role: z.enum(ROLES),
    device_name: z
      .string()
      .nullable()
      .meta({ examples: ['Pixel 9'] }),
    user_agent: z
      .string()
      .nullable()
      .meta({ examples: ['RiderApp/7.1 (iOS 19.2)'] }),
    ip: z
      .string()
      .nullable()
      .meta({ examples: ['203.0.113.7'] }),
    created_at: z.iso.datetime(),
    last_seen_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    is_current: z.boolean(),
  })
  .meta({ id: 'Session' });

/**
 * What every surface with tokens offers to whoever holds one: who it is, which sessions there are, and their end.
 * @param prefix In front of each path.
 */
export function sessionRoutes(prefix: '' | '/auth'): Route[] {
  return [...logoutRoutes(prefix), meRoute(prefix), listRoute(prefix), ...endRoutes(prefix)];
}

function logoutRoutes(prefix: string): Route[] {
  return [
    route({
      method: 'post',
      path: `${prefix}/logout`,
      summary: 'End this session: its tokens and its sockets, on every node',
      auth: 'token',
      body: z.strictObject({
        refresh_token: refreshTokenSchema
          .optional()
          .describe('Enough by itself when the access token has expired'),
      }),
      answer: messageOf('Logged out'),
      errors: ['invalid_token', 'token_revoked', 'invalid_refresh_token', 'service_unavailable'],
      handle: async (ctx, { body, principal, kind, client }) => {
        await logOut(ctx, {
          kind,
          principal,
          refreshToken: body.refresh_token,
          client,
        });
        return { message: 'Logged out' };
      },
    }),
    route({
      method: 'post',
      path: `${prefix}/logout-all-devices`,
      summary: "End all of the user's sessions, of every kind, this one included",
      auth: 'token',
      answer: messageOf('Logged out of all devices'),
      errors: ['invalid_token', 'token_revoked', 'service_unavailable'],
      handle: async (ctx, { principal, client }) => {
        await logOutEverywhere(ctx, { principal, client });
        return { message: 'Logged out of all devices' };
      },
    }),
  ];
}

function meRoute(prefix: string): Route {
  return route({
    method: 'get',
    path: `${prefix}/me`,
    summary: 'Who this session belongs to',
    auth: 'bearer',
    answer: userSchema,
    errors: [],
    handle: async (ctx, { principal }) => {
      const user = await findUserById(ctx.db, principal.userId);
      if (user === null) throw new AppError('token_revoked');
      return toUserAnswer(user, principal.role);
    },
  });
}

export const sessionQuerySchema = pageQuerySchema(sessionIdSchema);

export const sessionPageSchema = z
  .object({ sessions: z.array(sessionSchema), next_cursor: nextCursorSchema })
  .meta({ id: 'SessionPage' });

interface PageInput {
  userId: number;
  query: z.output<typeof sessionQuerySchema>;
  /** The session that asks, where it is one of the user's own. */
  currentId?: string;
}

/** A page of a user's live sessions, for themselves or for staff. */
export async function pageOfSessions(
  ctx: Pick<AppContext, 'db' | 'clock'>,
  { userId, query, currentId }: PageInput,
): Promise<z.input<typeof sessionPageSchema>> {
  const found = await listLiveSessions(ctx.db, {
    userId,
    after: query.cursor ?? null,
    limit: query.limit + 1,
    now: new Date(ctx.clock.now()),
  });
  const { items, nextCursor } = toPage(found, query.limit);
  return {
    sessions: items.map((item) => toSessionAnswer(item, currentId)),
    next_cursor: nextCursor,
  };
}

function listRoute(prefix: string): Route {
  return route({
    method: 'get',
    path: `${prefix}/sessions`,
    summary: "The user's live sessions, the newest first",
    auth: 'bearer',
    query: sessionQuerySchema,
    answer: sessionPageSchema,
    errors: [],
    handle: (ctx, { principal, query }) =>
      pageOfSessions(ctx, { userId: principal.userId, query, currentId: principal.sessionId }),
  });
}

function endRoutes(prefix: string): Route[] {
  return [
    route({
      method: 'delete',
      path: `${prefix}/sessions`,
      summary: "End all of the user's sessions but this one",
      auth: 'bearer',
      errors: [],
      handle: (ctx, { principal, client }) => endOtherSessions(ctx, { principal, client }),
    }),
    route({
      method: 'delete',
      path: `${prefix}/sessions/:id`,
      summary: "End one of the user's sessions",
      auth: 'bearer',
      params: z.object({ id: sessionIdSchema }),
      errors: ['not_found'],
      handle: (ctx, { principal, params, client }) =>
        endOwnSession(ctx, { principal, sessionId: params.id, client }),
    }),
  ];
}

function toSessionAnswer(
  session: SessionListItem,
  currentId: string | undefined,
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
