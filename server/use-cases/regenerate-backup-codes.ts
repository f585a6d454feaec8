import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { backupCodesRegeneratedMail } from '../messaging/mails.ts';
import { replaceBackupCodes } from '../store/backup-codes.ts';
import { inTransaction, type Trx } from '../store/database.ts';
import { isSessionLive } from '../store/sessions.ts';
import { findTotp } from '../store/totp.ts';
import { lockUser } from '../store/users.ts';
import type { Principal } from './authenticate-token.ts';
import { assertWithinLimit } from './assert-within-limit.ts';
import { generateBackupCodes, hashBackupCodes } from './generate-backup-codes.ts';
import { mailUser } from './mail-user.ts';
import { reauthenticate, type ReauthenticationContext } from './reauthenticate.ts';

interface RegenerateInput {
  principal: Principal;
  /** The password, or a fresh one-time code on the phone surface. */
  proof: string;
  client: Client;
}

/**
 * Gives new backup codes in the place of those that are left, and tells the owner.
 * @throws `two_factor_not_enabled`; what `reauthenticate` throws; `rate_limited`, `busy`, `token_revoked`
 */
export async function regenerateBackupCodes(
  ctx: ReauthenticationContext & Pick<AppContext, 'config' | 'limiters'>,
  { principal, proof, client }: RegenerateInput,
): Promise<string[]> {
  const { userId } = principal;
  const totp = await findTotp(ctx.db, userId);
  if (totp?.isEnabled !== true) throw new AppError('two_factor_not_enabled');
  const failureEvent = 'two_factor_change_failed';
  return reauthenticate(ctx, { principal, proof, client, failureEvent }, async (confirm) => {
    // Hashing them takes as long as ten logins.
    await assertWithinLimit(ctx.limiters.backupCodesPerUser, String(userId));
    const codes = generateBackupCodes(ctx);
    const codeHashes = await hashBackupCodes(ctx, codes);
    await inTransaction(ctx.db, async (trx) => {
      await assertStillEnabled(trx, principal);
      await confirm(trx);
      await replaceBackupCodes(trx, { userId, codeHashes });
      const at = new Date(ctx.clock.now());
      await recordAudit(ctx, trx, { type: 'backup_codes_regenerated', at, userId, client });
      await mailUser(ctx, trx, { userId, mail: backupCodesRegeneratedMail({ at, ip: client.ip }) });
    });
    return codes;
  });
}

/** Under the lock of the user: neither the factor nor the session has ended meanwhile. */
async function assertStillEnabled(trx: Trx, { userId, sessionId }: Principal): Promise<void> {
  const user = await lockUser(trx, userId);
  if (!(await isSessionLive(trx, { sessionId }))) throw new AppError('token_revoked');
  if (!user?.totpEnabled) throw new AppError('two_factor_not_enabled');
}
