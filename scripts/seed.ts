import { seedDemoUsers, type SeededUser } from '../seeds/demo-users.ts';
import { closeDatabase, migrate, openDatabase } from '../server/store/database.ts';
import { openDatabaseUrl } from './database-url.ts';

/** Fills a development database with people to sign in as. */
if ((process.env.NODE_ENV ?? process.env.ENVIRONMENT) === 'production') {
  console.error('Demo users have no place in production.');
  process.exit(1);
}
const { url, release } = await openDatabaseUrl();
try {
  await migrate(url);
  const db = openDatabase(url, 1);
  const users = await seedDemoUsers(db);
  await closeDatabase(db);
  for (const user of users) console.log(describe(user));
  console.log(
    'In development the codes of phones are at /dev/outbox. Passwords are shown this once.',
  );
} finally {
  await release();
}

function describe({ phoneNumber, email, roles, password, isNew }: SeededUser): string {
  const who = `  ${(phoneNumber ?? email ?? '').padEnd(20)}  ${roles.join(', ').padEnd(13)}`;
  if (phoneNumber !== null) return `${who}  by code`;
  return isNew ? `${who}  ${password ?? ''}` : `${who}  was there before`;
}
