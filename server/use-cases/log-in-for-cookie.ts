import type { Client } from '../audit.ts';
import { endSessions } from '../revocation/end-sessions.ts';
import type { CookiePrincipal } from './authenticate-cookie.ts';
import type { SecondFactor } from './check-second-factor.ts';
import { openCookieSession, type OpenedCookieSession } from './open-cookie-session.ts';
import { signInWithFactors, type FactorsContext } from './sign-in-with-factors.ts';

interface LogInInput {
  email: string;
  password: string;
  /** Ignored where the user has none. */
  factor: SecondFactor | null;
  deviceName: string | undefined;
  /** The live session whose cookie came with the login: it ends. */
  presented: CookiePrincipal | null;
  client: Client;
}

/**
 * Opens a cookie session for an e-mail address, its password and the second factor, if that is on: all in one step.
 * The second factor is spoken of only after the right password.
 * @throws what `checkPassword` and `checkSecondFactor` throw; `two_factor_required`, `account_disabled`,
 * `session_limit_reached`
 */
export async function logInForCookie(
  ctx: FactorsContext,
  input: LogInInput,
): Promise<OpenedCookieSession> {
  const { client, presented, deviceName = null } = input;
  const opened = await signInWithFactors(ctx, input, (identify) =>
    openCookieSession(ctx, client, async (trx) => ({
      ...(await identify(trx)),
      deviceName,
      replaced: presented,
    })),
  );
  if (presented !== null && presented.userId !== opened.user.id)
    await endLeftover(ctx, presented, client);
  return opened;
}

/** Somebody else's session in the same browser. The new one is committed: it is not withheld for what is left over. */
async function endLeftover(
  ctx: FactorsContext,
  { userId, sessionId }: CookiePrincipal,
  client: Client,
): Promise<void> {
  await endSessions(ctx, {
    selection: { userId, only: [sessionId] },
    reason: 'replaced',
    event: 'session_replaced',
    client,
  }).catch((error: unknown) => {
    ctx.log.warn({ err: error }, 'the session that a login replaced could not be ended');
  });
}
