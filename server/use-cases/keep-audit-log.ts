import type { AppContext } from '../context.ts';
import { createAuditMonths, dropAuditMonth } from '../store/audit-log.ts';

/** So many months have their part of the log before they begin. */
const MONTHS_AHEAD = 2;

/** Makes the parts of the audit log that will be needed, and drops those that are older than is to be kept. */
export async function keepAuditLog({
  db,
  clock,
  config,
  log,
}: Pick<AppContext, 'db' | 'clock' | 'config' | 'log'>): Promise<void> {
  const now = new Date(clock.now());
  await createAuditMonths(db, { from: now, to: monthsFrom(now, MONTHS_AHEAD) });
  if (config.auditRetentionMonths === undefined) return;
  const firstKept = monthsFrom(now, -config.auditRetentionMonths);
  for (let month; (month = await dropAuditMonth(db, firstKept)) !== null;) {
    log.info({ month }, 'an old month of the audit log is dropped');
  }
}

function monthsFrom(date: Date, months: number): Date {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1));
}
