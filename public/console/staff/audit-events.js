import { EVENT_COLUMNS } from '../activity/columns.js';
import { h } from '../view.js';

const USER = { title: 'User', cell: ({ user_id: id }) => id !== null && userById(id) };
const ACTOR = { title: 'By', cell: ({ actor }) => actor !== null && actorName(actor) };

/** Of events as staff see them: whose account it was, and who acted on it. */
export const STAFF_EVENT_COLUMNS = [
  ...EVENT_COLUMNS.slice(0, 1),
  USER,
  ACTOR,
  ...EVENT_COLUMNS.slice(1),
];

/** Of those of one user. */
export const USER_EVENT_COLUMNS = STAFF_EVENT_COLUMNS.filter((column) => column !== USER);

/** A page of the audit log of everybody. */
export async function readEvents(account, { query, signal }) {
  const page = await account.request('GET', '/api/admin/audit-log', { query, signal });
  return { items: page.events, next_cursor: page.next_cursor };
}

function userById(id) {
  return h('a', { href: `#/staff/users/${id}` }, `id ${id}`);
}

/** `user:12`, `client:dispatch` */
function actorName(actor) {
  const [kind, name] = actor.split(':');
  return kind === 'user' ? userById(name) : h('code', {}, name);
}
