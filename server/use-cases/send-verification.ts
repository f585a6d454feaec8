import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { afterCommit, inTransaction } from '../store/database.ts';
import { findUnverifiedEmail } from '../store/users.ts';
import { assertWithinLimit } from './assert-within-limit.ts';
import type { Principal } from './authenticate-token.ts';
import { issueVerification, type VerificationContext } from './issue-verification.ts';
import { mailLimitKey } from './one-time-token.ts';

type SendContext = VerificationContext &
  Pick<AppContext, 'db' | 'log' | 'limiters' | 'emailHashKey'>;

/**
 * Mails another link that verifies the user's address; earlier ones work on.
 * @throws `email_already_verified`, `rate_limited`, `token_revoked`, `service_unavailable`
 */
export async function sendVerification(
  ctx: SendContext,
  { principal, client }: { principal: Principal; client: Client },
): Promise<void> {
  const { userId, sessionId } = principal;
  const email = await findUnverifiedEmail(ctx.db, userId);
  if (email === null) throw new AppError('email_already_verified');
  await assertWithinLimit(ctx.limiters.mailPerAddress, mailLimitKey(ctx, 'verify_email', email));
  await inTransaction(ctx.db, async (trx) => {
    const send = await issueVerification(ctx, trx, { userId, client });
    if (send === null) throw new AppError('token_revoked');
    const at = new Date(ctx.clock.now());
    const type = 'email_verification_requested';
    await recordAudit(ctx, trx, { type, at, userId, sessionId, client });
    afterCommit(trx, send);
  });
}
