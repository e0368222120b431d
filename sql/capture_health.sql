-- What health() knows of capture: apps that come later, columns that are gone, documents that change in a loop.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE capture_health OWNER regress_publish_owner;
\c capture_health
SET client_min_messages = warning;
CREATE TABLE stock_scrap (id int PRIMARY KEY, name text, state text, origin text, product_id int, product_uom_id int, scrap_qty numeric, lot_id int, package_id int, owner_id int, location_id int,
  scrap_location_id int, picking_id int, production_id int, workorder_id int, date_done timestamp, company_id int, create_uid int, write_uid int);
ALTER TABLE stock_scrap OWNER TO regress_publish_owner;
CREATE EXTENSION odoo_events;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
\set capture 'SELECT status, detail, hint FROM odoo_events.health() WHERE "check" IN (\'capture\', \'loops\') ORDER BY status, detail'
SELECT entity FROM odoo_events.attach();
SELECT odoo_events._reattach();
SELECT odoo_events._complete_at(false) AS complete_at \gset

-- an app that is installed later, after everything was attached
CREATE TABLE mrp_unbuild (id int PRIMARY KEY, name text, state text, product_id int, product_qty numeric, product_uom_id int, bom_id int, mo_id int, lot_id int, location_id int, location_dest_id int,
  company_id int, write_uid int);
ALTER TABLE mrp_unbuild OWNER TO regress_publish_owner;
:capture;
SELECT odoo_events._reattach();
SELECT entity, attached FROM odoo_events.capture_status WHERE entity = 'unbuild_order' AND relation LIKE '%mrp_unbuild';
SELECT relation, changes, since = :'complete_at' AS since, at > since AS wide FROM odoo_events.capture_error;
:capture;
SELECT regexp_replace(detail, '[0-9].* and .*', '') AS detail FROM odoo_events.health() WHERE "check" = 'gaps';
DELETE FROM odoo_events.capture_gap;
SELECT odoo_events._reattach();
-- what was detached stays so, and nothing comes by itself once all is detached
SELECT entity, note FROM odoo_events.detach('{unbuild_order}');
SELECT odoo_events._reattach();
SELECT entity, note FROM odoo_events.detach('{transfer_batch}');
CREATE TABLE stock_picking_batch (id int PRIMARY KEY, name text, state text);
ALTER TABLE stock_picking_batch OWNER TO regress_publish_owner;
SELECT odoo_events._reattach();
SELECT entity FROM odoo_events.attached ORDER BY 1;
SELECT entity FROM odoo_events.attach('{unbuild_order}');
-- a dump knows it
SELECT convert_from(decode(rtrim(line, ';'), 'hex'), 'UTF8')::jsonb -> 'row' -> 'mode' AS mode FROM odoo_events.saved_config WHERE id LIKE 'attached_all%';
SELECT count(*) FROM odoo_events.detach();
CREATE TABLE stock_quant_package (id int PRIMARY KEY, name text);
ALTER TABLE stock_quant_package OWNER TO regress_publish_owner;
SELECT odoo_events._reattach();
TABLE odoo_events.attached_all;
-- one entity alone asks for nothing else
SELECT entity FROM odoo_events.attach('{scrap}');
SELECT odoo_events._reattach();
:capture;

-- a column that events depend on is renamed
SELECT odoo_events.subscribe('wms', NULL, types => '{odoo.inventory.scrap.*}');
ALTER TABLE stock_scrap RENAME COLUMN state TO st8;
:capture;
ALTER TABLE stock_scrap RENAME COLUMN st8 TO state;
:capture;
-- one that no event depends on
ALTER TABLE stock_scrap RENAME COLUMN date_done TO done_at;
:capture;
ALTER TABLE stock_scrap RENAME COLUMN done_at TO date_done;

-- triggers that somebody enabled for replication, too, stay so
ALTER TABLE stock_scrap ENABLE ALWAYS TRIGGER odoo_events_capture;
SELECT note FROM odoo_events.attach('{scrap}');
SELECT tgname, tgenabled FROM odoo_events._capture_trigger WHERE rule = 'stock_scrap' ORDER BY 1;
SELECT note FROM odoo_events.attach('{scrap}', always => true);
SELECT tgname, tgenabled FROM odoo_events._capture_trigger WHERE rule = 'stock_scrap' ORDER BY 1;
DROP TRIGGER odoo_events_capture ON stock_scrap;
SELECT odoo_events._reattach();
SELECT tgname, tgenabled FROM odoo_events._capture_trigger WHERE rule = 'stock_scrap' ORDER BY 1;
SELECT note FROM odoo_events.attach('{scrap}', always => false);
SELECT tgname, tgenabled FROM odoo_events._capture_trigger WHERE rule = 'stock_scrap' ORDER BY 1;
DELETE FROM odoo_events.capture_gap;

-- the same document, over and over
SELECT odoo_events.define_event('acme.inventory.scrap.edited.v1', 'scrap', '$.old.origin != $.new.origin');
INSERT INTO stock_scrap (id, name, state, origin) VALUES (1, 'SP/1', 'draft', '0');
DO $$BEGIN FOR i IN 1..29 LOOP UPDATE stock_scrap SET origin = i::text; COMMIT; END LOOP; END$$;
SELECT odoo_events.publish();
:capture;
UPDATE stock_scrap SET origin = 'x';
SELECT odoo_events.publish();
SELECT status, detail, hint FROM odoo_events.health() WHERE "check" = 'loops' \gset
\echo :status: :detail
SELECT count(*) FROM (SELECT regexp_replace(:'hint', ';.*', '') AS q) x WHERE q LIKE '%scrap:1%';
\c postgres
DROP DATABASE capture_health;
