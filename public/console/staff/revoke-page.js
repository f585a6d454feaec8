import { field, form } from '../form.js';
import { card, emptyState, h, pageHead } from '../view.js';
import { staffPage } from './layout.js';
import { reasonField, revocationResult, revoke } from './revocation.js';

const TARGETS = {
  user_id: {
    text: 'All of a user',
    label: 'User id',
    hint: 'Ends every session: sockets close with 4501.',
    toValue: Number,
    inputmode: 'numeric',
  },
  session_id: {
    text: 'One session',
    label: 'Session id',
    hint: 'Its tokens and its sockets: 4500. Found on the page of its user, and in the audit log.',
    toValue: String,
  },
  jti: {
    text: 'One access token',
    label: 'jti',
    hint: 'That token and its sockets: 4401. The session goes on.',
    toValue: String,
  },
};

export default staffPage({
  title: 'Revoke',
  permission: 'sessions:write',
  render(root, { account }) {
    const result = h('div', { 'aria-live': 'polite' }, nothingYet());
    const onSubmit = async ({ kind, target, reason }) => {
      const value = TARGETS[kind].toValue(target);
      const answer = await revoke(account, { target: { [kind]: value }, reason }).catch((error) => {
        throw renamed(error, kind);
      });
      result.replaceChildren(revocationResult(answer));
    };
    root.append(
      pageHead({
        title: 'Revoke',
        lead: 'Dead at once, on every node: each says when it has acted. Asking again is safe.',
      }),
      h(
        'div.columns',
        {},
        card({ title: 'What to revoke' }, revocationForm(onSubmit)),
        card({ title: 'Acknowledgements' }, result),
      ),
    );
  },
});

function revocationForm(onSubmit) {
  const target = targetField('user_id');
  const choose = (kind) => () => {
    const next = targetField(kind);
    root.querySelector('[name="target"]').closest('.field').replaceWith(next);
  };
  const kinds = Object.entries(TARGETS).map(([kind, { text }], index) =>
    h(
      'label.choice',
      {},
      h('input', {
        type: 'radio',
        name: 'kind',
        value: kind,
        checked: index === 0,
        onchange: choose(kind),
      }),
      text,
    ),
  );
  const root = form({
    fields: [
      h('fieldset', {}, h('legend', {}, 'Revoke'), h('div.row', {}, kinds)),
      target,
      reasonField(),
    ],
    submit: 'Revoke',
    kind: 'danger.primary',
    onSubmit,
  });
  return root;
}

function targetField(kind) {
  const { label, hint, inputmode } = TARGETS[kind];
  return field({
    label,
    hint,
    name: 'target',
    inputmode,
    autocomplete: 'off',
    spellcheck: 'false',
  });
}

/** The one field here stands for three of the request. */
function renamed(error, kind) {
  for (const fault of error.errors ?? []) {
    if (fault.path === kind) fault.path = 'target';
  }
  return error;
}

function nothingYet() {
  return emptyState({
    mark: 'bolt',
    title: 'Nothing revoked yet',
    text: 'Every node is shown here, with the sockets that it closed and how soon.',
  });
}
