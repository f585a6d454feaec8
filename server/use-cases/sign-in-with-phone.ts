import { recordAudit, type Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { AppRole, Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import type { SignedToken } from '../crypto/jwt.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import { generateAccessToken, generateRefreshToken } from '../crypto/phone-tokens.ts';
import { refreshTokenKey } from '../revocation/end-sessions.ts';
import type { Trx } from '../store/database.ts';
import { insertUserByPhone, lockUserByPhone, type User } from '../store/users.ts';
import { withOneTimeCode } from './check-one-time-code.ts';
import { chooseSessionRole } from './choose-session-role.ts';
import { signIn, type OpenSessionContext } from './open-session.ts';

type SignInContext = OpenSessionContext & Pick<AppContext, 'codeHashKey' | 'phoneKeys'>;

export interface PhoneSignIn {
  /** E.164. */
  phoneNumber: string;
  code: string;
  role: AppRole | undefined;
  deviceName: string | undefined;
  client: Client;
}

export interface PhoneSession {
  accessToken: string;
  refreshToken: string;
  expiresInSeconds: number;
  user: User;
  role: Role;
}

/**
 * Spends a one-time code on a new session; the first sign-in with a number makes its user.
 * @throws what `withOneTimeCode` throws; `role_not_allowed`, `account_disabled`, `session_limit_reached`
 */
export async function signInWithPhone(
  ctx: SignInContext,
  input: PhoneSignIn,
): Promise<PhoneSession> {
  const { phoneNumber, code } = input;
  const { phoneAccessSeconds, phoneRefreshSeconds } = ctx.config;
  return withOneTimeCode(ctx, { phoneNumber, code, client: input.client }, async () => {
    const issuedAt = epochSeconds(ctx.clock);
    const { user, role, subject, refresh } = await signIn(ctx, (trx) =>
      identify(ctx, trx, { input, issuedAt }),
    );
    const life = { issuedAt, expiresAt: issuedAt + phoneAccessSeconds };
    await noteRefreshToken(ctx, refresh.jti, phoneRefreshSeconds);
    return {
      accessToken: generateAccessToken(ctx.phoneKeys, subject, life).token,
      refreshToken: refresh.token,
      expiresInSeconds: phoneAccessSeconds,
      user,
      role,
    };
  });
}

async function identify(
  ctx: SignInContext,
  trx: Trx,
  { input, issuedAt }: { input: PhoneSignIn; issuedAt: number },
) {
  const { phoneNumber, client } = input;
  const user = await findOrMakeUser(ctx, trx, input);
  const role = chooseSessionRole(user.roles, input.role, ctx.config.selfSignupRoles);
  const sessionId = generateOpaqueToken();
  const subject = { userId: user.id, phoneNumber, role, sessionId, generation: 1 };
  const expiresAt = issuedAt + ctx.config.phoneRefreshSeconds;
  const refresh: SignedToken = generateRefreshToken(ctx.phoneKeys, subject, {
    issuedAt,
    expiresAt,
  });
  const session = {
    id: sessionId,
    kind: 'phone' as const,
    deviceName: input.deviceName ?? null,
    amr: ['sms'],
    refreshJti: refresh.jti,
    issuedAt: new Date(issuedAt * 1000),
    expiresAt: new Date(expiresAt * 1000),
  };
  return { user, role, client, session, subject, refresh };
}

async function findOrMakeUser(
  ctx: SignInContext,
  trx: Trx,
  { phoneNumber, client }: PhoneSignIn,
): Promise<User> {
  const known = await lockUserByPhone(trx, phoneNumber);
  if (known !== null) return known;
  const now = new Date(ctx.clock.now());
  const { isNew, ...user } = await insertUserByPhone(trx, { phoneNumber, now });
  const event = { type: 'user_registered', at: now, userId: user.id, client } as const;
  if (isNew) await recordAudit(ctx, trx, event);
  return user;
}

/** For whoever reads Redis; the truth is committed already. */
async function noteRefreshToken(ctx: SignInContext, jti: string, seconds: number): Promise<void> {
  try {
    await ctx.ephemeral.set(refreshTokenKey(jti), '1', seconds * 1000);
  } catch (error) {
    ctx.log.warn({ err: error }, 'a refresh token is not noted in the ephemeral store');
  }
}
