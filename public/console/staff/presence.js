import { problemNotice } from '../feedback.js';
import { isAbort } from '../problem.js';
import { card, h, skeleton } from '../view.js';
import { pollWhileVisible } from './poll.js';

const EVERY_MS = 3000;

/** Whether a user is online, and on which nodes; kept true while the page is looked at. */
export function presenceCard(user, { account, signal }) {
  const body = h('div', {}, skeleton(2));
  pollWhileVisible(
    async () => {
      try {
        body.replaceChildren(...(await readPresence(account, { id: user.id, signal })));
      } catch (error) {
        if (!isAbort(error)) body.replaceChildren(problemNotice(error));
      }
    },
    { everyMs: EVERY_MS, signal },
  );
  return card({ title: 'Online' }, body);
}

/** As elements. */
export async function readPresence(account, { id, signal }) {
  const path = `/api/admin/realtime/users/${encodeURIComponent(id)}`;
  const { is_online: isOnline, nodes } = await account.request('GET', path, { signal });
  const dot = h(isOnline ? 'span.dot.good' : 'span.dot', {}, isOnline ? 'Online' : 'Offline');
  if (!isOnline) return [dot];
  const places = nodes.map(({ node_id, sockets }) =>
    h(
      'li',
      {},
      h('code.node', {}, node_id),
      h('span.number', {}, `${sockets} socket${sockets === 1 ? '' : 's'}`),
    ),
  );
  return [dot, h('ul.places', { 'aria-label': 'Nodes that hold sockets of the user' }, places)];
}
