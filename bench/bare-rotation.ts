import { randomBytes } from 'node:crypto';

import type { Pool, PoolClient } from 'pg';

import type { AccountSessionState } from '../server/store/refresh-tokens.ts';

export interface Rotation {
  jti: string;
  nonce: string;
  device: string;
  issuedAt: Date;
  expiresAt: Date;
  sessionSeconds: number;
  now: Date;
}

/** Uses a refresh token and makes its successor, as anybody would: step by step in one transaction. */
export async function rotateStepByStep(
  database: Pool,
  rotation: Rotation,
): Promise<AccountSessionState | null> {
  const trx = await database.connect();
  try {
    await trx.query('BEGIN');
    const state = await rotateWithin(trx, rotation);
    await trx.query(state === null ? 'ROLLBACK' : 'COMMIT');
    return state;
  } finally {
    trx.release();
  }
}

type FoundSession = Omit<AccountSessionState, 'refreshJti' | 'issuedAt' | 'expiresAt'>;

const FIND = `
  SELECT u.id AS "userId", u.email, u.roles, s.role, s.id AS "sessionId", s.generation,
         s.created_at AS "signedInAt", s.amr
  FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id
  WHERE t.jti = $1 AND t.used_at IS NULL AND t.expires_at > $2
    AND u.is_active AND u.email IS NOT NULL
  FOR SHARE OF u`;
const TOUCH = `
  UPDATE sessions
  SET last_seen_at = $2, expires_at = least($3, created_at + make_interval(secs => $4))
  WHERE id = $1 AND kind = 'account' AND ended_at IS NULL AND expires_at > $2
  RETURNING expires_at AS "expiresAt"`;
const USE = `
  UPDATE refresh_tokens SET used_at = $2, used_by = $3, successor = $4
  WHERE jti = $1 AND used_at IS NULL`;
const MAKE = `
  INSERT INTO refresh_tokens (jti, session_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)`;

async function rotateWithin(trx: PoolClient, rotation: Rotation) {
  const { jti, now, issuedAt } = rotation;
  const run = async <Row extends object>(name: string, text: string, values: unknown[]) =>
    await trx.query<Row>({ name, text, values });
  const [found] = (await run<FoundSession>('find', FIND, [jti, now])).rows;
  if (found === undefined) return null;
  const { sessionId, generation } = found;
  const touch = [sessionId, now, rotation.expiresAt, rotation.sessionSeconds];
  const [touched] = (await run<{ expiresAt: Date }>('touch', TOUCH, touch)).rows;
  if (touched === undefined) return null;
  const successor = `${sessionId}.${generation}.${rotation.nonce}`;
  const used = await run('use', USE, [jti, now, rotation.device, successor]);
  if (used.rowCount === 0) return null;
  await run('make', MAKE, [successor, sessionId, issuedAt, touched.expiresAt]);
  return { ...found, refreshJti: successor, issuedAt, expiresAt: touched.expiresAt };
}

const OPEN = `
  WITH session AS (
    INSERT INTO sessions (id, user_id, kind, role, amr, created_at, last_seen_at, expires_at)
    SELECT $2, id, 'account', 'rider', '{pwd}', now(), now(), now() + interval '7 days'
    FROM users WHERE email = $1
    RETURNING *
  ), made AS (
    INSERT INTO refresh_tokens (jti, session_id, issued_at, expires_at)
    SELECT id || '.1.first', id, created_at, expires_at FROM session
    RETURNING *
  )
  SELECT users.id AS "userId", email, roles, role, session.id AS "sessionId", generation,
         session.created_at AS "signedInAt", amr, jti AS "refreshJti", issued_at AS "issuedAt",
         made.expires_at AS "expiresAt"
  FROM session JOIN made ON made.session_id = session.id JOIN users ON users.id = session.user_id`;

/** A session to refresh. */
export async function openSession(database: Pool, email: string): Promise<AccountSessionState> {
  const values = [email, randomBytes(16).toString('base64url')];
  const [state] = (await database.query<AccountSessionState>(OPEN, values)).rows;
  if (state === undefined) throw new Error(`there is no user ${email}`);
  return state;
}
