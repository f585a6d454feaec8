import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { parseJti } from '../crypto/jwt.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import { AppError } from '../errors.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import { pushRevocation } from '../revocation/push-revocation.ts';
import { revocationLifeMs } from '../revocation/revocation.ts';
import { inTransaction, type Trx } from '../store/database.ts';
import { insertTokenRevocation } from '../store/revocations.ts';
import { findSessionOwner } from '../store/sessions.ts';
import { userExists } from '../store/users.ts';
import type { Staff } from './authorize-staff.ts';

/** What staff revoke: all that a user holds, a session, or one access token. */
export type RevocationTarget = { userId: number } | { sessionId: string } | { jti: string };

export interface RevokeInput {
  target: RevocationTarget;
  staff: Staff;
  /** In the words of whoever asks, for the record. */
  reason?: string;
  client: Client;
}

/** A revocation that is committed. */
export interface Revoked {
  revocationId: string;
  committedAt: Date;
  /** How many sessions it ended: none where they had ended before. */
  sessionsEnded: number;
}

/**
 * Ends what belongs to another person, on every node. Asking again is safe.
 * @throws `not_found` where there is no such user or session
 */
export async function revoke(ctx: EndSessionsContext, input: RevokeInput): Promise<Revoked> {
  const revocationId = generateOpaqueToken();
  const { target, reason } = input;
  const details = { revocation_id: revocationId, ...(reason !== undefined && { reason }) };
  const act = { ...input, details };
  if ('jti' in target) await revokeToken(ctx, target.jti, act);
  const sessionsEnded =
    'userId' in target
      ? await endAll(ctx, target.userId, act)
      : 'sessionId' in target
        ? await endOne(ctx, target.sessionId, act)
        : 0;
  return { revocationId, committedAt: new Date(ctx.clock.now()), sessionsEnded };
}

type Act = Pick<RevokeInput, 'staff' | 'client'> & { details: Record<string, unknown> };

async function endAll(ctx: EndSessionsContext, userId: number, act: Act): Promise<number> {
  if (!(await userExists(ctx.db, userId))) throw new AppError('not_found');
  const { staff, ...rest } = act;
  const ended = await endSessions(ctx, {
    selection: { userId },
    reason: 'admin',
    event: 'all_sessions_revoked',
    actor: staff.actor,
    ...rest,
  });
  return ended.length;
}

async function endOne(ctx: EndSessionsContext, sessionId: string, act: Act): Promise<number> {
  const userId = await findSessionOwner(ctx.db, sessionId);
  if (userId === null) throw new AppError('not_found');
  const { staff, ...rest } = act;
  const ended = await endSessions(ctx, {
    selection: { userId, only: [sessionId] },
    reason: 'session_revoked',
    event: 'session_revoked',
    actor: staff.actor,
    ...rest,
  });
  return ended.length;
}

/** The session goes on: whoever holds its refresh token gets another access token. */
async function revokeToken(ctx: EndSessionsContext, jti: string, act: Act): Promise<void> {
  const { sessionId } = parseJti(jti);
  const userId = await findSessionOwner(ctx.db, sessionId);
  if (userId === null) throw new AppError('not_found');
  await inTransaction(ctx.db, (trx) => commitToken(ctx, trx, { userId, sessionId, jti, ...act }));
  await pushRevocation(ctx, {
    revocation: {
      user_id: userId,
      session_ids: [],
      generations: {},
      jtis: [jti],
      reason: 'token_revoked',
    },
  });
}

type Token = Act & { userId: number; sessionId: string; jti: string };

async function commitToken(
  ctx: Pick<AppContext, 'config' | 'clock' | 'log'>,
  trx: Trx,
  { userId, sessionId, jti, staff, client, details }: Token,
): Promise<void> {
  const now = new Date(ctx.clock.now());
  const expiresAt = new Date(now.getTime() + revocationLifeMs(ctx.config));
  await insertTokenRevocation(trx, { userId, sessionId, jti, now, expiresAt });
  await recordAudit(ctx, trx, {
    type: 'token_revoked',
    at: now,
    userId,
    sessionId,
    actor: staff.actor,
    client,
    details,
  });
}
