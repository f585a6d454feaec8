import type { Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { touchCookieSession, type CookieSession } from '../store/cookie-sessions.ts';
import { isBarred, type User } from '../store/users.ts';
import { cookieExpiry } from './open-cookie-session.ts';

export { hashOpaqueToken as hashCookie } from '../crypto/opaque-token.ts';

/** Who a request with a cookie acts as: PostgreSQL was asked for the session just now. */
export interface CookiePrincipal {
  kind: 'cookie';
  userId: number;
  role: Role;
  sessionId: string;
  user: User;
}

/** So often at most is it noted that a session is used. */
const TOUCH_INTERVAL_MS = 60_000;

type CookieContext = Pick<AppContext, 'clock' | 'db' | 'log' | 'revocations'>;

/**
 * Judges a session that was found by its cookie.
 * @throws `invalid_token` where there is none or it has expired, `token_revoked` where it was ended
 */
export function authenticateCookie(
  ctx: CookieContext,
  session: CookieSession | null,
): CookiePrincipal {
  if (session === null) throw new AppError('invalid_token');
  // This node may have acted on an end that PostgreSQL could not commit yet.
  const hasEnded = session.endedAt !== null || ctx.revocations.hasEnded(session.sessionId);
  if (hasEnded || isBarred(session, new Date(ctx.clock.now()))) throw new AppError('token_revoked');
  if (hasExpired(ctx, session)) throw new AppError('invalid_token');
  noteUse(ctx, session);
  return toCookiePrincipal(session);
}

/** The live session of a cookie by PostgreSQL alone: an end that was not committed can be asked for again. */
export function liveCookieSession(
  ctx: Pick<AppContext, 'clock'>,
  session: CookieSession | null,
): CookiePrincipal | null {
  if (session?.endedAt !== null || hasExpired(ctx, session)) return null;
  return toCookiePrincipal(session);
}

function hasExpired({ clock }: Pick<AppContext, 'clock'>, { expiresAt }: CookieSession): boolean {
  return expiresAt.getTime() <= clock.now();
}

function toCookiePrincipal(session: CookieSession): CookiePrincipal {
  const { id: userId, sessionId, sessionRole: role } = session;
  return { kind: 'cookie', userId, role, sessionId, user: session };
}

/**
 * The answer does not wait for it. What gets lost is made up for by the next request, and the statement itself
 * revives nothing: at worst the session ends a minute of use too early.
 */
function noteUse(ctx: CookieContext, { sessionId, signedInAt, lastSeenAt }: CookieSession): void {
  const now = new Date(ctx.clock.now());
  const before = new Date(now.getTime() - TOUCH_INTERVAL_MS);
  if (lastSeenAt > before) return;
  const expiresAt = cookieExpiry({ signedInAt, now });
  touchCookieSession(ctx.db, { sessionId, now, before, expiresAt }).catch((error: unknown) => {
    ctx.log.warn({ err: error }, 'it could not be noted that a session is used');
  });
}
