import { z } from 'zod';
import type { Config } from '../config.ts';

/** Why a session ended: kept with it, told to its sockets, and the ground of their close code. */
const REVOCATION_REASONS = [
  'logout',
  'session_revoked',
  'logout_all',
  'credentials_changed',
  'token_reuse',
  'replaced',
  'account_disabled',
] as const;

export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/**
 * What nodes tell each other: sessions of one user that have just ended. During a rolling upgrade a node may
 * hear a reason or a field that it does not know; the sessions have ended all the same.
 */
export const revocationSchema = z.object({
  user_id: z.int(),
  session_ids: z.array(z.string()),
  reason: z.enum(REVOCATION_REASONS).catch('session_revoked'),
});

export type Revocation = z.infer<typeof revocationSchema>;

export function isRevocation(reason: string): reason is RevocationReason {
  return REVOCATION_REASONS.some((known) => known === reason);
}

/** However far the clocks of the nodes are apart. */
const CLOCK_SLACK_MS = 60_000;

type TokenLives = Pick<Config, 'phoneAccessSeconds' | 'accountAccessSeconds'>;

/** The longest that an access token of any kind lives. */
export function accessTokenLifeMs({
  phoneAccessSeconds,
  accountAccessSeconds,
}: TokenLives): number {
  return Math.max(phoneAccessSeconds, accountAccessSeconds) * 1000;
}

/** How long a revocation matters: no access token that it concerns lives longer. */
export function revocationLifeMs(lives: TokenLives): number {
  return accessTokenLifeMs(lives) + CLOCK_SLACK_MS;
}
