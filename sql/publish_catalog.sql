-- The catalog is consistent; what is not attached is not published; what was captured before a detach() is.
\set db publish_catalog
\set base odoo19-base
\set entities '{transfer}'
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\i :setup
-- rows that point nowhere: owners without fields, links and fields to references that are not there, parts and rules unknown
SELECT p.entity, p.part, p.owner FROM odoo_events.part p WHERE p.owner <> 'none' AND NOT EXISTS (SELECT 1 FROM odoo_events.field f WHERE f.owner = p.owner);
SELECT e.entity FROM odoo_events.entity e WHERE NOT EXISTS (SELECT 1 FROM odoo_events.field f WHERE f.owner = e.entity);
SELECT DISTINCT l.reference FROM odoo_events.link l WHERE l.reference NOT IN (SELECT r.reference FROM odoo_events.reference r);
SELECT f.reference, f.field, f.target FROM odoo_events.reference_field f WHERE f.target NOT IN (SELECT r.reference FROM odoo_events.reference r);
SELECT f.owner, f.field, f.reference FROM odoo_events.field f WHERE f.reference NOT IN (SELECT r.reference FROM odoo_events.reference r);
SELECT e.entity, u.rule FROM odoo_events.entity e, unnest(e.rules) u(rule) WHERE u.rule NOT IN (SELECT r.rule FROM odoo_events.capture_rule r);
SELECT p.entity, p.part, p.rule FROM odoo_events.part p JOIN odoo_events.entity e USING (entity) WHERE NOT p.rule = ANY (e.rules) AND p.part <> 'content';   -- what is in a package is read, not captured
SELECT l.rule, l.column_name FROM odoo_events.link l JOIN odoo_events.capture_rule r USING (rule)
 WHERE l.column_name <> 'id' AND NOT EXISTS (SELECT 1 FROM unnest(r.significant || r.carried) c WHERE split_part(c, '=', 1) = l.column_name);
SELECT p.entity, p.part, c FROM odoo_events.part p JOIN odoo_events.capture_rule r USING (rule), unnest(p.parent || p.change_columns || p.schedule_columns) c
 WHERE c NOT LIKE '<%' AND NOT EXISTS (SELECT 1 FROM unnest(r.significant || r.carried) s WHERE split_part(s, '=', 1) = c);
-- a change that makes "changed" must be captured by itself
SELECT p.entity, p.part, c FROM odoo_events.part p JOIN odoo_events.capture_rule r USING (rule), unnest(p.change_columns || p.schedule_columns) c
 WHERE NOT EXISTS (SELECT 1 FROM unnest(r.significant) s WHERE split_part(s, '=', 1) = c);
SELECT d.type, d.milestone FROM odoo_events.event_def d WHERE d.occasion = 'milestone'
   AND NOT EXISTS (SELECT 1 FROM odoo_events.milestone m WHERE m.entity = d.entity AND m.milestone = d.milestone);
-- names as they should be; the vocabulary of EPCIS
SELECT type FROM odoo_events.event_def WHERE type !~ '^odoo\.[a-z_]+\.[a-z_]+\.[a-z_]+\.v1$';
SELECT DISTINCT epcis_bizstep FROM odoo_events.event_def
 WHERE epcis_bizstep NOT IN ('accepting', 'arriving', 'assembling', 'collecting', 'commissioning', 'consigning', 'creating_class_instance', 'cycle_counting', 'decommissioning',
   'departing', 'destroying', 'disassembling', 'dispensing', 'encoding', 'entering_exiting', 'holding', 'inspecting', 'installing', 'killing', 'loading', 'other', 'packing',
   'picking', 'receiving', 'removing', 'repackaging', 'repairing', 'replacing', 'reserving', 'retail_selling', 'sampling', 'sensor_reporting', 'shipping', 'staging_outbound',
   'stock_taking', 'stocking', 'storing', 'transporting', 'unloading', 'unpacking', 'void_shipping');
SELECT DISTINCT epcis_disposition FROM odoo_events.event_def
 WHERE epcis_disposition NOT IN ('active', 'available', 'completeness_inferred', 'completeness_verified', 'conformant', 'container_closed', 'container_open', 'damaged', 'destroyed',
   'dispensed', 'disposed', 'encoded', 'expired', 'in_progress', 'in_transit', 'inactive', 'mismatch_class', 'mismatch_instance', 'mismatch_quantity', 'needs_replacement',
   'no_pedigree_match', 'non_conformant', 'non_sellable_other', 'partially_dispensed', 'recalled', 'reserved', 'retail_sold', 'returned', 'sellable_accessible',
   'sellable_not_accessible', 'stolen', 'unavailable', 'unknown');
SELECT type, epcis_bizstep, epcis_disposition FROM odoo_events.event_type WHERE type IN ('odoo.logistics.shipment.dispatched.v1', 'odoo.inventory.stock_move.scrapped.v1', 'odoo.inventory.lot.held.v1') ORDER BY 1;
-- no column is missed in the Odoo that the catalog knows; hot tables of entities that are off are left alone
SELECT entity, relation, missing_columns FROM odoo_events.capture_status WHERE missing_columns IS NOT NULL ORDER BY 1, 2;
SELECT count(*) FROM odoo_events.attach() WHERE entity IN ('stock_level', 'transfer');
SELECT relation, note FROM odoo_events.attach('{stock_level}') WHERE relation LIKE '%stock_quant';
SELECT count(*) FROM odoo_events.detach() WHERE relation IS NOT NULL \g /dev/null
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{transfer}');
-- moves are captured for the transfers, and are not published by themselves
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_catalog odoo19-sales
SELECT count(DISTINCT rule) AS rules FROM odoo_events.journal_0;
-- captured while it was attached
SELECT count(*) > 0 AS detached FROM odoo_events.detach();
SELECT odoo_events.publish() > 0 AS published;
SELECT DISTINCT entity FROM odoo_events.outbox;
-- a later change is not
UPDATE stock_picking SET state = 'cancel' WHERE state = 'assigned';
SELECT odoo_events.publish();
-- the application's trace context reaches the events
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{transfer}');
BEGIN;
SET LOCAL odoo_events.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
UPDATE stock_picking SET state = 'assigned' WHERE id = 1;
COMMIT;
SELECT odoo_events.publish() > 0 AS published;
SELECT type, event->>'traceparent' AS traceparent FROM odoo_events.outbox ORDER BY position DESC LIMIT 1;
\c postgres
DROP DATABASE publish_catalog;
