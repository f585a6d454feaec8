import { z } from 'zod';
import { listEvents } from '../queries/audit-log.ts';
import { recordExport } from '../use-cases/record-export.ts';
import { userIdTextSchema } from './admin-schemas.ts';
import { EXPORT_EXAMPLES, exportEvents } from './audit-export.ts';
import { adminEventSchema, auditQuerySchema, toAdminEvent, toAuditFilters } from './audit-log.ts';
import { nextCursorSchema, toPage } from './pagination.ts';
import { route } from './route.ts';

/** The audit log of all users, as a page or as a file. */
export const adminAuditLogRoute = route({
  method: 'get',
  path: '/audit-log',
  summary: 'What happened, the newest first: a page, or with `format` all of it as a file',
  auth: 'staff',
  permission: 'audit:read',
  query: auditQuerySchema.extend({
    user_id: userIdTextSchema.optional(),
    actor: z
      .string()
      .regex(/^(user:\d{1,10}|client:[a-z][a-z0-9-]{1,63})$/, 'such as user:12 or client:dispatch')
      .optional(),
    format: z.enum(['json', 'ndjson', 'csv']).default('json'),
  }),
  answer: z.object({ events: z.array(adminEventSchema), next_cursor: nextCursorSchema }),
  files: {
    'application/x-ndjson': z
      .string()
      .describe('An event a line')
      .meta({ examples: [EXPORT_EXAMPLES.ndjson] }),
    'text/csv': z
      .string()
      .describe('An event a line, behind the names')
      .meta({ examples: [EXPORT_EXAMPLES.csv] }),
  },
  errors: [],
  handle: async (ctx, { query, principal, client }) => {
    const { user_id: userId = null, actor = null, format } = query;
    const filters = { ...toAuditFilters(query), userId, actor };
    if (format !== 'json') {
      await recordExport(ctx, { staff: principal, client, filters, format });
      return exportEvents(ctx, { format, filters });
    }
    const found = await listEvents(ctx.db, { ...filters, limit: query.limit + 1 });
    const { items, nextCursor } = toPage(found, query.limit);
    return { events: items.map(toAdminEvent), next_cursor: nextCursor };
  },
});
