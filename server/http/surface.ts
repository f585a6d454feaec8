import type { TokenKindName } from '../use-cases/authenticate-token.ts';
import type { Route } from './route.ts';

/** A family of endpoints below one path, which sign in one way. */
export interface Surface {
  path: string;
  tag: string;
  /** Which bearer tokens it reads; others are no tokens to it. */
  kind: TokenKindName;
  routes: Route[];
}
