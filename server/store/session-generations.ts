import type { Role } from '../config.ts';
import { select, type Trx } from './database.ts';

/** A session whose tokens up to a generation are dead. */
export interface RaisedSession {
  sessionId: string;
  deadGeneration: number;
}

interface RoleChange {
  userId: number;
  /** What the user holds now. */
  roles: Role[];
  /** What a session acts in that does so in no role of its own choice, or in one that is not held any more. */
  defaultRole: Role;
  now: Date;
  /** Until when a token of before could live. */
  revokedUntil: Date;
}

/**
 * Ends the access tokens of a locked user's live sessions, and lets the sessions go on: those of phones in their role
 * where it is still held, all others in the default one. A revocation is written for each.
 */
export function raiseGenerations(trx: Trx, change: RoleChange): Promise<RaisedSession[]> {
  return select<RaisedSession>(
    trx,
    `WITH raised AS (
       UPDATE sessions SET generation = generation + 1,
         role = CASE WHEN kind = 'phone' AND role = ANY (:roles) THEN role ELSE :defaultRole END
       WHERE user_id = :userId AND ended_at IS NULL
       RETURNING id, generation - 1 AS dead
     ), revoked AS (
       INSERT INTO revocations (user_id, session_id, generation, reason, revoked_at, expires_at)
       SELECT :userId, id, dead, 'role_changed', :now, :revokedUntil FROM raised
     )
     SELECT id AS "sessionId", dead AS "deadGeneration" FROM raised`,
    { ...change },
  );
}
