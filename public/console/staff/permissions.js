const READ = ['users:read', 'sessions:read', 'audit:read', 'realtime:read'];

/** As docs/administration.md has it. What an extension gives to a role besides, the console does not offer. */
const PERMISSIONS = {
  viewer: READ,
  editor: [...READ, 'users:write', 'sessions:write'],
};

export const ROLES = ['rider', 'driver', 'viewer', 'editor', 'admin'];

const STAFF_ROLES = ['viewer', 'editor', 'admin'];

/** Whether whoever acts in this role may do it. The server decides; this is what is offered. */
export function can(role, permission) {
  return role === 'admin' || (PERMISSIONS[role]?.includes(permission) ?? false);
}

export function isStaffRole(role) {
  return STAFF_ROLES.includes(role);
}

/** Whoever is of the staff is changed by those alone who may change roles. */
export function canChange(role, user) {
  return can(role, user.roles.some(isStaffRole) ? 'roles:write' : 'users:write');
}
