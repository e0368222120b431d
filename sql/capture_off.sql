-- odoo_events.capture = off and odoo_events.traceparent count only in the transaction that sets them.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE capture_off OWNER regress_publish_owner;
\c capture_off
SELECT session_user AS me \gset
SET client_min_messages = warning;
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text);
CREATE EXTENSION odoo_events;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{transfer}');
\set seen 'SELECT record_id, traceparent FROM odoo_events.journal ORDER BY id'

-- not by itself
SET odoo_events.capture = off;
SET SESSION odoo_events.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
INSERT INTO stock_picking VALUES (1);
:seen;
SET odoo_events.capture = on;
SET odoo_events.traceparent = '';

-- in a transaction, whichever way; not in the next one
BEGIN;
SET odoo_events.capture = off;
SET odoo_events.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SHOW odoo_events.capture;
INSERT INTO stock_picking VALUES (2);
COMMIT;
SHOW odoo_events.capture;
SHOW odoo_events.traceparent;
SELECT setting FROM pg_settings WHERE name = 'odoo_events.capture';
INSERT INTO stock_picking VALUES (3);
:seen;
BEGIN;
SET LOCAL odoo_events.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
INSERT INTO stock_picking VALUES (4);
COMMIT AND CHAIN;
INSERT INTO stock_picking VALUES (5);
COMMIT;
-- undone with what set it
BEGIN;
SAVEPOINT a;
SET LOCAL odoo_events.capture = off;
ROLLBACK TO a;
INSERT INTO stock_picking VALUES (6);
COMMIT;
-- a function, a block, one message of several statements
DO $$BEGIN PERFORM set_config('odoo_events.capture', 'off', false); INSERT INTO stock_picking VALUES (7); END$$;
INSERT INTO stock_picking VALUES (8);
SET odoo_events.capture = off\; INSERT INTO stock_picking VALUES (9)\; SELECT 1;
INSERT INTO stock_picking VALUES (10);
SELECT set_config('odoo_events.capture', 'off', false);
INSERT INTO stock_picking VALUES (11);
BEGIN;
SET odoo_events.capture = off;
PREPARE TRANSACTION 'regress_capture_off';
INSERT INTO stock_picking VALUES (12);
ROLLBACK PREPARED 'regress_capture_off';
:seen;

-- not for longer
CREATE ROLE regress_capture_off LOGIN;
ALTER ROLE regress_capture_off SET odoo_events.capture = off;
ALTER ROLE regress_capture_off IN DATABASE capture_off SET odoo_events.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
ALTER DATABASE capture_off SET odoo_events.capture = off;
CREATE FUNCTION quiet() RETURNS int LANGUAGE sql SET odoo_events.capture = off AS 'SELECT 1';
ALTER ROLE regress_capture_off SET odoo_events.capture = on;
-- refused before: the form, the privilege
BEGIN;
SET odoo_events.traceparent = 'x';
ROLLBACK;
BEGIN;
SET ROLE regress_capture_off;
SET LOCAL odoo_events.capture = off;
ROLLBACK;
-- stored by an older version: without effect
ALTER ROLE regress_capture_off RESET odoo_events.capture;
SET client_min_messages = error;
INSERT INTO pg_db_role_setting SELECT 0, 'regress_capture_off'::regrole, '{odoo_events.capture=off}';
GRANT ALL ON stock_picking TO regress_capture_off;
GRANT SET ON PARAMETER odoo_events.capture TO regress_capture_off;
\c - regress_capture_off
SHOW odoo_events.capture;
INSERT INTO stock_picking VALUES (13);
-- a parallel worker takes over what its leader has
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
BEGIN;
SET odoo_events.capture = off;
SET odoo_events.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SELECT count(*) FROM stock_picking;
COMMIT;
SELECT count(*) FROM stock_picking;
BEGIN;
SET LOCAL odoo_events.capture = off;
DELETE FROM stock_picking WHERE id > 5;
TRUNCATE stock_picking;
COMMIT;
\c - :me
SELECT count(*) FROM odoo_events.journal WHERE record_id = 13;
SELECT replace(who, :'me', 'me') AS who, what, object, new FROM odoo_events.audit_log WHERE what = 'leave out' ORDER BY at;
SELECT status, regexp_replace(detail, ' at .*', '') AS detail, hint FROM odoo_events.health() WHERE "check" = 'capture' AND detail LIKE '% left out by %';

-- with a reason, by somebody who may not set the parameter
REVOKE SET ON PARAMETER odoo_events.capture FROM regress_capture_off;
GRANT USAGE ON SCHEMA odoo_events TO regress_capture_off;
GRANT EXECUTE ON FUNCTION odoo_events.quiet TO regress_capture_off;
SELECT odoo_events.quiet('alone');
SELECT odoo_events.quiet(' ');
SET ROLE regress_capture_off;
BEGIN;
SELECT odoo_events.quiet('lots of the "old" system');
SHOW odoo_events.capture;
INSERT INTO stock_picking VALUES (20);
COMMIT;
SHOW odoo_events.capture;
INSERT INTO stock_picking VALUES (21);
BEGIN;
SAVEPOINT a;
SELECT odoo_events.quiet('taken back');
ROLLBACK TO a;
INSERT INTO stock_picking VALUES (22);
COMMIT;
DO $$BEGIN PERFORM odoo_events.quiet('in a block'); INSERT INTO stock_picking VALUES (23); END$$;
RESET ROLE;
SELECT record_id FROM odoo_events.journal WHERE record_id >= 20 ORDER BY record_id;
SELECT what, object, new FROM odoo_events.audit_log WHERE what = 'quiet' OR new ? 'reason' ORDER BY at;
SELECT status, regexp_replace(detail, ' at .*', '') AS detail FROM odoo_events.health() WHERE "check" = 'capture' AND detail LIKE '% left out by %';
\c postgres
DROP DATABASE capture_off;
REVOKE SET ON PARAMETER odoo_events.capture FROM regress_capture_off;
DROP ROLE regress_capture_off;
