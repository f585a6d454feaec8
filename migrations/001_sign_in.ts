import type { Knex } from 'knex';

/** People, their sessions, what ended them, and the record of it. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE users (
      id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      phone_number text UNIQUE CHECK (phone_number ~ '^\\+[1-9][0-9]{4,14}$'),
      email text CHECK (email LIKE '%_@_%'),
      username text CHECK (username <> ''),
      roles text[] NOT NULL
        CHECK (roles <@ ARRAY['rider', 'driver', 'viewer', 'editor', 'admin']),
      is_active boolean NOT NULL DEFAULT true,
      totp_enabled boolean NOT NULL DEFAULT false,
      created_at timestamptz NOT NULL,
      last_login timestamptz,
      CHECK (phone_number IS NOT NULL OR email IS NOT NULL)
    );
    CREATE UNIQUE INDEX users_email_key ON users (lower(email));
    CREATE UNIQUE INDEX users_username_key ON users (lower(username));

    CREATE TABLE sessions (
      id text PRIMARY KEY,
      user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
      kind text NOT NULL CHECK (kind IN ('cookie', 'phone', 'account')),
      role text NOT NULL CHECK (role IN ('rider', 'driver', 'viewer', 'editor', 'admin')),
      generation integer NOT NULL DEFAULT 1 CHECK (generation > 0),
      device_id text,
      device_name text,
      user_agent text,
      ip inet,
      created_at timestamptz NOT NULL,
      last_seen_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
      ended_at timestamptz,
      end_reason text,
      CHECK ((ended_at IS NULL) = (end_reason IS NULL))
    );
    -- Not a partial index of the live ones: the end of a session then changes no index.
    CREATE INDEX sessions_by_user ON sessions (user_id, created_at DESC, id);
    CREATE INDEX sessions_by_expiry ON sessions (expires_at);

    CREATE TABLE refresh_tokens (
      jti text PRIMARY KEY,
      session_id text NOT NULL REFERENCES sessions ON DELETE CASCADE,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

    -- A log for all nodes to read: it outlives the users and sessions that it names.
    CREATE TABLE revocations (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
      user_id integer NOT NULL,
      session_id text NOT NULL,
      reason text NOT NULL,
      revoked_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX revocations_by_xid ON revocations (xid);
    CREATE INDEX revocations_by_expiry ON revocations (expires_at);

    CREATE TABLE audit_log (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL,
      event_type text NOT NULL,
      severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
      user_id integer,
      session_id text,
      ip inet,
      user_agent text,
      device_id text,
      request_id text,
      details jsonb NOT NULL DEFAULT '{}'
    );
    CREATE INDEX audit_log_by_user ON audit_log (user_id, id DESC);

    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'the audit log is insert-only';
      END
    $$;
    CREATE TRIGGER audit_log_is_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
  `);
  await knex.raw(END_SESSIONS);
}

/**
 * Ends live sessions of a user: one, all, or all but one. A function, so that it is one round trip and its plans
 * are kept. Each statement sees what was committed before it: once the user's row is locked, the second sees every
 * session that was being made. Where the session that the caller holds has ended before, nothing is done.
 */
const END_SESSIONS = `
  CREATE FUNCTION end_sessions(
    the_user integer, only_id text, except_id text, held_id text, reason text,
    ended timestamptz, revoked_until timestamptz, audit jsonb
  ) RETURNS TABLE (session_id text, refresh_jtis text[]) LANGUAGE plpgsql
  -- PostgreSQL would plan the statement anew for every call, which takes longer than the statement.
  SET plan_cache_mode = force_generic_plan AS $$
    #variable_conflict use_column
    DECLARE
      ended_count integer;
    BEGIN
      PERFORM FROM users WHERE id = the_user FOR UPDATE;
      IF held_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM sessions WHERE id = held_id AND user_id = the_user AND ended_at IS NULL
      ) THEN
        RETURN;
      END IF;
      RETURN QUERY
        WITH dead AS (
          UPDATE sessions SET ended_at = end_sessions.ended, end_reason = end_sessions.reason
          WHERE user_id = the_user AND ended_at IS NULL
            AND (only_id IS NULL OR id = only_id) AND (except_id IS NULL OR id <> except_id)
          RETURNING id
        ), dropped AS (
          DELETE FROM refresh_tokens USING dead WHERE refresh_tokens.session_id = dead.id
          RETURNING refresh_tokens.session_id, refresh_tokens.jti
        ), revoked AS (
          INSERT INTO revocations (user_id, session_id, reason, revoked_at, expires_at)
          SELECT the_user, id, end_sessions.reason, end_sessions.ended, revoked_until FROM dead
        )
        SELECT id, ARRAY(SELECT jti FROM dropped WHERE dropped.session_id = dead.id) FROM dead;
      GET DIAGNOSTICS ended_count = ROW_COUNT;
      IF ended_count > 0 THEN
        INSERT INTO audit_log (at, event_type, severity, user_id, session_id, ip, user_agent,
                               device_id, request_id, details)
        SELECT at, event_type, severity, user_id, entry.session_id, ip, user_agent,
               device_id, request_id,
               details || jsonb_build_object('sessions_ended', ended_count)
        FROM jsonb_populate_record(NULL::audit_log, audit) AS entry;
      END IF;
    END
  $$;
`;

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP TABLE audit_log, revocations, refresh_tokens, sessions, users;
    DROP FUNCTION refuse_change, end_sessions;
  `);
}
