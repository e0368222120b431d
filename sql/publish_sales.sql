-- Every event of the recorded sales day of Odoo 19.
\set VERBOSITY terse
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_sales OWNER regress_publish_owner;
\c publish_sales
SET client_min_messages = warning;
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load publish_sales odoo19-base
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
\getenv srcdir PG_ABS_SRCDIR
\set audit :srcdir /test/publish/audit.sql
\set events :srcdir /test/publish/events.sql
\i :audit
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_sales odoo19-sales
SELECT odoo_events.publish();
\i :events
\c postgres
DROP DATABASE publish_sales;
