-- catalog_stock: stock and logistics.

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('stock_picking', '{stock_picking}',
 '{state,scheduled_date,date_deadline,partner_id,owner_id,carrier_id,carrier_tracking_ref,has_deadline_issue,location_id,location_dest_id,picking_type_id,backorder_id,return_id}',
 '{name,origin,move_type,priority,company_id,user_id,date_done,weight,sale_id,batch_id,group_id,create_uid,write_uid}'),
('stock_move', '{stock_move}',
 '{state,product_id,product_uom,product_uom_qty,quantity,location_id,location_dest_id,partner_id,picking_id,raw_material_production_id,production_id,date,date_deadline}',
 '{reference,origin,company_id,picking_type_id,warehouse_id,picked,scrap_id,scrapped,is_inventory,inventory_name,origin_returned_move_id,unbuild_id,consume_unbuild_id,repair_id,repair_line_type,sale_line_id,purchase_line_id,bom_line_id,byproduct_id,workorder_id,operation_id,group_id,procure_method,create_uid,write_uid}'),
('stock_move_line', '{stock_move_line}',
 '{state,quantity,qty_done,product_uom_qty=reserved_uom_qty,product_id,lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id,move_id,picking_id}',
 '{product_uom_id,company_id,production_id,workorder_id,expiration_date,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('stock_picking', 'partner_id', 'partner'), ('stock_picking', 'owner_id', 'partner'), ('stock_picking', 'carrier_id', 'carrier'),
('stock_picking', 'location_id', 'location'), ('stock_picking', 'location_dest_id', 'location'), ('stock_picking', 'picking_type_id', 'picking_type'),
('stock_picking', 'backorder_id', 'transfer'), ('stock_picking', 'return_id', 'transfer'), ('stock_picking', 'company_id', 'company'),
('stock_picking', 'user_id', 'user'), ('stock_picking', 'write_uid', 'user'), ('stock_picking', 'sale_id', 'sales_order'), ('stock_picking', 'batch_id', 'transfer_batch'),
('stock_move', 'product_id', 'product'), ('stock_move', 'product_uom', 'unit'), ('stock_move', 'location_id', 'location'),
('stock_move', 'location_dest_id', 'location'), ('stock_move', 'partner_id', 'partner'), ('stock_move', 'picking_id', 'transfer'),
('stock_move', 'raw_material_production_id', 'manufacturing_order'), ('stock_move', 'production_id', 'manufacturing_order'),
('stock_move', 'company_id', 'company'), ('stock_move', 'picking_type_id', 'picking_type'), ('stock_move', 'warehouse_id', 'warehouse'),
('stock_move', 'scrap_id', 'scrap'), ('stock_move', 'unbuild_id', 'unbuild_order'), ('stock_move', 'consume_unbuild_id', 'unbuild_order'),
('stock_move', 'repair_id', 'repair_order'), ('stock_move', 'sale_line_id', 'sales_order_line'), ('stock_move', 'purchase_line_id', 'purchase_order_line'),
('stock_move', 'workorder_id', 'work_order'), ('stock_move', 'write_uid', 'user'),
('stock_move_line', 'product_id', 'product'), ('stock_move_line', 'product_uom_id', 'unit'), ('stock_move_line', 'lot_id', 'lot'),
('stock_move_line', 'package_id', 'package'), ('stock_move_line', 'result_package_id', 'package'), ('stock_move_line', 'owner_id', 'partner'),
('stock_move_line', 'location_id', 'location'), ('stock_move_line', 'location_dest_id', 'location'), ('stock_move_line', 'move_id', 'stock_move'),
('stock_move_line', 'picking_id', 'transfer'), ('stock_move_line', 'production_id', 'manufacturing_order');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                one_event, change_columns, keys, warehouse, correlation) VALUES
('stock_move', 'inventory', 'stock.move', 'stock_move', '{stock_move,stock_move_line}', NULL, 'state', '{draft}',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{quantity}',
 '{transfer=picking_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,repair_order=repair_id}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}',
 '{sales_order=sale_line_id.order_id,purchase_order=purchase_line_id.order_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id}'),
('transfer', 'logistics', 'stock.picking', 'stock_picking', '{stock_picking,stock_move,stock_move_line}', 'name', 'state', '{draft}',
 '{waiting,confirmed,assigned}', '{cancel}', false, '{partner_id,owner_id,carrier_id,location_id,location_dest_id,scheduled_date,date_deadline}', '{}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_id}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('stock_move', 1, 'confirmed', '{waiting,confirmed}', true), ('stock_move', 2, 'partially_reserved', '{partially_available}', false),
('stock_move', 3, 'reserved', '{assigned}', false), ('stock_move', 4, 'done', '{done}', true),
('transfer', 1, 'created', '{draft}', true), ('transfer', 2, 'confirmed', '{waiting,confirmed}', true), ('transfer', 3, 'ready', '{assigned}', false), ('transfer', 4, 'done', '{done}', true);

INSERT INTO odoo_events.entity_kind (entity, precedence, kind, purpose, condition) VALUES
('transfer', 1, 'vendor_return', NULL, '$.refs.location_dest_id.usage == "supplier"'),
('transfer', 2, 'customer_return', NULL, '$.refs.location_id.usage == "customer"'),
('transfer', 3, 'dropship', NULL, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"'),
('transfer', 4, 'shipment', NULL, '$.refs.picking_type_id.code == "outgoing"'),
('transfer', 5, 'receipt', NULL, '$.refs.picking_type_id.code == "incoming"'),
('transfer', 6, 'pick', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pick_type_id'),
('transfer', 7, 'pick', 'production', '$.new.picking_type_id == $.refs.picking_type_id.pbm_type_id'),
('transfer', 8, 'pack', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pack_type_id'),
('transfer', 9, 'transfer', 'quality', '$.new.picking_type_id == $.refs.picking_type_id.qc_type_id'),
('transfer', 10, 'transfer', 'put_away', '$.new.picking_type_id == $.refs.picking_type_id.store_type_id || $.new.picking_type_id == $.refs.picking_type_id.sam_type_id'),
('transfer', 11, 'transfer', 'resupply', '$.new.picking_type_id == $.refs.picking_type_id.resupply_type_id'),
('transfer', 12, 'transfer', 'internal', NULL);

-- The ledger of movements: one event per done move, the first that matches.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, with_lines, emit, extra, description)
SELECT 'odoo.inventory.stock_move.' || d.verb || '.v1', d.variant, 'stock_move', 'milestone', 'done', 'done', d.precedence, d.condition::jsonpath, 60, true,
       d.verb <> 'counted', d.extra::jsonb, d.description
  FROM (VALUES
  (1, 'scrapped', 1, '$.new.scrap_id != null || $.new.scrapped == true', NULL, 'goods were scrapped'),
  (2, 'unbuilt', 1, '$.new.unbuild_id != null || $.new.consume_unbuild_id != null', NULL, 'a product was taken apart, or a component came out of it'),
  (3, 'used_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "add"', NULL, 'a part went into a repair'),
  (4, 'removed_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "remove"', NULL, 'a part was taken out and thrown away'),
  (5, 'recovered_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "recycle"', NULL, 'a part was taken out and kept'),
  (6, 'repaired', 1, '$.new.repair_id != null', NULL, 'the repaired product itself'),
  (7, 'consumed', 1, '$.new.raw_material_production_id != null', NULL, 'a component was consumed by a manufacturing order'),
  (8, 'produced', 1, '$.new.production_id != null && $.new.product_id == $.refs.production_id.product_id', NULL, 'a manufacturing order produced its product'),
  (9, 'byproduct_produced', 1, '$.new.production_id != null', NULL, 'a manufacturing order produced a by-product'),
  (10, 'counted', 1, '$.new.is_inventory == true && $.new.product_uom_qty == 0', NULL, 'a count that equals the stock: no event'),
  (11, 'relocated', 1, '$.new.is_inventory == true && $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage == "internal"', NULL, 'stock was moved by its quant or lot'),
  (12, 'adjusted', 1, '($.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_id.usage == "inventory") && $.refs.location_id.usage == "inventory"', '{"direction":"gain"}', 'a count found more'),
  (13, 'adjusted', 2, '$.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_dest_id.usage == "inventory"', '{"direction":"loss"}', 'a count found less'),
  (14, 'returned', 1, '$.new.origin_returned_move_id != null || $.refs.location_id.usage == "customer" && $.refs.location_dest_id.usage == "internal" || $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage == "supplier"', NULL, 'goods came back, or went back to the vendor'),
  (15, 'received', 1, '$.refs.location_id.usage == "supplier" && ($.refs.location_dest_id.usage == "internal" || $.refs.location_dest_id.usage == "transit") || $.refs.picking_type_id.code == "incoming"', NULL, 'goods arrived from a vendor'),
  (16, 'shipped', 1, '($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit") && $.refs.location_dest_id.usage == "customer"', NULL, 'goods left for a customer'),
  (17, 'dropshipped', 1, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"', NULL, 'goods went from the vendor to the customer'),
  (18, 'issued', 1, '$.refs.location_id.usage == "internal" && ($.refs.location_dest_id.usage == "production" || $.refs.location_dest_id.usage == "inventory")', NULL, 'goods were issued for own use'),
  (19, 'recovered', 1, '($.refs.location_id.usage == "production" || $.refs.location_id.usage == "inventory") && $.refs.location_dest_id.usage == "internal"', NULL, 'goods came back from own use'),
  (20, 'transferred', 1, NULL, NULL, 'goods moved inside')
  ) AS d (precedence, verb, variant, condition, extra, description);

INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, condition, rank, with_lines, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.stock_move.confirmed.v1', 'stock_move', 'milestone', 'confirmed', NULL, 60, false, false, false, false, 'a move left draft'),
('odoo.inventory.stock_move.partially_reserved.v1', 'stock_move', 'milestone', 'partially_reserved', NULL, 60, true, false, false, false, 'less than the demand is reserved, or a short quantity was typed'),
('odoo.inventory.stock_move.reserved.v1', 'stock_move', 'milestone', 'reserved', NULL, 60, true, false, false, false, 'the whole demand is reserved'),
('odoo.inventory.stock_move.unreserved.v1', 'stock_move', 'updated', NULL, '($.old.state == "assigned" || $.old.state == "partially_available") && ($.new.state == "confirmed" || $.new.state == "waiting")', 60, true, false, false, false, 'a reservation was given back'),
('odoo.inventory.stock_move.cancelled.v1', 'stock_move', 'cancelled', NULL, NULL, 60, false, false, false, false, 'a move was cancelled'),
('odoo.inventory.stock_move.deleted.v1', 'stock_move', 'deleted', NULL, NULL, 60, false, false, false, false, 'a move was deleted'),
('odoo.inventory.stock_move.corrected.v1', 'stock_move', 'updated', NULL, '$.old.state == "done" && $.new.state == "done" && $.old.quantity != $.new.quantity', 60, true, true, true, true, 'the quantity of a done move was corrected');

-- Transfers: the type names the kind.
INSERT INTO odoo_events.event_def (type, variant, entity, kind, occasion, milestone, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, key, description)
SELECT 'odoo.logistics.' || k.kind || '.' || d.verb || '.v1', d.variant, 'transfer', k.kind, d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.covers::text[],
       d.lines, d.changes, d.enabled, d.enabled, d.key, d.description
  FROM (VALUES ('vendor_return', 'dispatched'), ('customer_return', 'received'), ('dropship', 'dispatched'), ('shipment', 'dispatched'),
               ('receipt', 'received'), ('pick', 'completed'), ('pack', 'completed'), ('transfer', 'completed')) AS k (kind, last),
LATERAL (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, false, NULL, 'a transfer was made'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, true, NULL, 'a transfer left draft'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, true, NULL, 'what an open transfer moves, or where to, was changed'),
  ('rescheduled', 1, 'open', NULL, '$.old.scheduled_date != $.new.scheduled_date || $.old.date_deadline != $.new.date_deadline', 31, '{scheduled_date,date_deadline,date}', true, true, true, NULL, 'the date of an open transfer moved'),
  ('carrier_assigned', 1, 'updated', NULL, '$.old.carrier_id != $.new.carrier_id && $.new.carrier_id != null', 32, '{carrier_id}', false, true, true, NULL, 'a carrier was chosen'),
  ('tracking_assigned', 1, 'updated', NULL, '$.old.carrier_tracking_ref != $.new.carrier_tracking_ref && $.new.carrier_tracking_ref != null', 33, '{}', false, false, true, NULL, 'the carrier''s tracking reference is known'),
  ('delayed', 1, 'open', NULL, '$.new.has_deadline_issue == true && !($.old.has_deadline_issue == true)', 34, '{}', false, false, true, NULL, 'it will miss its deadline'),
  ('on_schedule_again', 1, 'open', NULL, '$.old.has_deadline_issue == true && !($.new.has_deadline_issue == true)', 34, '{}', false, false, true, NULL, 'it will meet its deadline again'),
  ('ready', 1, 'milestone', 'ready', NULL, 40, '{*}', true, true, true, NULL, 'goods are reserved, wholly or in part: it can be worked on'),
  ('unreserved', 1, 'updated', NULL, '$.old.state == "assigned" && ($.new.state == "confirmed" || $.new.state == "waiting")', 41, '{*}', true, true, true, NULL, 'the reservation was given back: stop'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a transfer was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a transfer was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  (k.last, 1, 'milestone', 'done', NULL, 80, '{*}', true, true, true, NULL, 'the transfer was validated'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_id != null && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'transfer=backorder_id', 'the rest goes with another transfer')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('stock_move', 'detail', 1, 'stock_move_line', '{move_id}', NULL, 'line.detail', NULL, '{}', '{}', false, '{}', '{}'),
('transfer', 'move', 1, 'stock_move', '{picking_id}', NULL, 'line.move', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id,partner_id}', '{date,date_deadline}'),
('transfer', 'detail', 2, 'stock_move_line', '{move_id}', 'line.move', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', false,
 '{lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id}', '{}');

INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('transfer', 1, 'name', '{name}', 'internal'), ('transfer', 2, 'kind', '{#kind}', 'internal'), ('transfer', 3, 'purpose', '{#purpose}', 'internal'),
('transfer', 4, 'state', '{state}', 'internal'), ('transfer', 5, 'reservation', '{#reservation}', 'internal'), ('transfer', 6, 'priority', '{priority}', 'internal'),
('transfer', 7, 'move_type', '{move_type}', 'internal'), ('transfer', 8, 'origin', '{origin}', 'internal'), ('transfer', 9, 'scheduled_date', '{scheduled_date}', 'internal'),
('transfer', 10, 'date_deadline', '{date_deadline}', 'internal'), ('transfer', 11, 'date_done', '{date_done}', 'internal'),
('transfer', 12, 'picking_type', '{picking_type_id}', 'internal'), ('transfer', 13, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('transfer', 14, 'company', '{company_id}', 'internal'), ('transfer', 15, 'from', '{location_id}', 'internal'), ('transfer', 16, 'to', '{location_dest_id}', 'internal'),
('transfer', 17, 'partner', '{partner_id}', 'personal'), ('transfer', 18, 'owner', '{owner_id}', 'personal'), ('transfer', 19, 'user', '{user_id}', 'personal'),
('transfer', 20, 'backorder_of', '{backorder_id}', 'internal'), ('transfer', 21, 'return_of', '{return_id}', 'internal'), ('transfer', 22, 'batch', '{batch_id}', 'internal'),
('transfer', 23, 'carrier', '{carrier_id}', 'internal'), ('transfer', 24, 'tracking', '{carrier_tracking_ref}', 'internal'), ('transfer', 25, 'weight', '{weight}', 'internal'),
('transfer', 26, 'sales_order', '{sale_id}', 'internal'), ('transfer', 27, 'has_deadline_issue', '{has_deadline_issue}', 'internal'),
('line.move', 1, 'product', '{product_id}', 'internal'), ('line.move', 2, 'state', '{state}', 'internal'), ('line.move', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.move', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.move', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.move', 6, 'unit', '{product_uom}', 'internal'), ('line.move', 7, 'from', '{location_id}', 'internal'), ('line.move', 8, 'to', '{location_dest_id}', 'internal'),
('line.move', 9, 'date', '{date}', 'internal'), ('line.move', 10, 'date_deadline', '{date_deadline}', 'internal'), ('line.move', 11, 'partner', '{partner_id}', 'personal'),
('line.move', 12, 'sales_order_line', '{sale_line_id}', 'internal'), ('line.move', 13, 'purchase_order_line', '{purchase_line_id}', 'internal'),
('line.detail', 1, 'quantity', '{quantity,qty_done}', 'internal'), ('line.detail', 2, 'reserved', '{product_uom_qty}', 'internal'), ('line.detail', 3, 'unit', '{product_uom_id}', 'internal'),
('line.detail', 4, 'lot', '{lot_id}', 'internal'), ('line.detail', 5, 'lot_name', '{lot_name}', 'internal'), ('line.detail', 6, 'package', '{package_id}', 'internal'),
('line.detail', 7, 'result_package', '{result_package_id}', 'internal'), ('line.detail', 8, 'owner', '{owner_id}', 'personal'),
('line.detail', 9, 'from', '{location_id}', 'internal'), ('line.detail', 10, 'to', '{location_dest_id}', 'internal'),
('stock_move', 1, 'reference', '{reference}', 'internal'), ('stock_move', 2, 'state', '{state}', 'internal'), ('stock_move', 3, 'product', '{product_id}', 'internal'),
('stock_move', 4, 'demand', '{product_uom_qty}', 'internal'), ('stock_move', 5, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'),
('stock_move', 6, 'quantity', '{quantity@done,sum(detail.qty_done)}', 'internal'), ('stock_move', 7, 'unit', '{product_uom}', 'internal'),
('stock_move', 8, 'from', '{location_id}', 'internal'), ('stock_move', 9, 'to', '{location_dest_id}', 'internal'), ('stock_move', 10, 'document', '{#document}', 'internal'),
('stock_move', 11, 'origin', '{origin}', 'internal'), ('stock_move', 12, 'date', '{date}', 'internal'), ('stock_move', 13, 'picking_type', '{picking_type_id}', 'internal'),
('stock_move', 14, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('stock_move', 15, 'company', '{company_id}', 'internal'), ('stock_move', 16, 'partner', '{partner_id}', 'personal'), ('stock_move', 17, 'scrap', '{scrap_id}', 'internal'),
('stock_move', 18, 'unbuild_order', '{unbuild_id,consume_unbuild_id}', 'internal'), ('stock_move', 19, 'repair_order', '{repair_id}', 'internal'),
('stock_move', 20, 'work_order', '{workorder_id}', 'internal'), ('stock_move', 21, 'sales_order_line', '{sale_line_id}', 'internal'),
('stock_move', 22, 'purchase_order_line', '{purchase_line_id}', 'internal'), ('stock_move', 23, 'reason', '{inventory_name}', 'internal'),
('stock_move', 24, 'return_of', '{origin_returned_move_id}', 'internal');
