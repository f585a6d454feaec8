import type { SessionKind } from './users.ts';

const ROOTS: Record<SessionKind, string> = { phone: '/api/v2/auth', account: '/api/auth' };

/** Where the service answers for sessions of a kind: `/me` is `/api/auth/me` or `/api/v2/auth/me`. */
export function authPathOf(kind: SessionKind, path: string): string {
  return ROOTS[kind] + path;
}
