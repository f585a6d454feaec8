import type { Client } from '../audit.ts';
import { endSessions, hadEnded, type EndSessionsContext } from '../revocation/end-sessions.ts';
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
    if (!hadEnded(error)) throw error;
  });
}
