import { insertAuditRow, type AuditRow } from './store/audit-log.ts';
import type { Trx } from './store/database.ts';
import type { Device } from './store/device.ts';

type Severity = 'info' | 'warning' | 'error' | 'critical';

/** Every event that is recorded. Details never hold a code, a token, a number or an address. */
const AUDIT_EVENTS = {
  user_registered: 'info',
  login_succeeded: 'info',
  role_added: 'info',
  logout: 'info',
  logout_all: 'info',
  session_revoked: 'info',
  account_deleted: 'warning',
} as const satisfies Record<string, Severity>;

export type AuditEventType = keyof typeof AUDIT_EVENTS;

/** Who asks: the device, and the request by whose id the logs know it. */
export interface Client extends Device {
  requestId: string;
}

export interface AuditEvent {
  type: AuditEventType;
  at: Date;
  userId: number;
  sessionId?: string;
  client: Client;
  details?: Record<string, unknown>;
}

/** Records an event in the transaction of the act itself: neither happens without the other. */
export async function recordAudit(trx: Trx, event: AuditEvent): Promise<void> {
  await insertAuditRow(trx, toAuditRow(event));
}

export function toAuditRow(event: AuditEvent): AuditRow {
  const { type, at, userId, sessionId, client, details } = event;
  return {
    at,
    eventType: type,
    severity: AUDIT_EVENTS[type],
    userId,
    sessionId: sessionId ?? null,
    details: details ?? {},
    ...client,
  };
}
