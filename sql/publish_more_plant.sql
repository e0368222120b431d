-- What no recording shows, on statements as Odoo's source writes them: blanket orders, a vendor who declines, packages taken out of
-- one another, stock that is there again, kits that are bought, names that to 16 are found from the other side.
\set VERBOSITY terse
SET client_min_messages = error;
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_more_plant OWNER regress_publish_owner;
\c publish_more_plant
SET client_min_messages = warning;
\pset format unaligned
CREATE TABLE product_template (id int PRIMARY KEY, name text);
CREATE TABLE product_product (id int PRIMARY KEY, product_tmpl_id int, default_code text);
CREATE TABLE res_partner (id int PRIMARY KEY, name text, ref text);
CREATE TABLE stock_warehouse (id int PRIMARY KEY, code text, name text, view_location_id int);
CREATE TABLE stock_location (id int PRIMARY KEY, complete_name text, usage text, parent_path text, warehouse_id int, company_id int);
CREATE TABLE stock_picking_type (id int PRIMARY KEY, name text, code text, warehouse_id int);
CREATE TABLE purchase_requisition (id int PRIMARY KEY, name text, state text, requisition_type text, vendor_id int, date_start date, date_end date, user_id int, company_id int, write_uid int);
CREATE TABLE purchase_requisition_line (id int PRIMARY KEY, requisition_id int, product_id int, product_qty numeric, product_uom_id int, price_unit numeric, write_uid int);
CREATE TABLE purchase_order (id int PRIMARY KEY, name text, state text, partner_id int, requisition_id int, mail_reception_declined boolean, amount_total numeric, origin text, priority text, write_uid int);
CREATE TABLE purchase_order_line (id int PRIMARY KEY, order_id int, product_id int, product_qty numeric, price_unit numeric, qty_received numeric, display_type text, write_uid int);
CREATE TABLE mrp_bom (id int PRIMARY KEY, code text, product_qty numeric);
CREATE TABLE mrp_bom_line (id int PRIMARY KEY, bom_id int, product_qty numeric);
-- a transfer and its scrap by the columns of Odoo 16
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, partner_id int, picking_type_id int, location_id int, location_dest_id int, backorder_id int, write_uid int);
CREATE TABLE stock_move (id int PRIMARY KEY, state text, picking_id int, product_id int, product_uom_qty numeric, quantity_done numeric, location_id int, location_dest_id int, purchase_line_id int, picking_type_id int,
  origin_returned_move_id int, scrapped boolean, is_inventory boolean, bom_line_id int, reference text, write_uid int);
CREATE TABLE stock_move_line (id int PRIMARY KEY, move_id int, state text, qty_done numeric, lot_id int, package_id int, result_package_id int, location_id int, location_dest_id int, write_uid int);
CREATE TABLE stock_scrap (id int PRIMARY KEY, name text, state text, product_id int, scrap_qty numeric, picking_id int, move_id int, location_id int, scrap_location_id int, company_id int, write_uid int);
CREATE TABLE stock_package (id int PRIMARY KEY, name text, location_id int, parent_package_id int, company_id int, write_uid int);
CREATE TABLE stock_quant (id int PRIMARY KEY, product_id int, location_id int, package_id int, quantity numeric, reserved_quantity numeric, company_id int, write_uid int);
INSERT INTO product_template VALUES (1, 'Bolt'), (2, 'Bolt set');
INSERT INTO product_product VALUES (1, 1, 'BOLT'), (2, 2, 'SET');
INSERT INTO res_partner VALUES (7, 'Vendor', 'V7');
INSERT INTO stock_warehouse VALUES (1, 'WH', 'Main', 4);
INSERT INTO stock_location VALUES (5, 'WH/Stock', 'internal', '4/5/', 1, 1), (6, 'WH/Shelf', 'internal', '4/6/', 1, 1), (9, 'Customers', 'customer', '9/', NULL, NULL), (10, 'Scrap', 'inventory', '10/', NULL, 1),
  (20, 'Transit', 'transit', '20/', NULL, 1), (21, 'Inter-company transit', 'transit', '21/', NULL, NULL), (31, 'Vendors', 'supplier', '31/', NULL, NULL), (40, 'Subcontractor', 'internal', '40/', NULL, 1);
INSERT INTO stock_picking_type VALUES (1, 'Delivery', 'outgoing', 1), (2, 'Receipt', 'incoming', 1);
INSERT INTO mrp_bom VALUES (1, 'SET-1', 1);
INSERT INTO mrp_bom_line VALUES (3, 1, 8);
DO $$DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE format('ALTER TABLE %I OWNER TO regress_publish_owner', t); END LOOP; END$$;
CREATE EXTENSION odoo_events;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
UPDATE odoo_events.event_def SET enabled = true WHERE entity IN ('stock_level', 'purchase_order');
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{stock_move,transfer,scrap,package,stock_level,purchase_order,requisition}');
CREATE TABLE seen AS SELECT 0::int8 AS upto;
CREATE VIEW told AS SELECT position, regexp_replace(type, '^.*\.([^.]+\.[^.]+)\.v1$', '\1') AS type, subject, event::jsonb -> 'data' AS data FROM odoo_events.outbox, seen WHERE position > upto;
\set publish 'UPDATE seen SET upto = (SELECT coalesce(max(position), 0) FROM odoo_events.outbox); SELECT odoo_events.publish() > 0 AS published'

-- a blanket order: in force, its line changed, ordered from, ended; another one cancelled
INSERT INTO purchase_requisition VALUES (1, 'BO1', 'draft', 'blanket_order', 7, '2026-11-01', '2027-10-31', 2, 1, 2), (2, 'BO2', 'confirmed', 'blanket_order', 7, NULL, NULL, 2, 1, 2);
INSERT INTO purchase_requisition_line VALUES (1, 1, 1, 500, 1, 0.25, 2);
UPDATE purchase_requisition SET state = 'confirmed' WHERE id = 1;
UPDATE purchase_requisition_line SET product_qty = 600 WHERE id = 1;
INSERT INTO purchase_order VALUES (1, 'P1', 'draft', 7, 1, NULL, 10, NULL, '0', 2);
UPDATE purchase_requisition SET state = 'done' WHERE id = 1;
UPDATE purchase_requisition SET state = 'cancel' WHERE id = 2;
:publish;
SELECT type, subject, data -> 'changes' AS changes, data -> 'purchase_order' -> 'requisition' AS requisition, jsonb_path_query_array(data, '$.lines[*].quantity') AS quantities FROM told ORDER BY position;
-- its approval, a vendor who says no, its priority; two requests merged into a third
UPDATE purchase_order SET state = 'to approve' WHERE id = 1;
:publish;
UPDATE purchase_order SET state = 'purchase', write_uid = 5 WHERE id = 1;
:publish;
SELECT type, data -> 'transition' AS transition, data -> 'purchase_order' -> 'approved' AS approved, (SELECT event ->> 'authid' FROM odoo_events.outbox o WHERE o.position = told.position) AS by FROM told ORDER BY position;
UPDATE purchase_order SET mail_reception_declined = true, priority = '1' WHERE id = 1;
INSERT INTO purchase_order VALUES (2, 'P2', 'draft', 7, NULL, NULL, 10, NULL, '0', 2), (3, 'P3', 'draft', 7, NULL, NULL, 10, NULL, '0', 2), (4, 'P4', 'sent', 7, NULL, NULL, 10, NULL, '0', 2);
BEGIN;
UPDATE purchase_order SET amount_total = 30 WHERE id = 2;
UPDATE purchase_order SET state = 'cancel' WHERE id IN (3, 4);
COMMIT;
:publish;
SELECT type, subject, data -> 'changes' AS changes, data -> 'purchase_order' -> 'merged_into' AS merged_into FROM told ORDER BY position;

-- packages: filled, put into a container, both moved, taken out, another name, emptied; stock that is there again
INSERT INTO stock_package VALUES (1, 'PAL-1', 5, NULL, 1, 2), (2, 'CONT-1', NULL, NULL, 1, 2);
INSERT INTO stock_quant VALUES (1, 1, 5, 1, 8, 0, 1, 2);
:publish;
SELECT type, subject, data -> 'lines' AS lines FROM told ORDER BY position;
UPDATE stock_package SET parent_package_id = 2 WHERE id = 1;
BEGIN;
UPDATE stock_package SET location_id = 6;
UPDATE stock_quant SET location_id = 6 WHERE id = 1;
COMMIT;
UPDATE stock_package SET parent_package_id = NULL, name = '340123450000000017' WHERE id = 1;
BEGIN;
UPDATE stock_package SET location_id = NULL WHERE id = 1;
UPDATE stock_quant SET quantity = 0, package_id = NULL WHERE id = 1;
COMMIT;
UPDATE stock_quant SET quantity = -2 WHERE id = 1;
UPDATE stock_quant SET quantity = 3 WHERE id = 1;
:publish;
SELECT type, subject, data -> 'changes' -> 0 -> 'fields' AS changes FROM told ORDER BY position;

-- one of "confirmed" and "ready" of one transaction, as docs/odoo.md says
SELECT odoo_events.subscribe('wms', NULL, types => '{odoo.logistics.*}', filter => '!($.type like_regex "[.]confirmed[.]" && $.data.transition.to == "assigned")') IS NULL AS subscribed;
-- a purchased kit; what to 16 names the scrap order and the returned transfer; the reason of a count; kinds of transit
INSERT INTO purchase_order_line VALUES (1, 1, 2, 1, 2.00, 0, NULL, 2);
INSERT INTO stock_picking VALUES (1, 'WH/IN/1', 'assigned', 7, 2, 31, 5, NULL, 2), (3, 'WH/OUT/3', 'assigned', NULL, 1, 5, 20, NULL, 2), (4, 'WH/OUT/4', 'assigned', NULL, 1, 5, 21, NULL, 2),
  (5, 'WH/OUT/5', 'assigned', NULL, 1, 5, 40, NULL, 2), (6, 'WH/IN/6', 'assigned', NULL, 2, 20, 5, NULL, 2), (7, 'WH/IN/7', 'assigned', NULL, 2, 21, 5, NULL, 2), (8, 'WH/IN/8', 'assigned', NULL, 2, 40, 5, NULL, 2);
INSERT INTO stock_move VALUES (1, 'assigned', 1, 1, 8, 0, 31, 5, 1, 2, NULL, NULL, false, 3, 'WH/IN/1', 2);
:publish;
SELECT type, subject, data -> 'transfer' -> 'route' AS route, jsonb_path_query_array(data, '$.lines[*].kit.sku') AS kit, jsonb_path_query_array(data, '$.lines[*].bom_line') AS bom_line FROM told WHERE type LIKE '%.confirmed' ORDER BY position;
SELECT regexp_replace(event::json ->> 'type', '^odoo.logistics.', '') AS type, event::json ->> 'subject' AS subject, json_array_length(event::json -> 'data' -> 'lines') AS lines FROM odoo_events.fetch('wms') ORDER BY 2;
BEGIN;
INSERT INTO stock_picking VALUES (2, 'WH/OUT/2', 'assigned', 7, 1, 5, 31, NULL, 2);
INSERT INTO stock_move VALUES (2, 'assigned', 2, 1, 3, 0, 5, 31, 1, 1, 1, NULL, false, NULL, 'WH/OUT/2', 2);
COMMIT;
BEGIN;
INSERT INTO stock_scrap VALUES (1, 'SP/1', 'done', 1, 2, NULL, 10, 5, 10, 1, 2);
INSERT INTO stock_move VALUES (10, 'done', NULL, 1, 2, 2, 5, 10, NULL, NULL, NULL, true, false, NULL, 'SP/1', 2);
COMMIT;
INSERT INTO stock_move VALUES (11, 'done', NULL, 1, 2, 2, 5, 10, NULL, NULL, NULL, false, true, NULL, 'Rust', 2), (12, 'done', NULL, 1, 0, 0, 5, 10, NULL, NULL, NULL, false, true, NULL, 'Product Quantity Confirmed', 2),
  (13, 'done', NULL, 1, 2, 2, 5, 20, NULL, NULL, NULL, false, false, NULL, 'WH/OUT/3', 2), (14, 'done', NULL, 1, 2, 2, 20, 5, NULL, NULL, NULL, false, false, NULL, 'WH/IN/6', 2);
:publish;
SELECT type, subject, data -> 'stock_move' -> 'scrap' AS scrap, data -> 'stock_move' -> 'reason' AS reason, data -> 'transfer' -> 'return_of' AS return_of, data -> 'stock_move' -> 'transit' AS transit, jsonb_path_query_array(data, '$.lines[*].part') AS parts FROM told ORDER BY position;
SELECT entity, record_id, reason FROM odoo_events.quarantine;
\c postgres
DROP DATABASE publish_more_plant;
