import type { Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import type { Trx } from '../store/database.ts';
import { raiseGenerations } from '../store/session-generations.ts';
import { revocationLifeMs, type Revocation } from './revocation.ts';

export type RoleRevocation = Revocation & { reason: 'role_changed' };

interface RoleChange {
  userId: number;
  roles: Role[];
  /** Of sessions whose own role is not held any more. */
  defaultRole: Role;
}

/**
 * The part of a change of roles that concerns tokens, inside of its transaction, with the user locked: the access tokens
 * of all live sessions are dead, and refreshing gives others. What it gives is pushed after the commit; null where
 * there is no session.
 */
export async function changeRoles(
  { config, clock }: Pick<AppContext, 'config' | 'clock'>,
  trx: Trx,
  change: RoleChange,
): Promise<RoleRevocation | null> {
  const now = new Date(clock.now());
  const revokedUntil = new Date(now.getTime() + revocationLifeMs(config));
  const raised = await raiseGenerations(trx, { ...change, now, revokedUntil });
  if (raised.length === 0) return null;
  return {
    user_id: change.userId,
    session_ids: [],
    generations: Object.fromEntries(
      raised.map(({ sessionId, deadGeneration }) => [sessionId, deadGeneration]),
    ),
    jtis: [],
    reason: 'role_changed',
  };
}
