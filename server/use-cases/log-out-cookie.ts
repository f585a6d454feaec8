import type { Client } from '../audit.ts';
import { AppError } from '../errors.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import type { CookiePrincipal } from './authenticate-cookie.ts';

/**
 * Ends the session of a cookie. One that has ended meanwhile is as good.
 * @throws `service_unavailable`: asking again is safe
 */
export async function logOutCookie(
  ctx: EndSessionsContext,
  { userId, sessionId }: CookiePrincipal,
  client: Client,
): Promise<void> {
  await endSessions(ctx, {
    selection: { userId, only: [sessionId] },
    reason: 'logout',
    event: 'logout',
    heldSessionId: sessionId,
    client,
  }).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.code !== 'token_revoked') throw error;
  });
}
