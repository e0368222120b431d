-- Whatever is looked up may have to be looked up again at any moment: on a server with assertions every cache is discarded whenever it may be
-- (elsewhere this is an ordinary test of the same statements).
\set VERBOSITY terse
SET client_min_messages = warning;
-- an owner that cannot log in keeps the worker away: the journal stays as it is
CREATE ROLE regress_capture_owner NOLOGIN;
CREATE DATABASE capture_discard OWNER regress_capture_owner;
\c capture_discard
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin)
VALUES ('doc', '{doc}', '{state,qty}', '{name,note=memo,tags}', false);
CREATE TABLE doc (id int PRIMARY KEY, state text, qty numeric, name text, memo text, other text) PARTITION BY RANGE (id);
CREATE TABLE doc_low PARTITION OF doc FOR VALUES FROM (0) TO (100);
CREATE TABLE doc_high (id int NOT NULL, other text, memo text, name text, qty numeric, state text);
ALTER TABLE doc ATTACH PARTITION doc_high FOR VALUES FROM (100) TO (1000);
SELECT odoo_events._capture_table('doc'::regclass, 'doc');
CREATE VIEW j AS SELECT rule, op, record_id AS id, old, new FROM odoo_events.journal u ORDER BY u.id;
\c
SELECT set_config('debug_discard_caches', CASE current_setting('debug_assertions') WHEN 'on' THEN '1' ELSE '0' END, false) <> '' AS set;
INSERT INTO doc VALUES (1, 'draft', 1.50, 'one', 'm', 'x'), (101, 'draft', 2, NULL, repeat('long', 3000), 'x');
BEGIN;
UPDATE doc SET state = 'done' WHERE id = 1;
SAVEPOINT a;
UPDATE doc SET state = 'undone', id = 102 WHERE id = 1;
ROLLBACK TO a;
ALTER TABLE doc ADD tags text DEFAULT 't';
UPDATE doc SET qty = 3 WHERE id = 101;
UPDATE odoo_events.capture_rule SET significant = '{state,qty,tags}' WHERE rule = 'doc';
UPDATE doc SET id = 103 WHERE id = 1;
COMMIT;
BEGIN;
DELETE FROM doc WHERE id = 103;
PREPARE TRANSACTION 'discard';
COMMIT PREPARED 'discard';
SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{"thing": {}}') IS NOT NULL AS emitted;
TRUNCATE doc;
RESET debug_discard_caches;
SELECT rule, op, id, left(old, 100) AS old, left(new, 100) AS new FROM j WHERE op <> 'E';
SELECT count(*) FROM j WHERE op = 'E';
SELECT count(*) FROM odoo_events.capture_error;

\c postgres
DROP DATABASE capture_discard;
DROP ROLE regress_capture_owner;
