import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { inTransaction } from '../store/database.ts';
import { setPassword } from '../store/passwords.ts';
import { insertUserByEmail } from '../store/users.ts';
import { issueVerification, type VerificationContext } from './issue-verification.ts';
import { mailLimitKey } from './one-time-token.ts';
import { assertPasswordAllowed } from './password-policy.ts';

type RegisterContext = VerificationContext &
  Pick<AppContext, 'db' | 'log' | 'passwords' | 'limiters' | 'emailHashKey'>;

interface RegisterInput {
  email: string;
  username: string;
  password: string;
  client: Client;
}

/**
 * Makes a user who signs in by e-mail address and password, as a rider, and mails a link that verifies the address.
 * @throws `weak_password`, `account_exists`, `busy`, `service_unavailable`
 */
export async function registerAccount(
  ctx: RegisterContext,
  { email, username, password, client }: RegisterInput,
): Promise<{ userId: number }> {
  assertPasswordAllowed(ctx.config.passwordPolicy, { password, email, username }, 'password');
  const passwordHash = await ctx.passwords.hash(password);
  const now = new Date(ctx.clock.now());
  const { userId, send } = await inTransaction(ctx.db, async (trx) => {
    const userId = await insertUserByEmail(trx, { email, username, roles: ['rider'], now });
    if (userId === null) throw new AppError('account_exists');
    await setPassword(trx, { userId, passwordHash, now });
    await recordAudit(ctx, trx, { type: 'user_registered', at: now, userId, client });
    return { userId, send: await issueVerification(ctx, trx, { userId, client }) };
  });
  // Erasing the account and making it anew is no way to fill a stranger's mailbox.
  const limitKey = mailLimitKey(ctx, 'verify_email', email);
  if ((await ctx.limiters.mailPerAddress.consume(limitKey)).isAllowed) send?.();
  return { userId };
}
