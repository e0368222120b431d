-- grants: the one place where anything is given to anybody.  docs/security.md says who should get what else.
REVOKE ALL ON SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA odoo_events FROM PUBLIC;

-- What ALTER DEFAULT PRIVILEGES has given away while this script ran ("SELECT on all tables to the reporting role") is taken back, too.
DO $$
DECLARE
  g record;
BEGIN
  FOR g IN
    SELECT DISTINCT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, pg_catalog.format('odoo_events.%I', c.relname) AS name, a.grantee
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
     WHERE c.relnamespace = 'odoo_events'::regnamespace AND a.grantee <> c.relowner
    UNION
    SELECT 'FUNCTION', p.oid::regprocedure::text, a.grantee
      FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
     WHERE p.pronamespace = 'odoo_events'::regnamespace AND a.grantee <> p.proowner
    UNION
    SELECT 'SCHEMA', 'odoo_events', a.grantee
      FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
     WHERE n.nspname = 'odoo_events' AND a.grantee <> n.nspowner
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %I', g.kind, g.name, pg_catalog.pg_get_userbyid(g.grantee));
  END LOOP;
END $$;

-- The functions that status views read answer nobody but the views.
GRANT EXECUTE ON FUNCTION odoo_events._read_worker_status(int8), odoo_events._read_capture_status(int8), odoo_events._read_capture_error(int8), odoo_events._read_subscription_status(int8),
  odoo_events._read_replay_status(int8), odoo_events._read_storage(int8), odoo_events._read_arming(int8), odoo_events._read_care(int8) TO PUBLIC;
-- A view's functions are called as its reader.  These say who he is, and compare what they are given.
GRANT EXECUTE ON FUNCTION odoo_events._callers(), odoo_events._allows(jsonb, text, int4, int4), odoo_events._sees(jsonb, text, int4[], int4[]),
  odoo_events._sees_whole(jsonb, text, text[], int4[], int4[], text[], text), odoo_events._statement(text, jsonb) TO PUBLIC;

-- Monitoring: status without payloads and secrets.  The functions are those that the views call.
GRANT USAGE ON SCHEMA odoo_events TO pg_monitor;
GRANT SELECT ON odoo_events.worker_status TO pg_monitor;
GRANT SELECT ON odoo_events.capture_status, odoo_events.capture_error, odoo_events.attached TO pg_monitor;
GRANT SELECT ON odoo_events.subscription_status, odoo_events.replay_status, odoo_events.storage, odoo_events.arming, odoo_events.care TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._identity() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._captured_table(text[], boolean), odoo_events._missing_columns(oid, text[]), odoo_events._rule_stats(), odoo_events._wal_state(),
  odoo_events._wal_slot() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._worker(), odoo_events._oldest_unpublished(), odoo_events.version(), odoo_events._schedule_next(text, timestamptz, text) TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._transport(text) TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events.health(), odoo_events.metrics(), odoo_events.metrics_text() TO pg_monitor;

-- The database's owner: Odoo's role dumps, restores and duplicates the database, and names the trigger functions when it
-- restores.  It sees configuration without secrets, and no payloads.
GRANT USAGE ON SCHEMA odoo_events TO pg_database_owner;
GRANT SELECT ON odoo_events.saved_config, odoo_events.subscription_id_seq TO pg_database_owner;
GRANT EXECUTE ON FUNCTION odoo_events.capture(), odoo_events.capture_truncate() TO pg_database_owner;
