import { z } from 'zod';
import { AUDIT_EVENTS, type AuditEventType } from '../audit.ts';
import { listEvents, type AuditFilters, type AuditListItem } from '../queries/audit-log.ts';
import { nextCursorSchema, pageQuerySchema, toPage } from './pagination.ts';
import { route } from './route.ts';
import { sessionIdAnswer } from './schemas.ts';

const SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;
const EVENT_TYPES = Object.keys(AUDIT_EVENTS) as [AuditEventType, ...AuditEventType[]];

const eventFields = z.object({
  id: z.string().meta({ examples: ['1042'] }),
  event_type: z.string().meta({ examples: ['login_succeeded'] }),
  severity: z.enum(SEVERITIES),
  created_at: z.iso.datetime(),
  session_id: sessionIdAnswer.nullable(),
  ip: z
    .string()
    .nullable()
    .meta({ examples: ['203.0.113.7'] }),
  user_agent: z
    .string()
    .nullable()
    .meta({ examples: ['RiderApp/7.1 (iOS 19.2)'] }),
  device_id: z
    .string()
    .nullable()
    .meta({ examples: ['a1c2e3f4-ios'] }),
  request_id: z
    .string()
    .nullable()
    .meta({ examples: ['3f0c5a52-1d64-4f0e-9d1b-0c1f6f6f2a11'] }),
  details: z.record(z.string(), z.unknown()).meta({ examples: [{}] }),
});

const eventSchema = eventFields.meta({ id: 'AuditEvent' });

/** What staff see of it: whose account it was, and who acted. */
export const adminEventSchema = eventFields
  .extend({
    user_id: z
      .int()
      .nullable()
      .meta({ examples: [42] }),
    actor: z
      .string()
      .nullable()
      .describe('`user:12`, `client:dispatch`; null where it was the user')
      .meta({ examples: ['user:12'] }),
  })
  .meta({ id: 'ManagedAuditEvent' });

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
  answer: z.object({ events: z.array(eventSchema), next_cursor: nextCursorSchema }),
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
