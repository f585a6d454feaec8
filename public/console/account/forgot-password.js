import { ask } from '../ask.js';
import { notice } from '../feedback.js';
import { field, form } from '../form.js';
import { h, pageHead } from '../view.js';

export default {
  title: 'New password',
  render(root, { signal }) {
    const card = h('div.card');
    card.append(
      form({
        fields: [
          field({
            label: 'E-mail address',
            name: 'email',
            type: 'email',
            autocomplete: 'username',
          }),
        ],
        submit: 'Send a link',
        actions: [h('a.button.quiet', { href: '#/sign-in' }, 'Back to the sign-in')],
        onSubmit: async (body) => {
          await ask('POST', '/api/auth/forgot-password', { body, signal });
          card.replaceChildren(sent(body.email));
        },
      }),
    );
    const head = pageHead({
      title: 'Forgot the password?',
      lead: 'A link that sets a new one is mailed to you. It works once, for an hour.',
    });
    root.append(h('div.narrow.stack', {}, head, card));
    root.querySelector('input').focus();
  },
};

/** The same for every address: who has an account is nobody's business. */
function sent(email) {
  return notice('success', {
    title: 'Look into your mail.',
    text: [
      'If there is an account with ',
      h('strong', {}, email),
      ', a link is on its way to it. In development mails are not sent, but kept at ',
      h('a', { href: '/dev/outbox' }, '/dev/outbox'),
      '.',
    ],
    actions: [h('a', { href: '#/sign-in' }, 'Back to the sign-in')],
  });
}
