-- A publisher that was stopped for the whole of a recording tells the same story afterwards: no condition looks at what came later.
-- check-all: a recording published as a whole, a minute
\set VERBOSITY terse
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_19 OWNER regress_publish_owner;
CREATE DATABASE publish_more OWNER regress_publish_owner;
CREATE DATABASE publish_14 OWNER regress_publish_owner;
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load publish_19 odoo19-base
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load publish_14 odoo14-base
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load publish_more odoo19-more-base
\c publish_19
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
GRANT USAGE ON SCHEMA odoo_events TO regress_publish_owner;
GRANT EXECUTE ON FUNCTION odoo_events.publish(int) TO regress_publish_owner;
\c publish_14
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
GRANT USAGE ON SCHEMA odoo_events TO regress_publish_owner;
GRANT EXECUTE ON FUNCTION odoo_events.publish(int) TO regress_publish_owner;
\c publish_more
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
GRANT USAGE ON SCHEMA odoo_events TO regress_publish_owner;
GRANT EXECUTE ON FUNCTION odoo_events.publish(int) TO regress_publish_owner;
\c postgres
\! "$PG_ABS_SRCDIR/test/publish/compare.sh" publish_19 odoo19-sales
\! "$PG_ABS_SRCDIR/test/publish/compare.sh" publish_19 odoo19-manufacturing
\! "$PG_ABS_SRCDIR/test/publish/compare.sh" publish_19 odoo19-purchase-maintenance-repair
\! "$PG_ABS_SRCDIR/test/publish/compare.sh" publish_19 odoo19-changes
\! "$PG_ABS_SRCDIR/test/publish/compare.sh" publish_more odoo19-more
\! "$PG_ABS_SRCDIR/test/publish/compare.sh" publish_14 odoo14-all
DROP DATABASE publish_19;
DROP DATABASE publish_more;
DROP DATABASE publish_14;
