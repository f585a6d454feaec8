import { relativeTime } from '../time.js';
import { badge, h, icon } from '../view.js';
import { isHandheld, nameUserAgent } from './user-agent.js';

const KINDS = { phone: 'Phone app', account: 'Account', cookie: 'Browser' };

/** Of sessions, as the service lists them. @param action what can be done with one */
export function sessionColumns(action) {
  return [
    { title: 'Device', cell: deviceOf },
    { title: 'Signed in as', cell: ({ kind, role }) => `${KINDS[kind]}, ${role}` },
    { title: 'Address', cell: ({ ip }) => ip && h('code', {}, ip) },
    { title: 'Last seen', cell: ({ last_seen_at }) => relativeTime(last_seen_at) },
    { title: 'Signed in', cell: ({ created_at }) => relativeTime(created_at) },
    {
      title: 'Ends',
      cell: ({ expires_at }) => relativeTime(expires_at),
    },
    { title: '', kind: 'end', cell: action },
  ];
}

function deviceOf({ kind, device_name, user_agent, is_current }) {
  const agent = nameUserAgent(user_agent);
  const name = device_name ?? agent ?? 'Unnamed device';
  return h(
    'div.device',
    { title: user_agent ?? '' },
    icon(kind === 'phone' || isHandheld(user_agent) ? 'phone' : 'desktop'),
    h(
      'div',
      {},
      h(
        'div.row',
        {},
        h('strong', {}, name),
        is_current && badge('This one', { kind: 'good', mark: 'check' }),
      ),
      device_name && agent && h('div.small.muted', {}, agent),
    ),
  );
}
