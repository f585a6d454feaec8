import type { AppContext } from '../context.ts';
import {
  generateAccountAccessToken,
  generateAccountRefreshToken,
} from '../crypto/account-tokens.ts';
import type { AccountSessionState } from '../store/refresh-tokens.ts';

export interface IssuedTokens {
  accessToken: string;
  refreshToken: string;
  expiresInSeconds: number;
}

/** A new access token, and the session's refresh token. No access token outlives its session. */
export function issueAccountTokens(
  ctx: Pick<AppContext, 'config' | 'accountKeys'>,
  session: AccountSessionState,
  issuedAt: number,
): IssuedTokens {
  const refreshExpiresAt = toSeconds(session.expiresAt);
  const expiresAt = Math.min(issuedAt + ctx.config.accountAccessSeconds, refreshExpiresAt);
  const subject = { ...session, authTime: toSeconds(session.signedInAt) };
  return {
    accessToken: generateAccountAccessToken(ctx.accountKeys, subject, { issuedAt, expiresAt })
      .token,
    refreshToken: generateAccountRefreshToken(
      ctx.accountKeys,
      { userId: session.userId, sessionId: session.sessionId, jti: session.refreshJti },
      { issuedAt: toSeconds(session.issuedAt), expiresAt: refreshExpiresAt },
    ),
    expiresInSeconds: expiresAt - issuedAt,
  };
}

function toSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
