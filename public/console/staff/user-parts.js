import { nameOf } from '../people.js';
import { exactTime } from '../time.js';
import { badge, h } from '../view.js';
import { isStaffRole } from './permissions.js';

/** A user's name, and the other things that they are known by. */
export function userLink(user) {
  const name = nameOf(user);
  const others = [user.username, user.phone_number].filter((each) => each && each !== name);
  return h(
    'div.two-lines',
    {},
    h('a', { href: `#/staff/users/${user.id}` }, name),
    h('span.muted.small', {}, [...others, `id ${user.id}`].join(' · ')),
  );
}

export function roleBadges(roles) {
  return h(
    'span.row.tight',
    {},
    roles.map((role) => badge(role, { kind: isStaffRole(role) ? 'info' : '' })),
  );
}

/** Whether the user may sign in. */
export function stateBadge(user) {
  if (!user.is_active) return badge('Deactivated', { kind: 'bad', mark: 'cross' });
  if (isSuspended(user)) {
    return badge(`Suspended until ${exactTime(user.suspended_until)}`, {
      kind: 'warn',
      mark: 'warning',
    });
  }
  return badge('Active', { kind: 'good', mark: 'check' });
}

export function isSuspended({ suspended_until: until }) {
  return until !== null && new Date(until).getTime() > Date.now();
}
