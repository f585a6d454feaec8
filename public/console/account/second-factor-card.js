import { busyButton, problemNotice } from '../feedback.js';
import { formDialog } from '../dialog.js';
import { field, form } from '../form.js';
import { badge, card, h, skeleton } from '../view.js';
import { backupCodes } from './backup-codes.js';

const CODE_FIELD = {
  label: 'Code of the authenticator app',
  name: 'code',
  inputmode: 'numeric',
  autocomplete: 'one-time-code',
  maxlength: '7',
  class: 'code',
};

const EITHER_CODE_FIELD = {
  ...CODE_FIELD,
  label: 'Code, or a backup code',
  inputmode: 'text',
  maxlength: '64',
};

/**
 * The second factor of whoever `client` is signed in as, by either kind of session.
 * @param options `user`; `proof()`: resolves to the field that shows again who it is; `onChange(sentence)`: it was turned on
 *   or off
 */
export function secondFactorCard(client, options) {
  return options.user.totp_enabled ? enabledCard(client, options) : disabledCard(client, options);
}

function disabledCard(client, options) {
  const body = h('div.stack');
  const begin = busyButton(
    'Set it up',
    async () => {
      const setUp = await client.request('POST', client.authPath('/setup-2fa'));
      body.replaceChildren(...setUpSteps(client, { ...options, setUp }));
      body.querySelector('input[name="code"]').focus();
    },
    { class: 'primary' },
  );
  body.append(
    h(
      'p.muted',
      {},
      'With a code from an authenticator app, a stolen password alone opens nothing.',
    ),
    h('div.row', {}, begin),
  );
  return card({ title: 'Second factor', actions: [badge('Off')] }, body);
}

function setUpSteps(client, { setUp, onChange }) {
  const confirm = form({
    fields: [field({ ...CODE_FIELD, hint: 'As the app shows it now.' })],
    submit: 'Turn it on',
    onSubmit: async ({ code }) => {
      await client.request('POST', client.authPath('/verify-2fa-setup'), { body: { code } });
      onChange('The second factor is on. Your other sessions are signed out.');
    },
  });
  return [
    step(
      '1',
      'Scan this with an authenticator app',
      h('img.qr', {
        src: setUp.qr_code_url,
        alt: 'QR code for the authenticator app',
        width: '180',
        height: '180',
      }),
      h(
        'details',
        {},
        h('summary', {}, 'Or type the secret in'),
        h('p', {}, h('code.secret', {}, setUp.secret.match(/.{1,4}/g).join(' '))),
      ),
    ),
    step('2', 'Keep the backup codes', backupCodes(setUp.backup_codes)),
    step('3', 'Confirm with a first code', confirm),
  ];
}

function step(number, title, ...children) {
  return h(
    'section.step',
    {},
    h('h3', {}, h('span.step-number', { 'aria-hidden': 'true' }, number), title),
    h('div.stack.tight', {}, children),
  );
}

function enabledCard(client, options) {
  const left = h('div', {}, skeleton(1));
  const showLeft = async () => {
    const { remaining } = await client.request('GET', client.authPath('/backup-codes'));
    left.replaceChildren(remainingCodes(remaining));
  };
  showLeft().catch((error) => left.replaceChildren(problemNotice(error, { retry: showLeft })));
  const actions = h(
    'div.row',
    {},
    busyButton('New backup codes', () => regenerate(client, options).then(showLeft)),
    busyButton('Turn it off', () => disable(client, options), { class: 'danger' }),
  );
  return card(
    { title: 'Second factor', actions: [badge('On', { kind: 'good', mark: 'check' })] },
    h(
      'p.muted',
      {},
      'Every sign-in asks for a code of your authenticator app, or for a backup code.',
    ),
    left,
    actions,
  );
}

function remainingCodes(remaining) {
  const words = `${remaining} backup code${remaining === 1 ? '' : 's'} left`;
  if (remaining > 2) return h('p', {}, words);
  return h('p.row', {}, badge(words, { kind: 'warn', mark: 'warning' }), 'Make new ones soon.');
}

async function regenerate(client, { proof }) {
  const answer = await formDialog({
    title: 'New backup codes',
    text: 'Those from before no longer work.',
    fields: [field(await proof())],
    submit: 'Make new ones',
    onSubmit: (body) =>
      client.request('POST', client.authPath('/regenerate-backup-codes'), { body }),
  });
  if (answer === null) return;
  await formDialog({
    title: 'Keep these codes',
    fields: [backupCodes(answer.backup_codes)],
    submit: 'I have kept them',
    onSubmit: () => undefined,
  });
}

async function disable(client, { proof, onChange }) {
  const answer = await formDialog({
    title: 'Turn the second factor off?',
    text: 'Your other sessions are signed out.',
    fields: [field(await proof()), field(EITHER_CODE_FIELD)],
    submit: 'Turn it off',
    kind: 'danger.primary',
    onSubmit: (body) => client.request('POST', client.authPath('/disable-2fa'), { body }),
  });
  if (answer !== null) onChange('The second factor is off.');
}
