import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { inTransaction } from '../store/database.ts';
import { deleteOneTimeTokens, spendOneTimeToken } from '../store/one-time-tokens.ts';
import { markEmailVerified } from '../store/users.ts';
import { hashOneTimeToken, type OneTimeTokenContext } from './one-time-token.ts';

type VerifyContext = OneTimeTokenContext & Pick<AppContext, 'db' | 'clock' | 'log'>;

/**
 * Notes that the address is its user's, for a token that was mailed to it. It signs nobody in.
 * @throws `invalid_one_time_token`, `service_unavailable`
 */
export async function verifyEmail(
  ctx: VerifyContext,
  { token, client }: { token: string; client: Client },
): Promise<void> {
  const tokenHash = hashOneTimeToken(ctx, token);
  const now = new Date(ctx.clock.now());
  const purpose = 'verify_email';
  await inTransaction(ctx.db, async (trx) => {
    const user = await spendOneTimeToken(trx, { tokenHash, purpose, now });
    if (user === null) throw new AppError('invalid_one_time_token');
    await deleteOneTimeTokens(trx, { userId: user.id, purpose });
    await markEmailVerified(trx, { userId: user.id, now });
    await recordAudit(ctx, trx, { type: 'email_verified', at: now, userId: user.id, client });
  });
}
