import { busyButton, toast } from '../feedback.js';
import { relativeTime } from '../time.js';
import { badge, card, facts, h } from '../view.js';

/** Who is signed in, and whether the address is known to be theirs. */
export function profileCard(user, { account }) {
  return card(
    { title: 'Profile' },
    facts([
      ['E-mail', user.email && email(user, account)],
      ['Username', user.username],
      ['Phone', user.phone_number],
      [
        'Roles',
        h(
          'span.row',
          {},
          user.roles.map((role) => badge(role)),
        ),
      ],
      ['Acts as', user.role],
      ['Made', relativeTime(user.created_at)],
      ['Last sign-in', user.last_login && relativeTime(user.last_login)],
      ['User id', h('code', {}, String(user.id))],
    ]),
  );
}

function email(user, account) {
  if (user.email_verified) {
    return h('span.row', {}, user.email, badge('Confirmed', { kind: 'good', mark: 'check' }));
  }
  const resend = busyButton('Mail the link again', () => resendLink(account), { class: 'link' });
  const state = badge('Not confirmed', { kind: 'warn', mark: 'warning' });
  return h('span.row', {}, user.email, state, resend);
}

async function resendLink(account) {
  await account.request('POST', '/api/auth/resend-verification');
  toast('A link is on its way to your e-mail address.');
}
