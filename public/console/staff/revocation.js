import { field, form } from '../form.js';
import { exactTime } from '../time.js';
import { badge, card, facts, h } from '../view.js';

/** How long to wait for the nodes: as long as their lease, after which no node serves what it cannot prove. */
const WAIT_MS = 5000;

/** @param target `{ user_id }`, `{ session_id }` or `{ jti }` */
export function revoke(account, { target, reason }) {
  const body = { ...target, reason, wait_ms: WAIT_MS };
  return account.request('POST', '/api/admin/revocations', { body });
}

/** Ends all that a user holds, and shows what became of it. */
export function revocationCard(target, { account, onEnded }) {
  const result = h('div', { 'aria-live': 'polite' });
  const ask = form({
    fields: [reasonField()],
    submit: 'Revoke everything',
    kind: 'danger.primary',
    onSubmit: async ({ reason }, root) => {
      result.replaceChildren();
      result.replaceChildren(revocationResult(await revoke(account, { target, reason })));
      root.reset();
      onEnded();
    },
  });
  return card(
    { title: 'Revoke all sessions' },
    h('p.muted', {}, 'Every token is refused and every socket closed, on every node.'),
    ask,
    result,
  );
}

export function reasonField() {
  return field({
    label: 'Reason, for the audit log',
    name: 'reason',
    maxlength: '100',
    placeholder: 'Lost phone, ticket 4711',
    autocomplete: 'off',
  });
}

/** Which nodes have acted, how many sockets each closed, and how soon. */
export function revocationResult({ revocation_id, committed_at, nodes, pending_nodes: pending }) {
  const slowest = Math.max(1, ...nodes.map(({ acknowledged_in_ms: ms }) => ms));
  return h(
    'div.revocation',
    {},
    headline(nodes, pending),
    h(
      'ul.acknowledgements',
      { 'aria-label': 'Nodes' },
      nodes.map((node) => acknowledged(node, slowest)),
      pending.map(unheard),
    ),
    facts([
      ['Committed', exactTime(committed_at)],
      ['Revocation', h('code', {}, revocation_id)],
    ]),
  );
}

function headline(nodes, pending) {
  const sockets = nodes.reduce((sum, { sockets_closed: closed }) => sum + closed, 0);
  const closed = `${count(sockets, 'socket')} closed`;
  if (nodes.length + pending.length === 0) {
    const over = badge('Nothing was left to end', { kind: 'info', mark: 'info' });
    return h('p.headline', {}, over, 'It was over already; the request is on record.');
  }
  if (pending.length > 0) {
    const missing = `${count(pending.length, 'node')} not heard of`;
    return h('p.headline', {}, badge(missing, { kind: 'warn', mark: 'warning' }), closed);
  }
  const last = Math.max(0, ...nodes.map(({ acknowledged_in_ms: ms }) => ms));
  return h(
    'p.headline',
    {},
    badge('Dead everywhere', { kind: 'good', mark: 'check' }),
    `${closed} on ${count(nodes.length, 'node')} within ${last} ms`,
  );
}

function acknowledged({ node_id, sockets_closed, acknowledged_in_ms: ms }, slowest) {
  const bar = h('span.meter', { 'aria-hidden': 'true' }, h('span'));
  bar.firstChild.style.setProperty('width', `${Math.max(2, (ms / slowest) * 100)}%`);
  return h(
    'li',
    {},
    h('code.node', {}, node_id),
    h('span.number', {}, `${count(sockets_closed, 'socket')} closed`),
    h('span.number', {}, `${ms} ms`),
    bar,
  );
}

function unheard(nodeId) {
  return h(
    'li',
    {},
    h('code.node', {}, nodeId),
    badge('Pending', { kind: 'warn', mark: 'warning' }),
    h(
      'p.muted.small',
      {},
      'Not heard of in time. It acts, or stops serving, before its lease is over.',
    ),
  );
}

function count(number, word) {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
