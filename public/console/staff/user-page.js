import { nameOf } from '../people.js';
import { h, icon, pageHead } from '../view.js';
import { staffPage } from './layout.js';
import { canChange } from './permissions.js';
import { presenceCard } from './presence.js';
import { revocationCard } from './revocation.js';
import { stateBadge } from './user-parts.js';
import { userActionsCard } from './user-actions.js';
import { userEventsCard } from './user-events.js';
import { profileCard } from './user-profile.js';
import { sessionsCard } from './user-sessions.js';

export default staffPage({
  title: 'User',
  permission: 'users:read',
  async render(root, context) {
    const { account, params, signal, can } = context;
    const path = `/api/admin/users/${encodeURIComponent(params.id)}`;
    const user = await account.request('GET', path, { signal });
    const onEnded = () => {
      void sessions.reload();
      void events.reload();
    };
    const whole = { ...context, onEnded };
    const sessions = sessionsCard(user, whole);
    const events = userEventsCard(user, context);
    root.append(
      backLink(),
      pageHead({ title: nameOf(user), lead: stateBadge(user) }),
      h(
        'div.columns.user',
        {},
        h(
          'div.stack',
          {},
          profileCard(user),
          changes(user, whole),
          can('realtime:read') ? presenceCard(user, context) : null,
        ),
        h(
          'div.stack',
          {},
          sessions.root,
          can('sessions:write') ? revocationCard({ user_id: user.id }, whole) : null,
          events.root,
        ),
      ),
    );
  },
});

/** What may be done, or why nothing may. */
function changes(user, context) {
  if (canChange(context.role, user)) return userActionsCard(user, context);
  if (!context.can('users:write')) return null;
  return h('p.muted.small', {}, 'Only who may change roles can change staff.');
}

function backLink() {
  return h('p.back', {}, h('a', { href: '#/staff/users' }, icon('arrowIn'), 'Users'));
}
