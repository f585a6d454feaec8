import type { Role } from '../config.ts';
import { select, selectOne, type Db, type Trx } from './database.ts';

export type SessionKind = 'cookie' | 'phone' | 'account';

/** Where a request came from: kept with the session and with every audit event. */
export interface Device {
  ip: string | null;
  userAgent: string | null;
  deviceId: string | null;
}

export interface NewSession extends Device {
  id: string;
  userId: number;
  kind: SessionKind;
  role: Role;
  deviceName: string | null;
  refreshJti: string;
  now: Date;
  expiresAt: Date;
}

/** Makes a session and its refresh token in one statement. */
export async function insertSession(trx: Trx, session: NewSession): Promise<void> {
  await select(
    trx,
    `WITH session AS (
       INSERT INTO sessions (id, user_id, kind, role, device_id, device_name, user_agent, ip,
                             created_at, last_seen_at, expires_at)
       VALUES (:id, :userId, :kind, :role, :deviceId, :deviceName, :userAgent, :ip,
               :now, :now, :expiresAt)
       RETURNING id, expires_at
     )
     INSERT INTO refresh_tokens (jti, session_id, expires_at)
     SELECT :refreshJti, id, expires_at FROM session`,
    { ...session },
  );
}

/** What a new access token says of its session. */
export interface RefreshedSession {
  userId: number;
  phoneNumber: string;
  role: Role;
  sessionId: string;
  generation: number;
  expiresAt: Date;
}

/**
 * Notes that a live session was used, if it and its refresh token are alive, and reads what a new token
 * says. One statement: the user's row is locked in share mode first, so that a role change either comes
 * before, and is read, or after, and ends the token that is being made.
 */
export function touchPhoneSession(
  db: Db,
  { refreshJti, now }: { refreshJti: string; now: Date },
): Promise<RefreshedSession | null> {
  return selectOne<RefreshedSession>(
    db,
    `WITH owner AS (
       SELECT u.id, u.phone_number, t.session_id
       FROM refresh_tokens t
       JOIN sessions s ON s.id = t.session_id
       JOIN users u ON u.id = s.user_id
       WHERE t.jti = :refreshJti AND t.expires_at > :now
         AND u.is_active AND u.phone_number IS NOT NULL
       FOR SHARE OF u
     )
     UPDATE sessions s SET last_seen_at = :now
     FROM owner
     WHERE s.id = owner.session_id AND s.kind = 'phone' AND s.ended_at IS NULL AND s.expires_at > :now
     RETURNING s.user_id AS "userId", owner.phone_number AS "phoneNumber", s.role,
               s.id AS "sessionId", s.generation, s.expires_at AS "expiresAt"`,
    { refreshJti, now },
  );
}

/** Which of a user's live sessions: one, all, or all but one. */
export interface SessionSelection {
  userId: number;
  only?: string;
  except?: string;
}

/** A session that has just ended, and the refresh tokens that went with it. */
export interface EndedSession {
  sessionId: string;
  refreshJtis: string[];
}

interface SessionEnd {
  selection: SessionSelection;
  reason: string;
  now: Date;
  /** Until when a token of these sessions could live. */
  revokedUntil: Date;
}

/**
 * Ends live sessions, deletes their refresh tokens and writes a revocation for each.
 * Call it with the user's row locked: a session that was being made is then seen.
 */
export function endSessionRows(
  trx: Trx,
  { selection, reason, now, revokedUntil }: SessionEnd,
): Promise<EndedSession[]> {
  return select<EndedSession>(
    trx,
    `WITH ended AS (
       UPDATE sessions SET ended_at = :now, end_reason = :reason
       WHERE user_id = :userId AND ended_at IS NULL
         AND (CAST(:only AS text) IS NULL OR id = :only)
         AND (CAST(:except AS text) IS NULL OR id <> :except)
       RETURNING id
     ), dropped AS (
       DELETE FROM refresh_tokens USING ended WHERE session_id = ended.id RETURNING session_id, jti
     ), revoked AS (
       INSERT INTO revocations (user_id, session_id, reason, revoked_at, expires_at)
       SELECT :userId, id, :reason, :now, :revokedUntil FROM ended
     )
     SELECT ended.id AS "sessionId",
            ARRAY(SELECT jti FROM dropped WHERE session_id = ended.id) AS "refreshJtis"
     FROM ended`,
    {
      userId: selection.userId,
      only: selection.only ?? null,
      except: selection.except ?? null,
      reason,
      now,
      revokedUntil,
    },
  );
}

/** Whether a token of this session and generation is still good. */
export async function isSessionLive(
  db: Db,
  { sessionId, generation }: { sessionId: string; generation: number },
): Promise<boolean> {
  const row = await selectOne(
    db,
    `SELECT 1 FROM sessions
     WHERE id = :sessionId AND ended_at IS NULL AND generation <= :generation`,
    { sessionId, generation },
  );
  return row !== null;
}

/** Deletes up to `limit` sessions that ended or expired before `before`; tells how many. */
export async function deleteOldSessions(
  db: Db,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  const rows = await select(
    db,
    `DELETE FROM sessions WHERE id IN (
       SELECT id FROM sessions WHERE expires_at < :before ORDER BY expires_at LIMIT :limit
       FOR UPDATE SKIP LOCKED
     ) RETURNING 1`,
    { before, limit },
  );
  return rows.length;
}
