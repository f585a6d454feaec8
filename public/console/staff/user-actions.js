import { confirmDialog, formDialog } from '../dialog.js';
import { busyButton, toast } from '../feedback.js';
import { field, FieldFault } from '../form.js';
import { nameOf } from '../people.js';
import { card, h } from '../view.js';
import { toLocalInput } from './local-time.js';
import { rolesField, rolesOf } from './roles-field.js';
import { isSuspended } from './user-parts.js';

const HOUR_MS = 60 * 60 * 1000;

/** What staff may do to a user, each with what comes of it. */
export function userActionsCard(user, context) {
  const rows = [
    context.can('roles:write') && changeRoles(user, context),
    user.is_active ? deactivate(user, context) : activate(user, context),
    isSuspended(user) ? liftSuspension(user, context) : suspend(user, context),
    unlock(user, context),
    user.email && resetPassword(user, context),
    erase(user, context),
  ].filter(Boolean);
  return card({ title: 'Change' }, h('div.deeds', {}, rows.map(toRow)));
}

function toRow({ text, button }) {
  return h('div.deed', {}, h('p', {}, text), button);
}

function change(user, { account, reload }) {
  return async (body, sentence) => {
    await account.request('PATCH', `/api/admin/users/${user.id}`, { body });
    toast(sentence);
    void reload();
  };
}

function opens(label, task, kind) {
  const selector = kind ? `button.${kind}` : 'button';
  return h(selector, { type: 'button', onclick: () => void task() }, label);
}

function changeRoles(user, context) {
  const ask = () =>
    formDialog({
      title: `Roles of ${nameOf(user)}`,
      text: 'All access tokens of before are dead at once, and their sockets close with 4403. The sessions go on: apps refresh, and connect again in the new roles.',
      fields: [rolesField(user.roles)],
      submit: 'Change the roles',
      onSubmit: (values) => change(user, context)({ roles: rolesOf(values) }, 'Roles changed.'),
    });
  return { text: 'What the user may act as.', button: opens('Change roles…', ask) };
}

function deactivate(user, context) {
  const ask = async () => {
    const isConfirmed = await confirmDialog({
      title: `Deactivate ${nameOf(user)}?`,
      text: 'Every session ends now, on all devices, and nobody can sign in to the account until it is activated again.',
      confirm: 'Deactivate',
    });
    if (isConfirmed) await change(user, context)({ is_active: false }, 'Deactivated.');
  };
  return {
    text: 'Ends every session and refuses sign-ins until activated again.',
    button: busyButton('Deactivate…', ask, { class: 'danger' }),
  };
}

function activate(user, context) {
  const act = () => change(user, context)({ is_active: true }, 'Activated.');
  return {
    text: 'Lets the user sign in again.',
    button: busyButton('Activate', act, { class: 'primary' }),
  };
}

function suspend(user, context) {
  const ask = () =>
    formDialog({
      title: `Suspend ${nameOf(user)}`,
      text: 'Every session ends now, and sign-ins are refused until the time is over.',
      fields: [
        field({
          label: 'Until',
          name: 'suspended_until',
          type: 'datetime-local',
          value: toLocalInput(new Date(Date.now() + 24 * HOUR_MS)),
          hint: `Your time: ${Intl.DateTimeFormat().resolvedOptions().timeZone}`,
        }),
      ],
      submit: 'Suspend',
      kind: 'danger.primary',
      onSubmit: ({ suspended_until: until }) =>
        change(user, context)({ suspended_until: toIso(until) }, 'Suspended.'),
    });
  return {
    text: 'Ends every session and refuses sign-ins for a while.',
    button: opens('Suspend…', ask, 'danger'),
  };
}

function liftSuspension(user, context) {
  const act = () => change(user, context)({ suspended_until: null }, 'The suspension is lifted.');
  return { text: 'Lets the user sign in again.', button: busyButton('Lift the suspension', act) };
}

function unlock(user, context) {
  const act = () => change(user, context)({ unlock: true }, 'Unlocked.');
  return {
    text: 'Forgets wrong passwords and codes that the user is locked out for.',
    button: busyButton('Unlock', act),
  };
}

function resetPassword(user, context) {
  const act = () =>
    change(user, context)({ reset_password: true }, 'A link is on its way to the user.');
  return {
    text: 'Mails a link to choose a new password. The old one works until then.',
    button: busyButton('Mail a password link', act),
  };
}

function erase(user, context) {
  const { account, navigate } = context;
  const id = String(user.id);
  const ask = async () => {
    const isErased = await formDialog({
      title: `Delete ${nameOf(user)}?`,
      text: 'The account is erased, every session ends, and the audit log keeps the id alone. This cannot be undone.',
      fields: [field({ label: `Type the user id, ${id}`, name: 'id', autocomplete: 'off' })],
      submit: 'Delete the user',
      kind: 'danger.primary',
      onSubmit: ({ id: typed }) => {
        if (typed !== id) throw new FieldFault('id', `Type ${id} to confirm.`);
        return account.request('DELETE', `/api/admin/users/${id}`);
      },
    });
    if (isErased === null) return;
    toast('The user is deleted.');
    navigate('/staff/users');
  };
  return { text: 'Erases the account for good.', button: opens('Delete…', ask, 'danger') };
}

function toIso(local) {
  const date = new Date(local);
  if (Number.isNaN(date.getTime()))
    throw new FieldFault('suspended_until', 'Give a day and a time.');
  return date.toISOString();
}
