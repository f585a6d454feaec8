import { busyButton, toast } from '../feedback.js';
import { confirmDialog, formDialog } from '../dialog.js';
import { field } from '../form.js';
import { card, h } from '../view.js';

/** What cannot be taken back. @param options `proof()`: resolves to the field that shows again who it is */
export function dangerCard(client, { proof }) {
  return card(
    { title: 'Leave' },
    h('p.muted', {}, 'Sign out on every device at once, or erase the account for good.'),
    h(
      'div.row',
      {},
      busyButton('Sign out everywhere', () => signOutEverywhere(client)),
      busyButton('Delete the account', () => erase(client, proof), { class: 'danger' }),
    ),
  );
}

async function signOutEverywhere(client) {
  const isConfirmed = await confirmDialog({
    title: 'Sign out everywhere?',
    text: 'All of your sessions end, phones and this browser included.',
    confirm: 'Sign out everywhere',
  });
  if (isConfirmed) await client.signOutEverywhere();
}

async function erase(client, proof) {
  const isErased = await formDialog({
    title: 'Delete the account?',
    text: 'Everything but the audit log’s user id is erased, and every session ends. This cannot be undone.',
    fields: [field(await proof())],
    submit: 'Delete the account',
    kind: 'danger.primary',
    onSubmit: (body) => client.request('DELETE', client.authPath('/me'), { body }),
  });
  if (isErased !== null) toast('The account is deleted.');
}
