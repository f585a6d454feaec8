import type { Client } from '../audit.ts';
import type { SecondFactor } from './check-second-factor.ts';
import {
  openAccountSession,
  type AccountSession,
  type AccountSessionContext,
} from './open-account-session.ts';
import { isChallenge } from './second-factor-challenge.ts';
import { signInWithFactors, type FactorsContext } from './sign-in-with-factors.ts';

interface LogInInput {
  email: string;
  password: string;
  /** Ignored where the user has none. */
  factor: SecondFactor | null;
  client: Client;
}

/**
 * Opens an account session for all factors at once, for clients that know no second step.
 * @throws what `signInWithFactors` throws; `two_factor_required`, `account_disabled`, `session_limit_reached`
 */
export function logInAtOnce(
  ctx: FactorsContext & AccountSessionContext,
  input: LogInInput,
): Promise<AccountSession> {
  return signInWithFactors(ctx, input, async (identify) => {
    const session = await openAccountSession(ctx, input.client, async (trx) => ({
      ...(await identify(trx)),
      deviceName: null,
      isOneStep: true,
    }));
    if (isChallenge(session)) throw new Error('there is no second step here');
    return session;
  });
}
