import type { Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { decodeToken, parseJti } from '../crypto/jwt.ts';
import { AppError } from '../errors.ts';
import { endSessions, hadEnded, type EndSessionsContext } from '../revocation/end-sessions.ts';
import type { Principal, TokenKindName } from './authenticate-token.ts';

type LogOutContext = Pick<AppContext, 'phoneKeys' | 'accountKeys'> & EndSessionsContext;

interface LogOutInput {
  /** Of an access token whose signature and expiry hold. */
  principal: Principal | null;
  /** Which refresh tokens are read. */
  kind: TokenKindName;
  refreshToken: string | undefined;
  client: Client;
}

/**
 * Ends the session of the access token or, where that has expired, of the refresh token.
 * A refresh token of another session than the access token's is ignored. The blacklist is not asked: after a
 * logout that could not be committed it knows the token already, and the client asks again.
 * @throws `invalid_token`, `token_revoked`, `invalid_refresh_token`, `service_unavailable`
 */
export async function logOut(ctx: LogOutContext, input: LogOutInput): Promise<void> {
  const { principal, client, refreshToken } = input;
  if (principal !== null) {
    await endSession(ctx, { holder: principal, token: principal, client });
    return;
  }
  if (refreshToken === undefined) throw new AppError('invalid_token');
  const holder = readRefreshToken(ctx, refreshToken, input.kind);
  await endSession(ctx, { holder, client }).catch((error: unknown) => {
    throw hadEnded(error) ? new AppError('invalid_refresh_token') : error;
  });
}

interface EndSessionInput {
  holder: Pick<Principal, 'userId' | 'sessionId'>;
  /** Where only the refresh token is good, there is no access token to blacklist. */
  token?: Principal;
  client: Client;
}

async function endSession(ctx: LogOutContext, input: EndSessionInput): Promise<void> {
  const { holder, ...rest } = input;
  await endSessions(ctx, {
    selection: { userId: holder.userId, only: [holder.sessionId] },
    reason: 'logout',
    event: 'logout',
    heldSessionId: holder.sessionId,
    ...rest,
  });
}

function readRefreshToken(
  ctx: LogOutContext,
  refreshToken: string,
  kind: TokenKindName,
): EndSessionInput['holder'] {
  const expected = { type: 'refresh', nowSeconds: epochSeconds(ctx.clock) } as const;
  const claims =
    kind === 'phone'
      ? decodeToken(ctx.phoneKeys, refreshToken, expected)
      : decodeToken(ctx.accountKeys, refreshToken, expected);
  if (claims === null) throw new AppError('invalid_refresh_token');
  return { userId: claims.user_id, sessionId: parseJti(claims.jti).sessionId };
}
