import { selectByPlan, type Db } from '../store/database.ts';

export interface AuditListItem {
  id: string;
  eventType: string;
  severity: 'info' | 'warning' | 'error' | 'critical';
  createdAt: Date;
  userId: number | null;
  actor: string | null;
  sessionId: string | null;
  ip: string | null;
  userAgent: string | null;
  deviceId: string | null;
  requestId: string | null;
  details: Record<string, unknown>;
}

/** Which events; null stands for any. */
export interface AuditFilters {
  userId: number | null;
  /** `user:12`, `client:dispatch` */
  actor: string | null;
  eventType: string | null;
  severity: string | null;
  /** From the first moment on, and before the second. */
  from: Date | null;
  to: Date | null;
  /** The last item of the page before. */
  after: { createdAt: Date; id: string } | null;
}

const CONDITIONS = {
  userId: 'user_id = :userId',
  actor: 'actor = :actor',
  eventType: 'event_type = :eventType',
  severity: 'severity = :severity',
  from: 'at >= :from',
  to: 'at < :to',
  after: '(at, id) < (:createdAt, CAST(:id AS bigint))',
} as const satisfies Record<keyof AuditFilters, string>;

const NOT_INFO = `severity <> 'info'`;

/**
 * A page of the audit log, the newest first. Only the conditions that are asked for are in the statement, so that each
 * combination has a plan of its own, by the index that it calls for.
 */
export function listEvents(
  db: Db,
  { limit, ...filters }: AuditFilters & { limit: number },
): Promise<AuditListItem[]> {
  const conditions: string[] = Object.entries(CONDITIONS)
    .filter(([name]) => filters[name as keyof AuditFilters] !== null)
    .map(([, condition]) => condition);
  // Most events are of this one, so the index holds the others.
  if (filters.severity !== null && filters.severity !== 'info') conditions.push(NOT_INFO);
  const { after, ...bindings } = filters;
  return selectByPlan<AuditListItem>(
    db,
    `SELECT id, event_type AS "eventType", severity, at AS "createdAt", user_id AS "userId", actor,
            session_id AS "sessionId", host(ip) AS ip, user_agent AS "userAgent",
            device_id AS "deviceId", request_id AS "requestId", details
     FROM audit_log ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
     ORDER BY at DESC, id DESC LIMIT :limit`,
    { ...bindings, createdAt: after?.createdAt ?? null, id: after?.id ?? null, limit },
  );
}
