import { selectOne, type Db } from './database.ts';

/** Whose a token is. */
export interface TokenOwner {
  email: string | null;
  phoneNumber: string | null;
}

const LIVE_OWNER = `
  SELECT u.email, u.phone_number AS "phoneNumber"
  FROM sessions s JOIN users u ON u.id = s.user_id
  WHERE s.ended_at IS NULL AND s.expires_at > :now AND u.is_active
    AND (u.suspended_until IS NULL OR u.suspended_until <= :now)`;

/** Of an access token: null where it, its generation or its session is dead. */
export function findAccessTokenOwner(
  db: Db,
  token: { sessionId: string; generation: number; jti: string; now: Date },
): Promise<TokenOwner | null> {
  return selectOne<TokenOwner>(
    db,
    `${LIVE_OWNER} AND s.id = :sessionId AND s.generation <= :generation
       AND NOT EXISTS (SELECT FROM revocations WHERE jti = :jti)`,
    token,
  );
}

/** Of a refresh token: null where it has been used, or its session is dead. */
export function findRefreshTokenOwner(
  db: Db,
  token: { jti: string; now: Date },
): Promise<TokenOwner | null> {
  return selectOne<TokenOwner>(
    db,
    `${LIVE_OWNER} AND s.id = (SELECT session_id FROM refresh_tokens
       WHERE jti = :jti AND used_at IS NULL AND expires_at > :now)`,
    token,
  );
}
