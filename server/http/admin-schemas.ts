import { z } from 'zod';
import type { User } from '../queries/users.ts';
import { toAnswerWithoutRole, userSchema } from './schemas.ts';

/** PostgreSQL's `integer`; another number is no user's. */
export const userIdSchema = z.int().min(1).max(2_147_483_647);

/** The same as text, in a path or a query. */
export const userIdTextSchema = z
  .string()
  .regex(/^[1-9]\d{0,9}$/)
  .transform(Number)
  .pipe(userIdSchema);

/** What staff see of a user: nobody acts in a role here. */
export const adminUserSchema = userSchema
  .omit({ role: true })
  .extend({ suspended_until: z.iso.datetime().nullable() });

export function toAdminUser(user: User): z.input<typeof adminUserSchema> {
  return {
    ...toAnswerWithoutRole(user),
    suspended_until: user.suspendedUntil?.toISOString() ?? null,
  };
}
