import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { decodeToken } from '../crypto/jwt.ts';
import { generateAccessToken } from '../crypto/phone-tokens.ts';
import { AppError } from '../errors.ts';
import { touchPhoneSession } from '../store/sessions.ts';

type RefreshContext = Pick<AppContext, 'db' | 'clock' | 'config' | 'phoneKeys'>;

/**
 * A new access token for a session; the refresh token stays as it is, so that a lost answer costs nothing.
 * No access token outlives its session.
 * @throws `invalid_refresh_token`, `service_unavailable`
 */
export async function refreshPhoneSession(
  ctx: RefreshContext,
  refreshToken: string,
): Promise<{ accessToken: string; expiresInSeconds: number }> {
  // Read before the database: a revocation that comes later ends a token that was issued earlier.
  const issuedAt = epochSeconds(ctx.clock);
  const claims = decodeToken(ctx.phoneKeys, refreshToken, {
    type: 'refresh',
    nowSeconds: issuedAt,
  });
  const session =
    claims &&
    (await touchPhoneSession(ctx.db, {
      refreshJti: claims.jti,
      now: new Date(ctx.clock.now()),
    }));
  if (session === null) throw new AppError('invalid_refresh_token');
  const sessionEnd = Math.floor(session.expiresAt.getTime() / 1000);
  const expiresAt = Math.min(issuedAt + ctx.config.phoneAccessSeconds, sessionEnd);
  return {
    accessToken: generateAccessToken(ctx.phoneKeys, session, { issuedAt, expiresAt }).token,
    expiresInSeconds: expiresAt - issuedAt,
  };
}
