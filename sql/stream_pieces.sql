-- The output plugin: published events of transactions that come in pieces, prepared transactions, and the positions of lines.
-- needs: dblink
-- check-all: large transactions
\set VERBOSITY terse
SET client_min_messages = error;
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE stream_pieces OWNER regress_publish_owner;
\c stream_pieces
SET client_min_messages = error;
CREATE EXTENSION odoo_events;
CREATE TABLE doc (id int PRIMARY KEY, state text);
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin) VALUES ('doc', '{doc}', '{state}', '{}', false);
-- as the publisher writes them, but in transactions of any kind
CREATE FUNCTION publish_events(a int, b int, size int DEFAULT 100) RETURNS void LANGUAGE sql AS $$
  INSERT INTO odoo_events.outbox_0 (position, id, type, subject, partitionkey, "time", recordedtime, entity, odootx, event)
  SELECT i, gen_random_uuid(), CASE i % 2 WHEN 0 THEN 'acme.even.v1' ELSE 'acme.odd.v1' END, 's', 'k', now(), now(), 'doc', pg_current_xact_id(),
         format('{"sequence":"%s","fill":"%s"}', i, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, size) j))
    FROM generate_series(a, b) i
$$;
SELECT slot_name FROM pg_create_logical_replication_slot('stream_pieces', 'odoo_events', false, true);
SELECT slot_name, two_phase FROM pg_replication_slots WHERE slot_name = 'stream_pieces';
\set got 'SELECT count(*), min((data::json ->> ''sequence'')::int), max((data::json ->> ''sequence'')::int), bool_and(length(data) > 3000) AS whole FROM pg_logical_slot_get_changes(''stream_pieces'', NULL, NULL)'
-- how many came in pieces, how many the server wrote to disk, since the last time
CREATE TABLE seen (stream int8, spill int8);
CREATE FUNCTION server_did() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  now_ seen;
  was seen;
BEGIN
  PERFORM pg_stat_clear_snapshot();
  SELECT stream_txns, spill_txns INTO now_ FROM pg_stat_replication_slots WHERE slot_name = 'stream_pieces';
  SELECT COALESCE(max(stream), 0), COALESCE(max(spill), 0) INTO was FROM seen;
  INSERT INTO seen SELECT now_.*;
  RETURN concat_ws(', ', CASE WHEN now_.stream > was.stream THEN 'in pieces' ELSE 'whole' END, CASE WHEN now_.spill > was.spill THEN 'by disk' END);
END $$;
SET logical_decoding_work_mem = '64kB';

-- a large transaction of Odoo's is not written to disk for the sake of events that are not in it
BEGIN; INSERT INTO doc SELECT i, 'draft' FROM generate_series(1, 20000) i; SELECT publish_events(1, 1); COMMIT;
:got;
SELECT server_did();

-- one that is open: nothing of it comes, though other transactions drive the decoding; then all of it, once, in order
CREATE EXTENSION dblink;
SELECT dblink_connect('writer', format('host=%s port=%s user=%s dbname=%s', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_user, current_database()));
SELECT dblink_exec('writer', 'BEGIN');
SELECT * FROM dblink('writer', 'SELECT publish_events(100, 299)::text') t (x text);
INSERT INTO doc VALUES (0, 'draft');
SELECT publish_events(400, 401);
:got;
SELECT dblink_exec('writer', 'COMMIT');
:got;
SELECT server_did();

-- what was rolled back never comes: subtransactions, nested ones, those that began before the piece and ended after it
BEGIN;
SELECT publish_events(1000, 1099);
SAVEPOINT a;
SELECT publish_events(1100, 1199);
SAVEPOINT b;
SELECT publish_events(1200, 1299);
RELEASE b;
INSERT INTO doc SELECT i, 'a' FROM generate_series(30000, 32000) i;
ROLLBACK TO a;
SELECT publish_events(1300, 1399);
SAVEPOINT c;
SELECT publish_events(1400, 1499);
RELEASE c;
SAVEPOINT d;
SAVEPOINT e;
SELECT publish_events(1500, 1599);
ROLLBACK TO d;
SELECT publish_events(1600, 1699);
COMMIT;
SELECT string_agg(DISTINCT (data::json ->> 'sequence')::int / 100 || '', ' ') AS hundreds, count(*), bool_and(length(data) > 3000) AS whole,
       array_agg((data::json ->> 'sequence')::int) = array_agg((data::json ->> 'sequence')::int ORDER BY (data::json ->> 'sequence')::int) AS in_order
  FROM pg_logical_slot_get_changes('stream_pieces', NULL, NULL);
BEGIN; SELECT publish_events(2000, 2199); ROLLBACK;
:got;

-- the members asked for are those of the commit; types, empty transactions
BEGIN; SELECT publish_events(3000, 3099); COMMIT;
SELECT count(*), count(DISTINCT data::json ->> 'xid') AS xids, count(DISTINCT data::json ->> 'lsn') AS lsns, bool_and((data::json ->> 'timestamp')::timestamptz <= now()) AS past,
       min(data::json -> 'event' ->> 'sequence') AS first
  FROM pg_logical_slot_get_changes('stream_pieces', NULL, NULL, 'types', '*.even.v1', 'include-xid', 'on', 'include-lsn', 'on', 'include-timestamp', 'on');
BEGIN; INSERT INTO doc SELECT i, 'draft' FROM generate_series(40001, 45000) i; COMMIT;
-- distinct, since autovacuum's transactions are as empty
SELECT DISTINCT data FROM pg_logical_slot_get_changes('stream_pieces', NULL, NULL, 'skip-empty-xacts', 'off');

-- a prepared transaction comes when it is committed, also in a slot made for two-phase commit, also in pieces, also by another session
BEGIN; SELECT publish_events(4000, 4001); PREPARE TRANSACTION 'stream_small';
BEGIN; SELECT publish_events(5000, 5099); PREPARE TRANSACTION 'stream_large';
BEGIN; SELECT publish_events(6000, 6099); PREPARE TRANSACTION 'stream_rolled_back';
:got;
SELECT dblink_disconnect('writer');
\c
SET logical_decoding_work_mem = '64kB';
ROLLBACK PREPARED 'stream_rolled_back';
:got;
COMMIT PREPARED 'stream_small';
:got;
COMMIT PREPARED 'stream_large';
:got;

-- source=tables takes transactions whole
INSERT INTO doc SELECT i, 'draft' FROM generate_series(50001, 51000) i;
SELECT count(server_did());
SELECT count(*) FROM pg_logical_slot_get_changes('stream_pieces', NULL, NULL, 'source', 'tables');
SELECT server_did();

-- who confirms the position of a line gets its transaction again, unless it is the last one
BEGIN; INSERT INTO doc VALUES (60001, 'a'), (60002, 'b'), (60003, 'c'); SELECT publish_events(7000, 7002); COMMIT;
CREATE TEMP TABLE lines AS SELECT 'tables' AS source, row_number() OVER () AS n, lsn FROM pg_logical_slot_peek_changes('stream_pieces', NULL, NULL, 'source', 'tables')
 UNION ALL SELECT 'outbox', row_number() OVER (), lsn FROM pg_logical_slot_peek_changes('stream_pieces', NULL, NULL);
SET logical_decoding_work_mem = '64kB';
SELECT source, count(*), count(DISTINCT lsn) FILTER (WHERE n < 3) AS before_the_end, max(lsn) FILTER (WHERE n = 3) = max(lsn) AS last_is_the_end FROM lines GROUP BY source ORDER BY 1;
SELECT slot_name FROM lines, pg_replication_slot_advance('stream_pieces', lsn) WHERE source = 'outbox' AND n = 2;
SELECT count(*) FROM pg_logical_slot_peek_changes('stream_pieces', NULL, NULL);
SELECT slot_name FROM lines, pg_replication_slot_advance('stream_pieces', lsn) WHERE source = 'tables' AND n = 2;
SELECT count(*) FROM pg_logical_slot_peek_changes('stream_pieces', NULL, NULL, 'source', 'tables');
SELECT slot_name FROM lines, pg_replication_slot_advance('stream_pieces', lsn) WHERE source = 'outbox' AND n = 3;
SELECT count(*) FROM pg_logical_slot_peek_changes('stream_pieces', NULL, NULL, 'source', 'tables');
BEGIN; SELECT publish_events(8000, 8099); COMMIT;
CREATE TEMP TABLE large AS SELECT row_number() OVER () AS n, lsn FROM pg_logical_slot_peek_changes('stream_pieces', NULL, NULL);
SELECT slot_name FROM large, pg_replication_slot_advance('stream_pieces', lsn) WHERE n = 99;
:got;
SELECT pg_drop_replication_slot('stream_pieces');
\c postgres
DROP DATABASE stream_pieces;
