import { formDialog } from '../dialog.js';
import { toast } from '../feedback.js';
import { field } from '../form.js';
import { content } from '../view.js';
import { rolesField, rolesOf } from './roles-field.js';

/** Asks for a new user, makes them, and shows them. */
export async function createUser({ account, can, navigate }) {
  const mayChooseRoles = can('roles:write');
  const made = await formDialog({
    title: 'New user',
    text: 'A phone number, an e-mail address or both. Who has an address is mailed a link to choose a password: staff never set one.',
    fields: content([
      field({
        label: 'Phone number',
        name: 'phone_number',
        type: 'tel',
        placeholder: '+14155550100',
        autocomplete: 'off',
      }),
      field({ label: 'E-mail', name: 'email', type: 'email', autocomplete: 'off' }),
      field({ label: 'Username', name: 'username', autocomplete: 'off' }),
      mayChooseRoles && rolesField(['rider']),
    ]),
    submit: 'Make the user',
    onSubmit: (values) => {
      const { phone_number, email, username } = values;
      const given = Object.entries({ phone_number, email, username });
      const body = Object.fromEntries(given.filter(([, value]) => value !== ''));
      if (mayChooseRoles) body.roles = rolesOf(values);
      return account.request('POST', '/api/admin/users', { body });
    },
  });
  if (made === null) return;
  toast(made.email ? 'The user is made, and a link is on its way to them.' : 'The user is made.');
  navigate(`/staff/users/${made.id}`);
}
