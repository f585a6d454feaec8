import { isStaffRole, type Role } from '../config.ts';
import { selectByPlan, selectOne, type Db } from '../store/database.ts';
import { USER_COLUMNS, type User } from '../store/users.ts';

export type { User };

export function findUserById(db: Db, id: number): Promise<User | null> {
  return selectOne<User>(db, `SELECT ${USER_COLUMNS} FROM users WHERE id = :id`, { id });
}

/** Which users; null stands for any. */
export interface UserFilters {
  /** Three characters at least of a phone number, an e-mail address or a username. */
  text: string | null;
  role: Role | null;
  isActive: boolean | null;
  /** The id of the last user of the page before. */
  afterId: number | null;
}

/** As the index `users_by_text` has it. */
const TEXT = `(coalesce(phone_number, '') || ' ' || lower(coalesce(email, '')) || ' ' ||
  lower(coalesce(username, '')))`;

const STAFF = `roles && '{viewer,editor,admin}'`;

/** A page of users, the newest first. As in `listEvents`, each combination of filters is a statement of its own. */
export function listUsers(
  db: Db,
  { limit, ...filters }: UserFilters & { limit: number },
): Promise<User[]> {
  const { text, role, isActive, afterId } = filters;
  const conditions = [
    ...(text === null ? [] : [`${TEXT} LIKE :pattern`]),
    ...(role === null ? [] : ['roles @> ARRAY[:role]']),
    // Those of staff are few among many: their index is found by its own condition.
    ...(role !== null && isStaffRole(role) ? [STAFF] : []),
    ...(isActive === null ? [] : [isActive ? 'is_active' : 'NOT is_active']),
    ...(afterId === null ? [] : ['id < :afterId']),
  ];
  return selectByPlan<User>(
    db,
    `SELECT ${USER_COLUMNS} FROM users
     ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
     ORDER BY id DESC LIMIT :limit`,
    { pattern: text === null ? null : toPattern(text), role, afterId, limit },
  );
}

function toPattern(text: string): string {
  return `%${text.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`;
}
