-- catalog_stock: stock and logistics.

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('stock_picking', '{stock_picking}',
 '{state,scheduled_date,date_deadline,partner_id,owner_id,carrier_id,carrier_tracking_ref,has_deadline_issue,location_id,location_dest_id,picking_type_id,backorder_id,return_id,name,priority,user_id,batch_id}',
 '{origin,move_type,company_id,date_done,weight,sale_id,group_id,create_uid,write_uid}'),
('stock_move', '{stock_move}',
 '{state,product_id,product_uom,product_uom_qty,quantity,value,location_id,location_dest_id,partner_id,picking_id,raw_material_production_id,production_id,repair_line_type,date,date_deadline}',
 '{product_qty,reference,origin,company_id,picking_type_id,warehouse_id,picked,scrap_id,scrapped,is_inventory,inventory_name,origin_returned_move_id,unbuild_id,consume_unbuild_id,repair_id,sale_line_id,purchase_line_id,bom_line_id,byproduct_id,workorder_id,operation_id,group_id,procure_method,create_uid,write_uid}'),
('stock_move_line', '{stock_move_line}',
 '{state,quantity,qty_done,product_uom_qty=reserved_uom_qty,product_id,lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id,move_id,picking_id}',
 '{quantity_product_uom,product_qty=reserved_qty,product_uom_id,company_id,production_id,workorder_id,expiration_date,write_uid}'),
('stock_picking_batch', '{stock_picking_batch}', '{state}', '{name,description,scheduled_date,picking_type_id,user_id,company_id,is_wave,create_uid,write_uid}'),
('stock_scrap', '{stock_scrap}', '{state}',
 '{name,origin,product_id,product_uom_id,scrap_qty,lot_id,package_id,owner_id,location_id,scrap_location_id,picking_id,production_id,workorder_id,move_id,date_done,company_id,create_uid,write_uid}'),
('stock_lot', '{stock_lot,stock_production_lot}', '{name,ref,expiration_date,use_date,removal_date,alert_date,product_expiry_reminded}', '{product_id,company_id,create_uid,write_uid}'),
('stock_package', '{stock_package,stock_quant_package}', '{name,location_id,parent_package_id}', '{company_id,create_uid,write_uid}'),
('stock_quant', '{stock_quant}', '{quantity,reserved_quantity}', '{product_id,location_id,lot_id,package_id,owner_id,company_id,write_uid}'),
('ir_attachment', '{ir_attachment}', '{res_model,res_id,res_field}', '{name,mimetype,file_size,create_uid}');

-- Odoo writes attachments all the time (assets, pictures, mails): only those of documents.
UPDATE odoo_events.capture_rule SET row_filter = '{res_model=stock.picking}' WHERE rule = 'ir_attachment';

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
('stock_move', 'workorder_id', 'work_order'), ('stock_move', 'write_uid', 'user'), ('stock_move', 'origin_returned_move_id', 'stock_move'), ('stock_move', 'group_id', 'procurement_group'),
('stock_picking', 'group_id', 'procurement_group'),
('stock_move_line', 'product_id', 'product'), ('stock_move_line', 'product_uom_id', 'unit'), ('stock_move_line', 'lot_id', 'lot'),
('stock_move_line', 'package_id', 'package'), ('stock_move_line', 'result_package_id', 'package'), ('stock_move_line', 'owner_id', 'partner'),
('stock_move_line', 'location_id', 'location'), ('stock_move_line', 'location_dest_id', 'location'), ('stock_move_line', 'move_id', 'stock_move'),
('stock_move_line', 'picking_id', 'transfer'), ('stock_move_line', 'production_id', 'manufacturing_order'),
('stock_picking_batch', 'picking_type_id', 'picking_type'), ('stock_picking_batch', 'user_id', 'user'), ('stock_picking_batch', 'company_id', 'company'),
('stock_picking_batch', 'write_uid', 'user'),
('stock_scrap', 'product_id', 'product'), ('stock_scrap', 'product_uom_id', 'unit'), ('stock_scrap', 'lot_id', 'lot'), ('stock_scrap', 'package_id', 'package'),
('stock_scrap', 'owner_id', 'partner'), ('stock_scrap', 'location_id', 'location'), ('stock_scrap', 'scrap_location_id', 'location'),
('stock_scrap', 'picking_id', 'transfer'), ('stock_scrap', 'production_id', 'manufacturing_order'), ('stock_scrap', 'workorder_id', 'work_order'),
('stock_scrap', 'company_id', 'company'), ('stock_scrap', 'write_uid', 'user'),
('stock_lot', 'product_id', 'product'), ('stock_lot', 'company_id', 'company'), ('stock_lot', 'write_uid', 'user'),
('stock_package', 'location_id', 'location'), ('stock_package', 'parent_package_id', 'package'), ('stock_package', 'company_id', 'company'), ('stock_package', 'write_uid', 'user'),
('stock_quant', 'product_id', 'product'), ('stock_quant', 'location_id', 'location'), ('stock_quant', 'lot_id', 'lot'), ('stock_quant', 'package_id', 'package'),
('stock_quant', 'owner_id', 'partner'), ('stock_quant', 'company_id', 'company'), ('stock_quant', 'write_uid', 'user'),
('ir_attachment', 'create_uid', 'user');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                one_event, change_columns, keys, warehouse, correlation) VALUES
('stock_move', 'inventory', 'stock.move', 'stock_move', '{stock_move,stock_move_line,stock_scrap}', NULL, 'state', '{draft}',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{quantity}',
 '{transfer=picking_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,repair_order=repair_id}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}',
 '{sales_order=sale_line_id.order_id,purchase_order=purchase_line_id.order_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id}'),
('transfer', 'logistics', 'stock.picking', 'stock_picking', '{stock_picking,stock_move,stock_move_line,ir_attachment}', 'name', 'state', '{draft}',
 '{waiting,confirmed,assigned}', '{cancel}', false, '{name,partner_id,owner_id,carrier_id,location_id,location_dest_id,scheduled_date,date_deadline,priority,user_id}', '{}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_id}'),
('transfer_batch', 'logistics', 'stock.picking.batch', 'stock_picking_batch', '{stock_picking_batch,stock_picking}', 'name', 'state', '{draft}', '{in_progress}', '{cancel}',
 false, '{}', '{}', '{picking_type_id.warehouse_id}', '{}'),
('scrap', 'inventory', 'stock.scrap', 'stock_scrap', '{stock_scrap}', 'name', 'state', '{draft}', '{}', '{}',
 false, '{}', '{transfer=picking_id,manufacturing_order=production_id}', '{location_id.warehouse_id}', '{sales_order=picking_id.sale_id,manufacturing_order=production_id}'),
('lot', 'inventory', 'stock.lot', 'stock_lot', '{stock_lot,stock_move_line}', 'name', NULL, '{}', '{}', '{}', false, '{name,ref,expiration_date,use_date,removal_date,alert_date}', '{}', '{}', '{}'),
('package', 'inventory', 'stock.package', 'stock_package', '{stock_package}', 'name', NULL, '{}', '{}', '{}', false, '{name,location_id,parent_package_id}', '{}', '{location_id.warehouse_id}', '{}'),
('stock_level', 'inventory', 'stock.quant', 'stock_quant', '{stock_quant}', NULL, NULL, '{}', '{}', '{}', false, '{quantity,reserved_quantity}', '{}', '{location_id.warehouse_id}', '{}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('stock_move', 1, 'confirmed', '{waiting,confirmed}', true), ('stock_move', 2, 'partially_reserved', '{partially_available}', false),
('stock_move', 3, 'reserved', '{assigned}', false), ('stock_move', 4, 'done', '{done}', true),
('transfer', 1, 'created', '{draft}', true), ('transfer', 2, 'confirmed', '{waiting,confirmed}', true), ('transfer', 3, 'ready', '{assigned}', false), ('transfer', 4, 'done', '{done}', true),
('transfer_batch', 1, 'started', '{in_progress}', false), ('transfer_batch', 2, 'completed', '{done}', true), ('scrap', 1, 'posted', '{done}', true);

INSERT INTO odoo_events.entity_kind (entity, precedence, kind, purpose, condition) VALUES
('transfer', 1, 'vendor_return', NULL, '$.refs.location_dest_id.usage == "supplier"'),
('transfer', 2, 'customer_return', NULL, '$.refs.location_id.usage == "customer"'),
('transfer', 3, 'dropship', NULL, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"'),
-- Goods between warehouses go by a transit location: one of the company's own, or the one between companies, which belongs to none.
-- What an outgoing type brings to a location of one's own goes to a subcontractor.
('transfer', 4, 'shipment', '~inter_company', '$.refs.picking_type_id.code == "outgoing" && $.refs.location_dest_id.usage == "transit" && $.refs.location_dest_id.company_id == null'),
('transfer', 5, 'shipment', '~transit', '$.refs.picking_type_id.code == "outgoing" && $.refs.location_dest_id.usage == "transit"'),
('transfer', 6, 'shipment', '~subcontractor', '$.refs.picking_type_id.code == "outgoing" && $.refs.location_dest_id.usage == "internal"'),
('transfer', 7, 'shipment', NULL, '$.refs.picking_type_id.code == "outgoing"'),
('transfer', 8, 'receipt', '~inter_company', '$.refs.picking_type_id.code == "incoming" && $.refs.location_id.usage == "transit" && $.refs.location_id.company_id == null'),
('transfer', 9, 'receipt', '~transit', '$.refs.picking_type_id.code == "incoming" && $.refs.location_id.usage == "transit"'),
('transfer', 10, 'receipt', '~subcontractor', '$.refs.picking_type_id.code == "incoming" && $.refs.location_id.usage == "internal"'),
('transfer', 11, 'receipt', NULL, '$.refs.picking_type_id.code == "incoming"'),
('transfer', 12, 'pick', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pick_type_id'),
('transfer', 13, 'pick', 'production', '$.new.picking_type_id == $.refs.picking_type_id.pbm_type_id'),
('transfer', 14, 'pack', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pack_type_id'),
('transfer', 15, 'transfer', 'quality', '$.new.picking_type_id == $.refs.picking_type_id.qc_type_id || $.refs.location_dest_id.quality_of != null && $.refs.location_id.quality_of == null'),
('transfer', 16, 'transfer', 'put_away', '$.new.picking_type_id == $.refs.picking_type_id.store_type_id || $.new.picking_type_id == $.refs.picking_type_id.sam_type_id
  || ($.refs.location_id.quality_of != null || $.refs.location_id.input_of != null) && $.refs.location_dest_id.quality_of == null && $.refs.location_dest_id.input_of == null && $.refs.location_dest_id.output_of == null && $.refs.location_dest_id.usage == "internal"'),
('transfer', 17, 'transfer', 'resupply', '$.new.picking_type_id == $.refs.picking_type_id.resupply_type_id'),
('transfer', 18, 'transfer', 'internal', NULL);

-- The ledger of movements: one event per done move, the first that matches.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, with_lines, emit, extra, description)
SELECT 'odoo.inventory.stock_move.' || d.verb || '.v1', d.variant, 'stock_move', 'milestone', 'done', 'done', d.precedence, d.condition::jsonpath, 60, true,
       true, d.extra::jsonb, d.description
  FROM (VALUES
  (1, 'used_in_repair', 1, '$.new.repair_id != null && ($.new.repair_line_type == "add" || !exists($.new.repair_line_type) && $.refs.location_dest_id.usage == "production")', NULL, 'a part went into a repair'),
  (2, 'removed_in_repair', 1, '$.new.repair_id != null && ($.new.repair_line_type == "remove" || !exists($.new.repair_line_type) && $.refs.location_id.usage == "production" && ($.new.scrapped == true || $.refs.location_dest_id.usage == "inventory"))', NULL, 'a part was taken out and thrown away'),
  (3, 'recovered_in_repair', 1, '$.new.repair_id != null && ($.new.repair_line_type == "recycle" || !exists($.new.repair_line_type) && $.refs.location_id.usage == "production")', NULL, 'a part was taken out and kept'),
  (4, 'scrapped', 1, '$.new.scrap_id != null || $.new.scrapped == true', NULL, 'goods were scrapped'),
  (5, 'unbuilt', 1, '$.new.unbuild_id != null || $.new.consume_unbuild_id != null', NULL, 'a product was taken apart, or a component came out of it'),
  (6, 'repaired', 1, '$.new.repair_id != null', NULL, 'the repaired product itself'),
  (7, 'consumed', 1, '$.new.raw_material_production_id != null', NULL, 'a component was consumed by a manufacturing order'),
  (8, 'produced', 1, '$.new.production_id != null && $.new.product_id == $.refs.production_id.product_id', NULL, 'a manufacturing order produced its product'),
  (9, 'byproduct_produced', 1, '$.new.production_id != null', NULL, 'a manufacturing order produced a by-product'),
  (10, 'counted', 1, '$.new.is_inventory == true && $.new.product_uom_qty == 0', NULL, 'a count found what was expected: nothing moved'),
  (11, 'relocated', 1, '$.new.is_inventory == true && $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage == "internal"', NULL, 'stock was moved by its quant or lot'),
  (12, 'adjusted', 1, '($.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_id.usage == "inventory") && $.refs.location_id.usage == "inventory"', '{"direction":"gain"}', 'a count found more'),
  (13, 'adjusted', 2, '$.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_dest_id.usage == "inventory"', '{"direction":"loss"}', 'a count found less'),
  (14, 'dropshipped', 1, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"', NULL, 'goods went from the vendor to the customer'),
  (15, 'returned', 1, '$.refs.location_id.usage == "customer" || $.refs.location_dest_id.usage == "supplier" || $.new.purchase_line_id != null && $.new.origin_returned_move_id != null && $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage != "customer"', NULL, 'goods came back from a customer, or went back to a vendor'),
  (16, 'received', 1, '$.refs.location_id.usage == "supplier" || $.new.purchase_line_id != null && ($.refs.location_id.usage == "transit" || $.refs.picking_type_id.code == "incoming")', NULL, 'goods arrived from a vendor, or from a subcontractor'),
  (17, 'shipped', 1, '$.refs.location_dest_id.usage == "customer"', NULL, 'goods left for a customer'),
  (18, 'issued', 1, '$.refs.location_id.usage == "internal" && ($.refs.location_dest_id.usage == "production" || $.refs.location_dest_id.usage == "inventory")', NULL, 'goods were issued for own use'),
  (19, 'recovered', 1, '($.refs.location_id.usage == "production" || $.refs.location_id.usage == "inventory") && $.refs.location_dest_id.usage == "internal"', NULL, 'goods came back from own use'),
  (20, 'transferred', 1, '$.refs.location_id.usage != "transit" && $.refs.location_dest_id.usage == "transit"', '{"transit":"into"}', 'goods are on their way to another warehouse or company'),
  (21, 'transferred', 2, '$.refs.location_id.usage == "transit" && $.refs.location_dest_id.usage != "transit"', '{"transit":"out_of"}', 'goods arrived from another warehouse or company'),
  (22, 'transferred', 3, NULL, NULL, 'goods moved inside')
  ) AS d (precedence, verb, variant, condition, extra, description);

INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, condition, rank, with_lines, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.stock_move.confirmed.v1', 'stock_move', 'milestone', 'confirmed', NULL, 60, false, false, false, false, 'a move left draft'),
('odoo.inventory.stock_move.partially_reserved.v1', 'stock_move', 'milestone', 'partially_reserved', NULL, 60, true, false, false, false, 'less than the demand is reserved, or a short quantity was typed'),
('odoo.inventory.stock_move.reserved.v1', 'stock_move', 'milestone', 'reserved', NULL, 60, true, false, false, false, 'the whole demand is reserved'),
('odoo.inventory.stock_move.unreserved.v1', 'stock_move', 'updated', NULL, '($.old.state == "assigned" || $.old.state == "partially_available") && ($.new.state == "confirmed" || $.new.state == "waiting")', 60, true, false, false, false, 'a reservation was given back'),
('odoo.inventory.stock_move.cancelled.v1', 'stock_move', 'cancelled', NULL, NULL, 60, false, false, false, false, 'a move was cancelled'),
('odoo.inventory.stock_move.deleted.v1', 'stock_move', 'deleted', NULL, NULL, 60, false, false, false, false, 'a move was deleted');

-- After a move was done: its quantity, which to Odoo 16 is that of its lines alone, or what, and where, its lines say; a line that comes or goes then.
INSERT INTO odoo_events.event_def (type, entity, occasion, condition, watches, rank, with_lines, with_changes, description) VALUES
('odoo.inventory.stock_move.corrected.v1', 'stock_move', 'touched',
 '!exists($.old ? (@.state != "done")) && !exists($.new ? (@.state != "done")) && (exists($.old) || exists($.parts.detail[*]))',
 '{quantity@done,qty_done@done,lot_id@done,package_id@done,result_package_id@done,owner_id@done,location_id@done,location_dest_id@done}', 60, true, true,
 'the quantity, lot, package, owner or place of what a done move moved was corrected');

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
  ('label_attached', 1, 'touched', NULL, 'exists($.parts.attachment[*] ? (!exists(@.old) && @.new.name like_regex "^Label" && !(@.new.res_field != null)))', 35, '{}', false, false, true, NULL, 'the carrier''s label is there'),
  ('delivery_proven', 1, 'touched', NULL, 'exists($.parts.attachment[*] ? (!exists(@.old) && @.new.res_field == "signature"))', 85, '{}', false, false, true, NULL, 'somebody signed for the goods'),
  ('ready', 1, 'milestone', 'ready', NULL, 40, '{*}', true, true, true, NULL, 'goods are reserved, wholly or in part: it can be worked on'),
  ('goods_short', 1, 'touched', NULL,
   '!exists($.new ? (@.state != "assigned")) && !exists($.old ? (@.state != "assigned")) && exists($.parts.move[*] ? (
      @.old.state == "assigned" && (@.new.state == "partially_available" || @.new.state == "confirmed" || @.new.state == "waiting")
      || @.old.state == "partially_available" && (@.new.state == "confirmed" || @.new.state == "waiting" || @.new.state == "partially_available" && @.new.quantity < @.old.quantity)))',
   42, '{detail.*}', true, true, true, NULL, 'less of a ready transfer is reserved than before, or less than is wanted now'),
  ('goods_available', 1, 'touched', NULL,
   '!exists($.new ? (@.state != "assigned")) && !exists($.old ? (@.state != "assigned")) && exists($.parts.move[*] ? (
      @.new.state == "assigned" && (@.old.state == "partially_available" || @.old.state == "confirmed" || @.old.state == "waiting")
      || @.new.state == "partially_available" && (@.old.state == "confirmed" || @.old.state == "waiting" || @.old.state == "partially_available" && @.new.quantity > @.old.quantity)))',
   43, '{detail.*}', true, true, true, NULL, 'more of a ready transfer is reserved than before; reservation says whether all is'),
  ('unreserved', 1, 'updated', NULL, '$.old.state == "assigned" && ($.new.state == "confirmed" || $.new.state == "waiting")', 41, '{*}', true, true, true, NULL, 'the reservation was given back: stop'),
  ('emptied', 1, 'updated', NULL, '($.old.state == "waiting" || $.old.state == "confirmed" || $.old.state == "assigned") && $.new.state == "draft"', 80, '{*}', true, true, true, NULL, 'nothing is left to move: its last line was taken out, and it is a draft again'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a transfer was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a transfer was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  (k.last, 1, 'milestone', 'done', NULL, 80, '{*}', true, true, true, NULL, 'the transfer was validated'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_id != null && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'transfer=backorder_id', 'the rest goes with another transfer')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description)
 -- What comes from outside is no stock of ours: Odoo takes it for reserved whatever happens.
 WHERE d.verb OPERATOR(pg_catalog.!~) '^goods_' OR k.kind OPERATOR(pg_catalog.<>) ALL ('{receipt,dropship,customer_return}');
UPDATE odoo_events.event_def SET watches = CASE WHEN type ~ '[.]goods_' THEN '{state,quantity}'::text[] ELSE '{res_id}' END
 WHERE entity = 'transfer' AND occasion = 'touched';

-- A batch that Odoo made by itself comes in the transaction that makes or moves its transfers.  A wave that somebody makes
-- splits transfers, too; then it is somebody's.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, with_lines, extra, description) VALUES
('odoo.logistics.transfer_batch.started.v1', 1, 'transfer_batch', 'milestone', 'started', 'started', 1,
 'exists($tx.stock_picking.* ? (@.new.batch_id == $.new.id && (!exists(@.old) || @.old.state != @.new.state))) && !exists($.old) && !($.new.is_wave == true && $.new.user_id != null)', 50, true, '{"auto":true}', 'transfers are worked on together'),
('odoo.logistics.transfer_batch.started.v1', 2, 'transfer_batch', 'milestone', 'started', 'started', 2, NULL, 50, true, '{"auto":false}', 'transfers are worked on together'),
('odoo.logistics.transfer_batch.changed.v1', 1, 'transfer_batch', 'changed', NULL, NULL, 1, NULL, 30, true, NULL, 'a transfer came into a batch that is worked on, or was taken out of it'),
('odoo.logistics.transfer_batch.completed.v1', 1, 'transfer_batch', 'milestone', 'completed', NULL, 1, NULL, 80, true, NULL, 'all transfers of a batch are done'),
('odoo.logistics.transfer_batch.cancelled.v1', 1, 'transfer_batch', 'cancelled', NULL, NULL, 1, NULL, 80, true, NULL, 'a batch was cancelled');

-- On hold: in the quality control location of a warehouse, or where the DBA marked it.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, condition, rank, with_lines, with_changes, enabled, on_by_default, description)
SELECT 'odoo.inventory.lot.' || d.verb || '.v1', d.variant, 'lot', d.occasion,
       pg_catalog.format('exists($.parts.movement[*] ? (@.new.state == "done" && !(@.old.state == "done") && %s(@.refs.location_dest_id.quality_of != null || @.new.location_dest_id == $marked.hold[*]) && %s(@.refs.location_id.quality_of != null || @.new.location_id == $marked.hold[*])%s))',
                         d.to_hold, d.from_hold, d.more)::jsonpath, 66, true, false, true, true, d.description
  FROM (VALUES
  ('held', 1, 'touched', '', '!', '', 'goods of the lot came to where they are on hold'),
  ('held', 2, 'inserted', '', '!', '', 'goods of the lot came to where they are on hold'),
  ('released', 1, 'touched', '!', '', ' && @.refs.location_dest_id.usage != "inventory" && @.refs.location_dest_id.usage != "supplier"', 'goods of the lot left the place where they were on hold')
  ) AS d (verb, variant, occasion, to_hold, from_hold, more, description);
UPDATE odoo_events.event_def SET watches = '{state}' WHERE entity = 'lot' AND occasion = 'touched';
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, condition, rank, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.lot.created.v1', 1, 'lot', 'inserted', NULL, 10, false, true, true, 'a lot or serial number was made'),
('odoo.inventory.lot.changed.v1', 1, 'lot', 'updated', '$.old.name != $.new.name || $.old.ref != $.new.ref || $.old.expiration_date != $.new.expiration_date || $.old.use_date != $.new.use_date || $.old.removal_date != $.new.removal_date || $.old.alert_date != $.new.alert_date', 30, true, false, false, 'name, reference or dates of a lot were changed'),
('odoo.inventory.lot.expiry_alerted.v1', 1, 'lot', 'updated', '$.new.product_expiry_reminded == true && !($.old.product_expiry_reminded == true)', 31, false, true, true, 'Odoo warns that the alert date of a lot has been reached'),
('odoo.inventory.package.created.v1', 1, 'package', 'inserted', NULL, 10, false, true, true, 'a package was made'),
('odoo.inventory.package.renamed.v1', 1, 'package', 'updated', '$.old.name != $.new.name', 20, true, true, true, 'a package has another name: its label, or its SSCC'),
('odoo.inventory.package.nested.v1', 1, 'package', 'updated', '$.new.parent_package_id != null && $.old.parent_package_id != $.new.parent_package_id', 21, true, true, true, 'a package was put into a larger one'),
('odoo.inventory.package.nested.v1', 2, 'package', 'inserted', '$.new.parent_package_id != null', 21, true, true, true, 'a package was made inside a larger one'),
('odoo.inventory.package.unnested.v1', 1, 'package', 'updated', '$.old.parent_package_id != null && $.new.parent_package_id == null', 21, true, true, true, 'a package was taken out of a larger one'),
('odoo.inventory.package.moved.v1', 1, 'package', 'updated', '$.new.location_id != null && $.old.location_id != $.new.location_id', 62, true, true, true, 'a package, with all that is in it, is at another place; the first one when it was filled'),
('odoo.inventory.package.moved.v1', 2, 'package', 'inserted', '$.new.location_id != null', 62, true, true, true, 'a package was filled by the transaction that made it'),
('odoo.inventory.package.emptied.v1', 1, 'package', 'updated', '$.old.location_id != null && $.new.location_id == null', 62, true, true, true, 'nothing is left in a package'),
('odoo.inventory.scrap.posted.v1', 1, 'scrap', 'milestone', NULL, 61, false, true, true, 'goods were scrapped');
UPDATE odoo_events.event_def SET milestone = 'posted' WHERE type = 'odoo.inventory.scrap.posted.v1';
UPDATE odoo_events.event_def SET with_changes = true, with_lines = true WHERE entity = 'package' AND type <> 'odoo.inventory.package.created.v1';
UPDATE odoo_events.event_def SET with_changes = true WHERE type = 'odoo.logistics.transfer_batch.changed.v1';

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, choice, precedence, condition, rank, with_changes, enabled, on_by_default, description)
SELECT 'odoo.inventory.stock_level.' || d.verb || '.v1', d.variant, 'stock_level', d.occasion, 'level', d.precedence,
       ('($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit")' || d.condition)::jsonpath, 60, true, false, false, d.description
  FROM (VALUES
  ('removed', 1, 'deleted', 1, '', 'nothing of the product is left there, and nothing is expected to be'),
  ('went_negative', 1, 'inserted', 2, ' && $.new.quantity < 0', 'more was taken than was there'),
  ('went_negative', 2, 'updated', 2, ' && $.new.quantity < 0 && $.old.quantity >= 0', 'more was taken than was there'),
  ('depleted', 1, 'updated', 3, ' && $.new.quantity == 0 && $.old.quantity > 0', 'nothing of the product is left there'),
  ('changed', 1, 'inserted', 4, '', 'quantity or reserved quantity at a location'),
  ('changed', 2, 'updated', 4, '', 'quantity or reserved quantity at a location')
  ) AS d (verb, variant, occasion, precedence, condition, description);

-- There is some of it again: told beside "changed", whatever it was before.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, choice, condition, rank, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.stock_level.replenished.v1', 1, 'stock_level', 'inserted', 'replenished', '($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit") && $.new.quantity > 0', 61, true, false, false, 'some of the product is there again'),
('odoo.inventory.stock_level.replenished.v1', 2, 'stock_level', 'updated', 'replenished', '($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit") && $.new.quantity > 0 && $.old.quantity <= 0', 61, true, false, false, 'some of the product is there again');

-- What is in a package: read when published, since quants are captured for stock levels only.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, condition, counted, tx_only) VALUES
('package', 'content', 1, 'stock_quant', '{package_id}', 'line.content', '$.new.quantity != 0', false, false),
('package', 'package', 2, 'stock_package', '{parent_package_id}', 'line.package', NULL, false, false);
-- To Odoo 16 the scrap order names its movement, and not the other way round.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, condition, counted, tx_only) VALUES
('stock_move', 'scrap', 2, 'stock_scrap', '{move_id}', 'none', NULL, false, true),
('transfer', 'attachment', 3, 'ir_attachment', '{res_id}', 'line.attachment', '$.new.res_model == "stock.picking"', false, true),
('lot', 'movement', 1, 'stock_move_line', '{lot_id}', 'line.movement', '$.new.state == "done"', false, true);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('stock_move', 'detail', 1, 'stock_move_line', '{move_id}', NULL, 'line.detail', NULL, '{}', '{}', false, '{}', '{}'),
('transfer', 'move', 1, 'stock_move', '{picking_id}', NULL, 'line.move', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id,partner_id}', '{date,date_deadline}'),
('transfer', 'detail', 2, 'stock_move_line', '{move_id}', 'line.move', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', true,
 '{lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id,quantity,product_uom_qty}', '{}');

-- Whatever the state of the transfer: only which batch it is in counts.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, state_column, live_states, counted, change_columns) VALUES
('transfer_batch', 'transfer', 1, 'stock_picking', '{batch_id}', 'line.transfer', '-', '{*}', true, '{name}');

INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('transfer', 1, 'name', '{name}', 'internal'), ('transfer', 2, 'kind', '{#kind}', 'internal'), ('transfer', 3, 'purpose', '{#purpose}', 'internal'),
('transfer', 4, 'state', '{state}', 'internal'), ('transfer', 5, 'reservation', '{#reservation}', 'internal'), ('transfer', 6, 'priority', '{priority}', 'internal'),
('transfer', 7, 'move_type', '{move_type}', 'internal'), ('transfer', 8, 'origin', '{origin}', 'internal'), ('transfer', 9, 'scheduled_date', '{scheduled_date}', 'internal'),
('transfer', 10, 'date_deadline', '{date_deadline}', 'internal'), ('transfer', 11, 'date_done', '{date_done}', 'internal'),
('transfer', 12, 'picking_type', '{picking_type_id}', 'internal'), ('transfer', 13, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('transfer', 14, 'company', '{company_id}', 'internal'), ('transfer', 15, 'from', '{location_id}', 'internal'), ('transfer', 16, 'to', '{location_dest_id}', 'internal'),
('transfer', 17, 'partner', '{partner_id}', 'personal'), ('transfer', 18, 'owner', '{owner_id}', 'personal'), ('transfer', 19, 'user', '{user_id}', 'personal'),
('transfer', 20, 'backorder_of', '{backorder_id}', 'internal'), ('transfer', 21, 'return_of', '{return_id,-first(move.origin_returned_move_id.picking_id)}', 'internal'), ('transfer', 22, 'batch', '{batch_id}', 'internal'),
('transfer', 23, 'carrier', '{carrier_id}', 'internal'), ('transfer', 24, 'tracking', '{carrier_tracking_ref}', 'internal'), ('transfer', 25, 'weight', '{weight}', 'internal'),
('transfer', 26, 'sales_order', '{sale_id}', 'internal'), ('transfer', 27, 'has_deadline_issue', '{has_deadline_issue}', 'internal'),
('line.move', 1, 'product', '{product_id}', 'internal'), ('line.move', 2, 'state', '{state}', 'internal'), ('line.move', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.move', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.move', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.move', 6, 'unit', '{product_uom}', 'internal'), ('line.move', 7, 'from', '{location_id}', 'internal'), ('line.move', 8, 'to', '{location_dest_id}', 'internal'),
('line.move', 9, 'date', '{date}', 'internal'), ('line.move', 10, 'date_deadline', '{date_deadline}', 'internal'), ('line.move', 11, 'partner', '{partner_id}', 'personal'),
('line.move', 12, 'sales_order_line', '{sale_line_id}', 'internal'), ('line.move', 13, 'purchase_order_line', '{purchase_line_id}', 'internal'), ('line.move', 14, 'earlier', '{#earlier}', 'internal'),
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
('stock_move', 15, 'company', '{company_id}', 'internal'), ('stock_move', 16, 'partner', '{partner_id}', 'personal'),
('stock_move', 18, 'unbuild_order', '{unbuild_id,consume_unbuild_id}', 'internal'), ('stock_move', 19, 'repair_order', '{repair_id}', 'internal'),
('stock_move', 20, 'work_order', '{workorder_id}', 'internal'), ('stock_move', 21, 'sales_order_line', '{sale_line_id}', 'internal'),
('stock_move', 22, 'purchase_order_line', '{purchase_line_id}', 'internal'), ('stock_move', 23, 'reason', '{inventory_name,-reference?is_inventory}', 'internal'),
('stock_move', 24, 'return_of', '{origin_returned_move_id}', 'internal'),
('line.attachment', 1, 'name', '{name}', 'internal'), ('line.attachment', 2, 'field', '{res_field}', 'internal'), ('line.attachment', 3, 'mimetype', '{mimetype}', 'internal'),
('line.attachment', 4, 'size', '{file_size}', 'internal'),
('line.transfer', 1, 'name', '{name}', 'internal'), ('line.transfer', 2, 'state', '{state}', 'internal'), ('line.transfer', 3, 'origin', '{origin}', 'internal'),
('line.transfer', 4, 'scheduled_date', '{scheduled_date}', 'internal'), ('line.transfer', 5, 'partner', '{partner_id}', 'personal'),
('line.movement', 1, 'product', '{product_id}', 'internal'), ('line.movement', 2, 'quantity', '{quantity,qty_done}', 'internal'), ('line.movement', 3, 'unit', '{product_uom_id}', 'internal'),
('line.movement', 4, 'from', '{location_id}', 'internal'), ('line.movement', 5, 'to', '{location_dest_id}', 'internal'), ('line.movement', 6, 'package', '{result_package_id}', 'internal'),
('line.movement', 7, 'transfer', '{picking_id}', 'internal'), ('line.movement', 8, 'owner', '{owner_id}', 'personal'),
('transfer_batch', 1, 'name', '{name}', 'internal'), ('transfer_batch', 2, 'state', '{state}', 'internal'), ('transfer_batch', 3, 'description', '{description}', 'internal'),
('transfer_batch', 4, 'scheduled_date', '{scheduled_date}', 'internal'), ('transfer_batch', 5, 'picking_type', '{picking_type_id}', 'internal'),
('transfer_batch', 6, 'warehouse', '{picking_type_id.warehouse_id}', 'internal'), ('transfer_batch', 7, 'wave', '{is_wave}', 'internal'),
('transfer_batch', 8, 'user', '{user_id}', 'personal'), ('transfer_batch', 9, 'company', '{company_id}', 'internal'),
('scrap', 1, 'name', '{name}', 'internal'), ('scrap', 2, 'state', '{state}', 'internal'), ('scrap', 3, 'document', '{#document}', 'internal'), ('scrap', 4, 'product', '{product_id}', 'internal'),
('scrap', 5, 'quantity', '{scrap_qty}', 'internal'), ('scrap', 6, 'unit', '{product_uom_id}', 'internal'), ('scrap', 7, 'lot', '{lot_id}', 'internal'),
('scrap', 8, 'package', '{package_id}', 'internal'), ('scrap', 9, 'owner', '{owner_id}', 'personal'), ('scrap', 10, 'from', '{location_id}', 'internal'),
('scrap', 11, 'to', '{scrap_location_id}', 'internal'), ('scrap', 12, 'work_order', '{workorder_id}', 'internal'), ('scrap', 13, 'origin', '{origin}', 'internal'),
('scrap', 14, 'date_done', '{date_done}', 'internal'), ('scrap', 15, 'company', '{company_id}', 'internal'),
('lot', 1, 'name', '{name}', 'internal'), ('lot', 2, 'ref', '{ref}', 'internal'), ('lot', 3, 'product', '{product_id}', 'internal'), ('lot', 4, 'expiry', '{expiration_date}', 'internal'),
('lot', 5, 'use_date', '{use_date}', 'internal'), ('lot', 6, 'removal_date', '{removal_date}', 'internal'), ('lot', 7, 'alert_date', '{alert_date}', 'internal'),
('lot', 8, 'company', '{company_id}', 'internal'),
('package', 1, 'name', '{name}', 'internal'), ('package', 2, 'location', '{location_id}', 'internal'), ('package', 3, 'parent', '{parent_package_id}', 'internal'), ('package', 4, 'company', '{company_id}', 'internal'),
('stock_level', 1, 'product', '{product_id}', 'internal'), ('stock_level', 2, 'location', '{location_id}', 'internal'), ('stock_level', 3, 'lot', '{lot_id}', 'internal'),
('stock_level', 4, 'package', '{package_id}', 'internal'), ('stock_level', 5, 'owner', '{owner_id}', 'personal'), ('stock_level', 6, 'quantity', '{quantity}', 'internal'),
('stock_level', 7, 'reserved', '{reserved_quantity}', 'internal'), ('stock_level', 8, 'warehouse', '{location_id.warehouse_id}', 'internal'), ('stock_level', 9, 'company', '{company_id}', 'internal');
-- Where to: the partner of the transfer, who of a dropship is the vendor; there the purchase order says where.
-- comes_from, goes_to: the movements before and behind this one, which are the other half of a resupply, or the next step.
INSERT INTO odoo_events.field (owner, position, field, sources, classification, reference) VALUES
('transfer', 28, 'address', '{partner_id}', 'personal', 'address');
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES ('transfer', 29, 'route', '{#route}');
INSERT INTO odoo_events.field (owner, position, field, sources, reference)
SELECT o.owner, o.position + f.position, f.field, f.sources::text[], 'stock_move'
  FROM (VALUES ('line.move', 15), ('stock_move', 25)) AS o (owner, position),
       (VALUES (0, 'comes_from', '{many(stock_move_move_rel.move_dest_id=move_orig_id)}'), (1, 'goes_to', '{many(stock_move_move_rel.move_orig_id=move_dest_id)}')) AS f (position, field, sources);
-- What the customer ordered, or the vendor sells, where this is a part of a kit.
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('line.move', 17, 'kit', '{sale_line_id.product_id?bom_line_id,purchase_line_id.product_id?bom_line_id}'),
('stock_move', 27, 'kit', '{sale_line_id.product_id?bom_line_id,purchase_line_id.product_id?bom_line_id}'),
('line.content', 1, 'product', '{product_id}'), ('line.content', 2, 'quantity', '{quantity}'), ('line.content', 3, 'reserved', '{reserved_quantity}'), ('line.content', 4, 'lot', '{lot_id}'),
('line.content', 5, 'location', '{location_id}'), ('line.package', 1, 'name', '{name}'), ('line.package', 2, 'location', '{location_id}');
INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES ('line.content', 6, 'owner', '{owner_id}', 'personal');
INSERT INTO odoo_events.field (owner, position, field, sources, reference) VALUES
('stock_move', 17, 'scrap', '{scrap_id,-first(scrap.id)}', 'scrap'),
('scrap', 16, 'reasons', '{many(stock_scrap_stock_scrap_reason_tag_rel.stock_scrap_id=stock_scrap_reason_tag_id)}', 'scrap_reason');

-- What is there, free, coming and going of a product in a warehouse: locations inside it that are its own stock.
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, secondary, warehouse, subject, sum_by, sum_query) VALUES
('availability', 'inventory', 'stock.quant', 'stock_quant', '{stock_quant}', true, '{location_id.warehouse_id}', '{product_id.sku,location_id.warehouse_id.code}',
 '{product_id,location_id.warehouse_id}', $q$
SELECT p.product, p.warehouse, q.on_hand, q.reserved, q.on_hand - q.reserved AS free, m.incoming, m.outgoing, clock_timestamp() AS asof
  FROM unnest($1, $2) p(product, warehouse)
  JOIN {stock_warehouse} w ON w.id = p.warehouse
  JOIN {stock_location} v ON v.id = w.view_location_id
 CROSS JOIN LATERAL (SELECT COALESCE(sum(q.quantity::numeric), 0) AS on_hand, COALESCE(sum(q.reserved_quantity::numeric), 0) AS reserved
                       FROM {stock_quant} q JOIN {stock_location} l ON l.id = q.location_id
                      WHERE q.product_id = p.product AND l.usage = 'internal' AND starts_with(l.parent_path, v.parent_path)) q
 CROSS JOIN LATERAL (SELECT COALESCE(sum(x.qty) FILTER (WHERE x.into_it AND NOT x.out_of_it), 0) AS incoming, COALESCE(sum(x.qty) FILTER (WHERE x.out_of_it AND NOT x.into_it), 0) AS outgoing
                       FROM (SELECT m.product_qty::numeric AS qty, f.usage = 'internal' AND starts_with(f.parent_path, v.parent_path) AS out_of_it,
                                    t.usage = 'internal' AND starts_with(t.parent_path, v.parent_path) AS into_it
                               FROM {stock_move} m JOIN {stock_location} f ON f.id = m.location_id JOIN {stock_location} t ON t.id = m.location_dest_id
                              WHERE m.product_id = p.product AND m.state IN ('waiting', 'confirmed', 'partially_available', 'assigned')) x) m$q$);
INSERT INTO odoo_events.event_def (type, entity, occasion, rank, enabled, on_by_default, description) VALUES
('odoo.inventory.availability.changed.v1', 'availability', 'summed', 66, false, false, 'what is there and free of a product in a warehouse, when published');
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('availability', 1, 'product', '{product_id}'), ('availability', 2, 'warehouse', '{location_id.warehouse_id}');
