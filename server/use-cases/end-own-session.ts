import type { Client } from '../audit.ts';
import { AppError } from '../errors.ts';
import { endSessions } from '../revocation/end-sessions.ts';
import type { Principal } from './authenticate-token.ts';

interface EndOwnSessionInput {
  principal: Principal;
  sessionId: string;
  client: Client;
}

/** Ends one of the user's sessions. @throws `not_found` for one that has ended or is another user's */
export async function endOwnSession(
  ctx: Parameters<typeof endSessions>[0],
  { principal, sessionId, client }: EndOwnSessionInput,
): Promise<void> {
  const ended = await endSessions(ctx, {
    selection: { userId: principal.userId, only: [sessionId] },
    reason: 'session_revoked',
    event: 'session_revoked',
    client,
    heldSessionId: principal.sessionId,
  });
  if (ended.length === 0) throw new AppError('not_found');
}

/** Ends all of the user's sessions but the one that asks. */
export async function endOtherSessions(
  ctx: Parameters<typeof endSessions>[0],
  { principal, client }: Omit<EndOwnSessionInput, 'sessionId'>,
): Promise<void> {
  await endSessions(ctx, {
    selection: { userId: principal.userId, except: principal.sessionId },
    reason: 'session_revoked',
    event: 'other_sessions_revoked',
    client,
    heldSessionId: principal.sessionId,
  });
}
