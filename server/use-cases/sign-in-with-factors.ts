import type { Client } from '../audit.ts';
import type { Trx } from '../store/database.ts';
import type { UserWithPassword } from '../store/users.ts';
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
import { SECOND_FACTOR_AMR, type OpenSessionContext } from './open-session.ts';

export type FactorsContext = PasswordContext & SecondFactorContext & OpenSessionContext;

interface FactorsInput {
  email: string;
  password: string;
  /** Ignored where the user has none. */
  factor: SecondFactor | null;
  client: Client;
}

/** Who signs in, under the lock of the user's row, and how they proved it (RFC 8176). */
interface Identified {
  user: UserWithPassword;
  amr: string[];
}

/**
 * A sign-in whose factors come all at once, for surfaces without a second step: judges the password and then the
 * code, and has `open` make the session, in whose transaction `identify` spends both.
 * The second factor is spoken of only after the right password.
 * @throws what `checkPassword`, `checkSecondFactor` and `open` throw
 */
export async function signInWithFactors<Session>(
  ctx: FactorsContext,
  input: FactorsInput,
  open: (identify: (trx: Trx) => Promise<Identified>) => Promise<Session>,
): Promise<Session> {
  const { client, factor } = input;
  const login = await checkLogin(ctx, input);
  const { id: userId, totpEnabled } = login.checked.user;
  const openWith = (shown: CheckedSecondFactor | null) =>
    open(async (trx) => {
      const user = await confirmLogin(ctx, trx, login);
      if (shown === null) return { user, amr: ['pwd'] };
      await confirmSecondFactor(ctx, trx, shown);
      return { user, amr: ['pwd', ...SECOND_FACTOR_AMR] };
    });
  if (factor === null || !totpEnabled) return openWith(null);
  return withPlace(ctx, userId, async () =>
    openWith(await checkSecondFactor(ctx, { userId, factor, client })),
  );
}
