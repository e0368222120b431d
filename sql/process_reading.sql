-- The reader behind the publisher reads each event once, however much there is behind its cursor.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE process_reading OWNER regress_publish_owner;
\c process_reading
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.outbox_0 (position, id, type, subject, partitionkey, time, recordedtime, entity, odootx, event)
  SELECT i, gen_random_uuid(), 'test.reading.thing.done.v1', 'thing/' || i, 'thing:' || i, now(), now(), 'thing', pg_current_xact_id(), '{"data": {}}' FROM generate_series(1, 5000) i;
-- ten statements of 500 events; the sorting of all that is left would fetch 27,500
BEGIN;
SELECT odoo_events._read_behind();
SELECT sum(idx_tup_fetch) BETWEEN 5000 AND 5020 AS each_once FROM pg_stat_xact_user_tables WHERE schemaname = 'odoo_events' AND relname LIKE 'outbox%';
COMMIT;
\c postgres
DROP DATABASE process_reading;
