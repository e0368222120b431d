-- Where to ship, what became empty, whose backorder it is and who made a wave: what no recording shows, or not by itself.
\set VERBOSITY default
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_plant OWNER regress_publish_owner;
\c publish_plant
SET client_min_messages = warning;
CREATE TABLE res_country (id int PRIMARY KEY, code text, name text);
CREATE TABLE res_country_state (id int PRIMARY KEY, code text, name text);
CREATE TABLE res_partner (id int PRIMARY KEY, name text, ref text, parent_id int, street text, street2 text, zip text, city text, state_id int, country_id int, phone text, email text);
CREATE TABLE stock_warehouse (id int PRIMARY KEY, code text, name text, partner_id int, view_location_id int);
CREATE TABLE stock_location (id int PRIMARY KEY, complete_name text, usage text, parent_path text, warehouse_id int);
CREATE TABLE stock_picking_type (id int PRIMARY KEY, name text, code text, warehouse_id int);
CREATE TABLE sale_order (id int PRIMARY KEY, name text, state text, partner_id int, partner_shipping_id int, write_uid int);
CREATE TABLE purchase_order (id int PRIMARY KEY, name text, state text, partner_id int, dest_address_id int, picking_type_id int, write_uid int);
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, backorder_sequence int, production_group_id int, product_qty numeric, product_id int, write_uid int);
CREATE TABLE stock_picking_batch (id int PRIMARY KEY, name text, state text, is_wave boolean, user_id int, write_uid int);
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, partner_id int, picking_type_id int, location_id int, location_dest_id int, batch_id int, backorder_id int, write_uid int);
CREATE TABLE stock_move (id int PRIMARY KEY, state text, picking_id int, raw_material_production_id int, production_id int, product_id int, quantity numeric, product_uom_qty numeric, location_id int, location_dest_id int,
  purchase_line_id int, picking_type_id int, origin_returned_move_id int, is_inventory boolean, write_uid int);
CREATE TABLE stock_move_line (id int PRIMARY KEY, move_id int, state text, quantity numeric, lot_id int, location_id int, location_dest_id int, write_uid int);
CREATE TABLE stock_move_move_rel (move_orig_id int, move_dest_id int, PRIMARY KEY (move_orig_id, move_dest_id));
CREATE INDEX ON stock_move_move_rel (move_dest_id, move_orig_id);
CREATE INDEX ON stock_move (picking_id);
CREATE INDEX ON mrp_production (production_group_id);
INSERT INTO res_country VALUES (1, 'DE', 'Germany');
INSERT INTO res_country_state VALUES (1, 'BY', 'Bavaria');
INSERT INTO res_partner VALUES (1, 'Plant', NULL, NULL, 'Werkstr. 1', NULL, '80331', 'Munich', 1, 1, '+49 89 1', NULL), (7, 'Customer', 'C7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (8, 'Gate 4', NULL, 7, 'Dock Road 4', 'Hall B', '20457', 'Hamburg', NULL, 1, '+49 40 4', 'gate4@example.com');
INSERT INTO stock_warehouse VALUES (1, 'WH', 'Main', 1, 4), (2, 'NO', 'North', NULL, 14);
INSERT INTO stock_location VALUES (5, 'WH/Stock', 'internal', '4/5/', 1), (9, 'Customers', 'customer', '9/', NULL), (15, 'NO/Stock', 'internal', '14/15/', 2), (20, 'Transit', 'transit', '20/', NULL),
  (30, 'Subcontractor', 'internal', '30/', NULL), (31, 'Vendors', 'supplier', '31/', NULL);
INSERT INTO stock_picking_type VALUES (1, 'Delivery', 'outgoing', 1), (2, 'Receipt', 'incoming', 1), (3, 'Receipt', 'incoming', 2);
DO $$DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE format('ALTER TABLE %I OWNER TO regress_publish_owner', t); END LOOP; END$$;
CREATE EXTENSION odoo_events;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{stock_move,transfer,transfer_batch,manufacturing_order,sales_order,purchase_order}');
CREATE TABLE seen AS SELECT 0::int8 AS upto;
CREATE VIEW told AS SELECT position, regexp_replace(type, '^.*\.([^.]+\.[^.]+)\.v1$', '\1') AS type, subject, partitionkey AS key, correlationid AS process, event::jsonb -> 'data' AS data
  FROM odoo_events.outbox, seen WHERE position > upto;
\set publish 'UPDATE seen SET upto = (SELECT coalesce(max(position), 0) FROM odoo_events.outbox); SELECT odoo_events.publish() > 0 AS published'

-- where to ship: personal, of the partner of a transfer, of the order; a purchase without one goes to the warehouse
INSERT INTO sale_order VALUES (1, 'S1', 'sale', 7, 8, 2);
INSERT INTO purchase_order VALUES (1, 'P1', 'purchase', 7, 8, 2, 2), (2, 'P2', 'purchase', 7, NULL, 2, 2);
INSERT INTO stock_picking VALUES (1, 'WH/OUT/1', 'confirmed', 8, 1, 5, 9, NULL, NULL, 2);
INSERT INTO stock_move VALUES (1, 'confirmed', 1, NULL, NULL, 1, 0, 5, 5, 9);
:publish;
SELECT type, subject, coalesce(data -> 'transfer' -> 'address', data -> 'sales_order' -> 'delivery_address', data -> 'purchase_order' -> 'delivery_address') AS address FROM told ORDER BY position;
SELECT owner, field, classification FROM odoo_events.field WHERE reference = 'address' ORDER BY 1;
SELECT jsonb_path_query(odoo_events.json_schema('odoo.logistics.shipment.ready.v1')::jsonb, '$.**.ref_address.properties') AS schema;

-- the last line taken out: emptied, and confirmed again once there is something to move
BEGIN;
DELETE FROM stock_move WHERE id = 1;
UPDATE stock_picking SET state = 'draft' WHERE id = 1;
COMMIT;
:publish;
SELECT type, data -> 'transition' AS transition, jsonb_path_query_array(data, '$.changes[*] ? (@.part == "move").op') AS moves FROM told ORDER BY position;
BEGIN;
INSERT INTO stock_move VALUES (2, 'confirmed', 1, NULL, NULL, 1, 0, 5, 5, 9);
UPDATE stock_picking SET state = 'confirmed' WHERE id = 1;
COMMIT;
:publish;
SELECT type FROM told ORDER BY position;

-- an order and its backorder in one transaction: the backorder's event is about the order, in its order
BEGIN;
INSERT INTO mrp_production VALUES (10, 'WH/MO/10-001', 'done', 1, 3, 4, 1, 2), (11, 'WH/MO/10-002', 'confirmed', 2, 3, 6, 1, 2);
COMMIT;
:publish;
SELECT type, subject, key, process FROM told ORDER BY position;

-- who made it: Odoo a batch, a user a wave
BEGIN;
INSERT INTO stock_picking_batch VALUES (1, 'WAVE/1', 'in_progress', true, 2, 2), (2, 'BATCH/2', 'in_progress', false, NULL, 1), (3, 'WAVE/3', 'in_progress', true, NULL, 1);
INSERT INTO stock_picking VALUES (2, 'WH/OUT/2', 'assigned', 8, 1, 5, 9, 1, 1, 2), (3, 'WH/OUT/3', 'assigned', 8, 1, 5, 9, 2, NULL, 2), (4, 'WH/OUT/4', 'assigned', 8, 1, 5, 9, 3, NULL, 2);
COMMIT;
:publish;
SELECT subject, data -> 'transfer_batch' -> 'auto' AS auto FROM told WHERE type = 'transfer_batch.started' ORDER BY 1;

-- resupply: both halves are one process, and each movement names the one before and behind it
BEGIN;
INSERT INTO stock_picking VALUES (20, 'WH/OUT/20', 'confirmed', NULL, 1, 5, 20, NULL, NULL, 2), (21, 'NO/IN/21', 'waiting', NULL, 3, 20, 15, NULL, NULL, 2);
INSERT INTO stock_move VALUES (20, 'confirmed', 20, NULL, NULL, 1, 0, 5, 5, 20), (21, 'waiting', 21, NULL, NULL, 1, 0, 5, 20, 15);
INSERT INTO stock_move_move_rel VALUES (20, 21);
COMMIT;
:publish;
SELECT type, subject, process, data #> '{lines,0,comes_from}' AS comes_from, data #> '{lines,0,goes_to}' AS goes_to FROM told ORDER BY position;
BEGIN;
UPDATE stock_move SET state = 'done', quantity = 5 WHERE id IN (20, 21);
UPDATE stock_picking SET state = 'done' WHERE id IN (20, 21);
COMMIT;
:publish;
SELECT type, subject, process, data -> 'stock_move' -> 'comes_from' AS comes_from FROM told ORDER BY position;

-- a subcontractor's goods are received, and go back to him as a return; what a vendor sends for them is received
INSERT INTO stock_move VALUES (30, 'done', NULL, NULL, NULL, 1, 5, 5, 30, 5, 1, 2, NULL), (31, 'done', NULL, NULL, NULL, 1, 2, 2, 5, 30, 1, 1, 30), (32, 'done', NULL, NULL, NULL, 1, 2, 2, 31, 5, 1, 2, 31),
  (33, 'done', NULL, NULL, NULL, 1, 1, 1, 5, 9, NULL, 1, 30), (34, 'done', NULL, NULL, NULL, 1, 1, 1, 9, 5, NULL, 2, 33);
:publish;
SELECT type, subject FROM told ORDER BY subject;

-- less of a ready shipment is reserved, and all again: no "changed" beside it, but where the demand changes, too; a receipt has nothing reserved
BEGIN;
INSERT INTO stock_picking VALUES (40, 'WH/OUT/40', 'assigned', NULL, 1, 5, 9, NULL, NULL, 2), (41, 'WH/IN/41', 'assigned', NULL, 2, 31, 5, NULL, NULL, 2);
INSERT INTO stock_move VALUES (40, 'assigned', 40, NULL, NULL, 1, 5, 5, 5, 9), (41, 'assigned', 41, NULL, NULL, 1, 5, 5, 31, 5);
INSERT INTO stock_move_line VALUES (40, 40, 'assigned', 5, 1, 5, 9, 2), (41, 41, 'assigned', 5, 1, 31, 5, 2);
COMMIT;
SELECT odoo_events.publish() > 0 AS published;
BEGIN;
UPDATE stock_move_line SET quantity = 3, state = 'partially_available' WHERE id IN (40, 41);
UPDATE stock_move SET quantity = 3, state = 'partially_available' WHERE id IN (40, 41);
COMMIT;
:publish;
SELECT type, data -> 'transfer' -> 'reservation' AS reservation, data #> '{lines,0,reserved}' AS reserved FROM told ORDER BY position;
BEGIN;
UPDATE stock_move_line SET quantity = 6, state = 'assigned' WHERE id = 40;
UPDATE stock_move SET quantity = 6, product_uom_qty = 6, state = 'assigned' WHERE id = 40;
COMMIT;
:publish;
SELECT type, data -> 'transfer' -> 'reservation' AS reservation, data #> '{lines,0,reserved}' AS reserved FROM told ORDER BY position;
-- one lot becomes two
BEGIN;
UPDATE stock_move_line SET quantity = 2 WHERE id = 40;
INSERT INTO stock_move_line VALUES (42, 40, 'assigned', 4, 2, 5, 9, 2);
COMMIT;
:publish;
SELECT type, data -> 'changes' AS changes FROM told ORDER BY position;
SELECT entity, record_id, reason FROM odoo_events.quarantine;
\c postgres
DROP DATABASE publish_plant;
