import type { Knex } from 'knex';

/** TOTP and backup codes, links that are mailed, and counts of failures that are no longer those of logins alone. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- When the owner of the address last showed that it is theirs.
    ALTER TABLE users ADD COLUMN email_verified_at timestamptz;

    -- While users.totp_enabled is false it is a set-up that was begun, and counts for nothing.
    CREATE TABLE totp (
      user_id integer PRIMARY KEY REFERENCES users ON DELETE CASCADE,
      -- Another one for each set-up, whatever key the secret is encrypted with.
      id integer GENERATED ALWAYS AS IDENTITY,
      -- Encrypted; the value names its key.
      secret text NOT NULL,
      created_at timestamptz NOT NULL,
      -- The newest time step that a code was accepted for: neither it nor an older one is accepted again.
      last_step integer
    );

    -- Those that are left: using one deletes it.
    CREATE TABLE backup_codes (
      id bigint GENERATED ALWAYS AS IDENTITY,
      user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
      code_hash text NOT NULL,
      PRIMARY KEY (user_id, id)
    );

    -- What is mailed and works once. Only its hash is kept: a stolen table opens nothing.
    CREATE TABLE one_time_tokens (
      token_hash text PRIMARY KEY,
      user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
      purpose text NOT NULL CHECK (purpose IN ('reset_password', 'verify_email')),
      -- The address that it was mailed to: with another one in its place the token is void.
      email text NOT NULL,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL CHECK (expires_at > created_at)
    );
    CREATE INDEX one_time_tokens_by_user ON one_time_tokens (user_id, purpose);
    CREATE INDEX one_time_tokens_by_expiry ON one_time_tokens (expires_at);

    ALTER TABLE login_failures RENAME TO failed_attempts;
    ALTER TABLE failed_attempts RENAME COLUMN email_hash TO counter;
    ALTER INDEX login_failures_pkey RENAME TO failed_attempts_pkey;
    ALTER INDEX login_failures_by_expiry RENAME TO failed_attempts_by_expiry;
  `);
}

/** What was added since would be lost, second factors for one: a backup is the way back. */
export function down(): Promise<void> {
  return Promise.reject(new Error('003_second_factor cannot be undone: restore a backup'));
}
