import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { inTransaction } from '../store/database.ts';
import { insertUser } from '../store/managed-users.ts';
import { setPassword } from '../store/passwords.ts';
import type { User } from '../store/users.ts';
import { issueVerification, type VerificationContext } from './issue-verification.ts';
import { mailLimitKey } from './one-time-token.ts';
import { assertPasswordAllowed } from './password-policy.ts';

type RegisterContext = VerificationContext &
  Pick<AppContext, 'db' | 'log' | 'passwords' | 'limiters' | 'emailHashKey'>;

interface RegisterInput {
  email: string;
  username: string | null;
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
): Promise<User> {
  assertPasswordAllowed(ctx.config.passwordPolicy, { password, email, username }, 'password');
  const passwordHash = await ctx.passwords.hash(password);
  const now = new Date(ctx.clock.now());
  const { user, send } = await inTransaction(ctx.db, async (trx) => {
    const account = { phoneNumber: null, email, username, roles: ['rider' as const], now };
    const user = await insertUser(trx, account);
    if (user === null) throw new AppError('account_exists');
    const { id: userId } = user;
    await setPassword(trx, { userId, passwordHash, now });
    await recordAudit(ctx, trx, { type: 'user_registered', at: now, userId, client });
    return { user, send: await issueVerification(ctx, trx, { userId, client }) };
  });
  // Erasing the account and making it anew is no way to fill a stranger's mailbox.
  const limitKey = mailLimitKey(ctx, 'verify_email', email);
  if ((await ctx.limiters.mailPerAddress.consume(limitKey)).isAllowed) send?.();
  return user;
}
