import { recordAudit, type AuditEvent, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { parseJti } from '../crypto/jwt.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import { AppError } from '../errors.ts';
import type { Acknowledgement } from '../revocation/acknowledgements.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import { pushRevocation } from '../revocation/push-revocation.ts';
import { revocationLifeMs } from '../revocation/revocation.ts';
import { inTransaction, type Trx } from '../store/database.ts';
import { listNodes } from '../store/nodes.ts';
import { insertTokenRevocation } from '../store/revocations.ts';
import { findSessionOwner, findTokenOwner } from '../store/sessions.ts';
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
  /** How long to wait for all nodes to act on it. */
  waitMs?: number;
}

/** A revocation that is committed. */
export interface Revoked {
  revocationId: string;
  committedAt: Date;
  /** How many sessions it ended: none where they had ended before. */
  sessionsEnded: number;
  acknowledged: Acknowledgement[];
  /** The nodes that were not heard of in time. They act within the lease all the same, or serve nobody. */
  pendingNodeIds: string[];
}

type RevokeContext = EndSessionsContext & Pick<AppContext, 'acknowledgements' | 'node'>;

/**
 * Ends what belongs to another person, on every node. Asking again is safe.
 * @throws `not_found` where there is no such user or session
 */
export async function revoke(ctx: RevokeContext, input: RevokeInput): Promise<Revoked> {
  const revocationId = generateOpaqueToken();
  const { reason, waitMs = 0 } = input;
  const details = { revocation_id: revocationId, ...(reason !== undefined && { reason }) };
  const hearing = ctx.acknowledgements.listen(revocationId);
  let nodeIds: string[] = [];
  try {
    const sessionsEnded = await endTarget(ctx, { ...input, revocationId, details });
    const committedAt = new Date(ctx.clock.now());
    if (sessionsEnded > 0 || 'jti' in input.target) nodeIds = await listNodeIds(ctx);
    const { acknowledged, pending } = await hearing.outcome(nodeIds, waitMs);
    return { revocationId, committedAt, sessionsEnded, acknowledged, pendingNodeIds: pending };
  } finally {
    hearing.stop();
  }
}

/** This one among them, whatever PostgreSQL has heard of it. It is committed: what fails here fails nobody. */
async function listNodeIds({ db, node }: RevokeContext): Promise<string[]> {
  const nodes = await listNodes(db).catch(() => []);
  return [...new Set([node.id, ...nodes.map(({ id }) => id)])];
}

async function endTarget(ctx: EndSessionsContext, act: Act): Promise<number> {
  const { target } = act;
  if ('userId' in target) return endAll(ctx, target.userId, act);
  if ('sessionId' in target) return endOne(ctx, target.sessionId, act);
  await revokeToken(ctx, target.jti, act);
  return 0;
}

type Act = Pick<RevokeInput, 'target' | 'staff' | 'client'> & {
  revocationId: string;
  details: Record<string, unknown>;
};

async function endAll(ctx: EndSessionsContext, userId: number, act: Act): Promise<number> {
  if (!(await userExists(ctx.db, userId))) throw new AppError('not_found');
  const { staff, client, revocationId, details } = act;
  const ended = await endSessions(ctx, {
    selection: { userId },
    reason: 'admin',
    event: 'all_sessions_revoked',
    actor: staff.actor,
    client,
    revocationId,
    details,
  });
  if (ended.length === 0) await recordNothing(ctx, act, { type: 'all_sessions_revoked', userId });
  return ended.length;
}

async function endOne(ctx: EndSessionsContext, sessionId: string, act: Act): Promise<number> {
  const userId = await findSessionOwner(ctx.db, sessionId);
  if (userId === null) throw new AppError('not_found');
  const { staff, client, revocationId, details } = act;
  const ended = await endSessions(ctx, {
    selection: { userId, only: [sessionId] },
    reason: 'session_revoked',
    event: 'session_revoked',
    actor: staff.actor,
    client,
    revocationId,
    details,
  });
  if (ended.length === 0) {
    await recordNothing(ctx, act, { type: 'session_revoked', userId, sessionId });
  }
  return ended.length;
}

/** What had ended before is on record too, where a reason was given: whoever is given a revocation's id finds it. */
async function recordNothing(
  ctx: EndSessionsContext,
  { staff, client, details }: Act,
  event: Pick<AuditEvent, 'type' | 'userId' | 'sessionId'>,
): Promise<void> {
  if (!('reason' in details)) return;
  await inTransaction(ctx.db, (trx) =>
    recordAudit(ctx, trx, {
      ...event,
      at: new Date(ctx.clock.now()),
      actor: staff.actor,
      client,
      details: { ...details, sessions_ended: 0 },
    }),
  );
}

/** The session goes on: whoever holds its refresh token gets another access token. */
async function revokeToken(ctx: EndSessionsContext, jti: string, act: Act): Promise<void> {
  const { sessionId, generation } = parseJti(jti);
  const userId = await findTokenOwner(ctx.db, { sessionId, generation, jti });
  if (userId === null) throw new AppError('not_found');
  await inTransaction(ctx.db, (trx) => commitToken(ctx, trx, { userId, sessionId, jti, ...act }));
  await pushRevocation(ctx, {
    revocation: {
      user_id: userId,
      session_ids: [],
      generations: {},
      jtis: [jti],
      reason: 'token_revoked',
      revocation_id: act.revocationId,
    },
  });
}

type Token = Act & { userId: number; sessionId: string; jti: string };

async function commitToken(
  ctx: Pick<AppContext, 'config' | 'clock' | 'log'>,
  trx: Trx,
  { userId, sessionId, jti, revocationId, staff, client, details }: Token,
): Promise<void> {
  const now = new Date(ctx.clock.now());
  const expiresAt = new Date(now.getTime() + revocationLifeMs(ctx.config));
  await insertTokenRevocation(trx, { userId, sessionId, jti, revocationId, now, expiresAt });
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
