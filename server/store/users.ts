import type { Role } from '../config.ts';
import { select, selectOne, type Db, type Trx } from './database.ts';

export interface User {
  id: number;
  phoneNumber: string | null;
  email: string | null;
  username: string | null;
  roles: Role[];
  isActive: boolean;
  /** Sign-ins are refused until then. */
  suspendedUntil: Date | null;
  isEmailVerified: boolean;
  totpEnabled: boolean;
  createdAt: Date;
  lastLogin: Date | null;
}

/** A user's columns in the names that the code knows. */
export const USER_COLUMNS = `
  id, phone_number AS "phoneNumber", email, username, roles, is_active AS "isActive",
  suspended_until AS "suspendedUntil", email_verified_at IS NOT NULL AS "isEmailVerified",
  totp_enabled AS "totpEnabled", created_at AS "createdAt", last_login AS "lastLogin"`;

/** Whether a user may not sign in, nor be signed in. */
export function isBarred({ isActive, suspendedUntil }: User, now: Date): boolean {
  return !isActive || (suspendedUntil !== null && suspendedUntil > now);
}

export function findUserByPhone(db: Db, phoneNumber: string): Promise<User | null> {
  return selectOne<User>(
    db,
    `SELECT ${USER_COLUMNS} FROM users WHERE phone_number = :phoneNumber`,
    { phoneNumber },
  );
}

/**
 * The user with this number, locked until the transaction ends: whoever revokes this user's sessions
 * meanwhile waits, and then sees the session that this transaction made.
 */
export function lockUserByPhone(trx: Trx, phoneNumber: string): Promise<User | null> {
  return selectOne<User>(
    trx,
    `SELECT ${USER_COLUMNS} FROM users WHERE phone_number = :phoneNumber FOR NO KEY UPDATE`,
    { phoneNumber },
  );
}

/** Makes the user of a number; one that was made at the same moment is locked and given instead. */
export async function insertUserByPhone(
  trx: Trx,
  { phoneNumber, now }: { phoneNumber: string; now: Date },
): Promise<User & { isNew: boolean }> {
  const [user] = await select<User & { isNew: boolean }>(
    trx,
    `INSERT INTO users (phone_number, roles, created_at) VALUES (:phoneNumber, '{}', :now)
     ON CONFLICT (phone_number) DO UPDATE SET phone_number = excluded.phone_number
     RETURNING ${USER_COLUMNS}, (xmax = 0) AS "isNew"`,
    { phoneNumber, now },
  );
  if (user === undefined) throw new Error('an upsert gave no row');
  return user;
}

/** A user and the hash of the password; null where there is none. */
export interface UserWithPassword extends User {
  passwordHash: string | null;
  /** Goes up with each new password, and stays where the same one is hashed anew. */
  passwordVersion: number;
}

export const PASSWORD_COLUMNS =
  'password_hash AS "passwordHash", password_version AS "passwordVersion"';

/** By e-mail address, which is compared without regard to case. */
export function findUserByEmail(db: Db, email: string): Promise<UserWithPassword | null> {
  return selectOne<UserWithPassword>(
    db,
    `SELECT ${USER_COLUMNS}, ${PASSWORD_COLUMNS} FROM users
     WHERE lower(email) = lower(:email)`,
    { email },
  );
}

/** As `lockUserByPhone`. */
export function lockUser(trx: Trx, userId: number): Promise<UserWithPassword | null> {
  return selectOne<UserWithPassword>(
    trx,
    `SELECT ${USER_COLUMNS}, ${PASSWORD_COLUMNS} FROM users WHERE id = :userId
     FOR NO KEY UPDATE`,
    { userId },
  );
}

export async function userExists(db: Db, userId: number): Promise<boolean> {
  return (await selectOne(db, 'SELECT 1 FROM users WHERE id = :userId', { userId })) !== null;
}

export async function findEmail(db: Db, userId: number): Promise<string | null> {
  const row = await selectOne<{ email: string | null }>(
    db,
    'SELECT email FROM users WHERE id = :userId',
    { userId },
  );
  return row?.email ?? null;
}

/** Notes the sign-in and the role that it was for, which the user holds from then on. */
export async function recordLogin(
  trx: Trx,
  { userId, role, now }: { userId: number; role: Role; now: Date },
): Promise<void> {
  await select(
    trx,
    `UPDATE users SET last_login = :now,
       roles = CASE WHEN :role = ANY (roles) THEN roles ELSE array_append(roles, :role) END
     WHERE id = :userId`,
    { userId, role, now },
  );
}

/** The address of a user who has one and has not shown that it is theirs; else null. */
export async function findUnverifiedEmail(db: Db, userId: number): Promise<string | null> {
  const row = await selectOne<{ email: string | null }>(
    db,
    'SELECT email FROM users WHERE id = :userId AND email_verified_at IS NULL',
    { userId },
  );
  return row?.email ?? null;
}

/** Notes that the owner of the address has just shown that it is theirs. */
export async function markEmailVerified(
  trx: Trx,
  { userId, now }: { userId: number; now: Date },
): Promise<void> {
  await select(trx, 'UPDATE users SET email_verified_at = :now WHERE id = :userId', {
    userId,
    now,
  });
}

/** Erases the user, and with the row every session. */
export async function deleteUser(trx: Trx, userId: number): Promise<void> {
  await select(trx, 'DELETE FROM users WHERE id = :userId', { userId });
}
