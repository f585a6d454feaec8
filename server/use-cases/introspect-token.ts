import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import type { AccountClaims } from '../crypto/account-tokens.ts';
import { decodeToken, parseJti } from '../crypto/jwt.ts';
import type { PhoneClaims } from '../crypto/phone-tokens.ts';
import {
  findAccessTokenOwner,
  findRefreshTokenOwner,
  type TokenOwner,
} from '../store/token-owners.ts';

type IntrospectContext = Pick<
  AppContext,
  'clock' | 'db' | 'phoneKeys' | 'accountKeys' | 'revocations'
>;

type CommonClaims = Pick<PhoneClaims, 'user_id' | 'jti' | 'iat' | 'exp'>;

interface ReadToken {
  isAccess: boolean;
  isAccount: boolean;
  claims: CommonClaims | PhoneClaims | AccountClaims;
}

/** A token that opens something now, of either kind and either type. */
export interface LiveToken extends ReadToken {
  sessionId: string;
  /** The e-mail address, or of a phone token the number. */
  username: string | null;
}

/**
 * What a token is good for, by PostgreSQL; null where it is not live. A refresh token is so until it is used.
 * @throws `service_unavailable`
 */
export async function introspectToken(
  ctx: IntrospectContext,
  { token }: { token: string },
): Promise<LiveToken | null> {
  const read = readToken(ctx, token);
  if (read === null) return null;
  const { jti } = read.claims;
  const { sessionId, generation } = parseJti(jti);
  // This node may have acted on an end that PostgreSQL could not commit yet.
  if (ctx.revocations.hasEnded(sessionId)) return null;
  const now = new Date(ctx.clock.now());
  const owner = read.isAccess
    ? await findAccessTokenOwner(ctx.db, { sessionId, generation, jti, now })
    : await findRefreshTokenOwner(ctx.db, { jti, now });
  return owner && { ...read, sessionId, username: nameOf(read, owner) };
}

function nameOf({ isAccount }: ReadToken, { email, phoneNumber }: TokenOwner): string | null {
  return isAccount ? email : phoneNumber;
}

function readToken(ctx: IntrospectContext, token: string): ReadToken | null {
  const nowSeconds = epochSeconds(ctx.clock);
  for (const type of ['access', 'refresh'] as const) {
    for (const keys of [ctx.accountKeys, ctx.phoneKeys]) {
      const claims = decodeToken<typeof keys.kind, typeof type>(keys, token, { type, nowSeconds });
      if (claims === null) continue;
      return { isAccess: type === 'access', isAccount: keys === ctx.accountKeys, claims };
    }
  }
  return null;
}
