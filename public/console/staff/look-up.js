import { field, FieldFault, form } from '../form.js';
import { card, h } from '../view.js';
import { readPresence } from './presence.js';

/** Whether one user is online, asked for by id. */
export function lookUpCard({ account, signal }) {
  const answer = h('div', { 'aria-live': 'polite' });
  const ask = form({
    fields: [field({ label: 'User id', name: 'id', inputmode: 'numeric', autocomplete: 'off' })],
    submit: 'Look up',
    kind: 'secondary',
    onSubmit: async ({ id }) => {
      answer.replaceChildren();
      if (!/^[1-9]\d*$/.test(id)) throw new FieldFault('id', 'An id is a number.');
      const found = await readPresence(account, { id, signal }).catch((error) => {
        throw error.code === 'not_found' ? new FieldFault('id', 'There is no such user.') : error;
      });
      answer.replaceChildren(
        h('div.stack.tight', {}, found, h('a', { href: `#/staff/users/${id}` }, 'Open the user')),
      );
    },
  });
  return card({ title: 'Is somebody online?' }, ask, answer);
}
