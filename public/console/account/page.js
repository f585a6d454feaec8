import { toast } from '../feedback.js';
import { pageHead, h } from '../view.js';
import { dangerCard } from './danger-card.js';
import { passwordCard } from './password-card.js';
import { profileCard } from './profile-card.js';
import { secondFactorCard } from './second-factor-card.js';

/** What an account shows again who somebody is with. */
const askForPassword = () => ({
  label: 'Password',
  name: 'password',
  type: 'password',
  autocomplete: 'current-password',
});

export default {
  title: 'Account',
  async render(root, context) {
    const { account, reload } = context;
    const user = await account.me();
    root.append(
      pageHead({
        title: 'Account',
        lead: 'Your session is kept in this browser: it outlives a reload, and all tabs share it.',
      }),
      h(
        'div.columns',
        {},
        h('div.stack', {}, profileCard(user, context), passwordCard(context)),
        h(
          'div.stack',
          {},
          secondFactorCard(account, { user, proof: askForPassword, onChange: done(reload) }),
          dangerCard(account, { proof: askForPassword }),
        ),
      ),
    );
  },
};

function done(reload) {
  return (sentence) => {
    toast(sentence);
    void reload();
  };
}
