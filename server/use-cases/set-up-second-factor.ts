import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { generateTotpSecret, totpUrl } from '../crypto/totp.ts';
import { AppError } from '../errors.ts';
import { twoFactorEnabledMail } from '../messaging/mails.ts';
import type { EndSessionsContext } from '../revocation/end-sessions.ts';
import { replaceBackupCodes } from '../store/backup-codes.ts';
import { inTransaction, type Trx } from '../store/database.ts';
import { enableTotp, findTotp, replaceTotp, setTotpSecret, spendTotpStep } from '../store/totp.ts';
import { lockUser } from '../store/users.ts';
import { assertWithinLimit } from './assert-within-limit.ts';
import type { Principal } from './authenticate-token.ts';
import { changeCredentials } from './change-credentials.ts';
import { judgeTotp, type SecondFactorContext } from './check-second-factor.ts';
import { decryptTotp, encryptTotp } from './encrypt-totp.ts';
import { generateBackupCodes, hashBackupCodes } from './generate-backup-codes.ts';
import { mailUser } from './mail-user.ts';
import { SECOND_FACTOR_AMR } from './open-session.ts';

/** What the person is shown, once: nothing of it can be read again. */
export interface SecondFactorSetUp {
  secret: string;
  otpauthUrl: string;
  backupCodes: string[];
}

/**
 * Begins the set-up of a second factor, in the place of one that was begun before. Until it is confirmed nothing
 * has changed: no sign-in asks for it.
 * @throws `two_factor_enabled`, `service_unavailable`
 */
export async function beginSetUp(
  ctx: SecondFactorContext & Pick<AppContext, 'config'>,
  principal: Principal,
): Promise<SecondFactorSetUp> {
  const { userId } = principal;
  const totp = await findTotp(ctx.db, userId);
  if (totp?.isEnabled) throw new AppError('two_factor_enabled');
  const secret = generateTotpSecret();
  const backupCodes = generateBackupCodes(ctx);
  const encrypted = encryptTotp(ctx, { userId, secret, pendingCodes: backupCodes });
  await inTransaction(ctx.db, async (trx) => {
    const user = await lockUser(trx, userId);
    if (user === null) throw new AppError('token_revoked');
    if (user.totpEnabled) throw new AppError('two_factor_enabled');
    await replaceTotp(trx, { userId, secret: encrypted, now: new Date(ctx.clock.now()) });
  });
  const accountName =
    principal.kind === 'account' ? principal.claims.email : principal.claims.phone_number;
  const otpauthUrl = totpUrl({ secret, issuer: ctx.config.totpIssuer, accountName });
  return { secret, otpauthUrl, backupCodes };
}

interface ConfirmInput {
  principal: Principal;
  code: string;
  client: Client;
}

/**
 * Turns the second factor on with a first code of it, ends the other sessions and tells the owner. The code is
 * spent: it signs nobody in any more.
 * @throws `two_factor_enabled`, `two_factor_not_enabled`, `invalid_two_factor_code`, `rate_limited`, `busy`,
 * `token_revoked`
 */
export async function confirmSetUp(
  ctx: SecondFactorContext & EndSessionsContext & Pick<AppContext, 'limiters'>,
  { principal, code, client }: ConfirmInput,
): Promise<void> {
  const { userId } = principal;
  const totp = await findTotp(ctx.db, userId);
  if (totp === null) throw new AppError('two_factor_not_enabled');
  if (totp.isEnabled) throw new AppError('two_factor_enabled');
  const use = judgeTotp(ctx, totp, code);
  if (use === null) throw new AppError('invalid_two_factor_code');
  // Not before: set-ups that are begun again and again would keep the logins of others waiting.
  await assertWithinLimit(ctx.limiters.backupCodesPerUser, String(userId));
  const { secret, pendingCodes } = decryptTotp(ctx, totp);
  const codeHashes = await hashBackupCodes(ctx, pendingCodes);
  await changeCredentials(ctx, {
    principal,
    client,
    change: async (trx) => {
      // Of two at once, or after another set-up was begun, one gets through.
      if (!(await spendTotpStep(trx, { userId, ...use }))) {
        throw new AppError('invalid_two_factor_code');
      }
      await setTotpSecret(trx, { userId, secret: encryptTotp(ctx, { userId, secret }) });
      await replaceBackupCodes(trx, { userId, codeHashes });
      await enable(ctx, trx, { principal, client });
    },
  });
}

async function enable(
  ctx: SecondFactorContext,
  trx: Trx,
  { principal, client }: Omit<ConfirmInput, 'code'>,
): Promise<void> {
  const { userId, sessionId } = principal;
  const at = new Date(ctx.clock.now());
  const isNew = await enableTotp(trx, { userId, sessionId, amr: SECOND_FACTOR_AMR });
  if (!isNew) throw new AppError('two_factor_enabled');
  await recordAudit(ctx, trx, { type: 'two_factor_enabled', at, userId, sessionId, client });
  await mailUser(ctx, trx, { userId, mail: twoFactorEnabledMail({ at, ip: client.ip }) });
}
