import { staffRoutes } from './staff/routes.js';

/**
 * Every page. `needs`: `account` is shown only to whoever is signed in to an account, `nobody` only to whoever is not.
 */
export const ROUTES = [
  { path: '/', load: () => import('./apps/page.js') },
  { path: '/apps/:phone', load: () => import('./apps/number.js') },
  { path: '/sign-in', needs: 'nobody', load: () => import('./account/sign-in.js') },
  { path: '/register', needs: 'nobody', load: () => import('./account/register.js') },
  { path: '/forgot-password', load: () => import('./account/forgot-password.js') },
  { path: '/account', needs: 'account', load: () => import('./account/page.js') },
  { path: '/devices', load: () => import('./devices/page.js') },
  { path: '/activity', needs: 'account', load: () => import('./activity/page.js') },
  ...staffRoutes,
];
