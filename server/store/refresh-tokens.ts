import type { Role } from '../config.ts';
import { select, selectOne, type Db } from './database.ts';

/** What the tokens of an account session say, read under the lock that a revocation takes as well. */
export interface AccountSessionState {
  userId: number;
  email: string;
  roles: Role[];
  role: Role;
  sessionId: string;
  generation: number;
  signedInAt: Date;
  amr: string[];
  /** Of the refresh token that is handed out. */
  refreshJti: string;
  issuedAt: Date;
  expiresAt: Date;
}

interface Rotation {
  jti: string;
  /** Makes the successor's jti unlike any other. */
  nonce: string;
  device: string;
  /** Whole seconds, as a token's `iat` and `exp` are. */
  issuedAt: Date;
  expiresAt: Date;
  /** Longest life of a session from its sign-in. */
  sessionSeconds: number;
  now: Date;
}

const ANSWER = `
  owner.user_id AS "userId", owner.email, owner.roles, session.role, session.id AS "sessionId",
  session.generation, session.created_at AS "signedInAt", session.amr`;

/**
 * Uses a refresh token and makes its successor, in one statement: of many at once one gets through, the others
 * null. The user's row is locked in share mode first, so that a revocation either comes before, and is seen, or
 * after, and ends what is being made; then each row is judged in the version that its lock gives.
 */
export function rotateRefreshToken(
  db: Db,
  rotation: Rotation,
): Promise<AccountSessionState | null> {
  return selectOne<AccountSessionState>(
    db,
    `WITH owner AS (
       SELECT u.id AS user_id, u.email, u.roles, t.session_id
       FROM refresh_tokens t
       JOIN sessions s ON s.id = t.session_id
       JOIN users u ON u.id = s.user_id
       WHERE t.jti = :jti AND t.used_at IS NULL AND t.expires_at > :now
         AND u.is_active AND u.email IS NOT NULL
       FOR SHARE OF u
     ), session AS (
       UPDATE sessions s
       SET last_seen_at = :now,
           expires_at = least(:expiresAt, s.created_at + make_interval(secs => :sessionSeconds))
       FROM owner
       WHERE s.id = owner.session_id AND s.kind = 'account' AND s.ended_at IS NULL
         AND s.expires_at > :now
       RETURNING s.*
     ), used AS (
       UPDATE refresh_tokens t
       SET used_at = :now, used_by = :device,
           successor = session.id || '.' || session.generation || '.' || :nonce
       FROM session
       WHERE t.jti = :jti AND t.used_at IS NULL
       RETURNING t.successor
     ), made AS (
       INSERT INTO refresh_tokens (jti, session_id, issued_at, expires_at)
       SELECT used.successor, session.id, :issuedAt, session.expires_at FROM used, session
       RETURNING jti, issued_at, expires_at
     )
     SELECT ${ANSWER}, made.jti AS "refreshJti", made.issued_at AS "issuedAt",
            made.expires_at AS "expiresAt"
     FROM made, session, owner`,
    { ...rotation },
  );
}

/** A used refresh token and what became of it. */
export interface UsedRefreshToken extends AccountSessionState {
  usedAt: Date;
  /** The device that used it first. */
  usedBy: string;
  successorUsedAt: Date | null;
}

/** A used refresh token of a live session, with its successor as the one that is handed out; else null. */
export function findUsedRefreshToken(
  db: Db,
  { jti, now }: { jti: string; now: Date },
): Promise<UsedRefreshToken | null> {
  return selectOne<UsedRefreshToken>(
    db,
    `SELECT ${ANSWER}, t.used_at AS "usedAt", t.used_by AS "usedBy",
            successor.used_at AS "successorUsedAt", successor.jti AS "refreshJti",
            successor.issued_at AS "issuedAt", successor.expires_at AS "expiresAt"
     FROM refresh_tokens t
     JOIN refresh_tokens successor ON successor.jti = t.successor
     JOIN sessions session ON session.id = t.session_id
     JOIN (SELECT id AS user_id, email, roles, is_active FROM users) owner
       ON owner.user_id = session.user_id
     WHERE t.jti = :jti AND session.kind = 'account' AND session.ended_at IS NULL
       AND session.expires_at > :now AND owner.is_active AND owner.email IS NOT NULL`,
    { jti, now },
  );
}

/** The refresh tokens of a session. */
export async function listJtisOfSession(db: Db, sessionId: string): Promise<string[]> {
  const rows = await select<{ jti: string }>(
    db,
    'SELECT jti FROM refresh_tokens WHERE session_id = :sessionId',
    { sessionId },
  );
  return rows.map(({ jti }) => jti);
}
