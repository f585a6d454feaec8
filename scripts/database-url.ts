import { openEmbeddedPostgres } from '../server/embedded/embedded-postgres.ts';

/** The database that the server would use: `DATABASE_URL`, else the embedded one: that of a server that runs, or started. */
export async function openDatabaseUrl(): Promise<{ url: string; release: () => Promise<void> }> {
  loadDotEnv();
  const { DATABASE_URL: url = '', DATA_DIR: directory = '.data' } = process.env;
  if (url !== '') return { url, release: () => Promise.resolve() };
  const postgres = await openEmbeddedPostgres({ directory, log: console.log });
  return { url: postgres.url, release: postgres.stop };
}

/** Adds the variables of `.env` that are not set. */
export function loadDotEnv(): void {
  try {
    process.loadEnvFile();
  } catch {
    // There need not be one.
  }
}
