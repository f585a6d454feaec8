import type { Knex } from 'knex';
import { migrationSource } from './server/store/database.ts';

/** For knex's command line (`npx knex migrate:status`); the server migrates by itself when it starts. */
const config: Knex.Config = {
  client: 'pg',
  connection: process.env.DATABASE_URL ?? '',
  migrations: { migrationSource },
};

export default config;
