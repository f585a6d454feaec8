import { recordAudit, type Client } from '../audit.ts';
import { passwordChangedMail } from '../messaging/mails.ts';
import type { EndSessionsContext } from '../revocation/end-sessions.ts';
import { afterCommit, type Trx } from '../store/database.ts';
import { deleteOneTimeTokens } from '../store/one-time-tokens.ts';
import { setPassword } from '../store/passwords.ts';
import { assertNewPassword } from './assert-new-password.ts';
import type { AccountPrincipal } from './authenticate-token.ts';
import { changeCredentials } from './change-credentials.ts';
import {
  checkPassword,
  confirmPassword,
  type CheckedPassword,
  type PasswordContext,
} from './check-password.ts';

type ChangePasswordContext = PasswordContext & EndSessionsContext;

interface ChangePasswordInput {
  principal: AccountPrincipal;
  currentPassword: string;
  newPassword: string;
  client: Client;
}

/**
 * Replaces the password, for the current one, ends the other sessions and tells the owner.
 * @throws what `checkPassword` throws; `weak_password`, `token_revoked`
 */
export async function changePassword(
  ctx: ChangePasswordContext,
  input: ChangePasswordInput,
): Promise<void> {
  const { principal, currentPassword, newPassword, client } = input;
  const checked = await checkPassword(ctx, {
    email: principal.claims.email,
    password: currentPassword,
    client,
    failureEvent: 'password_change_failed',
  });
  await assertNewPassword(ctx, checked.user, newPassword);
  const passwordHash = await ctx.passwords.hash(newPassword);
  await changeCredentials(ctx, {
    principal,
    client,
    change: (trx) => replacePassword(ctx, trx, { ...input, checked, passwordHash }),
  });
}

async function replacePassword(
  ctx: ChangePasswordContext,
  trx: Trx,
  input: ChangePasswordInput & { checked: CheckedPassword; passwordHash: string },
): Promise<void> {
  const { principal, client, checked, passwordHash } = input;
  const user = await confirmPassword(ctx, trx, checked);
  const now = new Date(ctx.clock.now());
  await setPassword(trx, { userId: user.id, passwordHash, now });
  await deleteOneTimeTokens(trx, { userId: user.id, purpose: 'reset_password' });
  const { sessionId } = principal;
  await recordAudit(ctx, trx, {
    type: 'password_changed',
    at: now,
    userId: user.id,
    sessionId,
    client,
  });
  afterCommit(trx, () => {
    if (user.email !== null) {
      ctx.mails.send(user.email, passwordChangedMail({ at: now, ip: client.ip }));
    }
  });
}
