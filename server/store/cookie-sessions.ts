import type { Role } from '../config.ts';
import { select, selectOne, type Db } from './database.ts';
import { USER_COLUMNS, type User } from './users.ts';

/** A session that was opened with a cookie, whether it lives or not, and its user. */
export interface CookieSession extends User {
  sessionId: string;
  sessionRole: Role;
  signedInAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
  endedAt: Date | null;
}

/** In one round trip, by the unique index of the cookies' hashes. */
export function findCookieSession(db: Db, cookieHash: string): Promise<CookieSession | null> {
  return selectOne<CookieSession>(
    db,
    `SELECT ${USER_COLUMNS}, session.* FROM users
     JOIN (
       SELECT user_id, id AS "sessionId", role AS "sessionRole", created_at AS "signedInAt",
              last_seen_at AS "lastSeenAt", expires_at AS "expiresAt", ended_at AS "endedAt"
       FROM sessions WHERE cookie_hash = :cookieHash
     ) session ON session.user_id = users.id`,
    { cookieHash },
  );
}

interface Touch {
  sessionId: string;
  now: Date;
  /** Where it was noted to be used since then, nothing is written. */
  before: Date;
  expiresAt: Date;
}

/** Notes that a session was used. One that has ended or expired meanwhile stays as it is. */
export async function touchCookieSession(db: Db, touch: Touch): Promise<void> {
  await select(
    db,
    `UPDATE sessions SET last_seen_at = :now, expires_at = :expiresAt
     WHERE id = :sessionId AND ended_at IS NULL AND expires_at > :now AND last_seen_at <= :before`,
    { ...touch },
  );
}
