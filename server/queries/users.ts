import { selectOne, type Db } from '../store/database.ts';
import { USER_COLUMNS, type User } from '../store/users.ts';

export type { User };

export function findUserById(db: Db, id: number): Promise<User | null> {
  return selectOne<User>(db, `SELECT ${USER_COLUMNS} FROM users WHERE id = :id`, { id });
}
