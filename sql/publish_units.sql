-- A line may be in another unit than the product is counted in; and a component is of a line of a bill of materials.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_units OWNER regress_publish_owner;
\c publish_units
SET client_min_messages = warning;
CREATE TABLE uom_uom (id int PRIMARY KEY, name text);
CREATE TABLE stock_location (id int PRIMARY KEY, complete_name text, usage text, parent_path text);
CREATE TABLE product_template (id int PRIMARY KEY, name text, default_code text, uom_id int);
CREATE TABLE product_product (id int PRIMARY KEY, product_tmpl_id int, default_code text);
CREATE TABLE mrp_bom (id int PRIMARY KEY, code text, type text, product_qty numeric, product_tmpl_id int);
CREATE TABLE mrp_bom_line (id int PRIMARY KEY, bom_id int, product_id int, product_qty numeric);
CREATE TABLE stock_move (id int PRIMARY KEY, state text, product_id int, product_uom int, product_uom_qty numeric, product_qty numeric, quantity numeric, location_id int, location_dest_id int, bom_line_id int);
CREATE TABLE stock_move_line (id int PRIMARY KEY, state text, move_id int, product_id int, product_uom_id int, quantity numeric, quantity_product_uom numeric);
CREATE INDEX ON stock_move_line (move_id);
INSERT INTO uom_uom VALUES (1, 'm'), (2, 'roll of 25 m'), (3, 'Units');
INSERT INTO stock_location VALUES (1, 'WH/Stock', 'internal', '1/'), (2, 'Customers', 'customer', '2/');
INSERT INTO product_template VALUES (1, 'Hose', NULL, 1), (2, 'Hose kit', 'KIT', 3);
INSERT INTO product_product VALUES (1, 1, 'HOSE');
INSERT INTO mrp_bom VALUES (7, 'K1', 'phantom', 1, 2);
INSERT INTO mrp_bom_line VALUES (8, 7, 1, 2);
INSERT INTO stock_move VALUES (1, 'assigned', 1, 2, 2, 50, 2, 1, 2, 8);
INSERT INTO stock_move_line VALUES (1, 'assigned', 1, 1, 2, 1.5, 37.5), (2, 'assigned', 1, 1, 1, 12.5, 12.5);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{stock_move}');
CREATE FUNCTION told() RETURNS TABLE (what text, value text) LANGUAGE plpgsql AS $$
DECLARE
  was int8 := odoo_events._last_position();
BEGIN
  PERFORM odoo_events.publish();
  RETURN QUERY SELECT m.key, m.value FROM odoo_events.outbox o, json_each_text(o.event::json #> '{data,stock_move}') m
                WHERE o.position > was AND m.key ~ 'unit|demand|quantity|reserved|bom|bill' AND m.value IS NOT NULL ORDER BY m.key;
  RETURN QUERY SELECT 'line ' || (l.value ->> 'id'), concat_ws(', ', l.value -> 'unit' ->> 'name', l.value ->> 'quantity', l.value ->> 'quantity_in_product_unit', l.value ->> 'reserved_in_product_unit')
                 FROM odoo_events.outbox o, json_array_elements(o.event::json #> '{data,lines}') l WHERE o.position > was ORDER BY 1;
END $$;
BEGIN;
UPDATE stock_move SET state = 'done';
UPDATE stock_move_line SET state = 'done';
COMMIT;
SELECT * FROM told();
-- to Odoo 16: of what is done only the move says how much it is in the product's unit, of what is reserved only its lines
ALTER TABLE stock_move_line DROP COLUMN quantity, DROP COLUMN quantity_product_uom, ADD COLUMN qty_done numeric, ADD COLUMN reserved_uom_qty numeric, ADD COLUMN reserved_qty numeric;
ALTER TABLE stock_move DROP COLUMN quantity;
UPDATE stock_move SET state = 'assigned';
UPDATE stock_move_line SET state = 'assigned', reserved_uom_qty = 1, reserved_qty = 25 WHERE id = 1;
SELECT odoo_events.publish() >= 0 AS published;
BEGIN;
UPDATE stock_move SET state = 'done';
UPDATE stock_move_line SET state = 'done', qty_done = 2;
COMMIT;
SELECT * FROM told();
\c postgres
DROP DATABASE publish_units;
