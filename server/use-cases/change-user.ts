import { recordAudit, type AuditEventType, type Client } from '../audit.ts';
import type { Role } from '../config.ts';
import { AppError } from '../errors.ts';
import {
  announceEnd,
  endWithin,
  type EndSessionsContext,
  type EndSessionsInput,
} from '../revocation/end-sessions.ts';
import { changeRoles, type RoleRevocation } from '../revocation/change-roles.ts';
import { pushRevocation } from '../revocation/push-revocation.ts';
import { inTransaction, type Trx } from '../store/database.ts';
import { updateUser } from '../store/managed-users.ts';
import type { EndedSession } from '../store/session-ends.ts';
import { isBarred, lockUser, type User } from '../store/users.ts';
import { assertAnotherAdmin } from './assert-another-admin.ts';
import { assertMayManage, recordingDenial, type Staff } from './authorize-staff.ts';
import { chooseSessionRole } from './choose-session-role.ts';
import { issuePasswordReset, type ResetContext } from './issue-password-reset.ts';
import { unlockUser, type UnlockContext } from './unlock-user.ts';

export type ChangeUserContext = EndSessionsContext & ResetContext & UnlockContext;

/** What staff change of a user; what is not there stays. */
export interface UserChange {
  roles?: Role[] | undefined;
  isActive?: boolean | undefined;
  /** Null lifts a suspension. */
  suspendedUntil?: Date | null | undefined;
  /** Forgets the failures that the user is locked out for. */
  unlock?: boolean | undefined;
  /** Mails the user a link that sets a new password: staff never set one. */
  resetPassword?: boolean | undefined;
}

interface ChangeInput {
  userId: number;
  change: UserChange;
  staff: Staff;
  client: Client;
}

/** What all nodes are told after the commit. */
interface Consequences {
  end: { input: EndSessionsInput; ended: EndedSession[] } | null;
  roles: RoleRevocation | null;
}

/**
 * Changes a user, all of it or nothing. Whoever may not sign in any more has no session when this resolves; the
 * access tokens of before a change of roles are dead, and the sessions go on in the new ones.
 * @throws `not_found`, `insufficient_permissions`, `last_admin`, `no_email`, `invalid_request`
 */
export async function changeUser(ctx: ChangeUserContext, input: ChangeInput): Promise<User> {
  const { userId, change, staff, client } = input;
  const { after, consequences } = await recordingDenial(ctx, { staff, client, userId }, () =>
    inTransaction(ctx.db, async (trx) => {
      const before = await lockUser(trx, userId);
      if (before === null) throw new AppError('not_found');
      const after = applyTo(before, change);
      assertMayManage(staff, { before: before.roles, after: after.roles });
      const consequences = await commitState(ctx, trx, { ...input, before, after });
      if (change.resetPassword === true) await startReset(ctx, trx, { ...input, user: after });
      if (change.unlock === true) await unlockUser(ctx, trx, { user: after, staff, client });
      return { after, consequences };
    }),
  );
  const { end, roles } = consequences;
  if (end !== null) await announceEnd(ctx, end.input, end.ended);
  if (roles !== null) await pushRevocation(ctx, { revocation: roles });
  return after;
}

function applyTo(user: User, { roles, isActive, suspendedUntil }: UserChange): User {
  return {
    ...user,
    roles: roles === undefined ? user.roles : [...new Set(roles)],
    isActive: isActive ?? user.isActive,
    suspendedUntil: suspendedUntil === undefined ? user.suspendedUntil : suspendedUntil,
  };
}

type States = ChangeInput & { before: User; after: User };

async function commitState(
  ctx: ChangeUserContext,
  trx: Trx,
  states: States,
): Promise<Consequences> {
  const { before, after, staff } = states;
  const now = new Date(ctx.clock.now());
  const events = describeChange(states, now);
  if (events.length === 0) return { end: null, roles: null };
  const isBarredNow = isBarred(after, now);
  if (isBarredNow || !after.roles.includes('admin')) await assertAnotherAdmin(ctx, trx, before);
  const end = isBarredNow ? await endAll(ctx, trx, states) : null;
  await updateUser(trx, after);
  const rolesChanged = events.some(({ type }) => type === 'roles_changed');
  const defaultRole = chooseSessionRole(after.roles, undefined, []);
  const { id: userId, roles } = after;
  const revocation = rolesChanged
    ? await changeRoles(ctx, trx, { userId, roles, defaultRole })
    : null;
  for (const event of events) {
    await recordAudit(ctx, trx, {
      ...event,
      at: now,
      userId,
      actor: staff.actor,
      client: states.client,
    });
  }
  return { end, roles: revocation };
}

interface Change {
  type: AuditEventType;
  details?: Record<string, unknown>;
}

function describeChange({ before, after }: States, now: Date): Change[] {
  const events: Change[] = [];
  const [from, to] = [before.roles.toSorted(), after.roles.toSorted()];
  if (from.join() !== to.join()) events.push({ type: 'roles_changed', details: { from, to } });
  if (before.isActive !== after.isActive) {
    events.push({ type: after.isActive ? 'user_activated' : 'user_deactivated' });
  }
  if (before.suspendedUntil?.getTime() !== after.suspendedUntil?.getTime()) {
    const until = after.suspendedUntil;
    events.push(
      until === null
        ? { type: 'suspension_lifted' }
        : { type: 'user_suspended', details: { until: until.toISOString() } },
    );
    if (until !== null && until <= now) throw notInTheFuture();
  }
  return events;
}

function notInTheFuture(): AppError {
  const message = 'Give a time in the future, or null';
  return new AppError('invalid_request', { issues: [{ path: 'suspended_until', message }] });
}

async function endAll(
  ctx: ChangeUserContext,
  trx: Trx,
  { userId, staff, client }: States,
): Promise<NonNullable<Consequences['end']>> {
  const input: EndSessionsInput = {
    selection: { userId },
    reason: 'account_disabled',
    event: 'all_sessions_revoked',
    actor: staff.actor,
    client,
  };
  return { input, ended: await endWithin(ctx, trx, input) };
}

async function startReset(
  ctx: ResetContext,
  trx: Trx,
  { user, staff, client }: Pick<ChangeInput, 'staff' | 'client'> & { user: User },
): Promise<void> {
  const { email } = user;
  const { actor } = staff;
  const isMailed =
    email !== null &&
    (await issuePasswordReset(ctx, trx, { email, isAllowed: true, client, actor }));
  if (!isMailed) throw new AppError('no_email');
}
