-- Promises about documents of Odoo: all of them, backorders included; the calendar of the warehouse.
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE sla_documents OWNER regress_publish_owner;
\c sla_documents
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE TABLE ir_module_module (id int PRIMARY KEY);
CREATE TABLE sale_order (id int PRIMARY KEY, name text, state text, warehouse_id int);
CREATE TABLE stock_picking_type (id int PRIMARY KEY, code text, warehouse_id int);
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, sale_id int, picking_type_id int, backorder_id int);
INSERT INTO stock_picking_type VALUES (1, 'outgoing', 1), (2, 'outgoing', 2);
DO $$DECLARE t regclass; BEGIN
  FOREACH t IN ARRAY '{ir_module_module,sale_order,stock_picking_type,stock_picking}'::regclass[] LOOP EXECUTE format('ALTER TABLE %s OWNER TO regress_publish_owner', t); END LOOP; END$$;
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{transfer,sales_order}');
SELECT odoo_events.define_calendar('one', 'UTC', '{"mon": ["00:00-24:00"], "tue": ["00:00-24:00"], "wed": ["00:00-24:00"], "thu": ["00:00-24:00"], "fri": ["00:00-24:00"], "sat": ["00:00-24:00"], "sun": ["00:00-24:00"]}', warehouses => '{1}');
SELECT odoo_events.define_calendar('two', 'UTC', '{"mon": ["00:00-12:00"], "tue": ["00:00-12:00"], "wed": ["00:00-12:00"], "thu": ["00:00-12:00"], "fri": ["00:00-12:00"], "sat": ["00:00-12:00"], "sun": ["00:00-12:00"]}', warehouses => '{2}');
SELECT odoo_events.define_sla('all', '{odoo.sales.sales_order.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', complete => 'all');
SELECT odoo_events.define_sla('first', '{odoo.sales.sales_order.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}');
SELECT odoo_events.define_sla('pick', '{odoo.logistics.shipment.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', document => 'key', within => '24 hours', calendar => 'warehouse');
SELECT odoo_events.define_sla('two', '{odoo.logistics.shipment.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', document => 'key', within => '1 hour', warehouses => '{2}');
INSERT INTO sale_order VALUES (1, 'S1', 'draft', 1);
UPDATE sale_order SET state = 'sale';
INSERT INTO stock_picking VALUES (1, 'OUT/1', 'assigned', 1, 1), (2, 'OUT/2', 'assigned', 1, 2), (3, 'OUT/3', 'assigned', 1, 2);
SELECT odoo_events.publish() > 0 AS published;
-- open hours of each warehouse: 24 of them are a day here and two days there
SELECT sla, document, warehouse_id, state, due_at - started_at BETWEEN interval '36 h' AND interval '48 h' AS two_days, due_at - started_at = interval '24 h' AS one_day
  FROM odoo_events.promise WHERE sla IN ('pick', 'two') ORDER BY 1, 2;
UPDATE stock_picking SET state = 'done' WHERE id = 1;
SELECT odoo_events.publish() > 0 AS published;
SELECT sla, state FROM odoo_events.promise WHERE sla IN ('all', 'first') ORDER BY 1;
-- one is cancelled, one leaves a backorder
UPDATE stock_picking SET state = 'cancel' WHERE id = 3;
BEGIN;
INSERT INTO stock_picking VALUES (4, 'OUT/4', 'assigned', 1, 2, 2);
UPDATE stock_picking SET state = 'done' WHERE id = 2;
COMMIT;
SELECT odoo_events.publish() > 0 AS published;
SELECT sla, state FROM odoo_events.promise WHERE sla IN ('all', 'first') ORDER BY 1;
UPDATE stock_picking SET state = 'done' WHERE id = 4;
SELECT odoo_events.publish() > 0 AS published;
SELECT sla, state FROM odoo_events.promise WHERE sla IN ('all', 'first') ORDER BY 1;

-- a policy shows what is of its warehouses, and what has none; it lets nobody define
SELECT odoo_events.define_sla('fast', '{odoo.logistics.shipment.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', document => 'key', within => '1 microsecond', start_from => 'earliest');
INSERT INTO stock_picking VALUES (5, 'OUT/5', 'assigned', NULL, 1), (6, 'OUT/6', 'assigned', NULL, 2);
SELECT odoo_events.publish() > 0 AS published;
SELECT odoo_events._read_behind() >= 0 AS read;
CREATE ROLE regress_sla_dock IN ROLE pg_monitor;
GRANT USAGE ON SCHEMA odoo_events TO regress_sla_dock;
GRANT SELECT ON odoo_events.promise, odoo_events.exception, odoo_events.cycle_time TO regress_sla_dock;
GRANT EXECUTE ON FUNCTION odoo_events._text_hash, odoo_events._promise_waits_for, odoo_events._care, odoo_events.define_sla, odoo_events.take_exception, odoo_events.pause_promise, odoo_events.diagnose TO regress_sla_dock;
SELECT odoo_events.set_policy('regress_sla_dock', may => '{read}', warehouses => '{2}');
SET SESSION AUTHORIZATION regress_sla_dock;
SELECT sla, document, warehouse_id, state FROM odoo_events.promise ORDER BY 1, 2;
SELECT sla, document, count FROM odoo_events.exception;
SELECT DISTINCT sla, warehouse_id FROM odoo_events.cycle_time ORDER BY 1, 2;
SELECT warehouse_id, count(*) FROM odoo_events.diagnose() GROUP BY 1;
SELECT odoo_events.take_exception(id) FROM odoo_events.exception;
SELECT odoo_events.pause_promise(1, now() + interval '1 day', 'x');
SELECT odoo_events.define_sla('x', '{a.b.c.d.v1}', '{a.b.c.e.v1}');
RESET SESSION AUTHORIZATION;
\c contrib_regress
DROP DATABASE sla_documents;
DROP ROLE regress_sla_dock;
