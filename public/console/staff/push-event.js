import { field, FieldFault, form, select } from '../form.js';
import { notice } from '../feedback.js';
import { card, h } from '../view.js';
import { ROLES } from './permissions.js';

/** Pushes an event to the sockets of a user or of a role, and tells how many it reached. */
export function pushCard({ account }) {
  const answer = h('div', { 'aria-live': 'polite' });
  const ask = form({
    fields: [...recipientFields(), ...eventFields()],
    submit: 'Push',
    kind: 'primary',
    onSubmit: async (values) => {
      answer.replaceChildren();
      const body = { to: recipientOf(values), event: values.event, data: dataOf(values) };
      const reached = await account.request('POST', '/api/admin/realtime/events', { body });
      answer.replaceChildren(outcome(reached));
    },
  });
  return card({ title: 'Push an event' }, ask, answer);
}

function recipientFields() {
  const user = field({
    label: 'User id',
    name: 'user_id',
    inputmode: 'numeric',
    autocomplete: 'off',
  });
  const roles = select(ROLES.map((each) => [each, `all who act as ${each}`]));
  const role = field({ label: 'Role', name: 'role', control: roles });
  role.hidden = true;
  const choose = (kind) => () => {
    user.hidden = kind !== 'user_id';
    role.hidden = kind !== 'role';
  };
  const kinds = [choice('user_id', 'One user', choose), choice('role', 'A role', choose)];
  return [h('fieldset', {}, h('legend', {}, 'To'), h('div.row', {}, kinds)), user, role];
}

function eventFields() {
  const data = h('textarea', { rows: '3', spellcheck: 'false', value: '{"text": "Hello"}' });
  return [
    field({ label: 'Event', name: 'event', value: 'notice', autocomplete: 'off' }),
    field({ label: 'Data, as JSON', name: 'data', control: data }),
  ];
}

function choice(value, text, choose) {
  return h(
    'label.choice',
    {},
    h('input', {
      type: 'radio',
      name: 'kind',
      value,
      checked: value === 'user_id',
      onchange: choose(value),
    }),
    text,
  );
}

function recipientOf({ kind, user_id: id, role }) {
  if (kind === 'role') return { role };
  if (!/^[1-9]\d*$/.test(id)) throw new FieldFault('user_id', 'An id is a number.');
  return { user_id: Number(id) };
}

function dataOf({ data }) {
  if (data === '') return null;
  try {
    return JSON.parse(data);
  } catch (error) {
    throw new FieldFault('data', `This is no JSON: ${error.message}.`);
  }
}

function outcome({ sockets_reached: reached, nodes, pending_nodes: pending }) {
  const text = [
    ...nodes.map((node) => `${node.node_id}: ${node.sockets_reached}`),
    ...pending.map((id) => `${id}: not heard of within a second`),
  ].join(' · ');
  const kind = pending.length > 0 ? 'warning' : reached > 0 ? 'success' : 'info';
  const title =
    reached === 0
      ? 'Nobody is there to hear it.'
      : `${reached} socket${reached === 1 ? '' : 's'} reached.`;
  return notice(kind, { title, text });
}
