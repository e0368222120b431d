-- catalog_manufacturing: manufacturing orders and the shop floor.

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('mrp_production', '{mrp_production}',
 '{state,reservation_state,product_id,product_qty,qty_producing,bom_id,lot_producing_id,location_src_id,location_dest_id,date_start,date_planned_start,date_deadline,name,priority,user_id}',
 '{product_uom_qty,origin,product_uom_id,picking_type_id,date_finished,date_planned_finished,company_id,backorder_sequence,production_group_id,procurement_group_id,orderpoint_id,sale_line_id,is_planned,subcontractor_id,create_uid,write_uid}'),
('mrp_workorder', '{mrp_workorder}',
 '{state,production_availability,workcenter_id,operation_id,production_id,date_start,date_planned_start,qty_produced}',
 '{name,sequence,duration_expected,duration,date_finished,date_planned_finished,create_uid,write_uid}'),
('mrp_workcenter', '{mrp_workcenter}', '{working_state}', '{name,code,resource_id,active,company_id,write_uid}'),
('mrp_workcenter_productivity', '{mrp_workcenter_productivity}', '{date_start,date_end,workcenter_id,workorder_id,loss_id}',
 '{description,duration,user_id,company_id,create_uid,write_uid,create_date,write_date}'),
('mrp_unbuild', '{mrp_unbuild}', '{state}',
 '{name,product_id,product_qty,product_uom_id,bom_id,mo_id,lot_id,location_id,location_dest_id,company_id,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('mrp_production', 'product_id', 'product'), ('mrp_production', 'product_uom_id', 'unit'), ('mrp_production', 'bom_id', 'bill_of_materials'),
('mrp_production', 'lot_producing_id', 'lot'), ('mrp_production', 'location_src_id', 'location'), ('mrp_production', 'location_dest_id', 'location'),
('mrp_production', 'picking_type_id', 'picking_type'), ('mrp_production', 'company_id', 'company'), ('mrp_production', 'user_id', 'user'),
('mrp_production', 'write_uid', 'user'), ('mrp_production', 'procurement_group_id', 'procurement_group'), ('mrp_production', 'sale_line_id', 'sales_order_line'), ('mrp_production', 'subcontractor_id', 'partner'),
('mrp_workorder', 'workcenter_id', 'work_center'), ('mrp_workorder', 'production_id', 'manufacturing_order'), ('mrp_workorder', 'write_uid', 'user'),
('mrp_workcenter', 'company_id', 'company'), ('mrp_workcenter', 'write_uid', 'user'),
('mrp_workcenter_productivity', 'workcenter_id', 'work_center'), ('mrp_workcenter_productivity', 'workorder_id', 'work_order'),
('mrp_workcenter_productivity', 'loss_id', 'loss'), ('mrp_workcenter_productivity', 'user_id', 'user'), ('mrp_workcenter_productivity', 'company_id', 'company'),
('mrp_unbuild', 'product_id', 'product'), ('mrp_unbuild', 'product_uom_id', 'unit'), ('mrp_unbuild', 'bom_id', 'bill_of_materials'),
('mrp_unbuild', 'mo_id', 'manufacturing_order'), ('mrp_unbuild', 'lot_id', 'lot'), ('mrp_unbuild', 'location_id', 'location'),
('mrp_unbuild', 'location_dest_id', 'location'), ('mrp_unbuild', 'company_id', 'company'), ('mrp_unbuild', 'write_uid', 'user');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                one_event, change_columns, keys, warehouse, correlation) VALUES
('manufacturing_order', 'manufacturing', 'mrp.production', 'mrp_production', '{mrp_production,stock_move,stock_move_line,mrp_workorder,mrp_workcenter_productivity}', 'name', 'state', '{draft}',
 '{confirmed,planned,progress,to_close}', '{cancel}', false,
 '{name,product_qty,bom_id,lot_producing_id,location_src_id,location_dest_id,date_planned_start,date_start,date_deadline,priority,user_id}', '{}',
 '{picking_type_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_line_id.order_id,manufacturing_order=id}'),
('work_order', 'manufacturing', 'mrp.workorder', 'mrp_workorder', '{mrp_workorder,mrp_workcenter_productivity}', NULL, 'state', '{}',
 '{pending,waiting,ready,blocked,progress}', '{cancel}', false, '{date_planned_start,date_start}', '{manufacturing_order=production_id}',
 '{production_id.picking_type_id.warehouse_id}', '{sales_order=production_id.sale_line_id.order_id,manufacturing_order=production_id}'),
('work_center', 'manufacturing', 'mrp.workcenter', 'mrp_workcenter', '{mrp_workcenter,mrp_workcenter_productivity}', 'name', 'working_state', '{}', '{}', '{}',
 false, '{}', '{}', '{}', '{}'),
('unbuild_order', 'manufacturing', 'mrp.unbuild', 'mrp_unbuild', '{mrp_unbuild,stock_move,stock_move_line}', 'name', 'state', '{draft}', '{}', '{}',
 false, '{}', '{manufacturing_order=mo_id}', '{location_dest_id.warehouse_id,location_id.warehouse_id}',
 '{sales_order=mo_id.sale_line_id.order_id,manufacturing_order=mo_id}');
UPDATE odoo_events.entity SET company = '{production_id.company_id}' WHERE entity = 'work_order';

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('manufacturing_order', 1, 'created', '{draft}', true), ('manufacturing_order', 2, 'confirmed', '{confirmed,planned}', true), ('manufacturing_order', 3, 'started', '{progress}', false),
('manufacturing_order', 4, 'ready_to_close', '{to_close}', false), ('manufacturing_order', 5, 'completed', '{done}', true),
('work_order', 1, 'started', '{progress}', false), ('work_order', 2, 'completed', '{done}', true),
('unbuild_order', 1, 'completed', '{done}', true);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, key, description)
SELECT 'odoo.manufacturing.manufacturing_order.' || d.verb || '.v1', d.variant, 'manufacturing_order', d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.covers::text[],
       d.lines, d.changes, d.enabled, d.enabled, d.key, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, false, NULL, 'a manufacturing order was made'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, true, NULL, 'a manufacturing order was released'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, true, NULL, 'components, operations or outputs of an open order were changed'),
  ('rescheduled', 1, 'open', NULL, '$.old.date_deadline != $.new.date_deadline || $.old.state == $.new.state && $.old.date_planned_start != $.new.date_planned_start || !exists($.new.date_planned_start) && $.new.state == "confirmed" && $.old.state == "confirmed" && $.old.date_start != $.new.date_start', 31, '{date_planned_start,date_start,date_deadline,date}', true, true, true, NULL, 'the dates of an open order moved'),
  ('quantity_changed', 1, 'open', NULL, '$.old.product_qty != $.new.product_qty', 32, '{product_qty,product_uom_qty,name,detail.*}', true, true, true, NULL, 'the quantity to produce was changed'),
  ('components_available', 1, 'open', NULL, '$.old.reservation_state != "assigned" && $.new.reservation_state == "assigned"', 40, '{detail.*}', true, false, true, NULL, 'all components are reserved'),
  ('components_short', 1, 'open', NULL, '$.old.reservation_state != "confirmed" && $.new.reservation_state == "confirmed"', 40, '{detail.*}', true, false, true, NULL, 'components are missing'),
  ('started', 1, 'milestone', 'started', NULL, 50, '{*}', false, true, true, NULL, 'work on it began'),
  ('ready_to_close', 1, 'milestone', 'ready_to_close', NULL, 51, '{*}', false, true, true, NULL, 'all is produced, the order can be closed'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a manufacturing order was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a manufacturing order was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  ('completed', 1, 'milestone', 'completed', NULL, 80, '{*}', true, true, true, NULL, 'the order is done: what was consumed and produced'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_sequence > 1 && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'manufacturing_order=tx:production_group_id=procurement_group_id', 'the rest goes with another order')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description);

-- Paused: no other time entry was open then.  Of those that the transaction left alone, one was that was made before it and has not
-- ended; or has been written since and ended later.  What was not written since is as it was: an end that lies in the future, or after
-- a back-dated one, is one.  The beginning of a transaction is what write_date says, to the microsecond; ends are cut to seconds.
-- A work order's state says nothing while its order is a draft: then "production_availability", which follows the order's
-- reservation, is null.  So either makes it ready, or blocked.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, with_lines, enabled, on_by_default, description)
SELECT 'odoo.manufacturing.work_order.' || d.verb || '.v1', d.variant, 'work_order', d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.lines, true, true, d.description
  FROM (VALUES
  ('ready', 1, 'inserted', NULL, '$.new.state == "ready" && $.new.production_availability != null', 70, false, 'it can be started'),
  ('ready', 2, 'updated', NULL, '$.new.state == "ready" && $.new.production_availability != null && !($.old.state == "ready" && $.old.production_availability != null)', 70, false, 'it can be started'),
  ('blocked', 1, 'inserted', NULL, '($.new.state == "blocked" || $.new.state == "pending" || $.new.state == "waiting") && $.new.production_availability != null', 70, false, 'it waits for another one, or for components'),
  ('blocked', 2, 'updated', NULL, '($.new.state == "blocked" || $.new.state == "pending" || $.new.state == "waiting") && $.new.production_availability != null && !(($.old.state == "blocked" || $.old.state == "pending" || $.old.state == "waiting") && $.old.production_availability != null)', 70, false, 'it waits for another one, or for components'),
  ('rescheduled', 1, 'updated', NULL, '$.new.production_availability != null && $.old.state == $.new.state && ($.new.state == "pending" || $.new.state == "waiting" || $.new.state == "ready" || $.new.state == "blocked") && ($.old.date_planned_start != $.new.date_planned_start || !exists($.new.date_planned_start) && $.old.date_start != $.new.date_start)', 69, false, 'its planned start moved'),
  ('started', 1, 'milestone', 'started', NULL, 71, false, 'somebody began to work on it'),
  ('resumed', 1, 'touched', NULL, 'exists($.parts.time[*] ? (!exists(@.old) && @.new.date_end == null)) && !exists($.new ? (@.state != "progress")) && !exists($.old ? (@.state != "progress"))', 72, false, 'somebody began to work on it again'),
  ('progressed', 1, 'updated', NULL, '$.new.qty_produced > $.old.qty_produced', 73, false, 'more of it is produced'),
  ('paused', 1, 'touched', NULL, 'exists($.parts.time[*] ? (@.old.date_end == null && @.new.date_end != null)) && !exists($.new ? (@.state != $.old.state)) && !exists($.parts.time[*] ? (@.new.date_end == null)) && !exists($.rows.time[*] ? (@.create_date < $.parts.time[*].new.write_date && (@.date_end == null || @.write_date > $.parts.time[*].new.write_date && (@.date_end > $.parts.time[*].new.write_date || @.date_end == $.parts.time[*].new.date_end))))', 74, false, 'nobody works on it any more, and it is not finished'),
  ('completed', 1, 'milestone', 'completed', NULL, 75, true, 'it is finished'),
  ('cancelled', 1, 'cancelled', NULL, '$.old.production_availability != null', 75, false, 'it was cancelled')
  ) AS d (verb, variant, occasion, milestone, condition, rank, lines, description);
UPDATE odoo_events.event_def SET watches = '{date_end,workorder_id}' WHERE entity = 'work_order' AND occasion = 'touched';
UPDATE odoo_events.event_def SET with_changes = true WHERE type = 'odoo.manufacturing.work_order.rescheduled.v1';

INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, condition, rank, with_lines, description) VALUES
('odoo.manufacturing.work_center.blocked.v1', 'work_center', 'updated', NULL, '$.new.working_state == "blocked" && $.old.working_state != "blocked"', 40, true, 'the machine is down'),
('odoo.manufacturing.work_center.unblocked.v1', 'work_center', 'updated', NULL, '$.new.working_state != "blocked" && $.old.working_state == "blocked"', 41, true, 'the machine is up again'),
('odoo.manufacturing.unbuild_order.completed.v1', 'unbuild_order', 'milestone', 'completed', NULL, 65, true, 'a product was taken apart: what it was, and what came out of it');

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, counted, tx_only) VALUES
('work_order', 'time', 1, 'mrp_workcenter_productivity', '{workorder_id}', NULL, 'line.time', false, false),
('work_center', 'stop', 1, 'mrp_workcenter_productivity', '{workcenter_id}', NULL, 'line.time', false, true),
('manufacturing_order', 'time', 7, 'mrp_workcenter_productivity', '{workorder_id}', 'line.operation', 'line.time', false, false),
('unbuild_order', 'move', 1, 'stock_move', '{unbuild_id,consume_unbuild_id}', NULL, 'line.component', false, true),
('unbuild_order', 'detail', 2, 'stock_move_line', '{move_id}', 'line.component', 'line.detail', false, true);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('manufacturing_order', 'component', 1, 'stock_move', '{raw_material_production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'product', 2, 'stock_move', '{production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true) && $.new.product_id == $.refs.production_id.product_id',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'byproduct', 3, 'stock_move', '{production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true) && $.new.product_id != $.refs.production_id.product_id',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'scrap', 4, 'stock_move', '{raw_material_production_id,production_id}', NULL, 'line.component', '$.new.scrap_id != null || $.new.scrapped == true',
 '{}', '{cancel}', false, '{}', '{}'),
('manufacturing_order', 'operation', 5, 'mrp_workorder', '{production_id}', NULL, 'line.operation', NULL,
 '{pending,waiting,ready,blocked,progress}', '{cancel}', true, '{workcenter_id,operation_id}', '{date_start,date_planned_start}'),
('manufacturing_order', 'detail', 6, 'stock_move_line', '{move_id}', 'line.component', 'line.component_detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', true,
 '{lot_id,package_id,result_package_id,owner_id,location_id}', '{}');

INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('line.component', 1, 'product', '{product_id}', 'internal'), ('line.component', 2, 'state', '{state}', 'internal'), ('line.component', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.component', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.component', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.component', 6, 'unit', '{product_uom}', 'internal'), ('line.component', 7, 'from', '{location_id}', 'internal'), ('line.component', 8, 'to', '{location_dest_id}', 'internal'),
('line.component', 9, 'work_order', '{workorder_id}', 'internal'),
('line.operation', 1, 'name', '{name}', 'internal'), ('line.operation', 2, 'state', '{state}', 'internal'), ('line.operation', 3, 'work_center', '{workcenter_id}', 'internal'),
('line.operation', 4, 'sequence', '{sequence}', 'internal'), ('line.operation', 5, 'planned_start', '{date_planned_start}', 'internal'),
('line.operation', 6, 'date_start', '{date_start}', 'internal'), ('line.operation', 7, 'date_finished', '{date_finished}', 'internal'),
('line.operation', 8, 'expected_minutes', '{duration_expected}', 'internal'), ('line.operation', 9, 'minutes', '{duration}', 'internal'), ('line.operation', 10, 'produced', '{qty_produced}', 'internal'),
('line.time', 1, 'loss', '{loss_id}', 'internal'), ('line.time', 2, 'reason', '{description}', 'internal'), ('line.time', 3, 'start', '{date_start}', 'internal'),
('line.time', 4, 'end', '{date_end}', 'internal'), ('line.time', 5, 'minutes', '{duration}', 'internal'), ('line.time', 6, 'work_order', '{workorder_id}', 'internal'),
('line.time', 7, 'work_center', '{workcenter_id}', 'internal'), ('line.time', 8, 'user', '{user_id}', 'personal'),
('work_order', 1, 'name', '{name}', 'internal'), ('work_order', 2, 'state', '{state}', 'internal'), ('work_order', 3, 'document', '{#document}', 'internal'),
('work_order', 4, 'product', '{production_id.product_id}', 'internal'), ('work_order', 5, 'work_center', '{workcenter_id}', 'internal'),
('work_order', 6, 'sequence', '{sequence}', 'internal'), ('work_order', 7, 'produced', '{qty_produced}', 'internal'),
('work_order', 8, 'expected_minutes', '{duration_expected}', 'internal'), ('work_order', 9, 'minutes', '{duration}', 'internal'),
('work_order', 10, 'planned_start', '{date_planned_start,date_start}', 'internal'), ('work_order', 11, 'planned_finish', '{date_planned_finished,date_finished}', 'internal'),
('work_order', 12, 'date_start', '{date_start}', 'internal'), ('work_order', 13, 'date_finished', '{date_finished}', 'internal'),
('work_center', 1, 'name', '{name}', 'internal'), ('work_center', 2, 'code', '{code}', 'internal'), ('work_center', 3, 'working_state', '{working_state}', 'internal'),
('work_center', 4, 'company', '{company_id}', 'internal'),
('unbuild_order', 1, 'name', '{name}', 'internal'), ('unbuild_order', 2, 'state', '{state}', 'internal'), ('unbuild_order', 3, 'document', '{#document}', 'internal'),
('unbuild_order', 4, 'product', '{product_id}', 'internal'), ('unbuild_order', 5, 'quantity', '{product_qty}', 'internal'), ('unbuild_order', 6, 'unit', '{product_uom_id}', 'internal'),
('unbuild_order', 7, 'lot', '{lot_id}', 'internal'), ('unbuild_order', 8, 'bill_of_materials', '{bom_id}', 'internal'), ('unbuild_order', 9, 'from', '{location_id}', 'internal'),
('unbuild_order', 10, 'to', '{location_dest_id}', 'internal'), ('unbuild_order', 11, 'company', '{company_id}', 'internal'),
('manufacturing_order', 1, 'name', '{name}', 'internal'), ('manufacturing_order', 2, 'state', '{state}', 'internal'), ('manufacturing_order', 3, 'reservation_state', '{reservation_state}', 'internal'),
('manufacturing_order', 4, 'product', '{product_id}', 'internal'), ('manufacturing_order', 5, 'quantity', '{product_qty}', 'internal'),
('manufacturing_order', 6, 'quantity_producing', '{qty_producing}', 'internal'), ('manufacturing_order', 7, 'unit', '{product_uom_id}', 'internal'),
('manufacturing_order', 8, 'bill_of_materials', '{bom_id}', 'internal'), ('manufacturing_order', 9, 'lot', '{lot_producing_id}', 'internal'),
('manufacturing_order', 10, 'priority', '{priority}', 'internal'), ('manufacturing_order', 11, 'origin', '{origin}', 'internal'),
('manufacturing_order', 12, 'planned_start', '{date_planned_start,date_start}', 'internal'), ('manufacturing_order', 13, 'planned_finish', '{date_planned_finished,date_finished}', 'internal'),
('manufacturing_order', 14, 'date_start', '{date_start}', 'internal'), ('manufacturing_order', 15, 'date_finished', '{date_finished}', 'internal'),
('manufacturing_order', 16, 'date_deadline', '{date_deadline}', 'internal'), ('manufacturing_order', 17, 'from', '{location_src_id}', 'internal'),
('manufacturing_order', 18, 'to', '{location_dest_id}', 'internal'), ('manufacturing_order', 19, 'picking_type', '{picking_type_id}', 'internal'),
('manufacturing_order', 20, 'warehouse', '{picking_type_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'), ('manufacturing_order', 21, 'company', '{company_id}', 'internal'),
('manufacturing_order', 22, 'user', '{user_id}', 'personal'), ('manufacturing_order', 23, 'subcontractor', '{subcontractor_id}', 'personal'),
('manufacturing_order', 24, 'backorder_sequence', '{backorder_sequence}', 'internal'), ('manufacturing_order', 26, 'merged_from', '{#merged_from}', 'internal'),
('manufacturing_order', 27, 'merged_into', '{#merged_into}', 'internal'), ('work_order', 14, 'cost_per_hour', '{workcenter_id.cost_per_hour}', 'confidential');

INSERT INTO odoo_events.field (owner, position, field, sources, reference) VALUES
('manufacturing_order', 25, 'lots', '{many(mrp_production_stock_lot_rel.mrp_production_id=stock_lot_id)}', 'lot'),
('line.operation', 11, 'blocked_by', '{many(mrp_workorder_dependencies_rel.workorder_id=blocked_by_id)}', 'work_order'),
-- Which consumed lot went into which produced one: the line of the product, which stands in the same event.  Odoo's columns are
-- the other way round than their names: "consume_line_id" is the line of the product.
('line.component_detail', 11, 'went_into', '{many(stock_move_line_consume_rel.produce_line_id=consume_line_id)}', 'stock_move_line');
INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT 'line.component_detail', f.position, f.field, f.sources, f.classification FROM odoo_events.field f WHERE f.owner = 'line.detail';
