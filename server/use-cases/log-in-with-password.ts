import { recordAudit, type Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { generateJti } from '../crypto/jwt.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import type { Trx } from '../store/database.ts';
import { replacePasswordHash } from '../store/passwords.ts';
import type { User, UserWithPassword } from '../store/users.ts';
import type { Role } from '../config.ts';
import { checkPassword, confirmPassword, type PasswordContext } from './check-password.ts';
import { chooseSessionRole } from './choose-session-role.ts';
import { issueAccountTokens, type IssuedTokens } from './issue-account-tokens.ts';
import { signIn, type OpenSessionContext } from './open-session.ts';

type LogInContext = PasswordContext & OpenSessionContext & Pick<AppContext, 'accountKeys'>;

interface LogInInput {
  email: string;
  password: string;
  deviceName: string | undefined;
  client: Client;
}

export interface AccountSession extends IssuedTokens {
  user: User;
  role: Role;
}

/**
 * Opens a session for an e-mail address and its password.
 * @throws what `checkPassword` throws; `account_disabled`, `session_limit_reached`
 */
export async function logInWithPassword(
  ctx: LogInContext,
  input: LogInInput,
): Promise<AccountSession> {
  const { client, deviceName } = input;
  const checked = await checkPassword(ctx, { ...input, failureEvent: 'login_failed' });
  const upgraded = checked.needsUpgrade ? await ctx.passwords.hash(input.password) : null;
  const issuedAt = epochSeconds(ctx.clock);
  const { user, role, state } = await signIn(ctx, async (trx) => {
    const user = await confirmPassword(ctx, trx, checked);
    // Of many first logins at once, one has done so before.
    const isOld = user.passwordHash === checked.user.passwordHash;
    if (upgraded !== null && isOld) {
      await upgradeHash(ctx, trx, { user, passwordHash: upgraded, client });
    }
    return describeSession(ctx, { user, issuedAt, deviceName, client });
  });
  return { ...issueAccountTokens(ctx, state, issuedAt), user, role };
}

interface SessionInput {
  user: UserWithPassword;
  issuedAt: number;
  deviceName: string | undefined;
  client: Client;
}

function describeSession(ctx: LogInContext, input: SessionInput) {
  const { user, issuedAt, deviceName = null, client } = input;
  const role = chooseSessionRole(user.roles, undefined, []);
  const id = generateOpaqueToken();
  const session = {
    id,
    kind: 'account' as const,
    deviceName,
    amr: ['pwd'],
    refreshJti: generateJti({ sessionId: id, generation: 1 }),
    issuedAt: new Date(issuedAt * 1000),
    expiresAt: new Date((issuedAt + ctx.config.accountRefreshSeconds) * 1000),
  };
  const state = {
    ...session,
    userId: user.id,
    email: user.email ?? '',
    roles: user.roles,
    role,
    sessionId: id,
    generation: 1,
    signedInAt: session.issuedAt,
  };
  return { user, role, client, session, state };
}

async function upgradeHash(
  ctx: LogInContext,
  trx: Trx,
  { user, passwordHash, client }: { user: User; passwordHash: string; client: Client },
): Promise<void> {
  const at = new Date(ctx.clock.now());
  await replacePasswordHash(trx, { userId: user.id, passwordHash });
  await recordAudit(ctx, trx, { type: 'password_hash_upgraded', at, userId: user.id, client });
}
