import { z } from 'zod';
import { ROLES } from '../config.ts';
import { AppError } from '../errors.ts';
import { findUserById, listUsers } from '../queries/users.ts';
import { adminUserSchema, toAdminUser, userIdSchema } from './admin-schemas.ts';
import { pageQuerySchema, toPage } from './pagination.ts';
import { route, type Route } from './route.ts';
import { displayTextSchema } from './schemas.ts';

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
    is_active: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional(),
  }),
  answer: z.object({ users: z.array(adminUserSchema), next_cursor: z.string().nullable() }),
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
  params: z.object({ id: userIdSchema }),
  answer: adminUserSchema,
  errors: ['not_found'],
  handle: async (ctx, { params }) => {
    const user = await findUserById(ctx.db, params.id);
    if (user === null) throw new AppError('not_found');
    return toAdminUser(user);
  },
});

/** The accounts of all people, for staff and API clients. */
export const adminUserRoutes: Route[] = [listRoute, getRoute];
