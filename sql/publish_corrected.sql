-- What is corrected, done again or renamed after it was told: lines of done moves, a transfer validated twice, a new name.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_corrected OWNER regress_publish_owner;
\c publish_corrected
SET client_min_messages = warning;
CREATE TABLE stock_lot (id int PRIMARY KEY, name text);
CREATE TABLE stock_location (id int PRIMARY KEY, name text, complete_name text, usage text);
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, product_qty numeric, product_id int, write_uid int);
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, location_id int, location_dest_id int, write_uid int);
CREATE TABLE stock_move (id int PRIMARY KEY, state text, picking_id int, raw_material_production_id int, product_id int, quantity numeric, product_uom_qty numeric, location_id int, location_dest_id int, write_uid int);
CREATE TABLE stock_move_line (id int PRIMARY KEY, move_id int, state text, quantity numeric, qty_done numeric, lot_id int, package_id int, result_package_id int, owner_id int,
  location_id int, location_dest_id int, write_uid int);
INSERT INTO stock_lot VALUES (1, 'L1'), (2, 'L2');
INSERT INTO stock_location VALUES (8, 'Stock', 'WH/Stock', 'internal'), (9, 'Shelf', 'WH/Stock/Shelf', 'internal');
DO $$DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE format('ALTER TABLE %I OWNER TO regress_publish_owner', t); END LOOP; END$$;
CREATE EXTENSION odoo_events;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{stock_move,transfer,manufacturing_order}');
CREATE TABLE seen AS SELECT 0::int8 AS upto;
CREATE VIEW told AS SELECT position, regexp_replace(type, '^.*\.([^.]+\.[^.]+)\.v1$', '\1') AS type, partitionkey AS key, event::jsonb ->> 'authid' AS authid,
  event::jsonb -> 'data' -> 'changes' AS changes, event::jsonb -> 'data' -> 'lines' AS lines FROM odoo_events.outbox, seen WHERE position > upto;
\set fresh 'SELECT odoo_events.publish() AS published; SELECT type, key, authid, x.op, x.part, x.id, x.fields FROM told LEFT JOIN LATERAL jsonb_to_recordset(changes) AS x(op text, part text, id int, fields jsonb) ON true ORDER BY position, x.part, x.id; UPDATE seen SET upto = (SELECT max(position) FROM odoo_events.outbox)'
INSERT INTO mrp_production VALUES (6, 'WH/MO/6', 'confirmed', 5, 1, 2);
INSERT INTO stock_picking VALUES (1, 'WH/INT/1', 'assigned', 8, 8, 2);
INSERT INTO stock_move VALUES (1, 'assigned', 1, NULL, 1, 5, 5, 8, 8, 2), (2, 'assigned', NULL, 6, 2, 3, 3, 8, 8, 2);
INSERT INTO stock_move_line VALUES (1, 1, 'assigned', 5, NULL, 1, NULL, NULL, NULL, 8, 8, 2), (2, 2, 'assigned', 3, NULL, 1, NULL, NULL, NULL, 8, 8, 2);
UPDATE stock_move SET state = 'done', write_uid = 3;
-- no correction: what is done with its transfer is told by that
BEGIN;
UPDATE stock_move_line SET state = 'done', lot_id = 2 WHERE id = 1;
UPDATE stock_picking SET state = 'done';
COMMIT;
UPDATE stock_move_line SET state = 'done' WHERE id = 2;
SELECT odoo_events.publish() > 0 AS published;
UPDATE seen SET upto = (SELECT max(position) FROM odoo_events.outbox);

-- each thing that a done line says
UPDATE stock_move_line SET lot_id = 1, write_uid = 7 WHERE id = 1;
:fresh;
UPDATE stock_move_line SET package_id = 4, result_package_id = 5, owner_id = 6 WHERE id = 1;
:fresh;
UPDATE stock_move_line SET location_dest_id = 9 WHERE id = 1;
:fresh;
-- a component's lot: in the order of its manufacturing order
UPDATE stock_move_line SET lot_id = 2, write_uid = 7 WHERE id = 2;
:fresh;
-- Odoo 17 and later: the quantity with its line; to 16: of the line alone
BEGIN;
UPDATE stock_move_line SET quantity = 4 WHERE id = 1;
UPDATE stock_move SET quantity = 4, write_uid = 7 WHERE id = 1;
COMMIT;
:fresh;
UPDATE stock_move_line SET qty_done = 4 WHERE id = 1;
:fresh;
-- split over two lots; one of them goes again, or is another move's
BEGIN;
UPDATE stock_move_line SET quantity = 3 WHERE id = 1;
INSERT INTO stock_move_line VALUES (3, 1, 'done', 1, NULL, 2, NULL, NULL, NULL, 8, 9, 7);
COMMIT;
:fresh;
UPDATE stock_move_line SET move_id = 2 WHERE id = 3;
:fresh;
DELETE FROM stock_move_line WHERE id = 3;
:fresh;
-- nothing that counts; not done; there and gone within the transaction
UPDATE stock_move_line SET write_uid = 8 WHERE id = 1;
UPDATE stock_move SET product_uom_qty = 9 WHERE id = 1;
INSERT INTO stock_move VALUES (4, 'assigned', 1, NULL, 1, 5, 5, 8, 8, 2);
INSERT INTO stock_move_line VALUES (4, 4, 'assigned', 5, NULL, 1, NULL, NULL, NULL, 8, 8, 2);
UPDATE stock_move_line SET lot_id = 2 WHERE id = 4;
BEGIN;
INSERT INTO stock_move_line VALUES (5, 1, 'done', 1, NULL, 2, NULL, NULL, NULL, 8, 9, 7);
DELETE FROM stock_move_line WHERE id = 5;
COMMIT;
:fresh;

-- what was corrected while capture was off is a difference that reconcile() finds
SELECT record_id, note FROM odoo_events.reconcile('stock_move');
BEGIN;
SET LOCAL odoo_events.capture = off;
UPDATE stock_move_line SET lot_id = 1 WHERE id = 2;
COMMIT;
SELECT record_id, note FROM odoo_events.reconcile('stock_move', repair => true);
SELECT odoo_events.publish() > 0 AS published;
SELECT record_id, note FROM odoo_events.reconcile('stock_move');
BEGIN;
SET LOCAL odoo_events.capture = off;
DELETE FROM stock_move_line WHERE id = 2;
COMMIT;
SELECT record_id, note FROM odoo_events.reconcile('stock_move', repair => true);
SELECT odoo_events.publish() > 0 AS published;
UPDATE seen SET upto = (SELECT max(position) FROM odoo_events.outbox);

-- validated a second time, with another move
UPDATE stock_picking SET state = 'assigned';
SELECT odoo_events.publish() > 0 AS published;
UPDATE seen SET upto = (SELECT max(position) FROM odoo_events.outbox);
BEGIN;
UPDATE stock_move SET state = 'done' WHERE id = 4;
UPDATE stock_move_line SET state = 'done' WHERE id = 4;
UPDATE stock_picking SET state = 'done';
COMMIT;
SELECT odoo_events.publish() > 0 AS published;
SELECT type, x.id, x.done, x.earlier FROM told, jsonb_to_recordset(lines) AS x(part text, id int, done numeric, earlier boolean) WHERE x.part = 'move' AND type LIKE '%completed' ORDER BY x.id;
SELECT odoo_events._part_json(p, '#/') -> 'properties' -> 'earlier' AS earlier FROM odoo_events.part p WHERE entity = 'transfer' AND part = 'move';
UPDATE seen SET upto = (SELECT max(position) FROM odoo_events.outbox);

-- lines alone: who wrote them
UPDATE stock_picking SET state = 'assigned';
INSERT INTO stock_move VALUES (5, 'assigned', 1, NULL, 1, 5, 5, 8, 8, 2);
SELECT odoo_events.publish() > 0 AS published;
UPDATE seen SET upto = (SELECT max(position) FROM odoo_events.outbox);
UPDATE stock_move SET product_uom_qty = 6, write_uid = 42 WHERE id = 5;
:fresh;
UPDATE stock_move_line SET lot_id = 1, write_uid = 42 WHERE id = 4;
DELETE FROM stock_move WHERE id = 5;
:fresh;

-- renamed when it was split
UPDATE mrp_production SET name = 'WH/MO/6-001', product_qty = 2 WHERE id = 6;
:fresh;
SELECT step, position, type, detail FROM odoo_events.trace(subject => 'manufacturing_order/WH/MO/6') WHERE step = 'renamed';
SELECT count(DISTINCT position) FROM odoo_events.trace(subject => 'manufacturing_order/WH/MO/6');
SELECT count(*) FROM odoo_events.trace(subject => 'manufacturing_order/WH/MO/6-001') WHERE step = 'renamed';
INSERT INTO mrp_production VALUES (7, 'WH/MO/6', 'confirmed', 5, 1, 2);
SELECT odoo_events.publish() > 0 AS published;
SELECT DISTINCT regexp_replace(detail, ', transaction.*', '') FROM odoo_events.trace(subject => 'manufacturing_order/WH/MO/6') WHERE step IN ('committed', 'renamed') ORDER BY 1;
\c postgres
DROP DATABASE publish_corrected;
