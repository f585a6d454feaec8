import { FieldFault } from '../form.js';
import { h } from '../view.js';
import { ROLES } from './permissions.js';

const MEANING = {
  rider: 'the app of riders',
  driver: 'the app of drivers',
  viewer: 'staff: reads',
  editor: 'staff: users and sessions as well',
  admin: 'staff: everything',
};

/** Boxes for roles. @param held those that are ticked */
export function rolesField(held) {
  return h(
    'fieldset.field',
    {},
    h('legend', {}, 'Roles'),
    ROLES.map((role) =>
      h(
        'label.choice',
        {},
        h('input', { type: 'checkbox', name: nameOf(role), checked: held.includes(role) }),
        h('span', {}, role, ' ', h('span.muted.small', {}, MEANING[role])),
      ),
    ),
    h('p.field-error', {}),
  );
}

/** @throws FieldFault where none is ticked */
export function rolesOf(values) {
  const roles = ROLES.filter((role) => values[nameOf(role)]);
  if (roles.length === 0) throw new FieldFault(nameOf(ROLES[0]), 'Tick one at least.');
  return roles;
}

function nameOf(role) {
  return `role_${role}`;
}
