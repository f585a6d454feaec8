import { recordAudit, type Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { AppRole, Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import {
  generateAccessToken,
  generateRefreshToken,
  type SignedToken,
  type TokenSubject,
} from '../crypto/jwt.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import { AppError } from '../errors.ts';
import { refreshTokenKey } from '../revocation/end-sessions.ts';
import { inTransaction, type Trx } from '../store/database.ts';
import { insertSession } from '../store/sessions.ts';
import { insertUserByPhone, lockUserByPhone, recordLogin, type User } from '../store/users.ts';
import { withOneTimeCode } from './check-one-time-code.ts';
import { chooseSessionRole } from './choose-session-role.ts';

type SignInContext = Pick<
  AppContext,
  'db' | 'clock' | 'config' | 'log' | 'ephemeral' | 'codeHashKey' | 'phoneKeys'
>;

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
 * @throws what `withOneTimeCode` throws; `role_not_allowed`, `account_disabled`
 */
export async function signInWithPhone(
  ctx: SignInContext,
  signIn: PhoneSignIn,
): Promise<PhoneSession> {
  const { phoneNumber, code } = signIn;
  return withOneTimeCode(ctx, { phoneNumber, code }, async () => {
    const issuedAt = epochSeconds(ctx.clock);
    const { user, role, sessionId, refresh } = await inTransaction(ctx.db, (trx) =>
      openSession(ctx, trx, { signIn, issuedAt }),
    );
    const subject = { userId: user.id, phoneNumber, role, sessionId, generation: 1 };
    const life = { issuedAt, expiresAt: issuedAt + ctx.config.phoneAccessSeconds };
    await noteRefreshToken(ctx, refresh);
    return {
      accessToken: generateAccessToken(ctx.phoneKeys, subject, life).token,
      refreshToken: refresh.token,
      expiresInSeconds: ctx.config.phoneAccessSeconds,
      user,
      role,
    };
  });
}

async function openSession(
  ctx: SignInContext,
  trx: Trx,
  { signIn, issuedAt }: { signIn: PhoneSignIn; issuedAt: number },
) {
  const { phoneNumber, client } = signIn;
  const now = new Date(ctx.clock.now());
  const known = await lockUserByPhone(trx, phoneNumber);
  const { isNew, ...found } = known
    ? { ...known, isNew: false }
    : await insertUserByPhone(trx, { phoneNumber, now });
  if (!found.isActive) throw new AppError('account_disabled');
  const role = chooseSessionRole(found.roles, signIn.role, ctx.config.selfSignupRoles);
  const sessionId = generateOpaqueToken();
  const subject = { userId: found.id, phoneNumber, role, sessionId, generation: 1 };
  const refresh = makeRefreshToken(ctx, subject, issuedAt);
  await recordLogin(trx, { userId: found.id, role, now });
  await insertSession(trx, {
    id: sessionId,
    userId: found.id,
    kind: 'phone',
    role,
    deviceName: signIn.deviceName ?? null,
    refreshJti: refresh.jti,
    now,
    expiresAt: new Date((issuedAt + ctx.config.phoneRefreshSeconds) * 1000),
    ip: client.ip,
    userAgent: client.userAgent,
    deviceId: client.deviceId,
  });
  const event = { at: now, userId: found.id, sessionId, client, details: { role } };
  if (isNew) await recordAudit(trx, { ...event, type: 'user_registered' });
  if (!found.roles.includes(role)) await recordAudit(trx, { ...event, type: 'role_added' });
  await recordAudit(trx, { ...event, type: 'login_succeeded' });
  const roles = found.roles.includes(role) ? found.roles : [...found.roles, role];
  return { user: { ...found, roles, lastLogin: now }, role, sessionId, refresh };
}

function makeRefreshToken(
  ctx: SignInContext,
  subject: TokenSubject,
  issuedAt: number,
): SignedToken {
  const expiresAt = issuedAt + ctx.config.phoneRefreshSeconds;
  return generateRefreshToken(ctx.phoneKeys, subject, { issuedAt, expiresAt });
}

/** For whoever reads Redis; the truth is committed already. */
async function noteRefreshToken(ctx: SignInContext, { jti }: SignedToken): Promise<void> {
  try {
    await ctx.ephemeral.set(refreshTokenKey(jti), '1', ctx.config.phoneRefreshSeconds * 1000);
  } catch (error) {
    ctx.log.warn({ err: error }, 'a refresh token is not noted in the ephemeral store');
  }
}
