import { select, selectOne, type Db, type Trx } from './database.ts';
import type { Device } from './device.ts';

export interface AuditRow extends Device {
  at: Date;
  eventType: string;
  severity: string;
  userId: number | null;
  sessionId: string | null;
  /** Who acted, where it was not the user: `user:12`, `client:dispatch`. */
  actor: string | null;
  requestId: string | null;
  details: Record<string, unknown>;
}

export async function insertAuditRow(trx: Trx, row: AuditRow): Promise<void> {
  await select(
    trx,
    `INSERT INTO audit_log (at, event_type, severity, user_id, session_id, ip, user_agent, device_id,
                            request_id, actor, details)
     VALUES (:at, :eventType, :severity, :userId, :sessionId, :ip, :userAgent, :deviceId,
             :requestId, :actor, :details)`,
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
    actor: row.actor,
    details: row.details,
  };
}

/** Makes the parts of the log for the months of `from` and `to` (UTC), and those between, that are not there yet. */
export async function createAuditMonths(db: Db, { from, to }: { from: Date; to: Date }) {
  await select(
    db,
    `SELECT create_audit_month(CAST(month AS date)) FROM generate_series(
       date_trunc('month', CAST(:from AS timestamptz) AT TIME ZONE 'UTC'),
       CAST(:to AS timestamptz) AT TIME ZONE 'UTC', interval '1 month') AS month`,
    { from, to },
  );
}

/** Drops the oldest month before that of `before` (UTC); gives its name, or null where there is none. */
export async function dropAuditMonth(db: Db, before: Date): Promise<string | null> {
  const row = await selectOne<{ dropped: string | null }>(
    db,
    `SELECT drop_audit_month(CAST(CAST(:before AS timestamptz) AT TIME ZONE 'UTC' AS date)) AS dropped`,
    { before },
  );
  return row?.dropped ?? null;
}
