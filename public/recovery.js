import { ask } from './console/ask.js';
import { notice } from './console/feedback.js';
import { FieldFault, field, form, showPasswords } from './console/form.js';
import { newPasswordField } from './console/account/password-field.js';
import { h } from './console/view.js';

/** The pages that mailed links lead to: what each asks for and sends, and what it says. */
const ACTIONS = {
  'reset-password': {
    lead: 'Your account is then signed out on every device, and you sign in anew.',
    fields: () => [
      newPasswordField({ label: 'New password', name: 'new_password' }),
      field({
        label: 'New password, once more',
        name: 'repeated',
        type: 'password',
        autocomplete: 'new-password',
        maxlength: '1024',
      }),
      showPasswords(),
    ],
    submit: 'Set the new password',
    read: readPassword,
    done: ['Your password was changed.', 'Sign in with the new one.'],
    void: 'Ask for a new one where you sign in.',
  },
  'verify-email': {
    // A click, because scanners of mail open every link.
    lead: 'Confirm only if you have made an account with this address yourself.',
    fields: () => [],
    submit: 'Confirm this address',
    read: () => ({}),
    done: ['Your e-mail address is confirmed.', 'You can close this page.'],
    void: 'If it was you who used it, your address is confirmed; else ask for a new one in your account.',
  },
};

const main = document.querySelector('main');
const page = main.querySelector('.card');
const action = ACTIONS[main.dataset.action];
const token = takeToken();

if (token === null) end('error', 'This link is not whole.', 'Open it from the mail once more.');
else page.append(h('p.muted', {}, action.lead), formOf(action));
// Another link, pasted into the same tab, loads no page by itself.
addEventListener('hashchange', () => location.reload());

/** Takes the token out of the address bar, so that no history, bookmark or picture of the screen has it. */
function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get('token');
  history.replaceState(null, '', location.pathname);
  return found || null;
}

function formOf({ fields, submit }) {
  return form({ fields: fields(), submit, onSubmit: send });
}

async function send(values) {
  const body = { token, ...action.read(values) };
  try {
    await ask('POST', `/api/auth/${main.dataset.action}`, { body });
  } catch (error) {
    if (error.code !== 'invalid_one_time_token') throw error;
    end('error', 'This link has expired, or was used before.', action.void);
    return;
  }
  end('success', ...action.done);
}

function readPassword({ new_password, repeated }) {
  if (new_password === '') throw new FieldFault('new_password', 'Choose a password');
  if (new_password !== repeated) throw new FieldFault('repeated', 'The two are not the same');
  return { new_password };
}

/** Nothing is left to do here; the way on is to the sign-in. */
function end(kind, title, text) {
  const said = notice(kind, {
    title,
    text,
    actions: [h('a', { href: './#/sign-in' }, 'Go to the sign-in')],
  });
  said.tabIndex = -1;
  said.setAttribute('role', kind === 'error' ? 'alert' : 'status');
  page.replaceChildren(said);
  said.focus();
}
