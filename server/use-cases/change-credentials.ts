import type { Client } from '../audit.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import type { Trx } from '../store/database.ts';
import type { Principal } from './authenticate-token.ts';

interface CredentialsChange {
  principal: Principal;
  client: Client;
  /** The change itself; the user is locked by then. */
  change: (trx: Trx) => Promise<void>;
}

/**
 * Commits a change of what a person signs in with, and ends all their sessions but the one that asks: whoever was
 * signed in with the old credentials is not any more.
 * @throws `token_revoked`, and what `change` throws
 */
export async function changeCredentials(
  ctx: EndSessionsContext,
  { principal, client, change }: CredentialsChange,
): Promise<void> {
  const { userId, sessionId } = principal;
  await endSessions(ctx, {
    selection: { userId, except: sessionId },
    reason: 'credentials_changed',
    event: 'other_sessions_revoked',
    client,
    heldSessionId: sessionId,
    alongside: change,
  });
}
