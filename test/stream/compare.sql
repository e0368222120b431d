-- One recording, captured by triggers and decoded from the WAL: the same net changes of each row, in the same order.
-- Expects the variables base and trace; leaves nothing behind.
DROP DATABASE IF EXISTS stream_tables;
CREATE DATABASE stream_tables OWNER regress_publish_owner;
\c stream_tables
SET client_min_messages = warning;
\setenv STREAM_BASE :base
\setenv STREAM_TRACE :trace
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load stream_tables $STREAM_BASE
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
DO $$
DECLARE
  t regclass;
BEGIN
  FOR t IN SELECT DISTINCT relid FROM odoo_events._capture_trigger LOOP
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', t);
  END LOOP;
END $$;
SELECT slot_name FROM pg_create_logical_replication_slot('stream_tables', 'odoo_events');
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play stream_tables $STREAM_TRACE
CREATE TEMP TABLE decoded AS
SELECT l ->> 'rule' AS rule, l ->> 'op' AS op, (l ->> 'id')::int8 AS id, l ->> 'old' AS old, l ->> 'new' AS new,
       row_number() OVER (PARTITION BY l ->> 'rule', l ->> 'id' ORDER BY n) AS nth
  FROM (SELECT data::json AS l, row_number() OVER () AS n
          FROM pg_logical_slot_get_changes('stream_tables', NULL, NULL, 'source', 'tables')) s
 WHERE EXISTS (SELECT FROM odoo_events._capture_trigger t WHERE t.rule = l ->> 'rule');
CREATE TEMP TABLE noted AS
SELECT rule, op::text, record_id AS id, old, new, row_number() OVER (PARTITION BY rule, record_id ORDER BY id) AS nth
  FROM (SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1 UNION ALL SELECT * FROM odoo_events.journal_2) j
 WHERE op IN ('I', 'U', 'D', 'T');
SELECT :'trace' AS recording, count(*) > 50 AS enough, count(*) = (SELECT count(*) FROM decoded) AS as_many FROM noted;
(SELECT 'noted' AS only, * FROM noted EXCEPT SELECT 'noted', * FROM decoded) UNION ALL
(SELECT 'decoded', * FROM decoded EXCEPT SELECT 'decoded', * FROM noted) ORDER BY 2, 4, 7 LIMIT 5;
SELECT pg_drop_replication_slot('stream_tables');
\c postgres
SET client_min_messages = error;
DROP DATABASE stream_tables;
