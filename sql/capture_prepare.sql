-- Two-phase commit: the journal is part of what is prepared.
\set db capture_prepare
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/lib/capture.sql
\i :setup
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
