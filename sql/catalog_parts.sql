-- A custom module's header and lines as a document of its own: lines, names of what it refers to, the document whose order and process it follows.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE catalog_parts OWNER regress_publish_owner;
\c catalog_parts
SET client_min_messages = warning;
CREATE TABLE res_partner (id int PRIMARY KEY, name text, ref text);
CREATE TABLE sale_order (id int PRIMARY KEY, name text, state text, client_order_ref text);
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, sale_id int, picking_type_id int, company_id int);
CREATE TABLE product_template (id int PRIMARY KEY, name jsonb, tracking text);
CREATE TABLE product_product (id int PRIMARY KEY, default_code text, barcode text, product_tmpl_id int);
CREATE TABLE hr_employee (id int PRIMARY KEY, name text, barcode text);
CREATE TABLE quality_defect (id int PRIMARY KEY, name text, code text, severity text);
CREATE TABLE quality_inspection (id serial PRIMARY KEY, name varchar, state varchar DEFAULT 'draft', picking_id int REFERENCES stock_picking, inspector_id int REFERENCES hr_employee,
  note text, company_id int, warehouse_id int, write_uid int, create_date timestamp, write_date timestamp);
CREATE TABLE quality_inspection_line (id serial PRIMARY KEY, inspection_id int REFERENCES quality_inspection ON DELETE CASCADE, product_id int REFERENCES product_product,
  defect_id int REFERENCES quality_defect, quantity numeric, state text);
CREATE TABLE quality_photo (id serial PRIMARY KEY, inspection_id int REFERENCES quality_inspection ON DELETE CASCADE, name text);
INSERT INTO sale_order VALUES (5, 'S00005', 'sale', 'PO-77');
INSERT INTO stock_picking VALUES (1, 'OUT/1', 'assigned', 5), (2, 'OUT/2', 'assigned', NULL);
INSERT INTO product_template VALUES (1, '{"en_US": "Table"}', 'lot');
INSERT INTO product_product VALUES (1, 'TBL', '4006381', 1);
INSERT INTO hr_employee VALUES (1, 'Ann', '0417');
INSERT INTO quality_defect VALUES (1, 'Scratch', 'SCR', 'minor'), (2, 'Crack', 'CRK', 'major');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
CREATE EXTENSION odoo_events;
CREATE VIEW events AS SELECT position, type, subject, partitionkey, correlationid, warehouse_id, event->'data' AS data FROM odoo_events.outbox;

\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT odoo_events.define_entity('quality_inspection', 'quality_inspection', name_column => 'name', state_column => 'state', open_states => '{draft,open}',
         cancelled_states => '{cancel}', domain => 'quality', key => 'picking_id');
-- what it looks for is found by an index; the mend is in the hint
SELECT odoo_events.define_part('quality_inspection', 'line', 'quality_inspection_line', parent => 'inspection_id', columns => '{product_id,defect_id,quantity}');
CREATE INDEX ON public.quality_inspection_line (inspection_id);
SELECT odoo_events.define_part('quality_inspection', 'line', 'quality_inspection_line', parent => 'inspection_id', columns => '{product_id,defect_id,quantity}', or_replace => true);
SELECT odoo_events.define_event('acme.quality.quality_inspection.passed.v1', 'quality_inspection', states => '{passed}', with_lines => true);
-- lines without a state: a change of theirs counts while the document is open; "touched" always
SELECT odoo_events.define_event('acme.quality.quality_inspection.altered.v1', 'quality_inspection', occasion => 'changed', with_changes => true);
SELECT odoo_events.define_event('acme.quality.quality_inspection.changed.v1', 'quality_inspection', 'exists($.parts.line[*])', occasion => 'touched', with_lines => true, with_changes => true);
SELECT keys, correlation[1:3] AS correlation, rules, warehouse FROM odoo_events.entity WHERE entity = 'quality_inspection';
SELECT relation, attached, note FROM odoo_events.capture_status WHERE entity = 'quality_inspection';

-- header and lines in one transaction, then a line alone, then the end
BEGIN;
INSERT INTO quality_inspection (name, picking_id, inspector_id, warehouse_id) VALUES ('QI/1', 1, 1, 3);
INSERT INTO quality_inspection_line (inspection_id, product_id, defect_id, quantity) VALUES (1, 1, 1, 2.50), (1, 1, NULL, 4);
COMMIT;
UPDATE quality_inspection_line SET quantity = 3, defect_id = 2 WHERE id = 1;
DELETE FROM quality_inspection_line WHERE id = 2;
BEGIN;
UPDATE quality_inspection SET state = 'passed', note = 'x';
UPDATE quality_inspection_line SET quantity = 5;
COMMIT;
UPDATE quality_inspection_line SET quantity = 5.5;
SELECT odoo_events.publish();
SELECT position, type, subject, partitionkey, correlationid, warehouse_id FROM events ORDER BY position;
SELECT odoo_events.drop_event('acme.quality.quality_inspection.altered.v1');
SELECT position, jsonb_pretty(data::jsonb - 'lines_read_at') AS data FROM events WHERE position IN (2, 4) OR type LIKE '%.passed.%' ORDER BY position;
SELECT f.owner, f.field, f.classification FROM odoo_events.field f WHERE NOT f.builtin ORDER BY f.owner, f.position;
-- the contract knows it
SELECT jsonb_path_query_array(odoo_events.json_schema('acme.quality.quality_inspection.passed.v1')::jsonb, '$."$defs".data_quality_inspection.properties.lines.items.properties.keyvalue().key') AS line,
       jsonb_path_query_array(odoo_events.json_schema('acme.quality.quality_inspection.passed.v1')::jsonb, '$."$defs".ref_own_quality_defect.properties.keyvalue().key') AS defect;
-- snapshots and reconcile do as for the catalog's
SELECT odoo_events.backfill('quality_inspection') > 0 AS job;
SELECT odoo_events._backfill_step(), odoo_events.publish() > 0 AS published;
SELECT type, jsonb_array_length(data::jsonb -> 'lines') AS lines, partitionkey, correlationid FROM events WHERE type LIKE '%snapshot%';
SELECT * FROM odoo_events.reconcile('quality_inspection');

-- the process of the order has it
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{transfer,sales_order}');
UPDATE stock_picking SET state = 'done' WHERE id = 1;
SELECT odoo_events.publish() > 0 AS published;
SELECT milestone, entity, record_id FROM odoo_events.process WHERE correlationid = 'sales_order:5' AND milestone NOT LIKE '%snapshot%' ORDER BY position;

-- lines of the catalog's own document; lines with a state of their own, so that "changed" can be said
SELECT odoo_events.define_part('transfer', 'inspection', 'quality_inspection', parent => 'picking_id', columns => '{name,state}', state_column => 'state', live_states => '{draft,open}');
CREATE INDEX ON public.quality_inspection (picking_id);
SELECT odoo_events.define_entity('inspection_lot', 'quality_inspection', columns => '{note}', name_column => 'name', state_column => 'state', open_states => '{draft,open}');
SELECT odoo_events.define_part('inspection_lot', 'line', 'quality_inspection_line', parent => 'inspection_id', columns => '{quantity,state}', state_column => 'state', live_states => '{new,counted}');
SELECT odoo_events.define_event('acme.quality.inspection_lot.changed.v1', 'inspection_lot', occasion => 'changed', with_changes => true);
SELECT rule, significant, carried FROM odoo_events.capture_rule WHERE NOT builtin ORDER BY rule;
INSERT INTO quality_inspection (name, picking_id) VALUES ('QI/2', 2);
INSERT INTO quality_inspection_line (inspection_id, quantity, state) VALUES (2, 1, 'new');
UPDATE quality_inspection_line SET quantity = 2 WHERE inspection_id = 2;
SELECT odoo_events.publish() > 0 AS published;
SELECT type, subject, partitionkey, data -> 'changes' AS changes FROM events WHERE subject LIKE '%/QI/2' OR type LIKE 'odoo.logistics.%.changed.v1' ORDER BY position DESC LIMIT 5;

-- refused, and mended as the hint says
SELECT odoo_events.define_part('quality_inspection', 'line', 'quality_photo', parent => 'inspection_id');
-- what rows that a line names say may have changed by the time
SELECT odoo_events.define_event('acme.quality.quality_inspection.looked.v1', 'quality_inspection', 'exists($.parts.line[*] ? (@.refs.defect_id.name == "scratch"))', occasion => 'touched');
SELECT odoo_events.define_event('acme.quality.quality_inspection.looked.v1', 'quality_inspection', '$.parts.line[*].refs.inspection_id.state == "open"', occasion => 'touched');
SELECT odoo_events.define_event('acme.quality.quality_inspection.looked.v1', 'quality_inspection', 'exists($.parts.line[*].refs.*.name)', occasion => 'touched');
SELECT odoo_events.define_part('quality_inspection', 'Photo', 'quality_photo', parent => 'inspection_id');
SELECT odoo_events.define_part('quality_inspection', 'photo', 'quality_photos', parent => 'inspection_id');
SELECT odoo_events.define_part('quality_inspection', 'photo', 'quality_photo', parent => 'picking_id');
SELECT odoo_events.define_part('quality_inspection', 'photo', 'quality_photo', parent => 'inspection_id', columns => '{title}');
SELECT odoo_events.define_part('quality_inspection', 'photo', 'quality_photo', parent => 'inspection_id', live_states => '{open}');
SELECT odoo_events.define_part('quality_inspections', 'photo', 'quality_photo', parent => 'inspection_id');
SELECT odoo_events.define_entity('photo', 'quality_photo', key => 'name');
SELECT odoo_events.define_entity('photo', 'quality_photo', correlation => '{inspection_id.inspector_id}');
SELECT odoo_events.define_event('acme.quality.quality_inspection.flagged.v1', 'quality_inspection', '$.refs.inspector_id.name == "Ann"');
SELECT odoo_events.drop_part('quality_inspection', 'photo');
CREATE INDEX ON quality_photo (inspection_id);
SELECT odoo_events.define_part('quality_inspection', 'photo', 'quality_photo', parent => 'inspection_id');
-- a document below one of our own: its key is ours, its process that of the order
SELECT odoo_events.define_entity('photo', 'quality_photo', name_column => 'name', key => 'inspection_id', correlation => '{inspection_id.picking_id}');
SELECT odoo_events.define_event('acme.quality.photo.taken.v1', 'photo', occasion => 'inserted');
INSERT INTO quality_photo (inspection_id, name) VALUES (1, 'front');
SELECT odoo_events.publish() > 0 AS published;
SELECT type, subject, partitionkey, correlationid, data FROM events WHERE type LIKE 'acme.quality.photo.%';

-- what is saved makes the same again, in whatever order it comes back
CREATE TEMP VIEW own AS
  SELECT 'event_def' AS what, to_jsonb(d) AS row FROM odoo_events.event_def d WHERE NOT builtin UNION ALL SELECT 'entity', to_jsonb(e) FROM odoo_events.entity e WHERE NOT builtin OR entity = 'transfer'
  UNION ALL SELECT 'capture_rule', to_jsonb(c) FROM odoo_events.capture_rule c WHERE NOT builtin UNION ALL SELECT 'field', to_jsonb(f) FROM odoo_events.field f WHERE NOT builtin
  UNION ALL SELECT 'link', to_jsonb(l) FROM odoo_events.link l UNION ALL SELECT 'part', to_jsonb(p) - 'position' FROM odoo_events.part p
  UNION ALL SELECT 'reference', to_jsonb(r) FROM odoo_events.reference r UNION ALL SELECT 'reference_field', to_jsonb(r) FROM odoo_events.reference_field r;
CREATE TEMP TABLE before AS SELECT * FROM own;
CREATE TEMP TABLE saved AS SELECT * FROM odoo_events.saved_config WHERE id LIKE 'definition%' ORDER BY id DESC;
SELECT odoo_events._clear_catalog();
SELECT count(*) FROM own;
DROP VIEW own;
DROP VIEW events;
DROP EXTENSION odoo_events CASCADE;
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.saved_config SELECT * FROM saved;
CREATE TEMP VIEW own AS
  SELECT 'event_def' AS what, to_jsonb(d) AS row FROM odoo_events.event_def d WHERE NOT builtin UNION ALL SELECT 'entity', to_jsonb(e) FROM odoo_events.entity e WHERE NOT builtin OR entity = 'transfer'
  UNION ALL SELECT 'capture_rule', to_jsonb(c) FROM odoo_events.capture_rule c WHERE NOT builtin UNION ALL SELECT 'field', to_jsonb(f) FROM odoo_events.field f WHERE NOT builtin
  UNION ALL SELECT 'link', to_jsonb(l) FROM odoo_events.link l UNION ALL SELECT 'part', to_jsonb(p) - 'position' FROM odoo_events.part p
  UNION ALL SELECT 'reference', to_jsonb(r) FROM odoo_events.reference r UNION ALL SELECT 'reference_field', to_jsonb(r) FROM odoo_events.reference_field r;
(SELECT what, row FROM before EXCEPT SELECT what, row FROM own) UNION ALL (SELECT what, row FROM own EXCEPT SELECT what, row FROM before);

-- dropped, nothing is left
SELECT odoo_events.drop_part('transfer', 'inspection');
SELECT odoo_events.drop_entity('quality_inspection'), odoo_events.drop_entity('inspection_lot'), odoo_events.drop_entity('photo');
SELECT what, row FROM own WHERE NOT COALESCE((row ->> 'builtin')::boolean, true) OR row ->> 'rule' LIKE 'own%' OR row ->> 'reference' LIKE 'own%';
SELECT rules FROM odoo_events.entity WHERE entity = 'transfer';
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'odoo_events%' AND tgrelid::regclass::text LIKE 'quality%';
\c postgres
DROP DATABASE catalog_parts;
