import { secondFactorCard } from '../account/second-factor-card.js';
import { dangerCard } from '../account/danger-card.js';
import { toast } from '../feedback.js';
import { emptyState, h, pageHead } from '../view.js';
import { findCode } from './outbox.js';
import { openPhones } from './phone.js';

/** What the person of a phone number does with it: the second factor, and its end. */
export default {
  title: 'Phone number',
  async render(root, { params, reload, navigate }) {
    const phone = (await openPhones()).find(({ id }) => id === params.phone);
    const back = h('a.button', { href: '#/' }, 'Back to the apps');
    if (!phone?.session) {
      root.append(
        pageHead({ title: 'Phone number' }),
        emptyState({ title: 'This phone is signed out', mark: 'phone', action: back }),
      );
      return undefined;
    }
    const user = await phone.client.me();
    const client = phone.client;
    const onChange = (sentence) => {
      toast(sentence);
      void reload();
    };
    const proof = otpProof(client, user);
    root.append(
      pageHead({ title: user.phone_number, lead: `Signed in on ${phone.name}.`, actions: [back] }),
      h(
        'div.columns',
        {},
        secondFactorCard(client, { user, proof, onChange }),
        dangerCard(client, { proof }),
      ),
    );
    // Whoever is signed out elsewhere is not left with buttons that do nothing.
    return phone.listen(() => phone.session ?? navigate('/'));
  },
};

/** A fresh one-time code is what a phone shows again who somebody is with. */
function otpProof(client, user) {
  return async () => {
    await client.sendCode(user.phone_number);
    const code = await findCode(user.phone_number);
    const hint = code ? `In the development outbox: ${code}` : 'It was sent to the phone just now.';
    return {
      label: 'One-time code',
      name: 'otp',
      inputmode: 'numeric',
      autocomplete: 'one-time-code',
      maxlength: '6',
      hint,
    };
  };
}
