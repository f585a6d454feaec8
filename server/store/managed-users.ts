import type { Role } from '../config.ts';
import { select, selectOne, type Trx } from './database.ts';
import { USER_COLUMNS, type User } from './users.ts';

interface NewUser {
  phoneNumber: string | null;
  email: string | null;
  username: string | null;
  roles: Role[];
  now: Date;
}

/** A new user, who has no password; null where the number, the address or the username is taken. */
export function insertUser(trx: Trx, user: NewUser): Promise<User | null> {
  return selectOne<User>(
    trx,
    `INSERT INTO users (phone_number, email, username, roles, created_at)
     VALUES (:phoneNumber, :email, :username, :roles, :now)
     ON CONFLICT DO NOTHING RETURNING ${USER_COLUMNS}`,
    { ...user },
  );
}

/** Writes what staff may change of a locked user. */
export async function updateUser(
  trx: Trx,
  {
    id,
    roles,
    isActive,
    suspendedUntil,
  }: Pick<User, 'id' | 'roles' | 'isActive' | 'suspendedUntil'>,
): Promise<void> {
  await select(
    trx,
    `UPDATE users SET roles = :roles, is_active = :isActive, suspended_until = :suspendedUntil
     WHERE id = :id`,
    { id, roles, isActive, suspendedUntil },
  );
}

/**
 * Whether somebody else is an admin who may sign in. Whoever takes the last one away waits here for whoever takes
 * away another, so that two at once do not each rely on the other.
 */
export async function isAnotherAdmin(
  trx: Trx,
  { userId, now }: { userId: number; now: Date },
): Promise<boolean> {
  await select(trx, `SELECT pg_advisory_xact_lock(hashtext('the last admin'))`);
  const row = await selectOne(
    trx,
    `SELECT 1 FROM users
     WHERE roles && '{viewer,editor,admin}' AND roles @> '{admin}' AND id <> :userId AND is_active
       AND (suspended_until IS NULL OR suspended_until <= :now) LIMIT 1`,
    { userId, now },
  );
  return row !== null;
}
