-- grants: the one place where anything is given to anybody.  docs/security.md says who should get what else.
REVOKE ALL ON SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA odoo_events FROM PUBLIC;

-- Monitoring: status without payloads and secrets.  The functions are those that the views call.
GRANT USAGE ON SCHEMA odoo_events TO pg_monitor;
GRANT SELECT ON odoo_events.worker_status TO pg_monitor;
GRANT SELECT ON odoo_events.capture_status, odoo_events.capture_error, odoo_events.attached TO pg_monitor;
GRANT SELECT ON odoo_events.subscription_status TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._captured_table(text[]), odoo_events._missing_columns(oid, text[]), odoo_events._rule_stats() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._worker(), odoo_events.version() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events.health(), odoo_events.metrics(), odoo_events.metrics_text() TO pg_monitor;

-- The database's owner: Odoo's role dumps, restores and duplicates the database, and names the trigger functions when it
-- restores.  It sees configuration without secrets, and no payloads.
GRANT USAGE ON SCHEMA odoo_events TO pg_database_owner;
GRANT SELECT ON odoo_events.saved_config, odoo_events.subscription_id_seq TO pg_database_owner;
GRANT EXECUTE ON FUNCTION odoo_events.capture(), odoo_events.capture_truncate() TO pg_database_owner;
