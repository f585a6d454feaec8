import { z } from 'zod';
import type { User } from '../queries/users.ts';
import { toAnswerWithoutRole, userWithoutRoleSchema } from './schemas.ts';

/** PostgreSQL's `integer`; another number is no user's. */
export const userIdSchema = z
  .int()
  .min(1)
  .max(2_147_483_647)
  .meta({ examples: [42] });

export const nodeIdSchema = z.string().meta({ examples: ['8a1f0c44-6f0d-4a39-a8a3-1f1d5d0f7b21'] });

/** The same as text, in a path or a query. */
export const userIdTextSchema = z
  .string()
  .regex(/^[1-9]\d{0,9}$/)
  .meta({ examples: ['42'] })
  .transform(Number)
  .pipe(userIdSchema);

/** What staff see of a user: nobody acts in a role here. */
export const adminUserSchema = userWithoutRoleSchema
  .extend({
    suspended_until: z.iso
      .datetime()
      .nullable()
      .meta({ examples: [null] }),
  })
  .meta({ id: 'ManagedUser' });

export function toAdminUser(user: User): z.input<typeof adminUserSchema> {
  return {
    ...toAnswerWithoutRole(user),
    suspended_until: user.suspendedUntil?.toISOString() ?? null,
  };
}
