import { pagedTable } from '../table.js';
import { card, h } from '../view.js';
import { readEvents, USER_EVENT_COLUMNS } from './audit-events.js';

/** What happened to a user. @returns `{ root, reload }` */
export function userEventsCard(user, { account, signal }) {
  const list = pagedTable({
    caption: 'What happened to the user, the newest first',
    columns: USER_EVENT_COLUMNS,
    signal,
    load: ({ cursor, signal }) =>
      readEvents(account, { query: { user_id: user.id, cursor, limit: 10 }, signal }),
    empty: { mark: 'list', title: 'Nothing has happened yet' },
  });
  void list.reload();
  const all = h('a.button', { href: `#/staff/audit-log?user_id=${user.id}` }, 'In the audit log');
  return { root: card({ title: 'Events', actions: [all] }, list.root), reload: list.reload };
}
