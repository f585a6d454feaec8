import type { Response } from 'express';
import type { CookiePrincipal } from '../use-cases/authenticate-cookie.ts';
import type { Principal } from '../use-cases/authenticate-token.ts';
import type { Staff } from '../use-cases/authorize-staff.ts';

/** What the edge notes of a request on its way through the middleware. */
export interface RequestState {
  requestId: string;
  /** The pattern of the route that answers, for logs and metrics. */
  route?: string;
  principal?: Principal;
  staff?: Staff;
  cookiePrincipal?: CookiePrincipal;
}

export function stateOf(res: Response): RequestState {
  return res.locals as RequestState;
}
