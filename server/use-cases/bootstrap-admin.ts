import { recordAudit } from '../audit.ts';
import { ConfigError, type Secrets } from '../config.ts';
import type { AppContext } from '../context.ts';
import { inTransaction } from '../store/database.ts';
import { insertUser, isAnotherAdmin } from '../store/managed-users.ts';
import { setPassword } from '../store/passwords.ts';
import { markEmailVerified } from '../store/users.ts';
import { checkPasswordPolicy } from './password-policy.ts';

type BootstrapContext = Pick<AppContext, 'config' | 'db' | 'clock' | 'log' | 'passwords'>;

const OPERATOR = { ip: null, userAgent: null, deviceId: null, requestId: 'bootstrap' };
/** No user's id: whoever is an admin is another one. */
const NOBODY = 0;

/**
 * Makes the first administrator where there is none who may sign in; of nodes that start together one does. An account
 * that somebody has made with this address, or number, is never made one: it may be a stranger's.
 * @throws ConfigError where the password may not be used
 */
export async function bootstrapAdmin(
  ctx: BootstrapContext,
  { email, password, phoneNumber }: NonNullable<Secrets['bootstrapAdmin']>,
): Promise<void> {
  const candidate = { password, email, username: null };
  const faults = checkPasswordPolicy(ctx.config.passwordPolicy, candidate);
  if (faults.length > 0)
    throw new ConfigError(faults.map((why) => `BOOTSTRAP_ADMIN_PASSWORD: ${why}`));
  const now = new Date(ctx.clock.now());
  const isThere = await inTransaction(ctx.db, (trx) =>
    isAnotherAdmin(trx, { userId: NOBODY, now }),
  );
  if (isThere) return;
  const passwordHash = await ctx.passwords.hash(password);
  await inTransaction(ctx.db, async (trx) => {
    if (await isAnotherAdmin(trx, { userId: NOBODY, now })) return;
    const user = { phoneNumber, email, username: null, roles: ['admin' as const], now };
    const made = await insertUser(trx, user);
    if (made === null) {
      ctx.log.error('there is no admin, and BOOTSTRAP_ADMIN_EMAIL or _PHONE is of another account');
      return;
    }
    const userId = made.id;
    await setPassword(trx, { userId, passwordHash, now });
    await markEmailVerified(trx, { userId, now });
    const details = { roles: user.roles };
    const event = { type: 'user_created', at: now, userId, client: OPERATOR, details } as const;
    await recordAudit(ctx, trx, event);
  });
}
