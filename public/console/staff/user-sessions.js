import { sessionColumns } from '../devices/columns.js';
import { formDialog, open } from '../dialog.js';
import { pagedTable } from '../table.js';
import { card, h } from '../view.js';
import { reasonField, revocationResult, revoke } from './revocation.js';

/** What fits beside other cards. */
const SHOWN = ['Device', 'Signed in as', 'Last seen', ''];

/** A user's live sessions, and their end. @returns `{ root, reload }` */
export function sessionsCard(user, { account, signal, can, onEnded }) {
  const endButton = (session) =>
    can('sessions:write') &&
    h(
      'button.danger',
      {
        type: 'button',
        'aria-label': `End the session ${session.device_name ?? session.id}`,
        onclick: () => void endSession(account, { session, onEnded }),
      },
      'End…',
    );
  const list = pagedTable({
    caption: "The user's live sessions, the newest first",
    columns: sessionColumns(endButton).filter(({ title }) => SHOWN.includes(title)),
    signal,
    load: async ({ cursor, signal }) => {
      const path = `/api/admin/users/${user.id}/sessions`;
      const page = await account.request('GET', path, { query: { cursor, limit: 20 }, signal });
      return { items: page.sessions, next_cursor: page.next_cursor };
    },
    empty: { mark: 'phone', title: 'No live session', text: 'The user is signed in nowhere.' },
  });
  void list.reload();
  return { root: card({ title: 'Sessions' }, list.root), reload: list.reload };
}

async function endSession(account, { session, onEnded }) {
  const answer = await formDialog({
    title: 'End this session?',
    text: 'Its tokens are refused and its sockets closed at once, on every node.',
    fields: [reasonField()],
    submit: 'End the session',
    kind: 'danger.primary',
    onSubmit: ({ reason }) => revoke(account, { target: { session_id: session.id }, reason }),
  });
  if (answer === null) return;
  onEnded();
  const done = h('button.primary', { type: 'button', onclick: () => shown.close() }, 'Done');
  const shown = open(
    { title: 'The session is over' },
    revocationResult(answer),
    h('div.actions', {}, done),
  );
}
