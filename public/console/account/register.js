import { toast } from '../feedback.js';
import { field, form, showPasswords } from '../form.js';
import { h, pageHead } from '../view.js';
import { newPasswordField } from './password-field.js';

export default {
  title: 'Make an account',
  render(root, { account }) {
    const body = form({
      fields: [
        field({ label: 'E-mail address', name: 'email', type: 'email', autocomplete: 'email' }),
        field({
          label: 'Username',
          name: 'username',
          autocomplete: 'username',
          hint: '3 to 64 letters, digits, dots, dashes and underscores.',
        }),
        newPasswordField(),
        showPasswords(),
      ],
      submit: 'Make the account',
      onSubmit: (values) => register(account, values),
    });
    const signIn = h(
      'p.small.muted',
      {},
      'You have one? ',
      h('a', { href: '#/sign-in' }, 'Sign in'),
      '.',
    );
    const head = pageHead({
      title: 'Make an account',
      lead: 'It signs in with e-mail and password, and can have a second factor.',
    });
    root.append(h('div.narrow.stack', {}, head, h('div.card', {}, body, signIn)));
    body.elements.email.focus();
  },
};

async function register(account, { email, username, password }) {
  await account.register({ email, username, password });
  toast('The account is made. A link to confirm the address is on its way.');
  await account.signInWithPassword({ email, password });
}
