import { field, form } from '../form.js';
import { h, pageHead } from '../view.js';
import { secondFactorStep } from './second-factor-step.js';
import { takeEndNotice } from './session-end.js';

/** The router leaves this page by itself once somebody is signed in. */
export default {
  title: 'Sign in',
  render(root, { account }) {
    const step = h('div.card');
    const ended = takeEndNotice();
    const start = () => step.replaceChildren(...firstStep(account, { onChallenge: ask }));
    const ask = (challenge) =>
      step.replaceChildren(
        h('h2', {}, 'Second factor'),
        secondFactorStep(challenge, { onRestart: start }),
      );
    start();
    const head = pageHead({ title: 'Sign in', lead: 'To your account, with e-mail and password.' });
    root.append(h('div.narrow.stack', {}, ended, head, step, note()));
    root.querySelector('input').focus();
  },
};

function firstStep(account, { onChallenge }) {
  const body = form({
    fields: [
      field({ label: 'E-mail address', name: 'email', type: 'email', autocomplete: 'username' }),
      field({
        label: 'Password',
        name: 'password',
        type: 'password',
        autocomplete: 'current-password',
      }),
    ],
    submit: 'Sign in',
    actions: [h('a.button.quiet', { href: '#/forgot-password' }, 'Forgot the password?')],
    onSubmit: async ({ email, password }) => {
      const signIn = await account.signInWithPassword({ email, password });
      if (signIn.status === 'second_factor_required') onChallenge(signIn);
    },
  });
  const register = h('a', { href: '#/register' }, 'Make one');
  return [body, h('p.small.muted', {}, 'No account yet? ', register, '.')];
}

function note() {
  return h(
    'p.small.muted',
    {},
    'The session of the account is kept in this browser: it outlives a reload, and all tabs share it. ',
    'Phone numbers sign in on the page ',
    h('a', { href: '#/' }, 'Apps'),
    ', and are forgotten with the page.',
  );
}
