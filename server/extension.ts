import type { RequestHandler, Response, Router } from 'express';
import type { z } from 'zod';
import type { Role } from './config.ts';
import type { AppContext } from './context.ts';
import type { MessageDefinition } from './realtime/messages.ts';
import type { Principal } from './use-cases/authenticate-token.ts';

/** What a team's own module is given to add its routes and its message types with. */
export interface Medallion {
  context: AppContext;
  /** Mounts a router of the team's own; whatever it throws is answered like our own errors. */
  addRouter: (path: string, router: Router) => void;
  /** Adds a frame that clients may send. */
  addMessage: <Shape extends z.ZodRawShape>(
    type: string,
    definition: MessageDefinition<Shape>,
  ) => void;
  /** Middleware: lets a request through whose bearer token is good. */
  verifyJwt: RequestHandler;
  /** Who the request is from; behind `verifyJwt`. */
  getCurrentUser: (res: Response) => Principal;
  /** Middleware: lets sessions through that act in one of the roles; behind `verifyJwt`. */
  requireRole: (...roles: Role[]) => RequestHandler;
  /** Middleware: lets sessions through whose role has the permission; behind `verifyJwt`. */
  requirePermission: (permission: string) => RequestHandler;
  /**
   * Middleware: lets sessions through that were opened within so many seconds, for what a stolen token must not do;
   * behind `verifyJwt`.
   */
  requireRecentSignIn: (maxAgeSeconds: number) => RequestHandler;
  /** Lets a role do something, of ours (`users:read`) or of the team's own (`rides:refund`). */
  addRolePermission: (role: Role, permission: string) => void;
}

/** The default export of a module that `EXTENSIONS` names, or a function given to `createApp`. */
export type Extension = (medallion: Medallion) => void | Promise<void>;
