import { secondFactorStep } from '../account/second-factor-step.js';
import { busyButton } from '../feedback.js';
import { FieldFault, field, form } from '../form.js';
import { freshId, h } from '../view.js';
import { findCode } from './outbox.js';

/** A phone number, then the code that was sent to it, then the second factor if there is one. */
export function phoneSignIn(phone, other) {
  const root = h('div.stack');
  let given = { phone_number: '', role: 'rider' };
  const steps = {
    number: () => root.replaceChildren(numberStep({ phone, other, given }, take)),
    code: async (wasSent) => {
      root.replaceChildren(codeStep({ phone, given, wasSent }, steps));
      root.querySelector('input').focus();
      await offerCode(root, given.phone_number);
    },
    factor: (challenge) =>
      root.replaceChildren(secondFactorStep(challenge, { onRestart: steps.number })),
  };
  const take = async (values, wasSent) => {
    given = values;
    if (wasSent) await phone.client.sendCode(values.phone_number);
    await steps.code(wasSent);
  };
  steps.number();
  return { root, update: () => suggest(root, other) };
}

/** The number of the other phone: most often it is one person with two. */
function suggest(root, other) {
  const input = root.querySelector('input[name="phone_number"]');
  if (input !== null) input.value ||= other.session?.user.phone_number ?? '';
}

function numberStep({ phone, given }, take) {
  const haveCode = h('button.quiet', { type: 'button' }, 'I have a code');
  const body = form({
    fields: [
      field({
        label: 'Phone number',
        name: 'phone_number',
        type: 'tel',
        autocomplete: 'tel',
        placeholder: '+14155550100',
        maxlength: '32',
        value: given.phone_number,
      }),
      roleChoice(given.role),
    ],
    submit: 'Send a code',
    actions: [haveCode],
    onSubmit: (values) => take(required(values), true),
  });
  haveCode.addEventListener('click', () => {
    const { value } = body.elements.phone_number;
    if (value.trim() === '') body.requestSubmit();
    else void take({ phone_number: value.trim(), role: roleOf(body) }, false);
  });
  body.setAttribute('aria-label', `Sign in on ${phone.name}`);
  return body;
}

function required(values) {
  if (values.phone_number === '') throw new FieldFault('phone_number', 'Type a phone number');
  return values;
}

function roleOf(body) {
  return body.querySelector('input[name^="role"]:checked').value;
}

function roleChoice(chosen) {
  const choice = (value, text) =>
    h(
      'label.choice',
      {},
      h('input', { type: 'radio', name: 'role', value, checked: value === chosen }),
      text,
    );
  return h(
    'fieldset',
    {},
    h('legend', {}, 'Role'),
    choice('rider', 'Rider'),
    choice('driver', 'Driver'),
  );
}

function codeStep({ phone, given, wasSent }, steps) {
  const { phone_number: phoneNumber, role } = given;
  const resend = busyButton('Send a new code', async () => {
    await phone.client.sendCode(phoneNumber);
    await steps.code(true);
  });
  const back = h('button.quiet', { type: 'button', onclick: steps.number }, 'Other number');
  const body = form({
    fields: [
      h(
        'p',
        {},
        wasSent ? 'A code was sent to ' : 'The code for ',
        h('strong', {}, phoneNumber),
        '.',
      ),
      field({
        label: 'Code',
        name: 'otp',
        inputmode: 'numeric',
        autocomplete: 'one-time-code',
        maxlength: '6',
        class: 'code',
      }),
      h('p.offer.row', { role: 'status', id: freshId('offer') }),
    ],
    submit: 'Sign in',
    actions: [resend, back],
    onSubmit: async ({ otp }) => {
      const signIn = await phone.client.signInWithCode({ phoneNumber, code: otp, role });
      if (signIn.status === 'second_factor_required') steps.factor(signIn);
    },
  });
  return body;
}

/** In development the server shows the codes that it would have sent. */
async function offerCode(root, phoneNumber) {
  const offer = root.querySelector('.offer');
  const code = await findCode(phoneNumber);
  if (code === null) {
    offer.textContent = 'Look at the phone for it.';
    return;
  }
  const use = h('button', { type: 'button' }, 'Use it');
  use.addEventListener('click', () => {
    const { form: body } = use;
    body.elements.otp.value = code;
    body.querySelector('[type="submit"]').focus();
  });
  offer.replaceChildren('In the development outbox: ', h('code', {}, code), use);
}
