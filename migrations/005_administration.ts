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
  await knex.raw(END_SESSIONS);
}

/** As in 002_accounts, with the actor in the audit log. */
const END_SESSIONS = `
  CREATE OR REPLACE FUNCTION end_sessions(
    the_user integer, only_ids text[], except_id text, held_id text, reason text,
    ended timestamptz, revoked_until timestamptz, audit jsonb
  ) RETURNS TABLE (session_id text, refresh_jtis text[]) LANGUAGE plpgsql
  SET plan_cache_mode = force_generic_plan AS $$
    #variable_conflict use_column
    BEGIN
      PERFORM FROM users WHERE id = the_user FOR UPDATE;
      RETURN QUERY
        WITH dead AS (
          UPDATE sessions SET ended_at = end_sessions.ended, end_reason = end_sessions.reason
          WHERE user_id = the_user AND ended_at IS NULL
            AND (only_ids IS NULL OR id = ANY (only_ids)) AND (except_id IS NULL OR id <> except_id)
            AND (held_id IS NULL OR EXISTS (
              SELECT FROM sessions held
              WHERE held.id = held_id AND held.user_id = the_user AND held.ended_at IS NULL
            ))
          RETURNING id, kind
        ), revoked AS (
          INSERT INTO revocations (user_id, session_id, reason, revoked_at, expires_at)
          SELECT the_user, id, end_sessions.reason, end_sessions.ended, revoked_until FROM dead
        ), logged AS (
          INSERT INTO audit_log (at, event_type, severity, user_id, session_id, ip, user_agent,
                                 device_id, request_id, actor, details)
          SELECT at, event_type, severity, user_id, entry.session_id, ip, user_agent,
                 device_id, request_id, actor,
                 details || jsonb_build_object('sessions_ended', ended_count)
          FROM (SELECT count(*) AS ended_count FROM dead) AS counted,
               jsonb_populate_record(NULL::audit_log, audit) AS entry
          WHERE ended_count > 0
        )
        SELECT id, CASE WHEN kind = 'phone'
          THEN ARRAY(SELECT jti FROM refresh_tokens WHERE refresh_tokens.session_id = dead.id)
          ELSE '{}' END
        FROM dead;
    END
  $$;
`;

/** What was added since would be lost, suspensions for one: a backup is the way back. */
export function down(): Promise<void> {
  return Promise.reject(new Error('005_administration cannot be undone: restore a backup'));
}
