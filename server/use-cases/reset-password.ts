import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { passwordResetMail } from '../messaging/recovery-mails.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import { afterCommit, type Trx } from '../store/database.ts';
import { deleteFailedAttempts } from '../store/failed-attempts.ts';
import {
  deleteOneTimeTokens,
  findTokenOwner,
  spendOneTimeToken,
} from '../store/one-time-tokens.ts';
import { setPassword } from '../store/passwords.ts';
import { markEmailVerified, type UserWithPassword } from '../store/users.ts';
import { assertNewPassword } from './assert-new-password.ts';
import { passwordLimit } from './check-password.ts';
import { hashOneTimeToken, type OneTimeTokenContext } from './one-time-token.ts';

type ResetContext = EndSessionsContext &
  OneTimeTokenContext &
  Pick<AppContext, 'mails' | 'passwords' | 'emailHashKey'>;

interface ResetInput {
  token: string;
  newPassword: string;
  client: Client;
}

/**
 * Sets a new password for a token that was mailed, ends every session and lifts the lockout of the address. It opens
 * no session, and so is no way round a second factor (ASVS 6.4.3). A password that cannot be used costs nothing: the
 * token goes on working.
 * @throws `invalid_one_time_token`, `weak_password`, `busy`, `service_unavailable`
 */
export async function resetPassword(ctx: ResetContext, input: ResetInput): Promise<void> {
  const tokenHash = hashOneTimeToken(ctx, input.token);
  const now = new Date(ctx.clock.now());
  const token = { tokenHash, purpose: 'reset_password' as const, now };
  const user = await findTokenOwner(ctx.db, token);
  if (user === null) throw new AppError('invalid_one_time_token');
  await assertNewPassword(ctx, user, input.newPassword);
  const passwordHash = await ctx.passwords.hash(input.newPassword);
  await endSessions(ctx, {
    selection: { userId: user.id },
    reason: 'credentials_changed',
    event: 'all_sessions_revoked',
    client: input.client,
    alongside: async (trx) => {
      const owner = await spendOneTimeToken(trx, token);
      // Of two resets at once, the second would go by a history that is no longer the user's.
      if (owner?.passwordVersion !== user.passwordVersion) {
        throw new AppError('invalid_one_time_token');
      }
      await replacePassword(ctx, trx, { user: owner, passwordHash, client: input.client });
    },
  });
}

interface Replacement {
  user: UserWithPassword;
  passwordHash: string;
  client: Client;
}

async function replacePassword(
  ctx: ResetContext,
  trx: Trx,
  { user, passwordHash, client }: Replacement,
): Promise<void> {
  const now = new Date(ctx.clock.now());
  const userId = user.id;
  const email = user.email ?? '';
  await setPassword(trx, { userId, passwordHash, now });
  await deleteOneTimeTokens(trx, { userId, purpose: 'reset_password' });
  await markEmailVerified(trx, { userId, now });
  for (const place of ['login', 'session'] as const) {
    await deleteFailedAttempts(trx, passwordLimit(ctx, place, email).counter);
  }
  await recordAudit(ctx, trx, { type: 'password_reset', at: now, userId, client });
  afterCommit(trx, () => {
    ctx.mails.send(email, passwordResetMail({ at: now, ip: client.ip }));
  });
}
