import { toast } from '../feedback.js';
import { field, form, showPasswords } from '../form.js';
import { card } from '../view.js';
import { newPasswordField } from './password-field.js';

export function passwordCard({ account, reload }) {
  const body = form({
    fields: [
      field({
        label: 'Current password',
        name: 'current_password',
        type: 'password',
        autocomplete: 'current-password',
      }),
      newPasswordField({ label: 'New password', name: 'new_password' }),
      showPasswords(),
    ],
    submit: 'Change the password',
    onSubmit: async (values) => {
      const { current_password, new_password } = values;
      await account.request('POST', '/api/auth/change-password', {
        body: { current_password, new_password },
      });
      toast('The password is changed. Your other sessions are signed out.');
      await reload();
    },
  });
  return card({ title: 'Password' }, body);
}
