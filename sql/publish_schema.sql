-- Odoo's schema is not ours: columns and tables that come, go and are renamed while we publish.
\set VERBOSITY terse
SET client_min_messages = error;
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_schema OWNER regress_publish_owner;
\c publish_schema
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SET ROLE regress_publish_owner;
CREATE SCHEMA erp;
CREATE TABLE erp.ir_module_module (id int PRIMARY KEY, name varchar, state varchar);
CREATE TABLE erp.stock_picking (id int PRIMARY KEY, name text, state text, carrier_id int, company_id int, weight numeric, location_dest_id int);
CREATE TABLE erp.delivery_carrier (id int PRIMARY KEY, name jsonb);
INSERT INTO erp.delivery_carrier VALUES (1, '{"en_US": "Truck", "fr_FR": "Camion"}'), (2, '{"de_DE": "Bahn"}');
CREATE TABLE erp.res_company (id int PRIMARY KEY, name varchar);
INSERT INTO erp.res_company VALUES (1, 'Plant "A"');
RESET ROLE;
SELECT entity, relation FROM odoo_events.attach() WHERE relation IS NOT NULL;
CREATE FUNCTION last() RETURNS TABLE (type text, data text) LANGUAGE sql AS
$$ SELECT type, regexp_replace(event::text, '^.*"data":', '') FROM odoo_events.outbox ORDER BY position DESC LIMIT 1 $$;
-- 17 digits are kept as a string, 15 as a number
INSERT INTO erp.stock_picking VALUES (1, 'T/1', 'draft', 1, 1, 12345678901234567.5, 9);
SELECT odoo_events.publish();
UPDATE erp.stock_picking SET state = 'confirmed' WHERE id = 1;
SELECT odoo_events.publish();
SELECT * FROM last();
-- 9 digits are a number; a name in neither the wanted language nor English
UPDATE erp.stock_picking SET state = 'done', weight = 12345.6789 WHERE id = 1;
SELECT odoo_events.publish();
SELECT data LIKE '%Truck%' AS english, data LIKE '%"weight":12345.6789%' AS number FROM last();
UPDATE erp.stock_picking SET carrier_id = 2 WHERE id = 1;
SELECT odoo_events.publish();
SELECT type, data LIKE '%Bahn%' AS any_language FROM last();
-- a column renamed, one dropped, a type changed; then a table that was missing, and one that goes
ALTER TABLE erp.res_company RENAME COLUMN name TO title;
ALTER TABLE erp.delivery_carrier ALTER COLUMN name TYPE text USING 'Rail';
ALTER TABLE erp.stock_picking DROP COLUMN weight;
UPDATE erp.stock_picking SET carrier_id = 1 WHERE id = 1;
SELECT odoo_events.publish();
SELECT * FROM last();
CREATE TABLE erp.stock_location (id int PRIMARY KEY, complete_name text, usage text);
ALTER TABLE erp.stock_location OWNER TO regress_publish_owner;
INSERT INTO erp.stock_location VALUES (9, 'Customers', 'customer'), (10, 'Vendors', 'supplier');
DROP TABLE erp.res_company;
INSERT INTO erp.stock_picking VALUES (2, 'T/2', 'assigned', NULL, 1, 10);
SELECT odoo_events.publish();
SELECT * FROM last();
-- a table outside of the schema of Odoo is not read; one that the owner may not read is told
CREATE TABLE public.stock_location (id int PRIMARY KEY, complete_name text, usage text);
REVOKE ALL ON erp.stock_location FROM regress_publish_owner;
INSERT INTO erp.stock_picking VALUES (3, 'T/3', 'confirmed', NULL, 1, 10);
SELECT odoo_events.publish();
SELECT record_id, reason FROM odoo_events.quarantine;
GRANT ALL ON erp.stock_location TO regress_publish_owner;
SELECT odoo_events.requeue();
SELECT odoo_events.publish();
SELECT * FROM last();
SELECT count(*) FROM odoo_events.quarantine;
\c postgres
DROP DATABASE publish_schema;
