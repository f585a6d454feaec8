import { z } from 'zod';
import { APP_ROLES } from '../config.ts';
import type { AppContext } from '../context.ts';
import { keyedHash } from '../crypto/keyed-hash.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import { AppError } from '../errors.ts';

export const CHALLENGE_SECONDS = 10 * 60;

const common = {
  userId: z.int(),
  deviceName: z.string().nullable(),
  /** How the person has proved so far who they are (RFC 8176). */
  amr: z.array(z.string()),
};

const account = z.object({ ...common, kind: z.literal('account'), passwordVersion: z.int() });
const phone = z.object({
  ...common,
  kind: z.literal('phone'),
  phoneNumber: z.string(),
  role: z.enum(APP_ROLES).optional(),
});

/** A sign-in whose first factor was right, as it waits for the second; void where that has changed meanwhile. */
const pendingSignIn = z.discriminatedUnion('kind', [account, phone]);

export type PendingSignIn = z.infer<typeof pendingSignIn>;
export type PendingKind = PendingSignIn['kind'];
export type PendingOf<Kind extends PendingKind> = Extract<PendingSignIn, { kind: Kind }>;

/** What a sign-in gives in the place of a session: it is gone on with within ten minutes. */
export interface Challenge {
  challengeToken: string;
  expiresInSeconds: number;
}

type ChallengeContext = Pick<AppContext, 'ephemeral' | 'codeHashKey'>;

/** @throws `service_unavailable` */
export async function createChallenge(
  ctx: ChallengeContext,
  pending: PendingSignIn,
): Promise<Challenge> {
  const challengeToken = generateOpaqueToken(32);
  const key = challengeKey(ctx, challengeToken);
  await ctx.ephemeral.set(key, JSON.stringify(pending), CHALLENGE_SECONDS * 1000);
  return { challengeToken, expiresInSeconds: CHALLENGE_SECONDS };
}

export function isChallenge(result: object): result is Challenge {
  return 'challengeToken' in result;
}

interface Presented<Kind extends PendingKind> {
  challengeToken: string;
  /** The surface that asks: a sign-in is finished where it was begun. */
  kind: Kind;
}

/** A challenge as it lies in the store. */
interface FoundChallenge<Kind extends PendingKind> {
  key: string;
  text: string;
  pending: PendingOf<Kind>;
}

/** @throws `invalid_challenge`, `service_unavailable` */
export async function findChallenge<Kind extends PendingKind>(
  ctx: ChallengeContext,
  { challengeToken, kind }: Presented<Kind>,
): Promise<FoundChallenge<Kind>> {
  const key = challengeKey(ctx, challengeToken);
  const text = await ctx.ephemeral.get(key);
  if (text === null) throw new AppError('invalid_challenge');
  const pending = pendingSignIn.parse(JSON.parse(text));
  if (pending.kind !== kind) throw new AppError('invalid_challenge');
  return { key, text, pending: pending as PendingOf<Kind> };
}

/**
 * Spends a challenge on `act`, of many at once only one. If `act` fails it is given back: nobody signs in anew
 * because of a fault of ours.
 * @throws `invalid_challenge`, `service_unavailable`, and what `act` throws
 */
export async function withChallenge<Result>(
  { ephemeral }: ChallengeContext,
  { key, text }: Pick<FoundChallenge<PendingKind>, 'key' | 'text'>,
  act: () => Promise<Result>,
): Promise<Result> {
  const taken = await ephemeral.takeIfEqual(key, text);
  if (typeof taken === 'string') throw new AppError('invalid_challenge');
  try {
    return await act();
  } catch (error) {
    await Promise.allSettled([ephemeral.setIfAbsent(key, text, taken.ttlMs)]);
    throw error;
  }
}

function challengeKey({ codeHashKey }: ChallengeContext, challengeToken: string): string {
  return `2fa:challenge:${keyedHash(codeHashKey, 'challenge', challengeToken)}`;
}
