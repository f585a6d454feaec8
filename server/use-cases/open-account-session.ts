import type { Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { generateJti } from '../crypto/jwt.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import type { Trx } from '../store/database.ts';
import type { User, UserWithPassword } from '../store/users.ts';
import { chooseSessionRole } from './choose-session-role.ts';
import { issueAccountTokens, type IssuedTokens } from './issue-account-tokens.ts';
import { signIn, type OpenSessionContext } from './open-session.ts';
import { isChallenge, type Challenge } from './second-factor-challenge.ts';

export type AccountSessionContext = OpenSessionContext & Pick<AppContext, 'accountKeys'>;

export interface AccountSession extends IssuedTokens {
  user: User;
  role: Role;
}

/** Who signs in to an account, and how they proved it (RFC 8176). */
export interface AccountSignIn {
  user: UserWithPassword;
  deviceName: string | null;
  amr: string[];
  /** Whether there is no second step for a second factor that is still due. */
  isOneStep?: boolean;
}

/**
 * Opens an account session and issues its tokens, or gives a challenge where the second factor is still due, and
 * with `isOneStep` a refusal.
 * @param identify Locks the user and says who it is, in the transaction that makes the session.
 * @throws what `signIn` throws
 */
export async function openAccountSession(
  ctx: AccountSessionContext,
  client: Client,
  identify: (trx: Trx) => Promise<AccountSignIn>,
): Promise<AccountSession | Challenge> {
  const issuedAt = epochSeconds(ctx.clock);
  const result = await signIn(ctx, async (trx) =>
    describeSession(ctx, { ...(await identify(trx)), issuedAt, client }),
  );
  if (isChallenge(result)) return result;
  const { user, role, state } = result;
  return { ...issueAccountTokens(ctx, state, issuedAt), user, role };
}

function describeSession(
  ctx: AccountSessionContext,
  given: AccountSignIn & { issuedAt: number; client: Client },
) {
  const { user, deviceName, amr, isOneStep = false, issuedAt, client } = given;
  const role = chooseSessionRole(user.roles, undefined, []);
  const id = generateOpaqueToken();
  const session = {
    id,
    kind: 'account' as const,
    deviceName,
    amr,
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
  const { id: userId, passwordVersion } = user;
  const pending = { kind: 'account' as const, userId, passwordVersion, deviceName, amr };
  return { user, role, client, session, state, pending: isOneStep ? null : pending };
}
