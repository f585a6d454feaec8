import type { Knex } from 'knex';

/**
 * As before, but that whoever writes to the log waits in front of the table while a month is attached. An event that had
 * already been sent to the default part, and waited there, was refused: by then the part was no longer for its month.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE OR REPLACE FUNCTION create_audit_month(day date) RETURNS void LANGUAGE plpgsql
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
        LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE;
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
  `);
}

/** A backup is the way back: events that had to wait would be refused again. */
export function down(): Promise<void> {
  return Promise.reject(new Error('007_audit_months cannot be undone: restore a backup'));
}
