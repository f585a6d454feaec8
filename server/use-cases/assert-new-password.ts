import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { listPasswordHashes } from '../store/passwords.ts';
import type { UserWithPassword } from '../store/users.ts';
import { assertPasswordAllowed } from './password-policy.ts';

/** Where requests have the password. */
const PATH = 'new_password';

/**
 * What a password that takes the place of another must be: as the policy says, and none of the last five.
 * @throws `weak_password` with every reason, `busy`, `service_unavailable`
 */
export async function assertNewPassword(
  ctx: Pick<AppContext, 'db' | 'config' | 'passwords'>,
  user: UserWithPassword,
  password: string,
): Promise<void> {
  const { email, username, passwordHash } = user;
  assertPasswordAllowed(ctx.config.passwordPolicy, { password, email, username }, PATH);
  const hashes = new Set(await listPasswordHashes(ctx.db, user.id));
  if (passwordHash !== null) hashes.add(passwordHash);
  for (const hash of hashes) {
    const { isCorrect } = await ctx.passwords.verify(password, hash);
    if (!isCorrect) continue;
    const message = 'It is one of your last five passwords';
    throw new AppError('weak_password', { issues: [{ path: PATH, message }] });
  }
}
