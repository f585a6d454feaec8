import type { Role } from './config.ts';

/** What staff and API clients may be allowed to do. A team adds its own: `addRolePermission`. */
export const PERMISSIONS = [
  'users:read',
  'users:write',
  'roles:write',
  'sessions:read',
  'sessions:write',
  'audit:read',
  'realtime:read',
  'realtime:write',
  'tokens:introspect',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** `<what>:<action>` */
export const PERMISSION_PATTERN = /^[a-z][a-z0-9_-]{0,63}:[a-z][a-z0-9_-]{0,63}$/;

const READ = ['users:read', 'sessions:read', 'audit:read', 'realtime:read'] as const;

const PREDEFINED: Partial<Record<Role, readonly Permission[]>> = {
  viewer: READ,
  editor: [...READ, 'users:write', 'sessions:write'],
};

/** What each role may do. An admin may do everything, whatever is added. */
export class RolePermissions {
  readonly #byRole = new Map<Role, Set<string>>();

  constructor() {
    for (const [role, permissions] of Object.entries(PREDEFINED)) {
      this.#byRole.set(role as Role, new Set(permissions));
    }
  }

  /** @throws RangeError for what is no permission's name */
  add(role: Role, permission: string): void {
    if (!PERMISSION_PATTERN.test(permission)) {
      throw new RangeError(`${permission} is no name of a permission, such as rides:refund`);
    }
    const permissions = this.#byRole.get(role) ?? new Set();
    this.#byRole.set(role, permissions.add(permission));
  }

  has(role: Role, permission: string): boolean {
    return role === 'admin' || (this.#byRole.get(role)?.has(permission) ?? false);
  }
}
