-- Quantities are floats up to Odoo 14: what arithmetic leaves behind is nothing.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_dust OWNER regress_publish_owner;
\c publish_dust
SET client_min_messages = warning;
CREATE TABLE stock_warehouse (id int PRIMARY KEY, code text, name text, view_location_id int);
CREATE TABLE stock_location (id int PRIMARY KEY, name text, complete_name text, usage text, parent_path text, active boolean DEFAULT true, company_id int, scrap_location boolean);
CREATE TABLE product_template (id int PRIMARY KEY, name text, type text, tracking text);
CREATE TABLE product_product (id int PRIMARY KEY, product_tmpl_id int, default_code text);
CREATE TABLE stock_move (id int PRIMARY KEY, product_id int, product_qty numeric, product_uom_qty numeric, state text, location_id int, location_dest_id int);
CREATE TABLE stock_quant (id int PRIMARY KEY, product_id int, location_id int, quantity float8, reserved_quantity float8 NOT NULL DEFAULT 0, company_id int);
INSERT INTO stock_location VALUES (1, 'View', 'WH', 'view', '1/', true, 1), (2, 'Stock', 'WH/Stock', 'internal', '1/2/', true, 1);
INSERT INTO stock_warehouse VALUES (1, 'WH', 'Warehouse', 1);
INSERT INTO product_template VALUES (1, 'Sheet', 'product', 'none');
INSERT INTO product_product VALUES (1, 1, 'SHEET');
INSERT INTO stock_quant VALUES (1, 1, 2, 0.3, 0);
CREATE INDEX ON stock_quant (product_id);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
CREATE EXTENSION odoo_events;
SELECT odoo_events.enable_event(type) IS NULL AS ok FROM odoo_events.event_type WHERE entity IN ('stock_level', 'availability') GROUP BY type HAVING NOT bool_and(enabled);
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{stock_level,availability}');
CREATE FUNCTION news() RETURNS TABLE (type text, quantity text, free text, changes text) LANGUAGE plpgsql AS $$
DECLARE
  was int8 := odoo_events._last_position();
BEGIN
  PERFORM odoo_events.publish();
  RETURN QUERY SELECT o.type, o.event #>> '{data,stock_level,quantity}', o.event #>> '{data,availability,free}', o.event #>> '{data,changes,0,fields}'
                 FROM odoo_events.outbox o WHERE o.position > was ORDER BY o.position;
END $$;
-- depleted, though -2.8e-17 is left, and nothing is less than none
UPDATE stock_quant SET quantity = quantity - 0.1;
UPDATE stock_quant SET quantity = quantity - 0.1;
UPDATE stock_quant SET quantity = quantity - 0.1;
SELECT quantity FROM stock_quant;
SELECT * FROM news();
-- no change: dust, a zero with a sign
UPDATE stock_quant SET quantity = -1e-16;
UPDATE stock_quant SET quantity = '-0';
UPDATE stock_quant SET quantity = 0, reserved_quantity = 5e-17;
UPDATE stock_quant SET reserved_quantity = 0;
SELECT * FROM news();
-- changes: large numbers, small units, and truly less than none
UPDATE stock_quant SET quantity = 5.949999999999999;
UPDATE stock_quant SET quantity = 5.95;
UPDATE stock_quant SET quantity = 0.00001;
UPDATE stock_quant SET quantity = 123456789.12;
UPDATE stock_quant SET quantity = 1e22;
UPDATE stock_quant SET quantity = -0.001;
SELECT * FROM news();
-- what is not a number at all
UPDATE stock_quant SET quantity = 'NaN';
UPDATE stock_quant SET quantity = 'Infinity';
SELECT type, quantity FROM news();
SELECT count(*) FROM odoo_events.quarantine;
-- where the unit of a product is known, its rounding says what is the same, what is nothing, and what is less
CREATE TABLE uom_uom (id int PRIMARY KEY, name text, rounding numeric);
INSERT INTO uom_uom VALUES (1, 'Units', 1.0), (2, 'kg', 0.010);
ALTER TABLE product_template ADD COLUMN uom_id int DEFAULT 2;
ALTER TABLE uom_uom OWNER TO regress_publish_owner;
UPDATE stock_quant SET quantity = 5;
SELECT count(*) > 0 AS told FROM news();
UPDATE stock_quant SET quantity = 5.0049999;
UPDATE stock_quant SET quantity = 4.995;
SELECT * FROM news();
UPDATE stock_quant SET quantity = 4.9949;
UPDATE stock_quant SET quantity = 0.0049;
UPDATE stock_quant SET quantity = -0.0049;
UPDATE stock_quant SET quantity = -0.005;
SELECT * FROM news();
SELECT o.event #>> '{data,stock_level,unit,name}' AS unit FROM odoo_events.outbox o WHERE o.type ~ 'stock_level' ORDER BY o.position DESC LIMIT 1;
-- of products that came later, too
INSERT INTO product_template VALUES (2, 'Screw', 'product', 'none', 1);
INSERT INTO product_product VALUES (2, 2, 'SCREW');
INSERT INTO stock_quant VALUES (2, 2, 2, 0.5, 0.4);
UPDATE stock_quant SET quantity = 1.4 WHERE id = 2;
SELECT * FROM news();
UPDATE stock_quant SET quantity = 0.49 WHERE id = 2;
UPDATE stock_quant SET quantity = -0.49 WHERE id = 2;
SELECT * FROM news();
\c postgres
DROP DATABASE publish_dust;
