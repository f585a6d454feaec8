import type { Knex } from 'knex';

/** Sessions of browsers, which are known by their cookie instead of a refresh token. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE sessions
      -- SHA-256 of the cookie: a stolen table opens nothing.
      ADD COLUMN cookie_hash text,
      ADD CHECK ((kind = 'cookie') = (cookie_hash IS NOT NULL));
    CREATE UNIQUE INDEX sessions_by_cookie ON sessions (cookie_hash) WHERE cookie_hash IS NOT NULL;
  `);
}

/** Whoever is signed in by a cookie signs in again. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DELETE FROM sessions WHERE kind = 'cookie';
    ALTER TABLE sessions DROP COLUMN cookie_hash;
  `);
}
