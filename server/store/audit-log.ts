import { select, type Trx } from './database.ts';
import type { Device } from './device.ts';

export interface AuditRow extends Device {
  at: Date;
  eventType: string;
  severity: string;
  userId: number | null;
  sessionId: string | null;
  requestId: string | null;
  details: Record<string, unknown>;
}

export async function insertAuditRow(trx: Trx, row: AuditRow): Promise<void> {
  await select(
    trx,
    `INSERT INTO audit_log (at, event_type, severity, user_id, session_id, ip, user_agent, device_id,
                            request_id, details)
     VALUES (:at, :eventType, :severity, :userId, :sessionId, :ip, :userAgent, :deviceId,
             :requestId, :details)`,
    { ...row },
  );
}

/** The row under its columns' names, for a function of the schema that inserts it. */
export function toJson(row: AuditRow): Record<string, unknown> {
  return {
    at: row.at,
    event_type: row.eventType,
    severity: row.severity,
    user_id: row.userId,
    session_id: row.sessionId,
    ip: row.ip,
    user_agent: row.userAgent,
    device_id: row.deviceId,
    request_id: row.requestId,
    details: row.details,
  };
}
