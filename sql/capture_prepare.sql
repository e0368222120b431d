-- Two-phase commit: the journal is part of what is prepared.
\set VERBOSITY terse
SET client_min_messages = warning;
-- an owner that cannot log in keeps the worker away: the journal stays as it is
CREATE ROLE regress_capture_owner NOLOGIN;
CREATE DATABASE capture_prepare OWNER regress_capture_owner;
\c capture_prepare
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
-- A rule and tables of our own, so that the tests do not depend on the catalog.
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin)
VALUES ('doc', '{doc}', '{state,qty}', '{name,note=memo,tags}', false);
CREATE TABLE doc (id int PRIMARY KEY, state text, qty numeric, name text, memo text, other text);
SELECT odoo_events._capture_table('doc'::regclass, 'doc');
CREATE VIEW j AS
SELECT rule, op, record_id AS id, old, new FROM (SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1
  UNION ALL SELECT * FROM odoo_events.journal_2) u ORDER BY u.id;
\set clear 'TRUNCATE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2'
INSERT INTO doc VALUES (1, 'draft', 1), (2, 'draft', 2);
:clear;
BEGIN;
UPDATE doc SET state = 'prepared' WHERE id = 1;
SAVEPOINT a;
UPDATE doc SET state = 'undone' WHERE id = 2;
ROLLBACK TO a;
PREPARE TRANSACTION 'oe-commit';
TABLE j;
BEGIN;
UPDATE doc SET state = 'rolled back' WHERE id = 2;
PREPARE TRANSACTION 'oe-rollback';
-- the session goes on: nothing is left of the prepared transactions in it
INSERT INTO doc VALUES (3, 'between');
TABLE j;
ROLLBACK PREPARED 'oe-rollback';
TABLE j;
\c -
SET client_min_messages = warning;
COMMIT PREPARED 'oe-commit';
TABLE j;
SELECT * FROM doc ORDER BY id;
:clear;

-- spilled, then prepared
SET odoo_events.capture_memory = '64kB';
BEGIN;
INSERT INTO doc SELECT i, repeat('x', 500) FROM generate_series(10, 1009) i;
PREPARE TRANSACTION 'oe-spilled';
COMMIT PREPARED 'oe-spilled';
SELECT op, count(*), min(id), max(id) FROM j GROUP BY op;
:clear;

-- a failure: a gap if the transaction is committed
ALTER SEQUENCE odoo_events.journal_id_seq RENAME TO hidden;
BEGIN;
UPDATE doc SET state = 'gap' WHERE id = 1;
PREPARE TRANSACTION 'oe-gap';
SELECT count(*) FROM odoo_events.capture_gap;
COMMIT PREPARED 'oe-gap';
SELECT relation, changes, reason FROM odoo_events.capture_error;
SET odoo_events.strict = on;
BEGIN;
UPDATE doc SET state = 'strict' WHERE id = 1;
PREPARE TRANSACTION 'oe-strict';
SELECT gid FROM pg_prepared_xacts;
ALTER SEQUENCE odoo_events.hidden RENAME TO journal_id_seq;

\c postgres
DROP DATABASE capture_prepare;
DROP ROLE regress_capture_owner;
