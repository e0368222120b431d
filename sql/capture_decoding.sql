-- Logical decoding: no publication, also not one for all tables, carries the journal away.
-- needs: test_decoding amcheck
\set db capture_decoding
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/lib/capture.sql
\i :setup
CREATE EXTENSION amcheck;
SET client_min_messages = error;
CREATE PUBLICATION everything FOR ALL TABLES;
SELECT slot_name FROM pg_create_logical_replication_slot('capture_decoding', 'test_decoding');
BEGIN;
INSERT INTO doc SELECT i, 'draft' FROM generate_series(1, 3) i;
UPDATE doc SET name = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 4000) i) WHERE id = 1;
COMMIT;
ALTER SEQUENCE odoo_events.journal_id_seq RENAME TO hidden;
DELETE FROM doc WHERE id = 3;
ALTER SEQUENCE odoo_events.hidden RENAME TO journal_id_seq;
SELECT count(*) AS journal FROM j;
SELECT count(*) AS gaps FROM odoo_events.capture_gap;
SELECT split_part(data, ':', 1) AS change, count(*) FROM pg_logical_slot_get_changes('capture_decoding', NULL, NULL)
 WHERE data ~ '^table' AND data !~ '^table pg_' GROUP BY 1 ORDER BY 1;
SELECT bt_index_check(c.oid, true) FROM pg_class c WHERE c.relname ~ '^journal_[0-2]_pkey$' AND c.relnamespace = 'odoo_events'::regnamespace;
SELECT pg_drop_replication_slot('capture_decoding');

\c postgres
DROP DATABASE capture_decoding;
DROP ROLE regress_capture_owner;
