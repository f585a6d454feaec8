import { epochSeconds } from '../clock.ts';
import type { Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import type { AccountClaims } from '../crypto/account-tokens.ts';
import { decodeToken, parseJti } from '../crypto/jwt.ts';
import type { PhoneClaims } from '../crypto/phone-tokens.ts';
import { AppError } from '../errors.ts';

export { phoneAccessClaims } from '../crypto/phone-tokens.ts';

interface CommonPrincipal {
  userId: number;
  role: Role;
  sessionId: string;
  jti: string;
  /** Seconds since the epoch. */
  expiresAt: number;
}

export interface PhonePrincipal extends CommonPrincipal {
  kind: 'phone';
  claims: PhoneClaims;
}

export interface AccountPrincipal extends CommonPrincipal {
  kind: 'account';
  claims: AccountClaims;
}

/** Who a request or a socket acts as: the claims of its token, verified and not revoked. */
export type Principal = PhonePrincipal | AccountPrincipal;
/** How the person signed in, which is what the token opens. */
export type TokenKindName = Principal['kind'];

type VerifyContext = Pick<AppContext, 'clock' | 'phoneKeys' | 'accountKeys'>;

/** Signature, type and expiry, of any kind of token or of one alone. @throws `invalid_token` */
export function verifyAccessToken(
  ctx: VerifyContext,
  token: string | null,
  kind?: TokenKindName,
): Principal {
  const principal =
    token === null
      ? null
      : ((kind === 'account' ? null : readPhoneToken(ctx, token)) ??
        (kind === 'phone' ? null : readAccountToken(ctx, token)));
  if (principal === null) throw new AppError('invalid_token');
  return principal;
}

function readPhoneToken(ctx: VerifyContext, token: string): PhonePrincipal | null {
  const nowSeconds = epochSeconds(ctx.clock);
  const claims = decodeToken(ctx.phoneKeys, token, { type: 'access', nowSeconds });
  return claims && { kind: 'phone', ...toCommon(claims), claims };
}

function readAccountToken(ctx: VerifyContext, token: string): AccountPrincipal | null {
  const nowSeconds = epochSeconds(ctx.clock);
  const claims = decodeToken(ctx.accountKeys, token, { type: 'access', nowSeconds });
  return claims && { kind: 'account', ...toCommon(claims), claims };
}

function toCommon(claims: PhoneClaims | AccountClaims): CommonPrincipal {
  return {
    userId: claims.user_id,
    role: claims.role,
    sessionId: parseJti(claims.jti).sessionId,
    jti: claims.jti,
    expiresAt: claims.exp,
  };
}

/** On a surface that reads only phone tokens. @throws `invalid_token` for another kind */
export function toPhonePrincipal(principal: Principal): PhonePrincipal {
  if (principal.kind !== 'phone') throw new AppError('invalid_token');
  return principal;
}

/** On a surface that reads only account tokens. @throws `invalid_token` for another kind */
export function toAccountPrincipal(principal: Principal): AccountPrincipal {
  if (principal.kind !== 'account') throw new AppError('invalid_token');
  return principal;
}

/** @throws `token_revoked`; `service_unavailable` where nobody can tell */
export async function assertNotRevoked(
  ctx: Pick<AppContext, 'blacklist'>,
  { jti }: Pick<Principal, 'jti'>,
): Promise<void> {
  if (await ctx.blacklist.isRevoked(jti)) throw new AppError('token_revoked');
}
