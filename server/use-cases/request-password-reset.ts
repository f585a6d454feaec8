import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { resetPasswordMail } from '../messaging/recovery-mails.ts';
import { afterCommit, inTransaction } from '../store/database.ts';
import { insertResetToken } from '../store/one-time-tokens.ts';
import { mailLimitKey, makeOneTimeToken, type OneTimeTokenContext } from './one-time-token.ts';

type RequestContext = OneTimeTokenContext &
  Pick<AppContext, 'db' | 'clock' | 'config' | 'log' | 'mails' | 'limiters' | 'emailHashKey'>;

/**
 * Long after the work is done: that a row was written for some and none for others takes tenths of a millisecond, which
 * whoever asks often enough could measure.
 */
const ANSWER_AFTER_MS = 50;

interface ResetRequest {
  email: string;
  client: Client;
}

/**
 * Mails a link that sets a new password to whoever has an account with this address. What is done for an unknown
 * address, a disabled account, or one mail too many is the same, but for the mail. Earlier links work on: a stranger
 * who asks again must not void the mail that its owner is about to open.
 * @throws `service_unavailable`
 */
export async function requestPasswordReset(
  ctx: RequestContext,
  request: ResetRequest,
): Promise<void> {
  const moment = Promise.withResolvers<boolean>();
  ctx.clock.after(ANSWER_AFTER_MS, () => {
    moment.resolve(true);
  });
  await Promise.all([mailLink(ctx, request), moment.promise]);
}

async function mailLink(ctx: RequestContext, { email, client }: ResetRequest): Promise<void> {
  const limitKey = mailLimitKey(ctx, 'reset_password', email);
  const { isAllowed } = await ctx.limiters.mailPerAddress.consume(limitKey);
  const { token, tokenHash } = makeOneTimeToken(ctx);
  const { resetTokenSeconds: lifeSeconds, resetPasswordUrl: page } = ctx.config;
  const now = new Date(ctx.clock.now());
  const expiresAt = new Date(now.getTime() + lifeSeconds * 1000);
  await inTransaction(ctx.db, async (trx) => {
    const owner = await insertResetToken(trx, { email, isAllowed, tokenHash, now, expiresAt });
    await recordAudit(ctx, trx, {
      type: 'password_reset_requested',
      at: now,
      userId: owner?.userId ?? null,
      client,
      details: { is_mailed: owner?.isMade ?? false },
    });
    if (!owner?.isMade) return;
    const mail = resetPasswordMail({ page, token, lifeSeconds, at: now, ip: client.ip });
    afterCommit(trx, () => {
      ctx.mails.send(owner.email, mail);
    });
  });
}
