-- A failure of capture: a gap, not a failed transaction; with strict the transaction fails.  And who may do what.
\set db capture_errors
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/lib/capture.sql
\i :setup
INSERT INTO doc VALUES (1, 'draft', 1, 'one');
:clear;

-- the journal cannot be written
ALTER SEQUENCE odoo_events.journal_id_seq RENAME TO hidden;
BEGIN;
UPDATE doc SET state = 'a', name = 'secret value' WHERE id = 1;
INSERT INTO doc VALUES (2, 'draft');
COMMIT;
SELECT * FROM doc ORDER BY id;
TABLE j;
SELECT relation, changes, reason FROM odoo_events.capture_error;
SELECT xid IS NOT NULL AS xid, rule, relid::regclass FROM odoo_events.capture_gap;
SELECT errors FROM odoo_events._rule_stats() WHERE rule = 'doc';
SET odoo_events.strict = on;
UPDATE doc SET state = 'b' WHERE id = 1;
BEGIN;
UPDATE doc SET state = 'b' WHERE id = 1;
COMMIT;
SELECT state FROM doc WHERE id = 1;
RESET odoo_events.strict;
ALTER SEQUENCE odoo_events.hidden RENAME TO journal_id_seq;
DELETE FROM odoo_events.capture_gap;

-- an exhausted sequence fails in the middle of the journal: nothing of it stays
ALTER SEQUENCE odoo_events.journal_id_seq MAXVALUE 1000;
SELECT setval('odoo_events.journal_id_seq', 998);
INSERT INTO doc SELECT i, 'many' FROM generate_series(10, 19) i;
TABLE j;
SELECT relation, changes, reason FROM odoo_events.capture_error;
ALTER SEQUENCE odoo_events.journal_id_seq NO MAXVALUE;
DELETE FROM odoo_events.capture_gap;
UPDATE doc SET state = 'goes on' WHERE id = 10;
TABLE j;
:clear;

-- the table of gaps is locked or gone too: the commit goes on (a loss that is not written down yet shows where the launcher knows this
-- database already)
ALTER SEQUENCE odoo_events.journal_id_seq RENAME TO hidden;
ALTER TABLE odoo_events.capture_gap RENAME TO hidden_gap;
UPDATE doc SET state = 'c' WHERE id = 1;
SELECT state FROM doc WHERE id = 1;
ALTER TABLE odoo_events.hidden_gap RENAME TO capture_gap;
ALTER SEQUENCE odoo_events.hidden RENAME TO journal_id_seq;

-- a rule that is gone, and one that comes back
DELETE FROM odoo_events.capture_rule WHERE rule = 'doc';
BEGIN;
UPDATE doc SET state = 'd' WHERE id IN (1, 2);
TRUNCATE doc;
COMMIT;
SELECT relation, changes, reason FROM odoo_events.capture_error WHERE reason !~ 'not written down';
DELETE FROM odoo_events.capture_gap;
SET odoo_events.strict = on;
INSERT INTO doc VALUES (1, 'e');
RESET odoo_events.strict;
INSERT INTO odoo_events.capture_rule VALUES ('doc', '{doc}', '{state,qty}', '{name}', false);
SET odoo_events.strict = on;
INSERT INTO doc VALUES (1, 'e');
RESET odoo_events.strict;
TABLE j;
:clear;
SELECT relation, changes, reason FROM odoo_events.capture_error WHERE reason !~ 'not written down';

-- a cancelled statement stays cancelled
BEGIN;
SET LOCAL statement_timeout = '1ms';
INSERT INTO doc SELECT i, 'timeout' FROM generate_series(1000, 2000000) i;
COMMIT;
TABLE j;

-- capture off; a replica; a session that calls itself local
BEGIN;
SET LOCAL odoo_events.capture = off;
UPDATE doc SET state = 'off';
COMMIT;
SET session_replication_role = replica;
UPDATE doc SET state = 'replica';
SET session_replication_role = local;
UPDATE doc SET state = 'local';
RESET session_replication_role;
TABLE j;

-- isolation levels, read only after writing, autocommit and pipelines of statements
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE doc SET state = 'serializable';
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE doc SET state = 'repeatable read';
SET TRANSACTION READ ONLY;
COMMIT;
BEGIN READ ONLY;
SELECT count(*) FROM doc;
COMMIT;
UPDATE doc SET state = 'm1' \; UPDATE doc SET state = 'm2';
BEGIN \; UPDATE doc SET state = 'm3' \; COMMIT AND CHAIN;
UPDATE doc SET state = 'm4';
ROLLBACK;
-- transactions that a procedure ends
DO $$
BEGIN
  UPDATE doc SET state = 'p1';
  COMMIT;
  UPDATE doc SET state = 'p2';
  ROLLBACK;
  UPDATE doc SET state = 'p3';
END $$;
TABLE j;
:clear;
SELECT * FROM odoo_events.capture_error WHERE reason !~ 'not written down';

-- the application's trace context
BEGIN;
SET odoo_events.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
UPDATE doc SET state = 'traced';
COMMIT;
UPDATE doc SET state = 'untraced';
SELECT new::json ->> 'state' AS state, traceparent, at BETWEEN now() - interval '1 hour' AND now() AS at,
       xid = (SELECT max(xid::text)::xid8 FROM odoo_events.journal_0) AS last
  FROM odoo_events.journal_0 ORDER BY id;
:clear;

-- one clock and one transaction id for all rows, also of a subtransaction
BEGIN;
SAVEPOINT a;
INSERT INTO doc VALUES (50, 'x');
RELEASE a;
INSERT INTO doc VALUES (51, 'x');
SELECT pg_current_xact_id() AS xid \gset
COMMIT;
SELECT count(*), count(DISTINCT at), bool_and(xid = :'xid') FROM odoo_events.journal_0;
:clear;

-- a role without any privilege on us writes to the journal, and can neither read it nor switch capture off
CREATE ROLE regress_capture_user;
GRANT ALL ON doc TO regress_capture_user;
SET ROLE regress_capture_user;
UPDATE doc SET state = 'by user' WHERE id = 1;
SELECT * FROM odoo_events.journal_0;
SELECT * FROM odoo_events.capture_error WHERE reason !~ 'not written down';
SELECT odoo_events.attach();
SET odoo_events.capture = off;
CREATE TEMP TABLE mine (id int);
CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION odoo_events.capture('doc');
RESET ROLE;
TABLE j;
:clear;
-- temporary tables cannot stand in for ours
CREATE TEMP TABLE capture_rule (rule text);
CREATE TEMP TABLE journal_0 (x int);
UPDATE doc SET state = 'temp' WHERE id = 1;
SELECT op, id FROM j;
:clear;
-- the database's owner restores triggers, and reads configuration only
SET ROLE regress_capture_owner;
CREATE TABLE owned (id int, state text);
CREATE TRIGGER odoo_events_capture AFTER INSERT ON owned FOR EACH ROW EXECUTE FUNCTION odoo_events.capture('doc');
ALTER TRIGGER odoo_events_capture ON owned DEPENDS ON EXTENSION odoo_events;
INSERT INTO owned VALUES (1, 'x');
SELECT count(*) >= 0 AS config FROM odoo_events.saved_config;
SELECT count(*) FROM odoo_events.journal_0;
RESET ROLE;
SELECT op, id FROM j;
:clear;

-- triggers that were made by hand, wrongly
CREATE TRIGGER wrong BEFORE INSERT ON doc FOR EACH ROW EXECUTE FUNCTION odoo_events.capture('doc');
INSERT INTO doc VALUES (100, 'x');
DROP TRIGGER wrong ON doc;
CREATE TRIGGER wrong AFTER INSERT ON doc FOR EACH ROW EXECUTE FUNCTION odoo_events.capture();
INSERT INTO doc VALUES (100, 'x');
DROP TRIGGER wrong ON doc;
CREATE TRIGGER wrong AFTER INSERT ON doc FOR EACH STATEMENT EXECUTE FUNCTION odoo_events.capture_truncate('doc');
INSERT INTO doc VALUES (100, 'x');
DROP TRIGGER wrong ON doc;
CREATE TABLE nokey (state text);
SELECT odoo_events._capture_table('nokey'::regclass, 'doc');
CREATE TABLE nullkey (id int, state text);
SELECT odoo_events._capture_table('nullkey'::regclass, 'doc');
INSERT INTO nullkey VALUES (NULL, 'x'), (1, 'y');
SELECT op, id FROM j;
SELECT relation, changes, reason FROM odoo_events.capture_error WHERE reason !~ 'not written down';

-- the extension goes, and its triggers with it, also in the middle of a transaction
DROP VIEW j;
BEGIN;
UPDATE doc SET state = 'last words' WHERE id = 1;
DROP EXTENSION odoo_events;
COMMIT;
SELECT tgname FROM pg_trigger WHERE NOT tgisinternal;
UPDATE doc SET state = 'free' WHERE id = 1;
DROP OWNED BY regress_capture_user;
DROP ROLE regress_capture_user;

\c postgres
DROP DATABASE capture_errors;
DROP ROLE regress_capture_owner;
