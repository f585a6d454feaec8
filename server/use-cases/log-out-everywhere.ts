import type { Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { endSessions } from '../revocation/end-sessions.ts';
import { verifyAccessToken } from './authenticate-token.ts';

type LogOutContext = Pick<AppContext, 'phoneKeys'> & Parameters<typeof endSessions>[0];

/**
 * Ends every session of the user, of every kind, the asking one included. As with `logOut`, PostgreSQL alone
 * says whether the token may still ask for it.
 * @throws `invalid_token`, `token_revoked`, `service_unavailable`
 */
export async function logOutEverywhere(
  ctx: LogOutContext,
  { accessToken, client }: { accessToken: string | null; client: Client },
): Promise<void> {
  const principal = verifyAccessToken(ctx, accessToken);
  await endSessions(ctx, {
    selection: { userId: principal.userId },
    reason: 'logout_all',
    event: 'logout_all',
    client,
    token: principal,
    heldSessionId: principal.sessionId,
  });
}
