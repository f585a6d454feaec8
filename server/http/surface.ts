import type { Route } from './route.ts';

/** A family of endpoints below one path, which sign in one way. */
export interface Surface {
  path: string;
  tag: string;
  routes: Route[];
}
