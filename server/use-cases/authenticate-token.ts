import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { decodeToken, parseJti, type TokenClaims } from '../crypto/jwt.ts';
import { AppError } from '../errors.ts';

export { accessClaims } from '../crypto/jwt.ts';

/** Who a request or a socket acts as: the claims of its token, verified and not revoked. */
export interface Principal {
  userId: number;
  phoneNumber: string;
  role: TokenClaims['role'];
  sessionId: string;
  jti: string;
  /** Seconds since the epoch. */
  expiresAt: number;
  claims: TokenClaims;
}

/** Signature, type and expiry. @throws `invalid_token` */
export function verifyAccessToken(
  ctx: Pick<AppContext, 'clock' | 'phoneKeys'>,
  token: string | null,
): Principal {
  const nowSeconds = epochSeconds(ctx.clock);
  const claims = token && decodeToken(ctx.phoneKeys, token, { type: 'access', nowSeconds });
  if (!claims) throw new AppError('invalid_token');
  return {
    userId: claims.user_id,
    phoneNumber: claims.phone_number,
    role: claims.role,
    sessionId: parseJti(claims.jti).sessionId,
    jti: claims.jti,
    expiresAt: claims.exp,
    claims,
  };
}

/** @throws `token_revoked`; `service_unavailable` where nobody can tell */
export async function assertNotRevoked(
  ctx: Pick<AppContext, 'blacklist'>,
  { jti }: Pick<Principal, 'jti'>,
): Promise<void> {
  if (await ctx.blacklist.isRevoked(jti)) throw new AppError('token_revoked');
}

/** Both checks. @throws `invalid_token`, `token_revoked`, `service_unavailable` */
export async function authenticateToken(
  ctx: Pick<AppContext, 'clock' | 'phoneKeys' | 'blacklist'>,
  token: string | null,
): Promise<Principal> {
  const principal = verifyAccessToken(ctx, token);
  await assertNotRevoked(ctx, principal);
  return principal;
}
