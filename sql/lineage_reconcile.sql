-- backfill() and reconcile(): snapshots of what is there, differences between tables and events, and their mend.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE lineage_reconcile OWNER regress_publish_owner;
\c lineage_reconcile
SET client_min_messages = warning;
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, product_qty numeric, company_id int, create_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'), write_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'));
CREATE TABLE stock_move (id int PRIMARY KEY, state text, product_uom_qty numeric, raw_material_production_id int);
INSERT INTO mrp_production SELECT i, 'MO/' || i, CASE WHEN i % 2 = 0 THEN 'confirmed' ELSE 'done' END, i FROM generate_series(1, 1500) i;
INSERT INTO stock_move SELECT i, 'confirmed', i, 2 FROM generate_series(1, 3) i;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
CREATE EXTENSION odoo_events;
CREATE VIEW events AS SELECT position, type, subject, partitionkey, event->'data' AS data FROM odoo_events.outbox;

-- what is refused, and that the mend in the hint works
\set VERBOSITY terse
SELECT odoo_events.backfill('manufacturing_odor');
\set VERBOSITY default
SELECT odoo_events.backfill('manufacturing_order');
SELECT * FROM odoo_events.reconcile('manufacturing_order');
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{manufacturing_order}');
SELECT odoo_events.backfill('manufacturing_order', 'no_such_column = 1');
SELECT odoo_events.backfill('manufacturing_order', 'state = ''done'') OR (true');
SELECT odoo_events.backfill('manufacturing_order', 'true); DROP TABLE mrp_production; SELECT (true');
SELECT odoo_events.backfill('manufacturing_order', 'true) UNION SELECT (1, true');
SELECT odoo_events.backfill('manufacturing_order', 'state');
SELECT odoo_events.cancel_backfill(99);
SELECT count(*) FROM odoo_events.backfill_status;
-- run with the rights of the database's owner only: it cannot read this, nor change anything
CREATE FUNCTION peek() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.stock_move VALUES (99); RETURN true; END$$;
SELECT odoo_events.backfill('manufacturing_order', 'public.peek()') > 0 AS job;
SELECT odoo_events._backfill_step();
SELECT state, rows, error FROM odoo_events.backfill_status ORDER BY id DESC LIMIT 1;
SELECT count(*) FROM stock_move;
-- the mend
SELECT odoo_events.backfill('manufacturing_order', 'state = ''done'' -- all') > 0 AS job;
SELECT odoo_events._backfill_step(), odoo_events._backfill_step();
SELECT state, rows, last_id FROM odoo_events.backfill_status ORDER BY id DESC LIMIT 1;
-- resumed where it stopped: a step is one transaction
BEGIN;
SELECT odoo_events._backfill_step();
ROLLBACK;
SELECT odoo_events._backfill_step(), odoo_events._backfill_step(), odoo_events._backfill_step();
SELECT state, rows, last_id FROM odoo_events.backfill_status ORDER BY id DESC LIMIT 1;
SELECT odoo_events.publish();
SELECT type, count(*), count(DISTINCT subject), min(subject) FROM events GROUP BY type ORDER BY type;
SELECT jsonb_pretty(data::jsonb - 'lines_read_at') FROM events WHERE subject = 'manufacturing_order/MO/1';
SELECT odoo_events.backfill('manufacturing_order', 'id <= 4') > 0 AS job;
SELECT odoo_events._backfill_step(), odoo_events._backfill_step(), odoo_events._backfill_step(), odoo_events._backfill_step(), odoo_events._backfill_step();
-- the row is read when the event is made: what was published before is never newer
UPDATE mrp_production SET state = 'progress' WHERE id = 2;
DELETE FROM mrp_production WHERE id = 4;
SELECT odoo_events.publish();
SELECT subject, type, data->'manufacturing_order'->>'state' AS state, data->>'deleted' AS deleted, json_array_length(data->'lines') AS lines
  FROM events WHERE partitionkey IN ('manufacturing_order:2', 'manufacturing_order:4') ORDER BY position;
SELECT jsonb_path_query_array(odoo_events.json_schema('odoo.manufacturing.manufacturing_order.snapshot.v1')::jsonb, '$.properties.data');

-- they agree
SELECT * FROM odoo_events.reconcile();
-- capture was off for a while
BEGIN;
SET LOCAL odoo_events.capture = off;
UPDATE mrp_production SET state = 'done' WHERE id = 2;
UPDATE mrp_production SET product_qty = 7 WHERE id = 3;
INSERT INTO mrp_production VALUES (2001, 'MO/2001', 'confirmed', 1), (2002, 'MO/2002', 'draft', 1);
DELETE FROM mrp_production WHERE id = 5;
COMMIT;
SELECT * FROM odoo_events.reconcile();
-- what is on its way is no difference
UPDATE mrp_production SET state = 'done' WHERE id = 1000;
SELECT count(*) FROM odoo_events.reconcile('manufacturing_order');
SELECT * FROM odoo_events.reconcile(repair => true);
SELECT odoo_events.publish();
SELECT * FROM odoo_events.reconcile();
SELECT subject, type, data->'manufacturing_order'->>'state' AS state, data->>'deleted' AS deleted
  FROM events WHERE partitionkey IN ('manufacturing_order:2', 'manufacturing_order:5', 'manufacturing_order:2001', 'manufacturing_order:1000') ORDER BY partitionkey, position;
-- a gap: nobody knows which rows it was, so every open document, and whatever was written since, is in doubt
BEGIN;
LOCK TABLE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2 IN ACCESS EXCLUSIVE MODE;
\! psql -qXAt -d lineage_reconcile -c "UPDATE mrp_production SET state = 'done', write_date = now() WHERE id = 6" -c "UPDATE stock_move SET product_uom_qty = 9"
ROLLBACK;
SELECT relation, changes FROM odoo_events.capture_error ORDER BY relation;
SELECT "check", status FROM odoo_events.health() WHERE "check" = 'gaps';
SELECT * FROM odoo_events.reconcile('manufacturing_order') WHERE record_id = 6;
SELECT count(*) > 0 AS repaired FROM odoo_events.reconcile(repair => true);
SELECT relation, changes FROM odoo_events.capture_error;
SELECT "check", status FROM odoo_events.health() WHERE "check" = 'gaps';
SELECT odoo_events.publish() > 0 AS published;
SELECT * FROM odoo_events.reconcile() WHERE note NOT LIKE 'may %';
SELECT what, object FROM odoo_events.audit_log WHERE what IN ('reconcile', 'backfill', 'cancel backfill') ORDER BY at;
SELECT * FROM odoo_events.quarantine;

-- more than states: values and lines that an event carries, where a change of them would have been an event
INSERT INTO mrp_production VALUES (3001, 'MO/3001', 'confirmed', 1), (3002, 'MO/3002', 'confirmed', 2), (3003, 'MO/3003', 'done', 3), (3004, 'MO/3004', 'confirmed', 4);
INSERT INTO stock_move SELECT 100 + i, 'confirmed', i, 3002 FROM generate_series(1, 3) i;
SELECT odoo_events.publish();
SELECT * FROM odoo_events.reconcile();
BEGIN;
SET LOCAL odoo_events.capture = off;
-- 3003 is done: nobody would have been told of that
UPDATE mrp_production SET product_qty = 70 WHERE id IN (3001, 3003);
UPDATE stock_move SET product_uom_qty = 7 WHERE id = 101;
DELETE FROM stock_move WHERE id = 102;
INSERT INTO stock_move VALUES (120, 'confirmed', 1, 3002);
COMMIT;
-- a new name is an event, and then no difference
UPDATE mrp_production SET name = 'MO/3004-001' WHERE id = 3004;
SELECT odoo_events.publish();
SELECT * FROM odoo_events.reconcile();
SELECT record_id, note FROM odoo_events.reconcile(repair => true);
SELECT odoo_events.publish();
SELECT subject, data->'manufacturing_order'->>'quantity' AS qty, jsonb_path_query_array(data::jsonb, '$.lines[*].demand') AS demand FROM events
 WHERE position > (SELECT max(position) - 2 FROM events) ORDER BY position;
SELECT * FROM odoo_events.reconcile();
-- a row of the journal that was lost
UPDATE mrp_production SET state = 'progress' WHERE id = 3004;
DELETE FROM odoo_events.journal_0;
DELETE FROM odoo_events.journal_1;
DELETE FROM odoo_events.journal_2;
SELECT odoo_events.publish();
SELECT * FROM odoo_events.reconcile();
SELECT count(*) FROM odoo_events.reconcile(repair => true);
SELECT odoo_events.publish();
SELECT * FROM odoo_events.reconcile();
-- many differences at once, in pieces; nothing of it in memory at once
INSERT INTO mrp_production SELECT i, 'MO/' || i, 'confirmed', 1 FROM generate_series(4001, 5200) i;
SELECT odoo_events.publish();
BEGIN;
SET LOCAL odoo_events.capture = off;
UPDATE mrp_production SET state = 'done' WHERE id > 4000;
COMMIT;
SELECT count(*), count(DISTINCT record_id), min(note), max(note) FROM odoo_events.reconcile(repair => true);
SELECT odoo_events.publish();
SELECT count(*) FROM odoo_events.reconcile();
\c postgres
DROP DATABASE lineage_reconcile;
