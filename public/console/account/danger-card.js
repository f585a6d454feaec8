import { busyButton, toast } from '../feedback.js';
import { confirmDialog, formDialog } from '../dialog.js';
import { field } from '../form.js';
import { card, h } from '../view.js';

/** What cannot be taken back. */
export function dangerCard({ account }) {
  return card(
    { title: 'Leave' },
    h('p.muted', {}, 'Sign out on every device at once, or erase the account for good.'),
    h(
      'div.row',
      {},
      busyButton('Sign out everywhere', () => signOutEverywhere(account)),
      h(
        'button.danger',
        { type: 'button', onclick: () => void erase(account) },
        'Delete the account',
      ),
    ),
  );
}

async function signOutEverywhere(account) {
  const isConfirmed = await confirmDialog({
    title: 'Sign out everywhere?',
    text: 'All of your sessions end, phones and this browser included.',
    confirm: 'Sign out everywhere',
  });
  if (isConfirmed) await account.signOutEverywhere();
}

async function erase(account) {
  const isErased = await formDialog({
    title: 'Delete the account?',
    text: 'Everything but the audit log’s user id is erased, and every session ends. This cannot be undone.',
    fields: [
      field({
        label: 'Password',
        name: 'password',
        type: 'password',
        autocomplete: 'current-password',
      }),
    ],
    submit: 'Delete the account',
    kind: 'danger.primary',
    onSubmit: (body) => account.request('DELETE', '/api/auth/me', { body }),
  });
  if (isErased !== null) toast('The account is deleted.');
}
