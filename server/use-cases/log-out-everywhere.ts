import type { Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import { verifyAccessToken, type TokenKindName } from './authenticate-token.ts';

type LogOutContext = Pick<AppContext, 'phoneKeys' | 'accountKeys'> & EndSessionsContext;

interface LogOutInput {
  /** Which tokens are read. */
  kind: TokenKindName;
  accessToken: string | null;
  client: Client;
}

/**
 * Ends every session of the user, of every kind, the asking one included. As with `logOut`, PostgreSQL alone
 * says whether the token may still ask for it.
 * @throws `invalid_token`, `token_revoked`, `service_unavailable`
 */
export async function logOutEverywhere(
  ctx: LogOutContext,
  { kind, accessToken, client }: LogOutInput,
): Promise<void> {
  const principal = verifyAccessToken(ctx, accessToken, kind);
  await endSessions(ctx, {
    selection: { userId: principal.userId },
    reason: 'logout_all',
    event: 'logout_all',
    client,
    token: principal,
    heldSessionId: principal.sessionId,
  });
}
