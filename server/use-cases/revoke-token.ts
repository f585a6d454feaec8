import type { Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { decodeToken } from '../crypto/jwt.ts';
import { endSessions, hadEnded, type EndSessionsContext } from '../revocation/end-sessions.ts';

type RevokeContext = EndSessionsContext & Pick<AppContext, 'accountKeys'>;

/**
 * Ends the session of an account's access or refresh token (RFC 7009 §2.1). A token that is no good changes nothing,
 * and its holder is told nothing. A used refresh token is good enough: all that its holder can do is end the session.
 * @throws `service_unavailable`
 */
export async function revokeToken(
  ctx: RevokeContext,
  { token, client }: { token: string; client: Client },
): Promise<void> {
  const nowSeconds = epochSeconds(ctx.clock);
  const access = decodeToken(ctx.accountKeys, token, { type: 'access', nowSeconds });
  const claims = access ?? decodeToken(ctx.accountKeys, token, { type: 'refresh', nowSeconds });
  if (claims === null) return;
  const { user_id: userId, sid } = claims;
  await endSessions(ctx, {
    selection: { userId, only: [sid] },
    reason: 'session_revoked',
    event: 'session_revoked',
    heldSessionId: sid,
    client,
    ...(access && { token: { jti: access.jti, expiresAt: access.exp } }),
  }).catch((error: unknown) => {
    if (!hadEnded(error)) throw error;
  });
}
