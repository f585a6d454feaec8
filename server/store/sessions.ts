import type { Role } from '../config.ts';
import { select, selectOne, type Db, type Trx } from './database.ts';
import type { Device } from './device.ts';

export type SessionKind = 'cookie' | 'phone' | 'account';

export interface NewSession extends Device {
  id: string;
  userId: number;
  kind: SessionKind;
  role: Role;
  deviceName: string | null;
  /** How the person proved who they are (RFC 8176). */
  amr: string[];
  /** Null for a session that has a cookie in its place. */
  refreshJti: string | null;
  cookieHash?: string;
  now: Date;
  /** Of the refresh token, in whole seconds. */
  issuedAt: Date;
  expiresAt: Date;
}

/** Makes a session and its refresh token, if it has one, in one statement. */
export async function insertSession(trx: Trx, session: NewSession): Promise<void> {
  await select(
    trx,
    `WITH session AS (
       INSERT INTO sessions (id, user_id, kind, role, device_id, device_name, user_agent, ip,
                             amr, created_at, last_seen_at, expires_at, cookie_hash)
       VALUES (:id, :userId, :kind, :role, :deviceId, :deviceName, :userAgent, :ip,
               :amr, :now, :now, :expiresAt, :cookieHash)
       RETURNING id, expires_at
     )
     INSERT INTO refresh_tokens (jti, session_id, issued_at, expires_at)
     SELECT :refreshJti, id, :issuedAt, expires_at FROM session
     WHERE CAST(:refreshJti AS text) IS NOT NULL`,
    { ...session, cookieHash: session.cookieHash ?? null },
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

/** Whose session it is, live or not; null where there is none. */
export async function findSessionOwner(db: Db, sessionId: string): Promise<number | null> {
  const row = await selectOne<{ userId: number }>(
    db,
    'SELECT user_id AS "userId" FROM sessions WHERE id = :sessionId',
    { sessionId },
  );
  return row?.userId ?? null;
}

/**
 * Whose an access token can be by its jti: null where the session has had no such generation, or the jti is that of a
 * refresh token.
 */
export async function findTokenOwner(
  db: Db,
  token: { sessionId: string; generation: number; jti: string },
): Promise<number | null> {
  const row = await selectOne<{ userId: number }>(
    db,
    `SELECT user_id AS "userId" FROM sessions
     WHERE id = :sessionId AND generation >= :generation
       AND NOT EXISTS (SELECT FROM refresh_tokens WHERE jti = :jti)`,
    token,
  );
  return row?.userId ?? null;
}

/** Whether a session has not been ended. */
export async function isSessionLive(
  db: Db,
  { sessionId }: { sessionId: string },
): Promise<boolean> {
  const row = await selectOne(
    db,
    'SELECT 1 FROM sessions WHERE id = :sessionId AND ended_at IS NULL',
    { sessionId },
  );
  return row !== null;
}

/**
 * The live sessions of a user in a role that leave no room for one more under a limit of `max`, the oldest
 * first. Only where the user's row is locked do they stay the ones.
 */
export async function listSessionsOverLimit(
  trx: Trx,
  { userId, role, max, now }: { userId: number; role: Role; max: number; now: Date },
): Promise<string[]> {
  const rows = await select<{ id: string }>(
    trx,
    `SELECT id FROM sessions
     WHERE user_id = :userId AND role = :role AND ended_at IS NULL AND expires_at > :now
     ORDER BY created_at DESC, id OFFSET :kept`,
    { userId, role, now, kept: max - 1 },
  );
  return rows.map(({ id }) => id).reverse();
}
