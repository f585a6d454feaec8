import { request } from './api.js';
import { Session } from './session.js';
import { clearErrors, element } from './view.js';

/** The two forms in front of a session: a phone number, then the code that was sent to it. */
export class SignIn {
  #view;
  #device;
  #onSignedIn;

  /** @param options `device: { name, id }`, `run(button, task)`, `onSignedIn(session)` */
  constructor(view, { device, run, onSignedIn }) {
    this.#view = view;
    this.#device = device;
    this.#onSignedIn = onSignedIn;
    const on = (target, event, task) => {
      const button = target.querySelector('button.primary') ?? target;
      target.addEventListener(event, (happened) => {
        happened.preventDefault();
        run(button, task);
      });
    };
    on(view.phoneForm, 'submit', () => this.#sendCode());
    on(view.codeForm, 'submit', () => this.#signIn());
    on(view.haveCode, 'click', () => this.#askForCode('The code for '));
    on(view.resend, 'click', () => this.#sendCode());
    on(view.back, 'click', () => this.#startAgain());
  }

  get #phoneInput() {
    return this.#view.phoneForm.elements.phone_number;
  }

  get #codeInput() {
    return this.#view.codeForm.elements.otp;
  }

  get #phoneNumber() {
    return this.#phoneInput.value.trim();
  }

  suggest(phoneNumber) {
    this.#phoneInput.value ||= phoneNumber;
  }

  show() {
    clearErrors(this.#view);
    this.#view.phoneForm.hidden = false;
    this.#view.codeForm.hidden = true;
  }

  hide() {
    this.#view.phoneForm.hidden = true;
    this.#view.codeForm.hidden = true;
  }

  #startAgain() {
    this.show();
    this.#phoneInput.focus();
  }

  async #sendCode() {
    await request('POST', '/api/v2/auth/send-otp', {
      body: { phone_number: this.#phoneNumber },
      deviceId: this.#device.id,
    });
    await this.#askForCode('A code was sent to ');
  }

  async #askForCode(lead) {
    if (this.#phoneNumber === '') throw new Error('Enter the phone number first.');
    const { phoneForm, codeForm, sentTo, outcome } = this.#view;
    outcome.replaceChildren();
    phoneForm.hidden = true;
    codeForm.hidden = false;
    sentTo.replaceChildren(lead, element('strong', {}, this.#phoneNumber));
    this.#codeInput.value = '';
    this.#codeInput.focus();
    await this.#offerCode();
  }

  /** In development the server shows the codes that it would have sent. */
  async #offerCode() {
    const { offer, codeForm } = this.#view;
    offer.replaceChildren();
    const code = await findCodeInOutbox(this.#phoneNumber);
    if (code === null) {
      offer.textContent = 'Look at the phone for it.';
      return;
    }
    const use = element('button', { type: 'button' }, 'Use it');
    use.addEventListener('click', () => {
      this.#codeInput.value = code;
      codeForm.querySelector('button.primary').focus();
    });
    offer.append('In the development outbox: ', element('code', {}, code), use);
  }

  async #signIn() {
    const answer = await request('POST', '/api/v2/auth/verify-otp', {
      body: {
        phone_number: this.#phoneNumber,
        otp: this.#codeInput.value.trim(),
        role: this.#view.phoneForm.elements.role.value,
        device_name: this.#device.name,
      },
      deviceId: this.#device.id,
    });
    if (answer.two_factor_required) {
      throw new Error('This account has a second factor, which this console cannot ask for yet.');
    }
    this.#onSignedIn(new Session(answer, this.#device.id));
  }
}

/** Null where there is none for this number, or no outbox: in production a code is only on the phone. */
async function findCodeInOutbox(phoneNumber) {
  const digits = phoneNumber.replace(/\D/g, '').replace(/^0+/, '');
  try {
    const { messages } = await request('GET', '/dev/outbox');
    return messages.find(({ to, code }) => code && digits && to.endsWith(digits))?.code ?? null;
  } catch {
    return null;
  }
}
