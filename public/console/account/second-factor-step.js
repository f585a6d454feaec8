import { form, field } from '../form.js';
import { h } from '../view.js';

const METHODS = {
  totp: {
    label: 'Code of the authenticator app',
    hint: 'Six digits, which change every 30 seconds.',
    input: { inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '7', class: 'code' },
    other: 'Use a backup code',
  },
  backup_code: {
    label: 'Backup code',
    hint: 'One of those that you wrote down; it is used up.',
    input: { autocomplete: 'off', maxlength: '64', autocapitalize: 'characters', class: 'code' },
    other: 'Use the authenticator app',
  },
};

/**
 * The second step of a sign-in.
 * @param challenge what the client's sign-in resolved to @param options `onRestart`: for whom it took too long
 */
export function secondFactorStep(challenge, { onRestart }) {
  const root = h('div.stack');
  const show = (method) => {
    const { label, hint, input, other } = METHODS[method];
    const rest = challenge.methods.filter((each) => each !== method);
    const actions = [
      ...rest.map((each) =>
        h('button.quiet', { type: 'button', onclick: () => show(each) }, other),
      ),
      h('button.quiet', { type: 'button', onclick: onRestart }, 'Start again'),
    ];
    const body = form({
      fields: [field({ label, name: 'code', hint, ...input })],
      submit: 'Continue',
      actions,
      onSubmit: async ({ code }) => {
        const verify = method === 'totp' ? challenge.verifyTotp : challenge.verifyBackupCode;
        await verify.call(challenge, code);
      },
    });
    root.replaceChildren(body);
    body.elements.code.focus();
  };
  queueMicrotask(() => show(challenge.methods[0]));
  return root;
}
