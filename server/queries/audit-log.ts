import { select, type Db } from '../store/database.ts';

export interface AuditListItem {
  id: string;
  eventType: string;
  severity: 'info' | 'warning' | 'error' | 'critical';
  createdAt: Date;
  sessionId: string | null;
  ip: string | null;
  userAgent: string | null;
  deviceId: string | null;
  requestId: string | null;
  details: Record<string, unknown>;
}

interface Filters {
  userId: number;
  eventType: string | null;
  severity: string | null;
  /** From the first moment on, and before the second. */
  from: Date | null;
  to: Date | null;
  /** The last item of the page before. */
  after: { createdAt: Date; id: string } | null;
  limit: number;
}

/** A page of the events of a user, the newest first. */
export function listOwnEvents(db: Db, { after, ...filters }: Filters): Promise<AuditListItem[]> {
  return select<AuditListItem>(
    db,
    `SELECT id, event_type AS "eventType", severity, at AS "createdAt", session_id AS "sessionId",
            host(ip) AS ip, user_agent AS "userAgent", device_id AS "deviceId",
            request_id AS "requestId", details
     FROM audit_log
     WHERE user_id = :userId
       AND (CAST(:eventType AS text) IS NULL OR event_type = :eventType)
       AND (CAST(:severity AS text) IS NULL OR severity = :severity)
       AND at >= coalesce(CAST(:from AS timestamptz), '-infinity')
       AND at < coalesce(CAST(:to AS timestamptz), 'infinity')
       AND (at, id) < (coalesce(CAST(:createdAt AS timestamptz), 'infinity'), CAST(:id AS bigint))
     ORDER BY at DESC, id DESC LIMIT :limit`,
    { ...filters, createdAt: after?.createdAt ?? null, id: after?.id ?? '0' },
  );
}
