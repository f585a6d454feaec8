import { recordAudit, type Client } from '../audit.ts';
import { AppError } from '../errors.ts';
import { twoFactorDisabledMail } from '../messaging/mails.ts';
import type { EndSessionsContext } from '../revocation/end-sessions.ts';
import { replaceBackupCodes } from '../store/backup-codes.ts';
import type { Trx } from '../store/database.ts';
import { deleteTotp, findTotp } from '../store/totp.ts';
import type { Principal } from './authenticate-token.ts';
import { changeCredentials } from './change-credentials.ts';
import {
  checkSecondFactor,
  confirmSecondFactor,
  type SecondFactor,
  type SecondFactorContext,
} from './check-second-factor.ts';
import { mailUser } from './mail-user.ts';
import { reauthenticate, type ReauthenticationContext } from './reauthenticate.ts';

interface DisableInput {
  principal: Principal;
  /** The password, or a fresh one-time code on the phone surface. */
  proof: string;
  factor: SecondFactor;
  client: Client;
}

/**
 * Turns the second factor off, for both factors, ends the other sessions and tells the owner.
 * @throws `two_factor_not_enabled`; what `reauthenticate` and `checkSecondFactor` throw; `token_revoked`
 */
export async function disableSecondFactor(
  ctx: SecondFactorContext & ReauthenticationContext & EndSessionsContext,
  { principal, proof, factor, client }: DisableInput,
): Promise<void> {
  const { userId } = principal;
  const totp = await findTotp(ctx.db, userId);
  if (totp?.isEnabled !== true) throw new AppError('two_factor_not_enabled');
  const failureEvent = 'two_factor_change_failed';
  await reauthenticate(ctx, { principal, proof, client, failureEvent }, async (confirm) => {
    const checked = await checkSecondFactor(ctx, { userId, factor, client });
    await changeCredentials(ctx, {
      principal,
      client,
      change: async (trx) => {
        await confirm(trx);
        await confirmSecondFactor(ctx, trx, checked);
        await disable(ctx, trx, { principal, client });
      },
    });
  });
}

async function disable(
  ctx: SecondFactorContext,
  trx: Trx,
  { principal, client }: Pick<DisableInput, 'principal' | 'client'>,
): Promise<void> {
  const { userId, sessionId } = principal;
  const at = new Date(ctx.clock.now());
  await deleteTotp(trx, userId);
  await replaceBackupCodes(trx, { userId, codeHashes: [] });
  await recordAudit(ctx, trx, { type: 'two_factor_disabled', at, userId, sessionId, client });
  await mailUser(ctx, trx, { userId, mail: twoFactorDisabledMail({ at, ip: client.ip }) });
}
