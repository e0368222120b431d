-- Columns by which the lines of documents are read, and that have no index in Odoo 14 and 19: health() gives the statements.
\set VERBOSITY terse
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_indexes OWNER regress_publish_owner;
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load publish_indexes odoo14-base
\c publish_indexes
SET client_min_messages = error;
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
-- lines of small tables need none; a path of the correlation does, whatever the size
SELECT * FROM odoo_events.health() WHERE "check" = 'indexes';
SELECT status, regexp_replace(detail, '\(.*?\)', '(size)') AS detail, hint FROM odoo_events._health_indexes(0) ORDER BY hint;
SELECT hint FROM odoo_events._health_indexes(0) ORDER BY hint \gexec
SELECT * FROM odoo_events._health_indexes(0);
-- a table that has grown: its hint is in health(), and mends it
CREATE TABLE repair_line (id serial PRIMARY KEY, repair_id int, state varchar, name varchar);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
INSERT INTO repair_line (repair_id, name) SELECT n, repeat('x', 900) FROM generate_series(1, 10000) n;
SELECT status, regexp_replace(detail, '\(.*?\)', '(size)') AS detail, hint FROM odoo_events.health() WHERE "check" = 'indexes';
SELECT hint FROM odoo_events.health() WHERE "check" = 'indexes' \gexec
SELECT status, detail, hint FROM odoo_events.health() WHERE "check" = 'indexes';
\c postgres
DROP DATABASE publish_indexes;
