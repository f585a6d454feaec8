import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import type { Trx } from '../store/database.ts';
import { replacePasswordHash } from '../store/passwords.ts';
import type { User } from '../store/users.ts';
import { checkPassword, confirmPassword, type PasswordContext } from './check-password.ts';
import {
  openAccountSession,
  type AccountSession,
  type AccountSessionContext,
} from './open-account-session.ts';
import type { Challenge } from './second-factor-challenge.ts';

interface LogInInput {
  email: string;
  password: string;
  deviceName: string | undefined;
  client: Client;
}

/**
 * Opens a session for an e-mail address and its password, or gives a challenge where a second factor is on.
 * @throws what `checkPassword` throws; `account_disabled`, `session_limit_reached`
 */
export async function logInWithPassword(
  ctx: PasswordContext & AccountSessionContext,
  input: LogInInput,
): Promise<AccountSession | Challenge> {
  const { client, deviceName = null } = input;
  const checked = await checkPassword(ctx, { ...input, failureEvent: 'login_failed' });
  const upgraded = checked.needsUpgrade ? await ctx.passwords.hash(input.password) : null;
  return openAccountSession(ctx, client, async (trx) => {
    const user = await confirmPassword(ctx, trx, checked);
    // Of many first logins at once, one has done so before.
    const isOld = user.passwordHash === checked.user.passwordHash;
    if (upgraded !== null && isOld) {
      await upgradeHash(ctx, trx, { user, passwordHash: upgraded, client });
    }
    return { user, deviceName, amr: ['pwd'] };
  });
}

async function upgradeHash(
  ctx: Pick<AppContext, 'clock' | 'log'>,
  trx: Trx,
  { user, passwordHash, client }: { user: User; passwordHash: string; client: Client },
): Promise<void> {
  const at = new Date(ctx.clock.now());
  await replacePasswordHash(trx, { userId: user.id, passwordHash });
  await recordAudit(ctx, trx, { type: 'password_hash_upgraded', at, userId: user.id, client });
}
