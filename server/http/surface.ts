import type { TokenKindName } from '../use-cases/authenticate-token.ts';
import type { Route } from './route.ts';

/** Which bearer tokens a surface reads, others being no tokens to it; or that it reads the cookie alone. */
export type SurfaceKind = TokenKindName | 'cookie';

/** Of the body of a refusal: RFC 9457, or for OAuth 2 RFC 6749 §5.2. */
export type ErrorShape = 'problem' | 'oauth';

/** A family of endpoints below one path, which sign in one way. */
export interface Surface {
  path: string;
  tag: string;
  /** What the tag stands for: who signs in here, and how. */
  description: string;
  kind: SurfaceKind;
  routes: Route[];
  /** `problem` unless it says otherwise. */
  errors?: ErrorShape;
}
