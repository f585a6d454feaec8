import type { Role } from '../config.ts';
import { toJson, type AuditRow } from './audit-log.ts';
import { select, type Trx } from './database.ts';

export interface ImportedUser {
  /** Where the user stands in the file. */
  line: number;
  email: string | null;
  phoneNumber: string | null;
  username: string | null;
  passwordHash: string | null;
  roles: Role[];
  isActive: boolean;
  createdAt: Date;
}

/** By line, the user who holds each of its identifiers; null where nobody does, or the line has none. */
export interface Owners {
  line: number;
  email: number | null;
  phoneNumber: number | null;
  username: number | null;
}

const ROWS = `
  jsonb_to_recordset(:rows::jsonb) AS given(
    line integer, email text, "phoneNumber" text, username text, "passwordHash" text,
    roles text[], "isActive" boolean, "createdAt" timestamptz)`;

const EMAIL_OWNER = '(SELECT id FROM users WHERE lower(users.email) = lower(given.email))';
const PHONE_OWNER = '(SELECT id FROM users WHERE users.phone_number = given."phoneNumber")';
const USERNAME_OWNER = '(SELECT id FROM users WHERE lower(users.username) = lower(given.username))';

/**
 * Makes those of the users of whom nothing is known yet, each with the password's history and an audit
 * event, and gives their ids; users who are there already are never changed.
 */
export async function insertImportedUsers(
  trx: Trx,
  { users, audit, now }: { users: ImportedUser[]; audit: AuditRow; now: Date },
): Promise<number[]> {
  await planForGrowth(trx);
  // Those who exist are sorted out first, so that repeating a run uses up no ids.
  const inserted = await select<{ id: number }>(
    trx,
    `WITH inserted AS (
       INSERT INTO users (email, phone_number, username, password_hash, roles, is_active, created_at)
       SELECT email, "phoneNumber", username, "passwordHash", roles, "isActive", "createdAt"
       FROM ${ROWS}
       WHERE coalesce(${EMAIL_OWNER}, ${PHONE_OWNER}, ${USERNAME_OWNER}) IS NULL
       ORDER BY line
       ON CONFLICT DO NOTHING
       RETURNING id, password_hash
     ), remembered AS (
       INSERT INTO password_history (user_id, password_hash, set_at)
       SELECT id, password_hash, :now FROM inserted WHERE password_hash IS NOT NULL
     ), logged AS (
       INSERT INTO audit_log (at, event_type, severity, user_id, request_id, details)
       SELECT at, event_type, severity, inserted.id, request_id, details
       FROM inserted, jsonb_populate_record(NULL::audit_log, :audit) AS entry
     )
     SELECT id FROM inserted`,
    { rows: JSON.stringify(users), audit: toJson(audit), now },
  );
  return inserted.map(({ id }) => id);
}

/** Who holds the identifiers of these users now, what was committed meanwhile included. */
export async function findOwners(trx: Trx, users: ImportedUser[]): Promise<Owners[]> {
  await planForGrowth(trx);
  return select<Owners>(
    trx,
    `SELECT line, ${EMAIL_OWNER} AS email, ${PHONE_OWNER} AS "phoneNumber",
            ${USERNAME_OWNER} AS username
     FROM ${ROWS}`,
    { rows: JSON.stringify(users) },
  );
}

/** A plan made while the table is small is kept as it grows: reading all of it must not look cheap. */
async function planForGrowth(trx: Trx): Promise<void> {
  await select(trx, 'SET LOCAL enable_seqscan = off');
}
