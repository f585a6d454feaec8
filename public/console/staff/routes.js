/** The pages for staff, as in `../routes.js`; the navigation leads to the first. */
export const staffRoutes = [
  { path: '/staff/users', needs: 'account', load: () => import('./users-page.js') },
  { path: '/staff/users/:id', needs: 'account', load: () => import('./user-page.js') },
  { path: '/staff/revoke', needs: 'account', load: () => import('./revoke-page.js') },
  { path: '/staff/nodes', needs: 'account', load: () => import('./nodes-page.js') },
  { path: '/staff/map', needs: 'account', load: () => import('./map-page.js') },
  { path: '/staff/audit-log', needs: 'account', load: () => import('./audit-log-page.js') },
  { path: '/staff', needs: 'account', load: () => import('./users-page.js') },
];
