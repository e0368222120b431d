-- The output plugin: net changes in every kind of transaction, options, and what the WAL does not tell.
\set VERBOSITY terse
SET client_min_messages = error;
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE stream_details OWNER regress_publish_owner;
\c stream_details
SET client_min_messages = error;
SELECT slot_name FROM pg_create_logical_replication_slot('stream_details', 'odoo_events');
-- before the extension is there nothing is captured, and nothing fails
CREATE TABLE doc (id int PRIMARY KEY, state text, qty numeric, name text, memo text, other text);
INSERT INTO doc VALUES (0, 'draft');
SELECT data FROM pg_logical_slot_peek_changes('stream_details', NULL, NULL, 'source', 'tables', 'entities', 'doc');
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin)
VALUES ('doc', '{doc}', '{state,qty}', '{name,note=memo}', false), ('part', '{part}', '{state}', '{name}', false);
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, builtin) VALUES ('doc', 'test', 'doc', 'doc', '{doc}', false);
ALTER TABLE doc REPLICA IDENTITY FULL;
\set changes 'SELECT data FROM pg_logical_slot_get_changes(''stream_details'', NULL, NULL, ''source'', ''tables'')'
:changes;

-- net of the transaction, without what was rolled back
BEGIN;
INSERT INTO doc VALUES (1, 'draft', 1, 'one');
UPDATE doc SET state = 'confirmed' WHERE id = 1;
SAVEPOINT a;
UPDATE doc SET state = 'cancel' WHERE id IN (0, 1);
SAVEPOINT b;
INSERT INTO doc VALUES (2, 'draft', 2, 'two');
RELEASE b;
ROLLBACK TO a;
UPDATE doc SET qty = 3.50 WHERE id = 1;
INSERT INTO doc VALUES (3, 'draft'), (4, 'draft');
DELETE FROM doc WHERE id = 3;
COMMIT;
:changes;
BEGIN; UPDATE doc SET state = 'done'; ROLLBACK;
UPDATE doc SET other = 'not noted', name = 'carried';
UPDATE doc SET qty = 3.5 WHERE id = 1;
UPDATE doc SET qty = 4, memo = 'note' WHERE id = 1;
UPDATE doc SET id = 5 WHERE id = 4;
DELETE FROM doc WHERE id = 5;
:changes;

-- TRUNCATE, a dropped table, a prepared transaction
BEGIN; INSERT INTO doc VALUES (6, 'void'); TRUNCATE doc; INSERT INTO doc VALUES (7, 'new'); COMMIT;
BEGIN; CREATE TABLE part (id int, state text, name text); INSERT INTO part VALUES (1, 'x'); DROP TABLE part; COMMIT;
BEGIN; INSERT INTO doc VALUES (8, 'prepared'); PREPARE TRANSACTION 'stream_details';
:changes;
COMMIT PREPARED 'stream_details';
:changes;

-- ALTER TABLE between two changes of one transaction, a rewritten table, a rule that changes: each as of its moment
BEGIN;
UPDATE doc SET state = 'a' WHERE id = 7;
ALTER TABLE doc DROP COLUMN name, ALTER COLUMN qty TYPE text USING qty::text;
UPDATE doc SET qty = '12' WHERE id = 7;
COMMIT;
UPDATE doc SET other = 'before' WHERE id = 7;
UPDATE odoo_events.capture_rule SET significant = '{state,qty,other}' WHERE rule = 'doc';
UPDATE doc SET other = 'after' WHERE id = 7;
:changes;

-- values in TOAST: unchanged ones are there with REPLICA IDENTITY FULL, marked without
ALTER TABLE doc ALTER COLUMN memo SET STORAGE EXTERNAL;
UPDATE doc SET memo = repeat('x', 5000) WHERE id = 7;
UPDATE doc SET state = 'toast' WHERE id = 7;
SELECT length(data::json -> 'new' ->> 'note') AS note, data::json ->> 'unavailable' AS unavailable
  FROM pg_logical_slot_get_changes('stream_details', NULL, NULL, 'source', 'tables');
ALTER TABLE doc REPLICA IDENTITY DEFAULT;
UPDATE doc SET state = 'default' WHERE id = 7;
BEGIN; UPDATE doc SET id = 9 WHERE id = 7; UPDATE doc SET state = 'moved' WHERE id = 9; COMMIT;
DELETE FROM doc WHERE id = 9;
ALTER TABLE doc REPLICA IDENTITY NOTHING;
UPDATE doc SET state = 'nothing' WHERE id = 8;
DELETE FROM doc WHERE id = 8;
:changes;

-- each row names its own
ALTER TABLE doc REPLICA IDENTITY DEFAULT;
ALTER TABLE doc ALTER COLUMN other SET STORAGE EXTERNAL;
INSERT INTO doc (id, state, memo, other) VALUES (10, 'draft', repeat('x', 5000), repeat('y', 5000)), (11, 'draft', repeat('x', 5000), 'small');
SELECT count(*) FROM (:changes) x;
UPDATE doc SET state = 'both' WHERE id IN (10, 11);
:changes;

-- partitions are one table
DROP TABLE doc;
CREATE TABLE doc (id int, state text, qty numeric) PARTITION BY LIST (state);
CREATE TABLE doc_a PARTITION OF doc FOR VALUES IN ('a');
CREATE TABLE doc_b PARTITION OF doc DEFAULT;
ALTER TABLE doc_a REPLICA IDENTITY FULL;
ALTER TABLE doc_b REPLICA IDENTITY FULL;
INSERT INTO doc VALUES (1, 'a', 1);
UPDATE doc SET state = 'b';
:changes;

-- a transaction that does not fit into memory
CREATE TABLE part (id int PRIMARY KEY, state text, name text);
ALTER TABLE part REPLICA IDENTITY FULL;
SET odoo_events.merge_memory = '1MB';
SET work_mem = '64kB';
BEGIN;
INSERT INTO part SELECT i, 'draft', md5(i::text) FROM generate_series(1, 20000) i;
UPDATE part SET state = 'done' WHERE id % 2 = 0;
DELETE FROM part WHERE id % 10 = 0;
COMMIT;
-- and not onto the disk either: the session goes on, and so does the stream
SET temp_file_limit = '64kB';
\set VERBOSITY sqlstate
:changes;
\set VERBOSITY terse
CREATE TABLE after_error (id int);
DROP TABLE after_error;
RESET temp_file_limit;
SELECT count(*), count(*) FILTER (WHERE data::json -> 'new' ->> 'state' = 'done') AS done, min((data::json ->> 'id')::int), max((data::json ->> 'id')::int)
  FROM pg_logical_slot_get_changes('stream_details', NULL, NULL, 'source', 'tables');
RESET work_mem;

-- what came from another server's replication is not Odoo's
SELECT pg_replication_origin_create('stream_details') > 0 AS origin;
SELECT pg_replication_origin_session_setup('stream_details');
INSERT INTO part VALUES (30001, 'foreign');
SELECT pg_replication_origin_session_reset();
INSERT INTO part VALUES (30002, 'own');
:changes;
SELECT pg_replication_origin_drop('stream_details');

-- options
INSERT INTO doc VALUES (2, 'a', 1);
INSERT INTO part VALUES (30003, 'unwanted');
SELECT regexp_replace(data, '"lsn":"[0-9A-F]+/[0-9A-F]+","xid":\d+,"timestamp":"[-0-9T:.]+Z"', '<lsn xid timestamp>') AS data
  FROM pg_logical_slot_get_changes('stream_details', NULL, NULL, 'source', 'tables', 'entities', 'doc,transfer',
    'include-lsn', 'on', 'include-xid', 'on', 'include-timestamp', 'on', 'skip-empty-xacts', 'off');
\set peek 'SELECT data FROM pg_logical_slot_peek_changes(''stream_details'', NULL, NULL, '
:peek 'unheard', 'of');
:peek 'source', 'wal');
:peek 'types', 'a.*', 'types', 'b.*');
:peek 'entities', 'doc');
:peek 'source', 'tables', 'entities', 'doc,another');
:peek 'source', 'tables', 'types', '*');
:peek 'types', 'Odoo*');
:peek 'types', '');
:peek 'include-lsn', 'perhaps');

-- published events, as they were frozen
SELECT odoo_events.emit('acme.logistics.' || t, t, '{"n": 1}') IS NOT NULL AS emitted FROM unnest('{carrier.accepted.v1,customs_hold.placed.v1}'::text[]) t;
SELECT odoo_events.publish();
SELECT odoo_events.emit('acme.logistics.customs_hold.released.v1', 'later', '{}') IS NOT NULL AS emitted;
SELECT odoo_events.publish();
CREATE TEMP TABLE sent AS SELECT data FROM pg_logical_slot_peek_changes('stream_details', NULL, NULL);
SELECT count(*), bool_and(s.data = o.event::text) AS same_bytes FROM sent s JOIN odoo_events.outbox o ON o.id = (s.data::json ->> 'id')::uuid;
SELECT data::json ->> 'type' FROM pg_logical_slot_peek_changes('stream_details', NULL, NULL, 'types', '{acme.*.customs_hold.*}');
SELECT data -> 'event' ->> 'type', data ? 'xid' FROM (SELECT data::jsonb AS data
  FROM pg_logical_slot_get_changes('stream_details', NULL, NULL, 'types', '*.accepted.v1', 'include-xid', 'true')) s;
SELECT pg_drop_replication_slot('stream_details');
\c postgres
DROP DATABASE stream_details;
