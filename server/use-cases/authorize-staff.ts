import { recordAudit, type Actor, type Client } from '../audit.ts';
import { isStaffRole, type Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { isClientSecret } from '../crypto/client-secret.ts';
import { AppError } from '../errors.ts';
import { inTransaction } from '../store/database.ts';
import { hasSecondFactor } from '../store/totp.ts';
import type { Principal } from './authenticate-token.ts';

/** Who acts on the accounts of others: a person in a role of theirs, or a service in its own name. */
export interface Staff {
  actor: Actor;
  can: (permission: string) => boolean;
}

type AuditContext = Pick<AppContext, 'db' | 'log' | 'clock'>;

/** The person behind a token that is good. */
export function toStaff(
  { permissions }: Pick<AppContext, 'permissions'>,
  { userId, role }: Pick<Principal, 'userId' | 'role'>,
): Staff {
  return { actor: { userId }, can: (permission) => permissions.has(role, permission) };
}

/** The API client of a name and its secret (RFC 6749 §2.3.1); null where there is none. */
export function findApiClient(
  { apiClients }: Pick<AppContext, 'apiClients'>,
  { name, secret }: { name: string; secret: string },
): Staff | null {
  const known = apiClients.get(name);
  if (known === undefined || !isClientSecret(secret, known.secretHashes)) return null;
  return { actor: { client: name }, can: (permission) => known.permissions.includes(permission) };
}

/** Puts on record that somebody was not the API client they said they were. */
export async function recordRefusedClient(
  ctx: AuditContext & Pick<AppContext, 'apiClients'>,
  { name, client }: { name: string; client: Client },
): Promise<void> {
  // A name that nobody has may be a secret that was typed in the wrong place.
  const details = ctx.apiClients.has(name) ? { claimed: name } : {};
  await record(ctx, 'api_client_refused', { client, actor: undefined, details });
}

interface Demand {
  staff: Staff;
  permission: string;
  /** For the record: what was asked for, and of whom or what. */
  route: string;
  target?: string;
  client: Client;
}

/** @throws `insufficient_permissions`, which is put on record */
export async function assertPermitted(ctx: AuditContext, demand: Demand): Promise<void> {
  const { staff, permission, route, target, client } = demand;
  if (staff.can(permission)) return;
  await record(ctx, 'permission_denied', {
    actor: staff.actor,
    client,
    details: { permission, route, ...(target !== undefined && { target }) },
  });
  throw new AppError('insufficient_permissions');
}

/**
 * To give or take a role is for those who may change roles, and so is any change of somebody of the staff: nobody
 * shuts out those above them.
 * @throws `insufficient_permissions`
 */
export function assertMayManage(
  { can }: Staff,
  { before, after }: { before: readonly Role[]; after: readonly Role[] },
): void {
  const isSame = before.toSorted().join() === after.toSorted().join();
  if ((isSame && !before.some(isStaffRole)) || can('roles:write')) return;
  throw new AppError('insufficient_permissions');
}

/** Runs `act`, and puts on record where it finds that the staff may not do it to this user. */
export async function recordingDenial<Result>(
  ctx: AuditContext,
  { staff, client, userId }: { staff: Staff; client: Client; userId: number | null },
  act: () => Promise<Result>,
): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof AppError && error.code === 'insufficient_permissions') {
      const details = { permission: 'roles:write', target: userId };
      await record(ctx, 'permission_denied', { actor: staff.actor, client, details });
    }
    throw error;
  }
}

/**
 * Where the configuration asks for it, a person in a staff role must have a second factor. Which session they
 * are in does not matter: setting one up ends all those that have not shown it.
 * @throws `two_factor_required`, `service_unavailable`
 */
export async function assertSecondFactor(
  { config, db }: Pick<AppContext, 'config' | 'db'>,
  { actor }: Pick<Staff, 'actor'>,
): Promise<void> {
  if (!config.requiresStaffTwoFactor || !('userId' in actor)) return;
  if (await hasSecondFactor(db, actor.userId)) return;
  throw new AppError('two_factor_required', {
    status: 403,
    detail: 'Set up the second factor first',
  });
}

function record(
  ctx: AuditContext,
  type: 'api_client_refused' | 'permission_denied',
  event: { actor: Actor | undefined; client: Client; details?: Record<string, unknown> },
): Promise<void> {
  const { actor, client, details = {} } = event;
  const userId = actor !== undefined && 'userId' in actor ? actor.userId : null;
  const at = new Date(ctx.clock.now());
  return inTransaction(ctx.db, (trx) =>
    recordAudit(ctx, trx, { type, at, userId, client, details, ...(actor && { actor }) }),
  );
}
