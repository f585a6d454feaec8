import { STAFF_ROLES, type AppRole, type Role } from '../config.ts';
import { AppError } from '../errors.ts';

/**
 * The role that a session acts in: the one asked for, else the highest staff role, the only one held, or
 * rider. One that is not held is taken by signing in where the configuration allows it.
 * @throws `role_not_allowed`
 */
export function chooseSessionRole(
  held: readonly Role[],
  asked: AppRole | undefined,
  selfSignupRoles: readonly AppRole[],
): Role {
  const role = asked ?? defaultRole(held);
  if (held.includes(role) || selfSignupRoles.some((allowed) => allowed === role)) return role;
  throw new AppError('role_not_allowed');
}

function defaultRole(held: readonly Role[]): Role {
  const staffRole = STAFF_ROLES.findLast((role) => held.includes(role));
  if (staffRole !== undefined) return staffRole;
  return held.length === 1 && held[0] !== undefined ? held[0] : 'rider';
}
