import { seedDemoUsers } from '../seeds/demo-users.ts';
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
  console.log('Sign in with one of these numbers; in development the code is at /dev/outbox:');
  for (const { phoneNumber, roles } of users) console.log(`  ${phoneNumber}  ${roles.join(', ')}`);
} finally {
  await release();
}
