import type { Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { inTransaction } from '../store/database.ts';
import { issuePasswordReset, type ResetContext } from './issue-password-reset.ts';
import { mailLimitKey } from './one-time-token.ts';

type RequestContext = ResetContext & Pick<AppContext, 'limiters' | 'emailHashKey'>;

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
  await inTransaction(ctx.db, (trx) => issuePasswordReset(ctx, trx, { email, isAllowed, client }));
}
