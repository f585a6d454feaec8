import { relativeTime } from '../time.js';
import { badge, card, facts, h } from '../view.js';
import { roleBadges } from './user-parts.js';

export function profileCard(user) {
  return card(
    { title: 'Profile' },
    facts([
      ['User id', h('code', {}, String(user.id))],
      ['E-mail', user.email],
      ['Username', user.username],
      ['Phone', user.phone_number],
      ['Roles', roleBadges(user.roles)],
      ['Second factor', secondFactor(user)],
      ['Made', relativeTime(user.created_at)],
      ['Last sign-in', user.last_login ? relativeTime(user.last_login) : 'Never'],
    ]),
  );
}

function secondFactor({ totp_enabled: isOn }) {
  return isOn ? badge('On', { kind: 'good', mark: 'check' }) : badge('Off');
}
