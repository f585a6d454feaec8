import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import type { Trx } from '../store/database.ts';
import { isAnotherAdmin } from '../store/managed-users.ts';
import type { User } from '../store/users.ts';

/**
 * For a locked user who is about to lose the role of an admin, or the use of it.
 * @throws `last_admin` where nobody else could give it back
 */
export async function assertAnotherAdmin(
  { clock }: Pick<AppContext, 'clock'>,
  trx: Trx,
  { id, roles }: Pick<User, 'id' | 'roles'>,
): Promise<void> {
  if (!roles.includes('admin')) return;
  const now = new Date(clock.now());
  if (!(await isAnotherAdmin(trx, { userId: id, now }))) throw new AppError('last_admin');
}
