import { recordAudit, type Client } from '../audit.ts';
import { AppError } from '../errors.ts';
import {
  announceEnd,
  endWithin,
  type EndSessionsContext,
  type EndSessionsInput,
} from '../revocation/end-sessions.ts';
import { inTransaction } from '../store/database.ts';
import { deleteUser, lockUser } from '../store/users.ts';
import { assertAnotherAdmin } from './assert-another-admin.ts';
import { assertMayManage, recordingDenial, type Staff } from './authorize-staff.ts';

interface EraseInput {
  userId: number;
  staff: Staff;
  client: Client;
}

/**
 * Erases a user and ends every session; the audit log keeps the id alone.
 * @throws `not_found`, `insufficient_permissions`, `last_admin`
 */
export async function eraseUser(
  ctx: EndSessionsContext,
  { userId, staff, client }: EraseInput,
): Promise<void> {
  const { actor } = staff;
  const end: EndSessionsInput = {
    selection: { userId },
    reason: 'account_disabled',
    event: 'all_sessions_revoked',
    actor,
    client,
  };
  const ended = await recordingDenial(ctx, { staff, client, userId }, () =>
    inTransaction(ctx.db, async (trx) => {
      const user = await lockUser(trx, userId);
      if (user === null) throw new AppError('not_found');
      assertMayManage(staff, { before: user.roles, after: user.roles });
      await assertAnotherAdmin(ctx, trx, user);
      const ended = await endWithin(ctx, trx, end);
      await deleteUser(trx, userId);
      const at = new Date(ctx.clock.now());
      await recordAudit(ctx, trx, { type: 'account_deleted', at, userId, actor, client });
      return ended;
    }),
  );
  await announceEnd(ctx, end, ended);
}
