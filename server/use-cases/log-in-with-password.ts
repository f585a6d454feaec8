import type { Client } from '../audit.ts';
import { checkLogin, confirmLogin } from './check-login.ts';
import type { PasswordContext } from './check-password.ts';
import {
  openAccountSession,
  type AccountSession,
  type AccountSessionContext,
} from './open-account-session.ts';
import type { Challenge } from './second-factor-challenge.ts';

interface LogInInput {
  email: string;
  password: string;
  deviceName: string | undefined;
  client: Client;
}

/**
 * Opens a session for an e-mail address and its password, or gives a challenge where a second factor is on.
 * @throws what `checkPassword` throws; `account_disabled`, `session_limit_reached`
 */
export async function logInWithPassword(
  ctx: PasswordContext & AccountSessionContext,
  input: LogInInput,
): Promise<AccountSession | Challenge> {
  const { client, deviceName = null } = input;
  const login = await checkLogin(ctx, input);
  return openAccountSession(ctx, client, async (trx) => ({
    user: await confirmLogin(ctx, trx, login),
    deviceName,
    amr: ['pwd'],
  }));
}
