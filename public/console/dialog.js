import { form } from './form.js';
import { freshId, h } from './view.js';

/** Asks before something that cannot be taken back. Resolves to whether it was confirmed. */
export function confirmDialog({ title, text, confirm, isDanger = true }) {
  return new Promise((resolve) => {
    const answer = (isConfirmed) => () => {
      resolve(isConfirmed);
      dialog.close();
    };
    const kind = isDanger ? 'button.danger.primary' : 'button.primary';
    const actions = h(
      'div.actions',
      {},
      h('button', { type: 'button', onclick: answer(false) }, 'Cancel'),
      h(kind, { type: 'button', onclick: answer(true) }, confirm),
    );
    const dialog = open(
      { title, onClose: () => resolve(false) },
      text && h('p', {}, text),
      actions,
    );
  });
}

/**
 * A form above the page. `onSubmit(values)` may throw, which is shown in it.
 * Resolves to what `onSubmit` resolved to, or to null where it was put away.
 */
export function formDialog({ title, text, fields, submit, onSubmit, kind = 'primary' }) {
  return new Promise((resolve) => {
    const cancel = h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel');
    const body = form({
      fields,
      submit,
      kind,
      actions: [cancel],
      onSubmit: async (values) => {
        resolve((await onSubmit(values)) ?? true);
        dialog.close();
      },
    });
    const dialog = open({ title, onClose: () => resolve(null) }, text && h('p', {}, text), body);
  });
}

/** Anything above the page; it goes by its own buttons, by Escape, and with the page below it. */
export function open({ title, onClose }, ...children) {
  const id = freshId('dialog');
  const body = h('div.stack', {}, h('h2', { id }, title), children);
  const dialog = h('dialog', { 'aria-labelledby': id }, body);
  const close = () => dialog.close();
  dialog.addEventListener('close', () => {
    removeEventListener('hashchange', close);
    dialog.remove();
    onClose?.();
  });
  addEventListener('hashchange', close);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
