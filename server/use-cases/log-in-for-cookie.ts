import type { Client } from '../audit.ts';
import { endSessions } from '../revocation/end-sessions.ts';
import type { CookiePrincipal } from './authenticate-cookie.ts';
import { checkLogin, confirmLogin } from './check-login.ts';
import type { PasswordContext } from './check-password.ts';
import {
  checkSecondFactor,
  confirmSecondFactor,
  type CheckedSecondFactor,
  type SecondFactor,
  type SecondFactorContext,
} from './check-second-factor.ts';
import { withPlace } from './limit-judging.ts';
import { openCookieSession, type OpenedCookieSession } from './open-cookie-session.ts';
import { SECOND_FACTOR_AMR, type OpenSessionContext } from './open-session.ts';

type LogInContext = PasswordContext & SecondFactorContext & OpenSessionContext;

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
  ctx: LogInContext,
  input: LogInInput,
): Promise<OpenedCookieSession> {
  const { client, factor, presented, deviceName = null } = input;
  const login = await checkLogin(ctx, input);
  const { id: userId, totpEnabled } = login.checked.user;
  const open = (shown: CheckedSecondFactor | null) =>
    openCookieSession(ctx, client, async (trx) => {
      const user = await confirmLogin(ctx, trx, login);
      if (shown !== null) await confirmSecondFactor(ctx, trx, shown);
      const amr = shown === null ? ['pwd'] : ['pwd', ...SECOND_FACTOR_AMR];
      return { user, deviceName, amr, replaced: presented };
    });
  const opened =
    factor === null || !totpEnabled
      ? await open(null)
      : await withPlace(ctx, userId, async () =>
          open(await checkSecondFactor(ctx, { userId, factor, client })),
        );
  if (presented !== null && presented.userId !== userId) await endLeftover(ctx, presented, client);
  return opened;
}

/** Somebody else's session in the same browser. The new one is committed: it is not withheld for what is left over. */
async function endLeftover(
  ctx: LogInContext,
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
