-- Every event of the recorded changes of Odoo 19: what happens to released documents.
\set VERBOSITY terse
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_changes OWNER regress_publish_owner;
\c publish_changes
SET client_min_messages = warning;
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load publish_changes odoo19-base
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
\getenv srcdir PG_ABS_SRCDIR
\set audit :srcdir /test/publish/audit.sql
\set events :srcdir /test/publish/events.sql
\i :audit
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_changes odoo19-changes
SELECT odoo_events.publish();
\i :events
\c postgres
DROP DATABASE publish_changes;
