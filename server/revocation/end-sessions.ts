import {
  logAudit,
  toAuditRow,
  type Actor,
  type AuditEvent,
  type AuditEventType,
  type Client,
} from '../audit.ts';
import type { AppContext } from '../context.ts';
import { AppError, isUnavailable } from '../errors.ts';
import { inTransaction, type Db, type Trx } from '../store/database.ts';
import { endSessionRows, type EndedSession, type SessionSelection } from '../store/session-ends.ts';
import { listJtisOfSession } from '../store/refresh-tokens.ts';
import { isSessionLive } from '../store/sessions.ts';
import { pushRevocation, type AskingToken, type PushContext } from './push-revocation.ts';
import { revocationLifeMs, type RevocationReason } from './revocation.ts';

export type EndSessionsContext = PushContext & Pick<AppContext, 'db' | 'proof'>;

export interface EndSessionsInput {
  selection: SessionSelection;
  reason: RevocationReason;
  event: AuditEventType;
  /** By which all nodes acknowledge it. */
  revocationId?: string;
  /** More that the audit log is to say. */
  details?: Record<string, unknown>;
  client: Client;
  /** Where it is not the person whose sessions they are. */
  actor?: Actor | undefined;
  token?: AskingToken;
  /** The session that the caller proved to hold by a token's signature. */
  heldSessionId?: string;
  /** What else belongs to the act, in the same transaction, after the sessions have ended. */
  alongside?: (trx: Trx) => Promise<void>;
}

/**
 * The one way a session ends: committed in PostgreSQL, then acted on here and told to all nodes.
 * Gives the sessions that this call ended; what is not pushed in time is not undone.
 * @throws `token_revoked`, and ends nothing, where the session that the caller holds had ended before;
 * `service_unavailable` with PostgreSQL away. After a mere logout that failed so, the held session is blacklisted
 * and its sockets are closed all the same. Asking again is safe: PostgreSQL alone says whether it has ended.
 */
export async function endSessions(
  ctx: EndSessionsContext,
  input: EndSessionsInput,
): Promise<EndedSession[]> {
  try {
    const ended = await commit(ctx, input);
    await announceEnd(ctx, input, ended);
    return ended;
  } catch (error) {
    const sessionId = sessionToLogOut(input);
    if (sessionId !== null) await push(ctx, input, [{ sessionId, refreshJtis: [] }]);
    // An earlier call may have been committed after it was given up, and pushed by nobody.
    if (!isUnavailable(error)) await ctx.proof.prove();
    throw error;
  }
}

/** Whether `endSessions` failed because the held session had ended before. */
export function hadEnded(error: unknown): boolean {
  return error instanceof AppError && error.code === 'token_revoked';
}

/** Looked up while the nodes are told: every socket waits for that, and nobody for these. */
async function listRefreshJtis(
  { db }: EndSessionsContext,
  ended: EndedSession[],
): Promise<string[]> {
  const lists = await Promise.all(
    ended.map(
      async ({ sessionId, refreshJtis }) => refreshJtis ?? (await listJtisOfSession(db, sessionId)),
    ),
  );
  return lists.flat();
}

/** The session of a caller who asked for its end and for nothing beside: it can be acted on uncommitted. */
function sessionToLogOut({ selection, heldSessionId, alongside }: EndSessionsInput): string | null {
  const { only, except } = selection;
  if (heldSessionId === undefined || alongside !== undefined) return null;
  const isSelected = only?.includes(heldSessionId) ?? except !== heldSessionId;
  return isSelected ? heldSessionId : null;
}

function commit(ctx: EndSessionsContext, input: EndSessionsInput): Promise<EndedSession[]> {
  const { alongside } = input;
  if (alongside === undefined) return endWithin(ctx, ctx.db, input);
  return inTransaction(ctx.db, async (trx) => {
    const ended = await endWithin(ctx, trx, input);
    await alongside(trx);
    return ended;
  });
}

/** The part of `endSessions` inside of an open transaction. What it gives is announced after the commit. */
export async function endWithin(
  ctx: Pick<AppContext, 'config' | 'clock'>,
  db: Db,
  input: EndSessionsInput,
): Promise<EndedSession[]> {
  const { event, ...end } = describeEnd(ctx, input);
  const ended = await endSessionRows(db, { ...end, audit: toAuditRow(event) });
  const { heldSessionId } = input;
  if (ended.length === 0 && heldSessionId !== undefined) {
    if (!(await isSessionLive(db, { sessionId: heldSessionId })))
      throw new AppError('token_revoked');
  }
  return ended;
}

/** Counts, logs and tells all nodes what has been committed. */
export async function announceEnd(
  ctx: EndSessionsContext,
  input: EndSessionsInput,
  ended: EndedSession[],
): Promise<void> {
  if (ended.length === 0) return;
  const pushed = push(ctx, input, ended);
  // While Redis works: every socket waits for the push, and nobody for the rest.
  setImmediate(() => {
    ctx.metrics.revocations.inc({ reason: input.reason }, ended.length);
    const { event } = describeEnd(ctx, input);
    logAudit(ctx.log, { ...event, details: { ...event.details, sessions_ended: ended.length } });
  });
  await pushed;
}

function describeEnd(ctx: Pick<AppContext, 'config' | 'clock'>, input: EndSessionsInput) {
  const { selection, reason, heldSessionId = null, actor } = input;
  const now = ctx.clock.now();
  const sessionId = selection.only?.length === 1 ? selection.only[0] : undefined;
  const event: AuditEvent = {
    type: input.event,
    at: new Date(now),
    userId: selection.userId,
    ...(sessionId === undefined ? {} : { sessionId }),
    client: input.client,
    ...(actor && { actor }),
    details: input.details ?? {},
  };
  const revokedUntil = new Date(now + revocationLifeMs(ctx.config));
  const { revocationId = null } = input;
  return {
    selection,
    heldSessionId,
    revocationId,
    reason,
    now: new Date(now),
    revokedUntil,
    event,
  };
}

function push(
  ctx: EndSessionsContext,
  { selection, reason, revocationId, token }: EndSessionsInput,
  ended: EndedSession[],
): Promise<void> {
  const session_ids = ended.map(({ sessionId }) => sessionId);
  return pushRevocation(ctx, {
    revocation: {
      user_id: selection.userId,
      session_ids,
      generations: {},
      jtis: [],
      reason,
      revocation_id: revocationId,
    },
    refreshJtis: () => listRefreshJtis(ctx, ended),
    token,
  });
}
