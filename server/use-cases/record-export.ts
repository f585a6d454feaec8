import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { inTransaction } from '../store/database.ts';
import type { Staff } from './authorize-staff.ts';

interface Export {
  staff: Staff;
  client: Client;
  /** What was asked for. */
  filters: object;
  format: string;
}

/** Puts on record who takes away a copy of the audit log, before they get it. */
export async function recordExport(
  ctx: Pick<AppContext, 'db' | 'log' | 'clock'>,
  { staff, client, filters, format }: Export,
): Promise<void> {
  const asked = Object.entries(filters).filter(([, value]) => value !== null);
  await inTransaction(ctx.db, (trx) =>
    recordAudit(ctx, trx, {
      type: 'audit_log_exported',
      at: new Date(ctx.clock.now()),
      userId: null,
      client,
      actor: staff.actor,
      details: { format, ...Object.fromEntries(asked) },
    }),
  );
}
