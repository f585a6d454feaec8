import type { Client } from '../audit.ts';
import { AppError } from '../errors.ts';
import type { Trx } from '../store/database.ts';
import { lockUser, type UserWithPassword } from '../store/users.ts';
import {
  checkSecondFactor,
  confirmSecondFactor,
  type CheckedSecondFactor,
  type SecondFactor,
  type SecondFactorContext,
} from './check-second-factor.ts';
import { withPlace } from './limit-judging.ts';
import {
  openAccountSession,
  type AccountSession,
  type AccountSessionContext,
} from './open-account-session.ts';
import {
  openPhoneSession,
  type PhoneSession,
  type PhoneSessionContext,
} from './open-phone-session.ts';
import { SECOND_FACTOR_AMR, type OpenSessionContext } from './open-session.ts';
import {
  findChallenge,
  isChallenge,
  withChallenge,
  type Challenge,
  type PendingKind,
  type PendingOf,
  type PendingSignIn,
} from './second-factor-challenge.ts';

interface AnswerInput {
  challengeToken: string;
  factor: SecondFactor;
  client: Client;
}

/**
 * Finishes a sign-in to an account with its second factor.
 * @throws `invalid_challenge`; what `checkSecondFactor` and `openAccountSession` throw
 */
export function completeAccountSignIn(
  ctx: SecondFactorContext & AccountSessionContext,
  input: AnswerInput,
): Promise<AccountSession> {
  return answerChallenge(ctx, { ...input, kind: 'account' }, (pending, identify) =>
    openAccountSession(ctx, input.client, async (trx) => ({
      ...pending,
      user: await identify(trx),
    })),
  );
}

/** The same for a sign-in by phone. @throws what `openPhoneSession` throws instead */
export function completePhoneSignIn(
  ctx: SecondFactorContext & PhoneSessionContext,
  input: AnswerInput,
): Promise<PhoneSession> {
  return answerChallenge(ctx, { ...input, kind: 'phone' }, (pending, identify) =>
    openPhoneSession(ctx, input.client, async (trx) => ({
      ...pending,
      role: pending.role,
      user: await identify(trx),
    })),
  );
}

/** Judges the code first: a wrong one leaves the challenge for the next. */
async function answerChallenge<Kind extends PendingKind, Session extends object>(
  ctx: SecondFactorContext & OpenSessionContext,
  { kind, challengeToken, factor, client }: AnswerInput & { kind: Kind },
  open: (
    pending: PendingOf<Kind>,
    identify: (trx: Trx) => Promise<UserWithPassword>,
  ) => Promise<Session | Challenge>,
): Promise<Session> {
  const challenge = await findChallenge(ctx, { kind, challengeToken });
  const { pending } = challenge;
  const { userId } = pending;
  return withPlace(ctx, userId, async () => {
    const checked = await checkSecondFactor(ctx, { userId, factor, client });
    const amr = [...pending.amr, ...SECOND_FACTOR_AMR];
    const session = await withChallenge(ctx, challenge, () =>
      open({ ...pending, amr }, (trx) => identify(ctx, trx, { pending, checked })),
    );
    if (isChallenge(session)) throw new Error('the second factor was asked for twice');
    return session;
  });
}

/** Locks the user, for whom the first factor must still be what it was. */
async function identify(
  ctx: SecondFactorContext,
  trx: Trx,
  { pending, checked }: { pending: PendingSignIn; checked: CheckedSecondFactor },
): Promise<UserWithPassword> {
  const user = await lockUser(trx, pending.userId);
  const isUnchanged =
    pending.kind === 'account'
      ? user?.passwordVersion === pending.passwordVersion
      : user?.phoneNumber === pending.phoneNumber;
  if (user === null || !isUnchanged) throw new AppError('invalid_challenge');
  await confirmSecondFactor(ctx, trx, checked);
  return user;
}
