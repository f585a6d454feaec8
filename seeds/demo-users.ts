import { pbkdf2Sync } from 'node:crypto';
import type { Role } from '../server/config.ts';
import { generateOpaqueToken } from '../server/crypto/opaque-token.ts';
import { inTransaction, type Database } from '../server/store/database.ts';
import { insertUser } from '../server/store/managed-users.ts';
import { setPassword } from '../server/store/passwords.ts';

interface DemoUser {
  phoneNumber: string | null;
  email: string | null;
  roles: Role[];
}

/** Numbers that no operator gives out, and addresses that nobody can have (RFC 2606 §3). */
const DEMO_USERS: DemoUser[] = [
  { phoneNumber: '+14155550101', email: null, roles: ['rider'] },
  { phoneNumber: '+14155550102', email: null, roles: ['driver'] },
  { phoneNumber: '+14155550103', email: null, roles: ['rider', 'driver'] },
  { phoneNumber: null, email: 'rider@example.com', roles: ['rider'] },
  { phoneNumber: null, email: 'viewer@example.com', roles: ['viewer'] },
  { phoneNumber: null, email: 'editor@example.com', roles: ['editor'] },
  { phoneNumber: null, email: 'admin@example.com', roles: ['admin'] },
];

export interface SeededUser extends DemoUser {
  /** Known now and never again; null for those who sign in by code, and those who were there before. */
  password: string | null;
  isNew: boolean;
}

/** Makes the demo users that are not there yet, each with a password of its own. */
export async function seedDemoUsers(db: Database): Promise<SeededUser[]> {
  const seeded: SeededUser[] = [];
  for (const user of DEMO_USERS) seeded.push(await seedUser(db, user));
  return seeded;
}

function seedUser(db: Database, user: DemoUser): Promise<SeededUser> {
  const password = user.email === null ? null : generatePassword();
  return inTransaction(db, async (trx) => {
    const now = new Date();
    const made = await insertUser(trx, { ...user, username: null, now });
    if (made === null) return { ...user, password: null, isNew: false };
    if (password !== null) {
      await setPassword(trx, { userId: made.id, passwordHash: hash(password), now });
    }
    return { ...user, password, isNew: true };
  });
}

/** 96 random bits, and what the policy wants to see. */
function generatePassword(): string {
  return `${generateOpaqueToken(12)}-Aa1`;
}

/** As an import has it: the service hashes it anew, with its pepper, at the first sign-in. */
function hash(password: string): string {
  const salt = generateOpaqueToken();
  const key = pbkdf2Sync(password, salt, 480_000, 32, 'sha256').toString('base64');
  return `pbkdf2_sha256$480000$${salt}$${key}`;
}
