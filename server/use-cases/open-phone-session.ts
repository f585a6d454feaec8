import type { Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { AppRole, Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import { generateAccessToken, generateRefreshToken } from '../crypto/phone-tokens.ts';
import { refreshTokenKey } from '../revocation/push-revocation.ts';
import type { Trx } from '../store/database.ts';
import type { User } from '../store/users.ts';
import { chooseSessionRole } from './choose-session-role.ts';
import { signIn, type OpenSessionContext } from './open-session.ts';
import { isChallenge, type Challenge } from './second-factor-challenge.ts';

export type PhoneSessionContext = OpenSessionContext & Pick<AppContext, 'phoneKeys'>;

export interface PhoneSession {
  accessToken: string;
  refreshToken: string;
  expiresInSeconds: number;
  user: User;
  role: Role;
}

/** Who signs in by phone, in which role, and how they proved it (RFC 8176). */
export interface PhoneSignIn {
  user: User;
  /** E.164. */
  phoneNumber: string;
  role: AppRole | undefined;
  deviceName: string | null;
  amr: string[];
}

/**
 * Opens a phone session and issues its tokens, or gives a challenge where the second factor is still due.
 * @param identify Locks the user and says who it is, in the transaction that makes the session.
 * @throws what `signIn` throws; `role_not_allowed`
 */
export async function openPhoneSession(
  ctx: PhoneSessionContext,
  client: Client,
  identify: (trx: Trx) => Promise<PhoneSignIn>,
): Promise<PhoneSession | Challenge> {
  const { phoneAccessSeconds, phoneRefreshSeconds } = ctx.config;
  const issuedAt = epochSeconds(ctx.clock);
  const result = await signIn(ctx, async (trx) =>
    describeSession(ctx, { ...(await identify(trx)), issuedAt, client }),
  );
  if (isChallenge(result)) return result;
  const { user, role, subject, refresh } = result;
  const life = { issuedAt, expiresAt: issuedAt + phoneAccessSeconds };
  await noteRefreshToken(ctx, refresh.jti, phoneRefreshSeconds);
  return {
    accessToken: generateAccessToken(ctx.phoneKeys, subject, life).token,
    refreshToken: refresh.token,
    expiresInSeconds: phoneAccessSeconds,
    user,
    role,
  };
}

function describeSession(
  ctx: PhoneSessionContext,
  { issuedAt, client, ...given }: PhoneSignIn & { issuedAt: number; client: Client },
) {
  const { user, phoneNumber, deviceName, amr } = given;
  const role = chooseSessionRole(user.roles, given.role, ctx.config.selfSignupRoles);
  const sessionId = generateOpaqueToken();
  const subject = { userId: user.id, phoneNumber, role, sessionId, generation: 1 };
  const expiresAt = issuedAt + ctx.config.phoneRefreshSeconds;
  const refresh = generateRefreshToken(ctx.phoneKeys, subject, { issuedAt, expiresAt });
  const session = {
    id: sessionId,
    kind: 'phone' as const,
    deviceName,
    amr,
    refreshJti: refresh.jti,
    issuedAt: new Date(issuedAt * 1000),
    expiresAt: new Date(expiresAt * 1000),
  };
  const asked = { userId: user.id, phoneNumber, role: given.role, deviceName, amr };
  const pending = { kind: 'phone' as const, ...asked };
  return { user, role, client, session, subject, refresh, pending };
}

/** For whoever reads Redis; the truth is committed already. */
async function noteRefreshToken(
  ctx: PhoneSessionContext,
  jti: string,
  seconds: number,
): Promise<void> {
  try {
    await ctx.ephemeral.set(refreshTokenKey(jti), '1', seconds * 1000);
  } catch (error) {
    ctx.log.warn({ err: error }, 'a refresh token is not noted in the ephemeral store');
  }
}
