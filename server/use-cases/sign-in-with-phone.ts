import { recordAudit, type Client } from '../audit.ts';
import type { AppRole } from '../config.ts';
import type { Trx } from '../store/database.ts';
import { insertUserByPhone, lockUserByPhone, type User } from '../store/users.ts';
import { withOneTimeCode } from './check-one-time-code.ts';
import {
  openPhoneSession,
  type PhoneSession,
  type PhoneSessionContext,
} from './open-phone-session.ts';
import type { Challenge } from './second-factor-challenge.ts';

interface SignInInput {
  /** E.164. */
  phoneNumber: string;
  code: string;
  role: AppRole | undefined;
  deviceName: string | undefined;
  client: Client;
}

/**
 * Spends a one-time code on a new session, or on a challenge where a second factor is on; the first sign-in with
 * a number makes its user.
 * @throws what `withOneTimeCode` throws; `role_not_allowed`, `account_disabled`, `session_limit_reached`
 */
export async function signInWithPhone(
  ctx: PhoneSessionContext,
  input: SignInInput,
): Promise<PhoneSession | Challenge> {
  const { phoneNumber, code, role, deviceName = null, client } = input;
  return withOneTimeCode(ctx, { phoneNumber, code, client }, () =>
    openPhoneSession(ctx, client, async (trx) => {
      const user = await findOrMakeUser(ctx, trx, input);
      return { user, phoneNumber, role, deviceName, amr: ['sms'] };
    }),
  );
}

async function findOrMakeUser(
  ctx: PhoneSessionContext,
  trx: Trx,
  { phoneNumber, client }: SignInInput,
): Promise<User> {
  const known = await lockUserByPhone(trx, phoneNumber);
  if (known !== null) return known;
  const now = new Date(ctx.clock.now());
  const { isNew, ...user } = await insertUserByPhone(trx, { phoneNumber, now });
  const event = { type: 'user_registered', at: now, userId: user.id, client } as const;
  if (isNew) await recordAudit(ctx, trx, event);
  return user;
}
