import type { Role } from '../server/config.ts';
import { select, type Db } from '../server/store/database.ts';

export interface DemoUser {
  phoneNumber: string;
  roles: Role[];
}

/** Numbers that no operator gives out. They sign in with codes, so there is no password to leak. */
const DEMO_USERS: DemoUser[] = [
  { phoneNumber: '+14155550101', roles: ['rider'] },
  { phoneNumber: '+14155550102', roles: ['driver'] },
  { phoneNumber: '+14155550103', roles: ['rider', 'driver'] },
  { phoneNumber: '+14155550104', roles: ['admin'] },
];

/** Makes the demo users that are not there yet. */
export async function seedDemoUsers(db: Db): Promise<DemoUser[]> {
  for (const { phoneNumber, roles } of DEMO_USERS) {
    await select(
      db,
      `INSERT INTO users (phone_number, roles, created_at) VALUES (:phoneNumber, :roles, now())
       ON CONFLICT (phone_number) DO NOTHING`,
      { phoneNumber, roles },
    );
  }
  return DEMO_USERS;
}
