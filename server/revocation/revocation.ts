import { z } from 'zod';
import type { Config } from '../config.ts';
import { parseJti } from '../crypto/jwt.ts';
import type { LiveRevocation } from '../store/revocations.ts';

/** Why a session or a token of it ended: kept, told to its sockets, and the ground of their close code. */
const REVOCATION_REASONS = [
  'logout',
  'session_revoked',
  'logout_all',
  'admin',
  'credentials_changed',
  'token_reuse',
  'replaced',
  'account_disabled',
  'role_changed',
  'token_revoked',
] as const;

export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/**
 * What nodes tell each other: sessions of one user that have just ended, or tokens of sessions that go on. During a
 * rolling upgrade a node may hear a reason or a field that it does not know; the sessions have ended all the same.
 */
export const revocationSchema = z.object({
  user_id: z.int(),
  session_ids: z.array(z.string()),
  /** By session id: the highest generation whose tokens are dead. */
  generations: z.record(z.string(), z.int()).default({}),
  /** Single access tokens. */
  jtis: z.array(z.string()).default([]),
  reason: z.enum(REVOCATION_REASONS).catch('session_revoked'),
  committed_at: z.iso.datetime().optional(),
  /** Where somebody waits until all nodes have acted on it. */
  revocation_id: z.string().optional(),
});

export type Revocation = z.infer<typeof revocationSchema>;

/** A message of a node. @throws where it is none */
export function readRevocation(text: string): Revocation {
  const message: unknown = JSON.parse(text);
  return isEndOfSessions(message) ? message : revocationSchema.parse(message);
}

/** The usual message, told by hand: every socket waits for it, and the schema takes as long as all that follows. */
function isEndOfSessions(message: unknown): message is Revocation {
  const { user_id, session_ids, generations, jtis, reason, committed_at, revocation_id } =
    message as Record<string, unknown>;
  return (
    Number.isSafeInteger(user_id) &&
    isStrings(session_ids) &&
    isStrings(jtis) &&
    typeof generations === 'object' &&
    generations !== null &&
    Object.keys(generations).length === 0 &&
    typeof reason === 'string' &&
    isRevocation(reason) &&
    typeof committed_at === 'string' &&
    revocation_id === undefined
  );
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

/** A revocation as PostgreSQL keeps it, a row for each session. */
export function fromRow(row: LiveRevocation): Revocation {
  const { userId, sessionId, generation, jti, reason, revokedAt, revocationId } = row;
  return revocationSchema.parse({
    user_id: userId,
    session_ids: generation === null && jti === null ? [sessionId] : [],
    generations: generation === null ? {} : { [sessionId]: generation },
    jtis: jti === null ? [] : [jti],
    reason,
    committed_at: revokedAt.toISOString(),
    revocation_id: revocationId ?? undefined,
  });
}

/** The sessions that have ended, or have tokens that have. */
export function sessionsOf({ session_ids, generations, jtis }: Revocation): string[] {
  const holders = jtis.map((jti) => parseJti(jti).sessionId);
  return [...new Set([...session_ids, ...Object.keys(generations), ...holders])];
}

export function isRevocation(reason: string): reason is RevocationReason {
  return REVOCATION_REASONS.some((known) => known === reason);
}

/** However far the clocks of the nodes are apart. */
export const CLOCK_SLACK_MS = 60_000;

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
