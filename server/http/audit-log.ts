import { z } from 'zod';
import { AUDIT_EVENTS, type AuditEventType } from '../audit.ts';
import { listEvents, type AuditFilters, type AuditListItem } from '../queries/audit-log.ts';
import { pageQuerySchema, toPage } from './pagination.ts';
import { route } from './route.ts';

const SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;
const EVENT_TYPES = Object.keys(AUDIT_EVENTS) as [AuditEventType, ...AuditEventType[]];

const eventSchema = z.object({
  id: z.string(),
  event_type: z.string(),
  severity: z.enum(SEVERITIES),
  created_at: z.iso.datetime(),
  session_id: z.string().nullable(),
  ip: z.string().nullable(),
  user_agent: z.string().nullable(),
  device_id: z.string().nullable(),
  request_id: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

/** What staff see of it: whose account it was, and who acted. */
export const adminEventSchema = eventSchema.extend({
  user_id: z.int().nullable(),
  actor: z.string().nullable().describe('`user:12`, `client:dispatch`; null where it was the user'),
});

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

export const auditQuerySchema = pageQuerySchema(z.string().regex(/^\d{1,18}$/)).extend({
  event_type: z.enum(EVENT_TYPES).optional(),
  severity: z.enum(SEVERITIES).optional(),
  from: time.optional().describe('The first moment'),
  to: time.optional().describe('The first moment that is too late'),
});

/** What happened to the user's own account. */
export const auditLogRoute = route({
  method: 'get',
  path: '/audit-log',
  summary: "What happened to the user's account, the newest first",
  auth: 'bearer',
  query: auditQuerySchema,
  answer: z.object({ events: z.array(eventSchema), next_cursor: z.string().nullable() }),
  errors: [],
  handle: async (ctx, { principal, query }) => {
    const filters = toAuditFilters(query);
    const found = await listEvents(ctx.db, {
      ...filters,
      userId: principal.userId,
      limit: query.limit + 1,
    });
    const { items, nextCursor } = toPage(found, query.limit);
    return { events: items.map(toOwnEvent), next_cursor: nextCursor };
  },
});

export function toAuditFilters(query: z.output<typeof auditQuerySchema>): AuditFilters {
  return {
    userId: null,
    actor: null,
    eventType: query.event_type ?? null,
    severity: query.severity ?? null,
    from: query.from ?? null,
    to: query.to ?? null,
    after: query.cursor ?? null,
  };
}

export function toAdminEvent(event: AuditListItem): z.input<typeof adminEventSchema> {
  return { ...toEventAnswer(event), user_id: event.userId, actor: event.actor };
}

/** Where staff sit, and what they noted, is not for the person whom they acted on. */
function toOwnEvent(event: AuditListItem): z.input<typeof eventSchema> {
  const answer = toEventAnswer(event);
  if (event.actor === null) return answer;
  return { ...answer, ip: null, user_agent: null, device_id: null, request_id: null, details: {} };
}

function toEventAnswer(event: AuditListItem): z.input<typeof eventSchema> {
  return {
    id: event.id,
    event_type: event.eventType,
    severity: event.severity,
    created_at: event.createdAt.toISOString(),
    session_id: event.sessionId,
    ip: event.ip,
    user_agent: event.userAgent,
    device_id: event.deviceId,
    request_id: event.requestId,
    details: event.details,
  };
}
