import { insertAuditRow, type AuditRow } from './store/audit-log.ts';
import type { Log } from './log.ts';
import { afterCommit, type Trx } from './store/database.ts';
import type { Device } from './store/device.ts';

export type Severity = 'info' | 'warning' | 'error' | 'critical';

/** Every event that is recorded. Details never hold a code, a token, a number or an address. */
export const AUDIT_EVENTS = {
  user_registered: 'info',
  user_imported: 'info',
  login_succeeded: 'info',
  login_failed: 'warning',
  login_refused: 'warning',
  account_locked: 'error',
  one_time_code_failed: 'warning',
  phone_number_locked: 'error',
  new_device_login: 'warning',
  role_added: 'info',
  session_limit_reached: 'warning',
  session_evicted: 'info',
  session_replaced: 'info',
  refresh_reply_repeated: 'info',
  token_reuse_detected: 'critical',
  logout: 'info',
  logout_all: 'info',
  session_revoked: 'info',
  other_sessions_revoked: 'info',
  all_sessions_revoked: 'info',
  token_revoked: 'info',
  password_changed: 'warning',
  password_change_failed: 'warning',
  password_reset_requested: 'info',
  password_reset: 'warning',
  email_verification_requested: 'info',
  email_verified: 'info',
  password_hash_upgraded: 'info',
  two_factor_required: 'info',
  two_factor_failed: 'warning',
  two_factor_locked: 'error',
  two_factor_enabled: 'warning',
  two_factor_disabled: 'warning',
  two_factor_change_failed: 'warning',
  backup_code_used: 'warning',
  backup_codes_regenerated: 'warning',
  user_created: 'info',
  roles_changed: 'warning',
  user_activated: 'info',
  user_deactivated: 'warning',
  user_suspended: 'warning',
  suspension_lifted: 'info',
  user_unlocked: 'info',
  permission_denied: 'warning',
  api_client_refused: 'warning',
  audit_log_exported: 'warning',
  event_pushed: 'info',
  account_deletion_failed: 'warning',
  account_deleted: 'warning',
} as const satisfies Record<string, Severity>;

export type AuditEventType = keyof typeof AUDIT_EVENTS;

/** Who asks: the device, and the request by whose id the logs know it. */
export interface Client extends Device {
  requestId: string;
}

/** Who acts, where it is not the person whose account it is: staff, or an API client. */
export type Actor = { userId: number } | { client: string };

export interface AuditEvent {
  type: AuditEventType;
  at: Date;
  /** Null where nobody is known by what was sent. */
  userId: number | null;
  sessionId?: string;
  client: Client;
  actor?: Actor;
  details?: Record<string, unknown>;
}

/** Records an event in the transaction of the act itself: neither happens without the other. */
export async function recordAudit(
  { log }: { log: Log },
  trx: Trx,
  event: AuditEvent,
): Promise<void> {
  await insertAuditRow(trx, toAuditRow(event));
  afterCommit(trx, () => {
    logAudit(log, event);
  });
}

const LEVELS = { info: 'info', warning: 'warn', error: 'error', critical: 'error' } as const;

/** The log line of an event that has been committed. */
export function logAudit(
  log: Log,
  { type, userId, sessionId, client, actor, details }: AuditEvent,
): void {
  const severity = AUDIT_EVENTS[type];
  log[LEVELS[severity]](
    {
      audit: type,
      severity,
      user_id: userId,
      session_id: sessionId,
      actor: actor && nameActor(actor),
      ip: client.ip,
      request_id: client.requestId,
      details,
    },
    `audit: ${type}`,
  );
}

export function toAuditRow(event: AuditEvent): AuditRow {
  const { type, at, userId, sessionId, client, actor, details } = event;
  return {
    at,
    eventType: type,
    severity: AUDIT_EVENTS[type],
    userId,
    sessionId: sessionId ?? null,
    actor: actor === undefined ? null : nameActor(actor),
    details: details ?? {},
    ...client,
  };
}

/** `user:12`, `client:dispatch` */
function nameActor(actor: Actor): string {
  return 'userId' in actor ? `user:${actor.userId}` : `client:${actor.client}`;
}
