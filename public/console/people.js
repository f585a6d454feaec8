const STAFF_ROLES = ['viewer', 'editor', 'admin'];

export function isStaff(user) {
  return [user.role, ...(user.roles ?? [])].some((role) => STAFF_ROLES.includes(role));
}

/** What a person is called by: the first of their names that there is. */
export function nameOf(user) {
  return user.email ?? user.username ?? user.phone_number ?? `user ${user.id}`;
}
