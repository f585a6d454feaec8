import type { Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import type { Trx } from '../store/database.ts';
import type { Principal } from './authenticate-token.ts';
import { withOneTimeCode } from './check-one-time-code.ts';
import {
  checkPassword,
  confirmPassword,
  type PasswordContext,
  type PasswordFailureEvent,
} from './check-password.ts';

export type ReauthenticationContext = PasswordContext &
  Pick<AppContext, 'ephemeral' | 'codeHashKey'>;

interface Reauthentication {
  principal: Principal;
  /** The password of an account, a fresh one-time code on the phone surface. */
  proof: string;
  client: Client;
  /** What a wrong password is recorded as. */
  failureEvent: PasswordFailureEvent;
}

/**
 * Runs `act` for a signed-in person who shows once more who they are. `act` calls `confirm` in its transaction:
 * the password must still be the same there. A one-time code is spent only where `act` succeeds.
 * @throws what `checkPassword` or `withOneTimeCode` throws, and what `act` throws
 */
export async function reauthenticate<Result>(
  ctx: ReauthenticationContext,
  { principal, proof, client, failureEvent }: Reauthentication,
  act: (confirm: (trx: Trx) => Promise<unknown>) => Promise<Result>,
): Promise<Result> {
  if (principal.kind === 'phone') {
    const phoneNumber = principal.claims.phone_number;
    return withOneTimeCode(ctx, { phoneNumber, code: proof, client }, () =>
      act(() => Promise.resolve()),
    );
  }
  const { email } = principal.claims;
  const checked = await checkPassword(ctx, { email, password: proof, client, failureEvent });
  return act((trx) => confirmPassword(ctx, trx, checked));
}
