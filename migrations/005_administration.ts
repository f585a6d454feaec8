import type { Knex } from 'knex';

/** Staff who act on the accounts of others: who did what, suspension, the end of single tokens, and search. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Sign-ins are refused until then.
    ALTER TABLE users ADD COLUMN suspended_until timestamptz;

    -- Without either the whole session has ended; else its tokens up to a generation have, or that one token.
    ALTER TABLE revocations
      ADD COLUMN generation integer,
      ADD COLUMN jti text,
      ADD CHECK (generation IS NULL OR jti IS NULL);
    CREATE INDEX revocations_by_jti ON revocations (jti) WHERE jti IS NOT NULL;

    -- Who acted, where it was not the user: user:12, client:dispatch.
    ALTER TABLE audit_log ADD COLUMN actor text;
    CREATE INDEX audit_log_by_actor ON audit_log (actor, at DESC, id DESC) WHERE actor IS NOT NULL;
    CREATE INDEX audit_log_by_type ON audit_log (event_type, at DESC, id DESC);
    CREATE INDEX audit_log_by_severity ON audit_log (severity, at DESC, id DESC)
      WHERE severity <> 'info';

    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX users_by_text ON users USING gin ((
      coalesce(phone_number, '') || ' ' || lower(coalesce(email, '')) || ' ' || lower(coalesce(username, ''))
    ) gin_trgm_ops);
    CREATE INDEX users_of_staff ON users (id DESC) WHERE roles && '{viewer,editor,admin}';
    CREATE INDEX users_not_active ON users (id DESC) WHERE NOT is_active;
  `);
}

/** What was added since would be lost, suspensions for one: a backup is the way back. */
export function down(): Promise<void> {
  return Promise.reject(new Error('005_administration cannot be undone: restore a backup'));
}
