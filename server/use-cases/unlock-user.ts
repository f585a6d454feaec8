import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { type Trx } from '../store/database.ts';
import { deleteFailedAttempts } from '../store/failed-attempts.ts';
import type { User } from '../store/users.ts';
import type { Staff } from './authorize-staff.ts';
import { passwordLimit } from './check-password.ts';
import { secondFactorLimit } from './check-second-factor.ts';
import { codeKeys } from './one-time-code.ts';

export type UnlockContext = Pick<
  AppContext,
  'config' | 'clock' | 'log' | 'ephemeral' | 'emailHashKey'
>;

/** Forgets every failure that a user is, or may soon be, locked out for: of passwords, second factors and codes. */
export async function unlockUser(
  ctx: UnlockContext,
  trx: Trx,
  { user, staff, client }: { user: User; staff: Staff; client: Client },
): Promise<void> {
  const { id: userId, email, phoneNumber } = user;
  const limits = [
    ...(email === null
      ? []
      : [passwordLimit(ctx, 'login', email), passwordLimit(ctx, 'session', email)]),
    secondFactorLimit(userId, 'totp'),
    secondFactorLimit(userId, 'backup_code'),
  ];
  for (const { counter } of limits) await deleteFailedAttempts(trx, counter);
  const at = new Date(ctx.clock.now());
  await recordAudit(ctx, trx, { type: 'user_unlocked', at, userId, actor: staff.actor, client });
  if (phoneNumber !== null) await forgetCodeFailures(ctx, phoneNumber);
}

/** @throws `service_unavailable`, and nothing is committed: whoever is told of an unlocked user can rely on it */
async function forgetCodeFailures(
  { ephemeral }: UnlockContext,
  phoneNumber: string,
): Promise<void> {
  const { lockout, failures, guesses } = codeKeys(phoneNumber);
  await Promise.all([lockout, failures, guesses].map((key) => ephemeral.delete(key)));
}
