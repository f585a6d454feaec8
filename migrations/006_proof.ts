import type { Knex } from 'knex';

/** The nodes that share this database, each as of its last proof, and revocations that are asked after. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Rewritten every two seconds by each node: what is lost in a crash is written anew.
    CREATE TABLE nodes (
      id text PRIMARY KEY,
      started_at timestamptz NOT NULL,
      seen_at timestamptz NOT NULL,
      sockets integer NOT NULL
    ) WITH (fillfactor = 50);

    -- What nodes acknowledge, where somebody waits for it.
    ALTER TABLE revocations ADD COLUMN revocation_id text;
  `);
  await knex.raw(END_SESSIONS);
}

/**
 * As in 002_accounts, with the actor of the audit log and what nodes acknowledge. That one stays, for nodes that are
 * still to be upgraded.
 */
const END_SESSIONS = `
  CREATE FUNCTION end_sessions(
    the_user integer, only_ids text[], except_id text, held_id text, reason text,
    ended timestamptz, revoked_until timestamptz, audit jsonb, revocation_id text
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
          INSERT INTO revocations (user_id, session_id, reason, revoked_at, expires_at, revocation_id)
          SELECT the_user, id, end_sessions.reason, end_sessions.ended, revoked_until,
                 end_sessions.revocation_id
          FROM dead
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

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    DROP FUNCTION end_sessions(
      integer, text[], text, text, text, timestamptz, timestamptz, jsonb, text);
    DROP TABLE nodes;
    ALTER TABLE revocations DROP COLUMN revocation_id;
  `);
}
