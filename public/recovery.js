import { request } from './console/api.js';
import { element, whileBusy } from './console/view.js';

/** The pages that mailed links lead to: what each sends, and what it says. */
const ACTIONS = {
  'reset-password': {
    read: readPassword,
    done: 'Your password was changed. Close this page, and sign in with the new one.',
    void: 'This link has expired or was used before. Ask for a new one where you sign in.',
  },
  'verify-email': {
    read: () => ({}),
    done: 'Your e-mail address is confirmed. You can close this page.',
    void: 'This link has expired or was used before. If it was you who used it, your address is confirmed; else ask for a new one in your account.',
  },
};
const INCOMPLETE = 'This link is not whole. Open it from the mail once more.';

const main = document.querySelector('main');
const action = ACTIONS[main.dataset.action];
const [outcome, error, form] = ['outcome', 'error', 'form'].map((name) =>
  main.querySelector(`[data-ref="${name}"]`),
);
const token = takeToken();

if (token === null) showError(INCOMPLETE);
else form.hidden = false;
form.addEventListener('submit', (event) => {
  event.preventDefault();
  whileBusy(form.querySelector('button'), submit);
});
form.elements.shown?.addEventListener('change', ({ target }) => {
  for (const input of passwordInputs()) input.type = target.checked ? 'text' : 'password';
});
// Another link, pasted into the same tab, loads no page by itself.
addEventListener('hashchange', () => location.reload());

/** Takes the token out of the address bar, so that no history, bookmark or picture of the screen has it. */
function takeToken() {
  const found = new URLSearchParams(location.hash.slice(1)).get('token');
  history.replaceState(null, '', location.pathname);
  return found || null;
}

async function submit() {
  clearErrors();
  const input = action.read();
  if (input === null) return;
  try {
    await request('POST', `/api/auth/${main.dataset.action}`, { body: { token, ...input } });
    form.reset();
    form.hidden = true;
    outcome.textContent = action.done;
    outcome.focus();
  } catch (refusal) {
    showRefusal(refusal);
  }
}

/** Null where there is something to mend first. */
function readPassword() {
  const [first, second] = passwordInputs();
  if (first.value === '') return markInvalid(first, ['Enter a password']);
  if (first.value !== second.value) return markInvalid(second, ['The two are not the same']);
  return { new_password: first.value };
}

function passwordInputs() {
  return [form.elements.new_password, form.elements.repeated];
}

function showRefusal({ code, message, fields = [] }) {
  if (code === 'invalid_one_time_token') {
    form.hidden = true;
    showError(action.void);
    return;
  }
  const reasons = fields.filter(({ path }) => path === 'new_password');
  if (reasons.length === 0) showError(message);
  else {
    markInvalid(
      form.elements.new_password,
      reasons.map((reason) => reason.message),
    );
  }
}

function showError(sentence) {
  error.textContent = sentence;
  error.focus();
}

function markInvalid(input, reasons) {
  const id = `${input.name}-reasons`;
  const items = reasons.map((reason) => element('li', {}, reason));
  // Not inside the label, whose name they would become part of.
  input.closest('.field').after(element('ul', { id, className: 'field-error' }, ...items));
  input.ariaInvalid = 'true';
  input.setAttribute('aria-describedby', id);
  input.focus();
  return null;
}

function clearErrors() {
  error.replaceChildren();
  for (const list of form.querySelectorAll('.field-error')) list.remove();
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.ariaInvalid = null;
    input.removeAttribute('aria-describedby');
  }
}
