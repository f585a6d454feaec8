import { z } from 'zod';
import { ROLES, type Config } from '../config.ts';
import { AppError } from '../errors.ts';
import { findUserById, listUsers } from '../queries/users.ts';
import { changeUser } from '../use-cases/change-user.ts';
import { createUser } from '../use-cases/create-user.ts';
import { eraseUser } from '../use-cases/erase-user.ts';
import { adminUserSchema, toAdminUser, userIdTextSchema } from './admin-schemas.ts';
import { nextCursorSchema, pageQuerySchema, toPage } from './pagination.ts';
import { route, type Route } from './route.ts';
import { displayTextSchema, emailSchema, phoneNumberSchema, usernameSchema } from './schemas.ts';

const listRoute = route({
  method: 'get',
  path: '/users',
  summary: 'Users, the newest first',
  auth: 'staff',
  permission: 'users:read',
  query: pageQuerySchema(z.string().regex(/^\d{1,9}$/)).extend({
    q: displayTextSchema
      .min(3, 'Give three characters at least')
      .optional()
      .describe('A part of the phone number, the e-mail address or the username'),
    role: z.enum(ROLES).optional(),
    is_active: z
      .enum(['true', 'false'])
      .transform((text) => text === 'true')
      .optional(),
  }),
  answer: z.object({ users: z.array(adminUserSchema), next_cursor: nextCursorSchema }),
  errors: [],
  handle: async (ctx, { query }) => {
    const found = await listUsers(ctx.db, {
      text: query.q ?? null,
      role: query.role ?? null,
      isActive: query.is_active ?? null,
      afterId: query.cursor === undefined ? null : Number(query.cursor.id),
      limit: query.limit + 1,
    });
    const { items, nextCursor } = toPage(found, query.limit);
    return { users: items.map(toAdminUser), next_cursor: nextCursor };
  },
});

const getRoute = route({
  method: 'get',
  path: '/users/:id',
  summary: 'One user',
  auth: 'staff',
  permission: 'users:read',
  params: z.object({ id: userIdTextSchema }),
  answer: adminUserSchema,
  errors: ['not_found'],
  handle: async (ctx, { params }) => {
    const user = await findUserById(ctx.db, params.id);
    if (user === null) throw new AppError('not_found');
    return toAdminUser(user);
  },
});

/** The roles that somebody holds: one at least. */
const rolesSchema = z.array(z.enum(ROLES)).min(1).max(ROLES.length);

function createRoute(config: Pick<Config, 'defaultRegion'>): Route {
  return route({
    method: 'post',
    path: '/users',
    summary: 'Make a user; one with an e-mail address is mailed a link to choose a password',
    auth: 'staff',
    permission: 'users:write',
    body: z
      .strictObject({
        phone_number: phoneNumberSchema(config).optional(),
        email: emailSchema.optional(),
        username: usernameSchema.optional(),
        roles: rolesSchema.default(['rider']),
      })
      .refine(
        ({ phone_number, email }) => phone_number !== undefined || email !== undefined,
        'Give a phone number or an e-mail address',
      ),
    answer: adminUserSchema,
    status: 201,
    errors: ['account_exists'],
    handle: async (ctx, { body, principal, client }) => {
      const user = await createUser(ctx, {
        phoneNumber: body.phone_number ?? null,
        email: body.email ?? null,
        username: body.username ?? null,
        roles: body.roles,
        staff: principal,
        client,
      });
      return toAdminUser(user);
    },
  });
}

const changeRoute = route({
  method: 'patch',
  path: '/users/:id',
  summary: 'Change roles, deactivate, suspend, unlock, or start a password reset',
  auth: 'staff',
  permission: 'users:write',
  params: z.object({ id: userIdTextSchema }),
  body: z
    .strictObject({
      roles: rolesSchema.optional(),
      is_active: z.boolean().optional(),
      suspended_until: z.iso
        .datetime({ offset: true })
        .transform((text) => new Date(text))
        .nullable()
        .optional()
        .describe('Null lifts a suspension'),
      unlock: z.literal(true).optional().describe('Forget the failures of a lockout'),
      reset_password: z.literal(true).optional().describe('Mail a link to choose a new password'),
    })
    .meta({ examples: [{ roles: ['driver'] }, { suspended_until: '2026-03-08T00:00:00Z' }] }),
  answer: adminUserSchema,
  errors: ['not_found', 'last_admin', 'no_email'],
  handle: async (ctx, { params, body, principal, client }) => {
    const change = {
      roles: body.roles,
      isActive: body.is_active,
      suspendedUntil: body.suspended_until,
      unlock: body.unlock,
      resetPassword: body.reset_password,
    };
    const user = await changeUser(ctx, { userId: params.id, change, staff: principal, client });
    return toAdminUser(user);
  },
});

const eraseRoute = route({
  method: 'delete',
  path: '/users/:id',
  summary: 'Erase a user, and end every session',
  auth: 'staff',
  permission: 'users:write',
  params: z.object({ id: userIdTextSchema }),
  errors: ['not_found', 'last_admin'],
  handle: (ctx, { params, principal, client }) =>
    eraseUser(ctx, { userId: params.id, staff: principal, client }),
});

/** The accounts of all people, for staff and API clients. */
export function adminUserRoutes(config: Pick<Config, 'defaultRegion'>): Route[] {
  return [listRoute, createRoute(config), getRoute, changeRoute, eraseRoute];
}
