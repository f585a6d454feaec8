import { migrate } from '../server/store/database.ts';
import { openDatabaseUrl } from './database-url.ts';

/** Brings the schema up to date, as the server itself does when it starts. */
const { url, release } = await openDatabaseUrl();
try {
  const applied = await migrate(url);
  console.log(applied.length === 0 ? 'The schema is up to date.' : `Applied ${applied.join(', ')}`);
} finally {
  await release();
}
