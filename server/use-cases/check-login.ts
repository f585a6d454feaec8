import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import type { Trx } from '../store/database.ts';
import { replacePasswordHash } from '../store/passwords.ts';
import type { User, UserWithPassword } from '../store/users.ts';
import {
  checkPassword,
  confirmPassword,
  type CheckedPassword,
  type PasswordContext,
} from './check-password.ts';

interface LoginInput {
  email: string;
  password: string;
  client: Client;
}

/** A login whose password was right a moment ago. */
export interface CheckedLogin {
  checked: CheckedPassword;
  /** Of the same password, where the old hash is of an older kind. */
  upgraded: string | null;
  client: Client;
}

/** Judges the password of a login. @throws what `checkPassword` throws */
export async function checkLogin(
  ctx: PasswordContext,
  { email, password, client }: LoginInput,
): Promise<CheckedLogin> {
  const checked = await checkPassword(ctx, {
    email,
    password,
    client,
    failureEvent: 'login_failed',
  });
  const upgraded = checked.needsUpgrade ? await ctx.passwords.hash(password) : null;
  return { checked, upgraded, client };
}

/** Spends the checked password, and keeps its newer hash. @throws what `confirmPassword` throws */
export async function confirmLogin(
  ctx: PasswordContext,
  trx: Trx,
  { checked, upgraded, client }: CheckedLogin,
): Promise<UserWithPassword> {
  const user = await confirmPassword(ctx, trx, checked);
  // Of many first logins at once, one has done so before.
  const isOld = user.passwordHash === checked.user.passwordHash;
  if (upgraded !== null && isOld) {
    await upgradeHash(ctx, trx, { user, passwordHash: upgraded, client });
  }
  return user;
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
