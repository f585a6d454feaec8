import type { Knex } from 'knex';

/** Passwords and their lockout, rotating refresh tokens, known devices, and an audit log by month. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(ACCOUNTS);
  await knex.raw(ROTATION);
  await knex.raw(AUDIT_LOG);
  await knex.raw(END_SESSIONS);
}

const ACCOUNTS = `
  ALTER TABLE users
    ADD COLUMN password_hash text,
    -- Counts the passwords, not their hashes: the same one under another hash is the same version.
    ADD COLUMN password_version integer NOT NULL DEFAULT 0;

  -- The newest passwords of a user, the current one included.
  CREATE TABLE password_history (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    password_hash text NOT NULL,
    set_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, id)
  );

  -- By a keyed hash of the address: those that have no account are counted alike, and none is kept.
  CREATE TABLE login_failures (
    email_hash text PRIMARY KEY,
    failures integer NOT NULL CHECK (failures > 0),
    expires_at timestamptz NOT NULL
  );
  CREATE INDEX login_failures_by_expiry ON login_failures (expires_at);

  CREATE TABLE known_devices (
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    device text NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, device)
  );
`;

const ROTATION = `
  -- How the person proved who they are (RFC 8176).
  ALTER TABLE sessions ADD COLUMN amr text[] NOT NULL DEFAULT '{}';

  ALTER TABLE refresh_tokens
    ADD COLUMN issued_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN used_at timestamptz,
    ADD COLUMN used_by text,
    ADD COLUMN successor text,
    ADD CHECK ((used_at IS NULL) = (successor IS NULL));
  ALTER TABLE refresh_tokens ALTER COLUMN issued_at DROP DEFAULT;
  CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

  -- Expired ones are found by id: they were written in nearly that order.
  DROP INDEX revocations_by_expiry;
`;

/** Insert-only in the table and in each of its parts, whose months can be kept or dropped one by one. */
const AUDIT_LOG = `
  ALTER TABLE audit_log RENAME TO audit_log_before;
  ALTER INDEX audit_log_by_user RENAME TO audit_log_before_by_user;
  ALTER INDEX audit_log_pkey RENAME TO audit_log_before_pkey;
  CREATE SEQUENCE audit_log_ids;
  CREATE TABLE audit_log (
    id bigint NOT NULL DEFAULT nextval('audit_log_ids'),
    at timestamptz NOT NULL,
    event_type text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
    user_id integer,
    session_id text,
    ip inet,
    user_agent text,
    device_id text,
    request_id text,
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (at, id)
  ) PARTITION BY RANGE (at);
  CREATE INDEX audit_log_by_user ON audit_log (user_id, at DESC, id DESC);
  CREATE TRIGGER audit_log_is_insert_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
  CREATE TRIGGER audit_log_is_not_truncated BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

  -- Where a month has no part of its own yet, nothing is lost.
  CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
  CREATE TRIGGER audit_log_is_not_truncated BEFORE TRUNCATE ON audit_log_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

  -- Made apart and then attached, so that nobody who writes to the log has to wait. Events of the month that are in
  -- the default part by then are moved: the one change of the log there is.
  CREATE FUNCTION create_audit_month(day date) RETURNS void LANGUAGE plpgsql
  SET lock_timeout = '2s' AS $$
    DECLARE
      month timestamp := date_trunc('month', day::timestamp);
      beginning timestamptz := month AT TIME ZONE 'UTC';
      ending timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
      part text := 'audit_log_' || to_char(month, 'YYYY_MM');
    BEGIN
      IF to_regclass(part) IS NOT NULL THEN
        RETURN;
      END IF;
      -- Nodes that start together take turns, and look again: in the table, as names are cached.
      PERFORM pg_advisory_xact_lock(hashtext('audit_log months'));
      IF EXISTS (
        SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'audit_log'::regclass AND relname = part
      ) THEN
        RETURN;
      END IF;
      EXECUTE format('CREATE TABLE %I (LIKE audit_log INCLUDING ALL)', part);
      EXECUTE format(
        'CREATE TRIGGER audit_log_is_not_truncated BEFORE TRUNCATE ON %I
         FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part);
      IF EXISTS (SELECT FROM audit_log_default WHERE at >= beginning AND at < ending) THEN
        ALTER TABLE audit_log_default DISABLE TRIGGER audit_log_is_insert_only;
        EXECUTE format(
          'WITH moved AS (DELETE FROM audit_log_default WHERE at >= $1 AND at < $2 RETURNING *)
           INSERT INTO %I SELECT * FROM moved', part) USING beginning, ending;
        ALTER TABLE audit_log_default ENABLE TRIGGER audit_log_is_insert_only;
      END IF;
      EXECUTE format('ALTER TABLE audit_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        part, beginning, ending);
    END
  $$;

  -- The oldest month before a day, with all that it holds; null where there is none. Whoever writes to the log waits
  -- no longer than the lock is waited for.
  CREATE FUNCTION drop_audit_month(before date) RETURNS text LANGUAGE plpgsql
  SET lock_timeout = '2s' AS $$
    DECLARE
      part text;
    BEGIN
      PERFORM pg_advisory_xact_lock(hashtext('audit_log months'));
      SELECT min(relname) INTO part FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
      WHERE inhparent = 'audit_log'::regclass AND relname ~ '^audit_log_[0-9]{4}_[0-9]{2}$'
        AND relname < 'audit_log_' || to_char(before, 'YYYY_MM');
      IF part IS NOT NULL THEN
        EXECUTE format('DROP TABLE %I', part);
      END IF;
      RETURN part;
    END
  $$;

  SELECT create_audit_month(month::date) FROM generate_series(
    date_trunc('month', coalesce((SELECT min(at) FROM audit_log_before), now()) AT TIME ZONE 'UTC'),
    date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month', interval '1 month') AS month;

  INSERT INTO audit_log (id, at, event_type, severity, user_id, session_id, ip, user_agent,
                         device_id, request_id, details)
  SELECT id, at, event_type, severity, user_id, session_id, ip, user_agent,
         device_id, request_id, details FROM audit_log_before;
  SELECT setval('audit_log_ids', coalesce(max(id), 0) + 1, false) FROM audit_log;
  DROP TABLE audit_log_before;
`;

/**
 * Ends live sessions of a user: all, some, or all but one. A function, so that it is one round trip and its plans
 * are kept. Each statement sees what was committed before it: once the user's row is locked, the second sees every
 * session that was being made. Where the session that the caller holds has ended before, nothing is done.
 * The refresh tokens stay: with their session they are dead, and a used one is known for what it is.
 */
const END_SESSIONS = `
  DROP FUNCTION end_sessions;
  CREATE FUNCTION end_sessions(
    the_user integer, only_ids text[], except_id text, held_id text, reason text,
    ended timestamptz, revoked_until timestamptz, audit jsonb
  ) RETURNS TABLE (session_id text, refresh_jtis text[]) LANGUAGE plpgsql
  -- PostgreSQL would plan the statement anew for every call, which takes longer than the statement.
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
                                 device_id, request_id, details)
          SELECT at, event_type, severity, user_id, entry.session_id, ip, user_agent,
                 device_id, request_id, details || jsonb_build_object('sessions_ended', ended_count)
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

/** What was added since would be lost, passwords for one: a backup is the way back. */
export function down(): Promise<void> {
  return Promise.reject(new Error('002_accounts cannot be undone: restore a backup'));
}
