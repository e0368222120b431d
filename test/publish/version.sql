-- A day of a small plant in a database with the columns that Odoo "version" has (test/odoo/columns.tsv, derived from its models): what a
-- statement names and the version lacks is left out of it.  Shows what the version lacks, and its events as publish_versions.<version>.
\set ECHO none
DROP DATABASE IF EXISTS publish_versions;
CREATE DATABASE publish_versions OWNER regress_publish_owner;
\c publish_versions
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
CREATE TABLE known (tab text, col text, type text, first int, last int);
\copy known FROM PROGRAM 'cat "$PG_ABS_SRCDIR/test/odoo/columns.tsv"'
SELECT format('CREATE TABLE %I (%s)', tab, string_agg(format('%I %s%s', col, type, CASE col WHEN 'id' THEN ' PRIMARY KEY' END), ', ')) FROM known
 WHERE :version BETWEEN first AND last GROUP BY tab ORDER BY tab \gexec
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
-- Writes a row, or changes it: as much of it as there are columns.  Of several names of a table the one that is there.
CREATE FUNCTION put(tabs text, id int, cells jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  tab text := (SELECT t FROM unnest(string_to_array(tabs, '|')) t WHERE to_regclass(t) IS NOT NULL LIMIT 1);
  names text;
BEGIN
  IF tab IS NULL THEN RETURN; END IF;
  SELECT string_agg(format('%I', column_name), ', ') INTO names FROM information_schema.columns WHERE table_name = tab AND cells || '{"id": 0}' ? column_name;
  EXECUTE format('INSERT INTO %1$I (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$I, $1) ON CONFLICT (id) DO UPDATE SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(%1$I.*, $1))', tab, names)
    USING cells || jsonb_build_object('id', id);
END $$;
SELECT put('res_company', 1, '{"name": "Plant"}'), put('res_users', 2, '{"login": "olga"}'), put('res_partner', 7, '{"name": "Customer", "ref": "C7"}'), put('res_partner', 8, '{"name": "Vendor"}'),
  put('uom_uom', 1, '{"name": "Units"}'), put('stock_warehouse', 1, '{"name": "Main", "code": "WH", "company_id": 1, "view_location_id": 4, "lot_stock_id": 5}'),
  put('stock_location', 1, '{"complete_name": "Vendors", "usage": "supplier", "parent_path": "1/"}'), put('stock_location', 2, '{"complete_name": "Customers", "usage": "customer", "parent_path": "2/"}'),
  put('stock_location', 4, '{"complete_name": "WH", "usage": "view", "parent_path": "4/"}'), put('stock_location', 5, '{"complete_name": "WH/Stock", "usage": "internal", "parent_path": "4/5/", "warehouse_id": 1}'),
  put('stock_location', 12, '{"complete_name": "Production", "usage": "production", "parent_path": "12/"}'),
  put('stock_picking_type', 1, '{"code": "incoming", "warehouse_id": 1}'), put('stock_picking_type', 2, '{"code": "outgoing", "warehouse_id": 1}'), put('stock_picking_type', 11, '{"code": "mrp_operation", "warehouse_id": 1}'),
  put('product_template', i, jsonb_build_object('name', CASE WHEN :version < 16 THEN to_jsonb('Part ' || i) ELSE jsonb_build_object('en_US', 'Part ' || i) END, 'tracking', 'lot', 'type', 'product')),
  put('product_product', i, jsonb_build_object('default_code', 'SKU-' || i, 'product_tmpl_id', i)) FROM generate_series(1, 3) i \g /dev/null
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
CREATE EXTENSION odoo_events;
SELECT count(*) FROM odoo_events.attach(ARRAY(SELECT entity FROM odoo_events.entity WHERE entity NOT LIKE 'quality%')) \g /dev/null
SELECT :version || ': attached ' || string_agg(entity, ' ' ORDER BY entity) FROM (SELECT entity FROM odoo_events.capture_status GROUP BY entity HAVING bool_or(attached)) x;
SELECT :version || ': ' || entity || ' ' || coalesce(relation, '') || ': ' || coalesce(missing_columns::text, '') || ' ' || coalesce(note, '') FROM odoo_events.capture_status WHERE missing_columns IS NOT NULL OR note IS NOT NULL ORDER BY 1;

\o /dev/null
-- sold: confirmed, more of it, shipped with a lot
SELECT put('sale_order', 1, '{"name": "S1", "state": "draft", "partner_id": 7, "partner_shipping_id": 7, "company_id": 1, "warehouse_id": 1, "amount_total": 40, "write_uid": 2}'),
       put('sale_order_line', 1, '{"order_id": 1, "product_id": 1, "product_uom": 1, "product_uom_id": 1, "product_uom_qty": 4, "qty_delivered": 0, "price_unit": 10, "state": "draft", "company_id": 1}');
SELECT odoo_events.publish();
BEGIN;
SELECT put('sale_order', 1, '{"state": "sale", "delivery_status": "pending"}'), put('sale_order_line', 1, '{"state": "sale"}'),
       put('stock_picking', 1, '{"name": "WH/OUT/1", "state": "assigned", "partner_id": 7, "picking_type_id": 2, "location_id": 5, "location_dest_id": 2, "company_id": 1, "origin": "S1", "move_type": "direct"}'),
       put('stock_move', 1, '{"picking_id": 1, "sale_line_id": 1, "product_id": 1, "product_uom": 1, "product_uom_qty": 4, "quantity": 4, "state": "assigned", "location_id": 5, "location_dest_id": 2, "company_id": 1, "picking_type_id": 2}'),
       put('stock_lot|stock_production_lot', 1, '{"name": "LOT-1", "product_id": 1, "company_id": 1}'),
       put('stock_move_line', 1, '{"picking_id": 1, "move_id": 1, "product_id": 1, "product_uom_id": 1, "lot_id": 1, "product_uom_qty": 4, "reserved_uom_qty": 4, "quantity": 4, "state": "assigned", "location_id": 5, "location_dest_id": 2, "company_id": 1}');
COMMIT;
SELECT odoo_events.publish();
BEGIN;
SELECT put('sale_order_line', 1, '{"product_uom_qty": 5}'), put('sale_order', 1, '{"amount_total": 50}'), put('stock_move', 1, '{"product_uom_qty": 5}');
COMMIT;
SELECT odoo_events.publish();
BEGIN;
SELECT put('stock_move_line', 1, '{"state": "done", "product_uom_qty": 0, "reserved_uom_qty": 0, "qty_done": 5, "quantity": 5, "picked": true}'), put('stock_move', 1, '{"state": "done", "quantity": 5, "picked": true}'),
       put('stock_picking', 1, '{"state": "done", "date_done": "2026-11-02"}'), put('sale_order_line', 1, '{"qty_delivered": 5}'), put('sale_order', 1, '{"delivery_status": "full"}');
COMMIT;
SELECT odoo_events.publish();
-- bought: confirmed, acknowledged, received
SELECT put('purchase_order', 1, '{"name": "P1", "state": "purchase", "partner_id": 8, "picking_type_id": 1, "company_id": 1, "amount_total": 40, "receipt_status": "pending"}'),
       put('purchase_order_line', 1, '{"order_id": 1, "product_id": 2, "product_uom": 1, "product_uom_id": 1, "product_qty": 4, "qty_received": 0, "price_unit": 10, "state": "purchase", "company_id": 1}');
SELECT odoo_events.publish();
SELECT put('purchase_order', 1, '{"acknowledged": true, "mail_reminder_confirmed": true}');
SELECT odoo_events.publish();
BEGIN;
SELECT put('stock_picking', 2, '{"name": "WH/IN/1", "state": "done", "partner_id": 8, "picking_type_id": 1, "location_id": 1, "location_dest_id": 5, "company_id": 1, "move_type": "direct"}'),
       put('stock_move', 2, '{"picking_id": 2, "purchase_line_id": 1, "product_id": 2, "product_uom": 1, "product_uom_qty": 4, "quantity": 4, "state": "done", "location_id": 1, "location_dest_id": 5, "company_id": 1, "picking_type_id": 1}'),
       put('stock_move_line', 2, '{"picking_id": 2, "move_id": 2, "product_id": 2, "product_uom_id": 1, "qty_done": 4, "quantity": 4, "state": "done", "location_id": 1, "location_dest_id": 5, "company_id": 1}'),
       put('purchase_order_line', 1, '{"qty_received": 4}'), put('purchase_order', 1, '{"receipt_status": "full"}');
COMMIT;
SELECT odoo_events.publish();
-- made: released, its operation begun, interrupted, finished; done with what went into what
SELECT put('mrp_production', 1, '{"name": "MO1", "state": "draft", "product_id": 3, "product_uom_id": 1, "product_qty": 5, "picking_type_id": 11, "location_src_id": 5, "location_dest_id": 5, "company_id": 1, "date_planned_start": "2026-11-02", "date_start": "2026-11-02"}'),
       put('mrp_workorder', 1, '{"name": "Assembly", "state": "ready", "production_id": 1, "workcenter_id": 1, "qty_produced": 0, "date_planned_start": "2026-11-02", "date_start": "2026-11-02"}'),
       put('mrp_workcenter', 1, '{"name": "Bench", "code": "B", "working_state": "normal", "company_id": 1}'),
       put('stock_move', 3, '{"raw_material_production_id": 1, "product_id": 2, "product_uom": 1, "product_uom_qty": 5, "state": "draft", "location_id": 5, "location_dest_id": 12, "company_id": 1}'),
       put('stock_move', 4, '{"production_id": 1, "product_id": 3, "product_uom": 1, "product_uom_qty": 5, "state": "draft", "location_id": 12, "location_dest_id": 5, "company_id": 1}');
SELECT odoo_events.publish();
BEGIN;
SELECT put('mrp_production', 1, '{"state": "confirmed", "reservation_state": "assigned"}'), put('mrp_workorder', 1, '{"production_availability": "assigned"}'),
       put('stock_move', 3, '{"state": "assigned", "quantity": 5}'), put('stock_move', 4, '{"state": "confirmed"}');
COMMIT;
SELECT odoo_events.publish();
BEGIN;
SELECT put('mrp_production', 1, '{"state": "progress"}'), put('mrp_workorder', 1, '{"state": "progress"}'),
       put('mrp_workcenter_productivity', 1, '{"workorder_id": 1, "workcenter_id": 1, "date_start": "2026-11-02T10:00:00", "create_date": "2026-11-02T10:00:00.1", "write_date": "2026-11-02T10:00:00.1"}');
COMMIT;
SELECT odoo_events.publish();
SELECT put('mrp_workcenter_productivity', 1, '{"date_end": "2026-11-02T11:00:00", "write_date": "2026-11-02T11:00:00.2"}');
SELECT odoo_events.publish();
SELECT put('mrp_workcenter_productivity', 2, '{"workorder_id": 1, "workcenter_id": 1, "date_start": "2026-11-02T12:00:00", "create_date": "2026-11-02T12:00:00.1", "write_date": "2026-11-02T12:00:00.1"}');
SELECT odoo_events.publish();
SELECT put('mrp_workcenter', 1, '{"working_state": "blocked"}');
SELECT odoo_events.publish();
BEGIN;
SELECT put('mrp_workcenter', 1, '{"working_state": "normal"}'), put('mrp_workorder', 1, '{"state": "done", "qty_produced": 5}'),
       put('mrp_workcenter_productivity', 2, '{"date_end": "2026-11-02T13:00:00", "write_date": "2026-11-02T13:00:00.2"}');
COMMIT;
SELECT odoo_events.publish();
BEGIN;
SELECT put('stock_lot|stock_production_lot', 3, '{"name": "LOT-3", "product_id": 3, "company_id": 1}'),
       put('stock_move_line', 3, '{"move_id": 3, "product_id": 2, "product_uom_id": 1, "lot_id": 1, "qty_done": 5, "quantity": 5, "state": "done", "location_id": 5, "location_dest_id": 12, "company_id": 1}'),
       put('stock_move_line', 4, '{"move_id": 4, "product_id": 3, "product_uom_id": 1, "lot_id": 3, "qty_done": 5, "quantity": 5, "state": "done", "location_id": 12, "location_dest_id": 5, "company_id": 1}'),
       put('stock_move', 3, '{"state": "done", "quantity": 5}'), put('stock_move', 4, '{"state": "done", "quantity": 5}'), put('mrp_production', 1, '{"state": "done", "qty_producing": 5}');
COMMIT;
SELECT odoo_events.publish();
-- invoiced and paid; the payment's state is its entry's, to 17
SELECT put('account_move', 1, '{"name": "INV/1", "move_type": "out_invoice", "state": "draft", "payment_state": "not_paid", "partner_id": 7, "company_id": 1, "amount_total": 50}'),
       put('account_payment', 1, '{"name": "PAY/1", "state": "draft", "payment_type": "inbound", "partner_type": "customer", "partner_id": 7, "amount": 50, "move_id": 2}'),
       put('account_move', 2, '{"name": "BNK/1", "move_type": "entry", "state": "draft", "payment_state": "not_paid", "payment_id": 1, "company_id": 1}');
SELECT odoo_events.publish();
SELECT put('account_move', 1, '{"state": "posted"}');
SELECT odoo_events.publish();
BEGIN;
SELECT put('account_payment', 1, '{"state": "in_process"}'), put('account_move', 2, '{"state": "posted"}'), put('account_move', 1, '{"payment_state": "paid"}');
COMMIT;
SELECT odoo_events.publish();
-- repaired, maintained, scrapped, taken apart
SELECT put('repair_order', 1, '{"name": "R1", "state": "draft", "product_id": 1, "product_qty": 1, "company_id": 1}'), put('maintenance_stage', 2, '{"done": true}'),
       put('maintenance_request', 1, '{"name": "Broken", "maintenance_type": "corrective", "stage_id": 1, "kanban_state": "normal", "company_id": 1, "archive": false}');
SELECT odoo_events.publish();
SELECT put('repair_order', 1, '{"state": "confirmed"}');
SELECT odoo_events.publish();
SELECT put('repair_order', 1, '{"state": "under_repair"}');
SELECT odoo_events.publish();
SELECT put('repair_order', 1, '{"state": "done"}');
SELECT odoo_events.publish();
SELECT put('stock_scrap', 1, '{"name": "SP/1", "state": "done", "product_id": 1, "scrap_qty": 1, "product_uom_id": 1, "location_id": 5, "scrap_location_id": 12, "company_id": 1}');
SELECT odoo_events.publish();
SELECT put('mrp_unbuild', 1, '{"name": "UB/1", "state": "done", "product_id": 3, "product_qty": 1, "product_uom_id": 1, "company_id": 1}');
SELECT odoo_events.publish();
\o
SELECT 'publish_versions.' || :version AS shown \gset
\o :shown
SELECT dense_rank() OVER (ORDER BY odootx), split_part(type, '.', 3) || '.' || split_part(type, '.', 4), subject, partitionkey, coalesce(o.correlationid, ''),
       (SELECT string_agg(concat_ws(' ', l.key, '#' || (x ->> 'id'), x ->> 'ordered', x ->> 'demand', x ->> 'reserved', x ->> 'done', x -> 'lot' ->> 'name'), ', ' ORDER BY l.key, x ->> 'id')
          FROM jsonb_each((event::jsonb) -> 'data') l, jsonb_array_elements(CASE jsonb_typeof(l.value) WHEN 'array' THEN l.value END) x WHERE jsonb_typeof(x) = 'object' AND x ? 'product')
  FROM odoo_events.outbox_all o ORDER BY position;
SELECT 'quarantined', reason FROM odoo_events.quarantine;
\o
\c postgres
SET client_min_messages = error;
DROP DATABASE publish_versions;
