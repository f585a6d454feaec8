import type { Client } from '../audit.ts';
import { AppError } from '../errors.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import type { Principal } from './authenticate-token.ts';

interface LogOutInput {
  /** Of an access token whose signature and expiry hold. */
  principal: Principal | null;
  client: Client;
}

/**
 * Ends every session of the user, of every kind, the asking one included. As with `logOut`, PostgreSQL alone
 * says whether the token may still ask for it.
 * @throws `invalid_token`, `token_revoked`, `service_unavailable`
 */
export async function logOutEverywhere(
  ctx: EndSessionsContext,
  { principal, client }: LogOutInput,
): Promise<void> {
  if (principal === null) throw new AppError('invalid_token');
  await endSessions(ctx, {
    selection: { userId: principal.userId },
    reason: 'logout_all',
    event: 'logout_all',
    client,
    token: principal,
    heldSessionId: principal.sessionId,
  });
}
