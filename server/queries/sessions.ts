import type { Role } from '../config.ts';
import { select, selectOne, type Db } from '../store/database.ts';
import type { SessionKind } from '../store/sessions.ts';

export interface SessionListItem {
  id: string;
  kind: SessionKind;
  role: Role;
  deviceName: string | null;
  userAgent: string | null;
  ip: string | null;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
}

/** When the person of a session signed in; null where there is no such session. */
export async function findSignInTime(db: Db, sessionId: string): Promise<Date | null> {
  const row = await selectOne<{ createdAt: Date }>(
    db,
    'SELECT created_at AS "createdAt" FROM sessions WHERE id = :sessionId',
    { sessionId },
  );
  return row?.createdAt ?? null;
}

interface Page {
  userId: number;
  /** The last item of the page before. */
  after: { createdAt: Date; id: string } | null;
  limit: number;
  now: Date;
}

/** A page of a user's live sessions, the newest first. */
export function listLiveSessions(db: Db, { userId, after, limit, now }: Page) {
  return select<SessionListItem>(
    db,
    `SELECT id, kind, role, device_name AS "deviceName", user_agent AS "userAgent", host(ip) AS ip,
            created_at AS "createdAt", last_seen_at AS "lastSeenAt", expires_at AS "expiresAt"
     FROM sessions
     WHERE user_id = :userId AND ended_at IS NULL AND expires_at > :now
       AND (CAST(:createdAt AS timestamptz) IS NULL
            OR created_at < :createdAt OR (created_at = :createdAt AND id > :id))
     ORDER BY created_at DESC, id LIMIT :limit`,
    { userId, now, limit, createdAt: after?.createdAt ?? null, id: after?.id ?? '' },
  );
}
