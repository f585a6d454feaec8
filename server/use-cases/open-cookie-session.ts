import type { Client } from '../audit.ts';
import type { Role } from '../config.ts';
import { generateOpaqueToken, hashOpaqueToken } from '../crypto/opaque-token.ts';
import type { Trx } from '../store/database.ts';
import type { User, UserWithPassword } from '../store/users.ts';
import { chooseSessionRole } from './choose-session-role.ts';
import { signIn, type OpenSessionContext } from './open-session.ts';
import { isChallenge } from './second-factor-challenge.ts';

export const COOKIE_IDLE_MS = 24 * 60 * 60 * 1000;
/** From the sign-in on, however often the session is used. */
export const COOKIE_LIFE_MS = 7 * 24 * 60 * 60 * 1000;

export interface OpenedCookieSession {
  /** The value of the cookie. Nothing of it is kept but a hash. */
  secret: string;
  user: User;
  role: Role;
}

/** Who signs in for a cookie, and how they proved it (RFC 8176). */
interface CookieSignIn {
  user: UserWithPassword;
  deviceName: string | null;
  amr: string[];
  /** A session that this one takes the place of, whoever it belongs to. */
  replaced: { userId: number; sessionId: string } | null;
}

/** When a session is over that is used now. */
export function cookieExpiry({ signedInAt, now }: { signedInAt: Date; now: Date }): Date {
  return new Date(Math.min(now.getTime() + COOKIE_IDLE_MS, signedInAt.getTime() + COOKIE_LIFE_MS));
}

/**
 * Opens a cookie session.
 * @param identify Locks the user and says who it is, in the transaction that makes the session.
 * @throws what `signIn` throws; `two_factor_required` where the second factor is still due
 */
export async function openCookieSession(
  ctx: OpenSessionContext,
  client: Client,
  identify: (trx: Trx) => Promise<CookieSignIn>,
): Promise<OpenedCookieSession> {
  const now = new Date(ctx.clock.now());
  const result = await signIn(ctx, async (trx) =>
    describeSession({ ...(await identify(trx)), now, client }),
  );
  if (isChallenge(result)) throw new Error('there is no second step for a cookie');
  const { secret, user, role } = result;
  return { secret, user, role };
}

function describeSession(given: CookieSignIn & { now: Date; client: Client }) {
  const { user, deviceName, amr, replaced, now, client } = given;
  const role = chooseSessionRole(user.roles, undefined, []);
  const secret = generateOpaqueToken(32);
  const session = {
    // Shown in lists: it has nothing to do with the secret.
    id: generateOpaqueToken(),
    kind: 'cookie' as const,
    deviceName,
    amr,
    refreshJti: null,
    cookieHash: hashOpaqueToken(secret),
    issuedAt: now,
    expiresAt: cookieExpiry({ signedInAt: now, now }),
  };
  const replacedSessionId = replaced?.userId === user.id ? replaced.sessionId : null;
  return { user, role, client, session, secret, replacedSessionId, pending: null };
}
