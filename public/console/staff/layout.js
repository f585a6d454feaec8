import { h } from '../view.js';
import { admit } from './gate.js';
import { can } from './permissions.js';

const PAGES = [
  { path: '/staff/users', text: 'Users', permission: 'users:read' },
  { path: '/staff/revoke', text: 'Revoke', permission: 'sessions:write' },
  { path: '/staff/nodes', text: 'Nodes', permission: 'realtime:read' },
  { path: '/staff/map', text: 'Map', permission: 'realtime:read' },
  { path: '/staff/audit-log', text: 'Audit log', permission: 'audit:read' },
];

/**
 * A page for staff, below the list of all of them. Whoever may not see it is told why, and what to do.
 * @param options as a page's (`../router.js`), and `permission`; the context of `render` has `can(permission)` besides
 */
export function staffPage({ title, permission, render }) {
  return {
    title,
    async render(root, context) {
      const refusal = await admit(context, permission);
      if (context.signal.aborted) return undefined;
      const { role } = context.account.session.user;
      if (refusal !== null) {
        root.append(refusal);
        return undefined;
      }
      const body = h('div');
      root.append(navigation(role, context.path), body);
      return render(body, { ...context, role, can: (wanted) => can(role, wanted) });
    },
  };
}

function navigation(role, shown) {
  const pages = PAGES.filter(({ permission }) => can(role, permission));
  return h(
    'nav.staff-nav',
    { 'aria-label': 'Staff' },
    pages.map(({ path, text }) =>
      h(
        'a',
        { href: `#${path}`, 'aria-current': shown.startsWith(path) ? 'page' : undefined },
        text,
      ),
    ),
  );
}
