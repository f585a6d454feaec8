import { recordAudit, type Client } from '../audit.ts';
import type { Role } from '../config.ts';
import { AppError } from '../errors.ts';
import { inTransaction } from '../store/database.ts';
import { insertUser } from '../store/managed-users.ts';
import type { User } from '../store/users.ts';
import { assertMayManage, recordingDenial, type Staff } from './authorize-staff.ts';
import { issuePasswordReset, type ResetContext } from './issue-password-reset.ts';

interface CreateInput {
  phoneNumber: string | null;
  email: string | null;
  username: string | null;
  roles: Role[];
  staff: Staff;
  client: Client;
}

/**
 * Makes a user for somebody else, who signs in by phone, or by the password that they choose by a mailed link.
 * @throws `account_exists`, `insufficient_permissions`
 */
export function createUser(ctx: ResetContext, input: CreateInput): Promise<User> {
  const { staff, client, email } = input;
  const { actor } = staff;
  return recordingDenial(ctx, { staff, client, userId: null }, async () => {
    assertMayManage(staff, { before: ['rider'], after: input.roles });
    return inTransaction(ctx.db, async (trx) => {
      const now = new Date(ctx.clock.now());
      const roles = [...new Set(input.roles)];
      const user = await insertUser(trx, { ...input, roles, now });
      if (user === null) throw new AppError('account_exists');
      const details = { roles };
      const event = { type: 'user_created', at: now, userId: user.id, actor, client } as const;
      await recordAudit(ctx, trx, { ...event, details });
      if (email !== null)
        await issuePasswordReset(ctx, trx, { email, isAllowed: true, client, actor });
      return user;
    });
  });
}
