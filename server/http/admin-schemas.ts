import { z } from 'zod';
import { ROLES } from '../config.ts';
import type { User } from '../queries/users.ts';

/** PostgreSQL's `integer`; another number is no user's. */
export const userIdSchema = z
  .string()
  .regex(/^[1-9]\d{0,9}$/)
  .transform(Number)
  .pipe(z.int().max(2_147_483_647));

/** What staff see of a user. */
export const adminUserSchema = z.object({
  id: z.int(),
  phone_number: z.string().nullable(),
  email: z.string().nullable(),
  username: z.string().nullable(),
  roles: z.array(z.enum(ROLES)),
  is_active: z.boolean(),
  suspended_until: z.iso.datetime().nullable(),
  totp_enabled: z.boolean(),
  created_at: z.iso.datetime(),
  last_login: z.iso.datetime().nullable(),
});

export function toAdminUser(user: User): z.input<typeof adminUserSchema> {
  return {
    id: user.id,
    phone_number: user.phoneNumber,
    email: user.email,
    username: user.username,
    roles: user.roles,
    is_active: user.isActive,
    suspended_until: user.suspendedUntil?.toISOString() ?? null,
    totp_enabled: user.totpEnabled,
    created_at: user.createdAt.toISOString(),
    last_login: user.lastLogin?.toISOString() ?? null,
  };
}
