-- catalog_maintenance: maintenance, repair, quality.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('equipment', '{maintenance_equipment}'), ('equipment_category', '{maintenance_equipment_category}'), ('maintenance_stage', '{maintenance_stage}'), ('maintenance_team', '{maintenance_team}'),
('maintenance_request', '{maintenance_request}'), ('quality_check', '{quality_check}'), ('quality_point', '{quality_point}'), ('quality_alert', '{quality_alert}'),
('quality_stage', '{quality_alert_stage}'), ('quality_reason', '{quality_reason}'), ('quality_team', '{quality_alert_team}');

INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES
('equipment', 1, 'name', '{name}'), ('equipment', 2, 'serial', '{serial_no}'), ('equipment_category', 1, 'name', '{name}'), ('maintenance_stage', 1, 'name', '{name}'), ('maintenance_stage', 2, 'done', '{done}'),
('maintenance_team', 1, 'name', '{name}'), ('maintenance_request', 1, 'name', '{name}'), ('quality_check', 1, 'name', '{name}'),
('quality_point', 1, 'name', '{name}'), ('quality_point', 2, 'title', '{title}'), ('quality_alert', 1, 'name', '{name}'), ('quality_stage', 1, 'name', '{name}'), ('quality_stage', 2, 'done', '{done}'),
('quality_reason', 1, 'name', '{name}'), ('quality_team', 1, 'name', '{name}');

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('maintenance_request', '{maintenance_request}',
 '{stage_id,maintenance_type,kanban_state,priority,equipment_id,user_id,maintenance_team_id,schedule_date,schedule_end,close_date,archive}',
 '{name,category_id,owner_user_id,request_date,duration,workcenter_id,production_id,workorder_id,company_id,create_uid,write_uid}'),
('maintenance_equipment', '{maintenance_equipment}', '{technician_user_id,owner_user_id,maintenance_team_id,scrap_date,active}',
 '{serial_no,model,cost,category_id,assign_date,effective_date,warranty_date,location_id,workcenter_id,company_id,create_uid,write_uid}'),
('repair_order', '{repair_order}', '{state,product_id,product_qty,product_uom,lot_id,partner_id,location_id,schedule_date,user_id}',
 '{name,priority,under_warranty,picking_type_id,sale_order_id,sale_order_line_id,move_id,location_dest_id,parts_location_id,company_id,create_uid,write_uid}'),
('repair_line', '{repair_line}', '{state,type,product_id,product_uom_qty,product_uom,lot_id}', '{repair_id,location_id,location_dest_id,move_id,write_uid}'),
('quality_check', '{quality_check}', '{quality_state,user_id}',
 '{name,title,point_id,control_date,measure,product_id,lot_id,picking_id,production_id,workorder_id,team_id,alert_id,company_id,create_uid,write_uid}'),
('quality_alert', '{quality_alert}', '{stage_id,user_id,date_close,priority}',
 '{name,title,reason_id,date_assign,product_id,lot_id,picking_id,production_id,workorder_id,workcenter_id,partner_id,check_id,team_id,company_id,create_uid,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('maintenance_request', 'stage_id', 'maintenance_stage'), ('maintenance_request', 'equipment_id', 'equipment'), ('maintenance_request', 'category_id', 'equipment_category'),
('maintenance_request', 'maintenance_team_id', 'maintenance_team'), ('maintenance_request', 'user_id', 'user'), ('maintenance_request', 'owner_user_id', 'user'),
('maintenance_request', 'workcenter_id', 'work_center'), ('maintenance_request', 'production_id', 'manufacturing_order'), ('maintenance_request', 'workorder_id', 'work_order'),
('maintenance_request', 'company_id', 'company'), ('maintenance_request', 'write_uid', 'user'),
('maintenance_equipment', 'id', 'equipment'), ('maintenance_equipment', 'technician_user_id', 'user'), ('maintenance_equipment', 'owner_user_id', 'user'),
('maintenance_equipment', 'maintenance_team_id', 'maintenance_team'), ('maintenance_equipment', 'category_id', 'equipment_category'),
('maintenance_equipment', 'location_id', 'location'), ('maintenance_equipment', 'workcenter_id', 'work_center'), ('maintenance_equipment', 'company_id', 'company'),
('maintenance_equipment', 'write_uid', 'user'),
('repair_order', 'product_id', 'product'), ('repair_order', 'product_uom', 'unit'), ('repair_order', 'lot_id', 'lot'), ('repair_order', 'partner_id', 'partner'),
('repair_order', 'location_id', 'location'), ('repair_order', 'location_dest_id', 'location'), ('repair_order', 'parts_location_id', 'location'),
('repair_order', 'picking_type_id', 'picking_type'), ('repair_order', 'sale_order_id', 'sales_order'), ('repair_order', 'sale_order_line_id', 'sales_order_line'),
('repair_order', 'user_id', 'user'), ('repair_order', 'company_id', 'company'), ('repair_order', 'write_uid', 'user'),
('repair_line', 'product_id', 'product'), ('repair_line', 'product_uom', 'unit'), ('repair_line', 'lot_id', 'lot'), ('repair_line', 'repair_id', 'repair_order'),
('repair_line', 'location_id', 'location'), ('repair_line', 'location_dest_id', 'location'),
('quality_check', 'point_id', 'quality_point'), ('quality_check', 'product_id', 'product'), ('quality_check', 'lot_id', 'lot'), ('quality_check', 'picking_id', 'transfer'),
('quality_check', 'production_id', 'manufacturing_order'), ('quality_check', 'workorder_id', 'work_order'), ('quality_check', 'team_id', 'quality_team'),
('quality_check', 'alert_id', 'quality_alert'), ('quality_check', 'user_id', 'user'), ('quality_check', 'company_id', 'company'), ('quality_check', 'write_uid', 'user'),
('quality_alert', 'stage_id', 'quality_stage'), ('quality_alert', 'reason_id', 'quality_reason'), ('quality_alert', 'product_id', 'product'), ('quality_alert', 'lot_id', 'lot'),
('quality_alert', 'picking_id', 'transfer'), ('quality_alert', 'production_id', 'manufacturing_order'), ('quality_alert', 'workorder_id', 'work_order'),
('quality_alert', 'workcenter_id', 'work_center'), ('quality_alert', 'partner_id', 'partner'), ('quality_alert', 'check_id', 'quality_check'), ('quality_alert', 'team_id', 'quality_team'),
('quality_alert', 'user_id', 'user'), ('quality_alert', 'company_id', 'company'), ('quality_alert', 'write_uid', 'user');

-- What has stages instead of states has no state column: its milestones are conditions.
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                change_columns, warehouse, correlation) VALUES
('maintenance_request', 'maintenance', 'maintenance.request', 'maintenance_request', '{maintenance_request}', NULL, NULL, '{}', '{}', '{}',
 '{stage_id,kanban_state,priority,equipment_id,user_id,maintenance_team_id,schedule_date,schedule_end}', '{}', '{manufacturing_order=production_id}'),
('equipment', 'maintenance', 'maintenance.equipment', 'maintenance_equipment', '{maintenance_equipment}', NULL, NULL, '{}', '{}', '{}',
 '{technician_user_id,owner_user_id,maintenance_team_id,scrap_date}', '{location_id.warehouse_id}', '{}'),
('repair_order', 'repair', 'repair.order', 'repair_order', '{repair_order,stock_move,stock_move_line,repair_line}', 'name', 'state', '{draft}', '{confirmed,ready,under_repair}', '{cancel}',
 '{product_id,product_qty,lot_id,partner_id,location_id,schedule_date}', '{picking_type_id.warehouse_id,location_id.warehouse_id}', '{sales_order=sale_order_id,repair_order=id}'),
('quality_check', 'quality', 'quality.check', 'quality_check', '{quality_check}', 'name', 'quality_state', '{none}', '{none}', '{}', '{}', '{}', '{manufacturing_order=production_id}'),
('quality_alert', 'quality', 'quality.alert', 'quality_alert', '{quality_alert}', 'name', NULL, '{}', '{}', '{}', '{stage_id,user_id,priority}', '{}', '{manufacturing_order=production_id}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('repair_order', 1, 'confirmed', '{confirmed,ready}', true), ('repair_order', 2, 'started', '{under_repair}', false), ('repair_order', 3, 'completed', '{2binvoiced,done}', true),
('quality_check', 1, 'passed', '{pass}', false), ('quality_check', 2, 'failed', '{fail}', false);

-- Parts of a repair are moves; to 16 lines of their own.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, tx_only) VALUES
('repair_order', 'part', 1, 'stock_move', '{repair_id}', NULL, 'line.repair', '$.new.repair_line_type != null', '{waiting,confirmed,partially_available,assigned}', '{cancel}', true,
 '{product_id,product_uom_qty,product_uom,repair_line_type}', false),
('repair_order', 'line', 2, 'repair_line', '{repair_id}', NULL, 'line.repair_line', NULL, '{confirmed}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,lot_id,type}', false),
('repair_order', 'detail', 3, 'stock_move_line', '{move_id}', 'line.repair', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', false, '{lot_id}', false);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, extra,
                                   epcis_disposition, description)
SELECT pg_catalog.format('odoo.%s.%s.%s.v1', e.domain, e.entity, d.verb), d.variant, e.entity, d.occasion, d.milestone, d.choice, d.precedence, d.condition::jsonpath, d.rank,
       '{*}', e.entity OPERATOR(pg_catalog.=) 'repair_order', d.changes, d.enabled, d.enabled, d.extra::jsonb, d.disposition, d.description
  FROM (VALUES
  ('maintenance_request', 'opened', 1, 'inserted', NULL, 'opened', 1, '$.new.maintenance_type == "corrective"', 10, false, true, '{"reason":"breakdown"}', 'damaged', 'something is broken: a corrective request'),
  ('maintenance_request', 'opened', 2, 'inserted', NULL, 'opened', 2, NULL, 10, false, true, '{"reason":"prevention"}', NULL, 'a preventive request, also the next one of a recurring request'),
  ('maintenance_request', 'scheduled', 1, 'updated', NULL, NULL, 1, '$.new.schedule_date != null && ($.old.schedule_date != $.new.schedule_date || $.old.schedule_end != $.new.schedule_end)', 20, true, true, NULL, NULL, 'a date was set or moved'),
  ('maintenance_request', 'scheduled', 2, 'inserted', NULL, NULL, 1, '$.new.schedule_date != null', 20, false, true, NULL, NULL, 'it was made with a date'),
  ('maintenance_request', 'assigned', 1, 'updated', NULL, NULL, 1, '$.new.user_id != null && $.old.user_id != $.new.user_id', 21, true, true, NULL, NULL, 'a technician got it'),
  ('maintenance_request', 'assigned', 2, 'inserted', NULL, NULL, 1, '$.new.user_id != null', 21, false, true, NULL, NULL, 'it was made with a technician'),
  ('maintenance_request', 'stage_changed', 1, 'updated', NULL, NULL, 1, '$.old.stage_id != $.new.stage_id', 30, true, true, NULL, NULL, 'it stands at another stage'),
  ('maintenance_request', 'blocked', 1, 'updated', NULL, NULL, 1, '$.old.kanban_state != "blocked" && $.new.kanban_state == "blocked"', 31, false, true, NULL, NULL, 'work on it cannot go on'),
  ('maintenance_request', 'unblocked', 1, 'updated', NULL, NULL, 1, '$.old.kanban_state == "blocked" && $.new.kanban_state != "blocked"', 31, false, true, NULL, NULL, 'work on it can go on; Odoo does it with every change of the stage'),
  ('maintenance_request', 'closed', 1, 'updated', NULL, NULL, 1, '$.new.close_date != null && ($.old.close_date == null || $.old.stage_id != $.new.stage_id && $.refs.stage_id.done == true && !($.were.stage_id.done == true))', 80, false, true, NULL, NULL, 'it reached a stage that is done'),
  ('maintenance_request', 'reopened', 1, 'updated', NULL, NULL, 1, '$.old.close_date != null && ($.new.close_date == null || $.old.stage_id != $.new.stage_id && $.were.stage_id.done == true && !($.refs.stage_id.done == true))', 40, false, true, NULL, NULL, 'it is not done after all'),
  ('maintenance_request', 'archived', 1, 'updated', NULL, NULL, 1, '!($.old.archive == true) && $.new.archive == true', 81, false, true, NULL, NULL, 'it was cancelled: put into the archive'),
  ('maintenance_request', 'restored', 1, 'updated', NULL, NULL, 1, '$.old.archive == true && !($.new.archive == true)', 16, false, true, NULL, NULL, 'it is back from the archive, at the first stage'),
  ('maintenance_request', 'deleted', 1, 'deleted', NULL, NULL, 1, NULL, 82, false, true, NULL, NULL, 'it was deleted'),
  ('equipment', 'created', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, false, NULL, 'active', 'a machine or tool was entered'),
  ('equipment', 'assigned', 1, 'updated', NULL, NULL, 1, '$.new.technician_user_id != null && $.old.technician_user_id != $.new.technician_user_id || $.new.owner_user_id != null && $.old.owner_user_id != $.new.owner_user_id', 20, true, true, NULL, NULL, 'it has another technician or owner'),
  ('equipment', 'scrapped', 1, 'updated', NULL, NULL, 1, '$.old.scrap_date == null && $.new.scrap_date != null', 80, true, true, NULL, 'inactive', 'it is out of use'),
  ('equipment', 'archived', 1, 'updated', NULL, NULL, 1, '$.old.active == true && $.new.active == false', 81, true, true, NULL, 'inactive', 'it was put into the archive'),
  ('equipment', 'restored', 1, 'updated', NULL, NULL, 1, '$.old.active == false && $.new.active == true', 16, true, true, NULL, 'active', 'it is back from the archive'),
  ('repair_order', 'confirmed', 1, 'milestone', 'confirmed', NULL, 1, NULL, 20, false, true, NULL, NULL, 'a repair was released'),
  ('repair_order', 'changed', 1, 'changed', NULL, NULL, 1, NULL, 30, true, true, NULL, NULL, 'what is repaired, or with which parts, was changed'),
  ('repair_order', 'started', 1, 'milestone', 'started', NULL, 1, NULL, 50, false, true, NULL, NULL, 'work on it began'),
  ('repair_order', 'completed', 1, 'milestone', 'completed', NULL, 1, NULL, 80, false, true, NULL, NULL, 'the product is repaired: what was put in and taken out'),
  ('repair_order', 'cancelled', 1, 'cancelled', NULL, NULL, 1, NULL, 80, false, true, NULL, NULL, 'a repair was cancelled'),
  ('repair_order', 'reopened', 1, 'updated', NULL, NULL, 1, '$.old.state == "cancel" && $.new.state != "cancel"', 15, false, true, NULL, NULL, 'a cancelled repair is a draft again'),
  ('quality_check', 'created', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, false, NULL, NULL, 'a check is to be done'),
  ('quality_check', 'passed', 1, 'milestone', 'passed', NULL, 1, NULL, 80, false, true, NULL, 'conformant', 'a check was passed'),
  ('quality_check', 'failed', 1, 'milestone', 'failed', NULL, 1, NULL, 80, false, true, NULL, 'non_conformant', 'a check failed'),
  ('quality_alert', 'opened', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, true, NULL, 'non_conformant', 'a nonconformance was reported'),
  ('quality_alert', 'stage_changed', 1, 'updated', NULL, NULL, 1, '$.old.stage_id != $.new.stage_id', 30, true, true, NULL, NULL, 'it stands at another stage'),
  ('quality_alert', 'closed', 1, 'updated', NULL, NULL, 1, '$.old.date_close == null && $.new.date_close != null', 80, false, true, NULL, NULL, 'it is dealt with')
  ) AS d (entity, verb, variant, occasion, milestone, choice, precedence, condition, rank, changes, enabled, extra, disposition, description)
  JOIN odoo_events.entity e ON e.entity OPERATOR(pg_catalog.=) d.entity;

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'maintenance_request', 'name', '{name}', 'internal'), (2, 'maintenance_request', 'maintenance_type', '{maintenance_type}', 'internal'),
  (3, 'maintenance_request', 'stage', '{stage_id}', 'internal'), (4, 'maintenance_request', 'kanban_state', '{kanban_state}', 'internal'),
  (5, 'maintenance_request', 'priority', '{priority}', 'internal'), (6, 'maintenance_request', 'equipment', '{equipment_id}', 'internal'),
  (7, 'maintenance_request', 'category', '{category_id}', 'internal'), (8, 'maintenance_request', 'work_center', '{workcenter_id}', 'internal'),
  (9, 'maintenance_request', 'manufacturing_order', '{production_id}', 'internal'), (10, 'maintenance_request', 'work_order', '{workorder_id}', 'internal'),
  (11, 'maintenance_request', 'team', '{maintenance_team_id}', 'internal'), (12, 'maintenance_request', 'technician', '{user_id}', 'personal'),
  (13, 'maintenance_request', 'requested_by', '{owner_user_id}', 'personal'), (14, 'maintenance_request', 'request_date', '{request_date}', 'internal'),
  (15, 'maintenance_request', 'schedule_date', '{schedule_date}', 'internal'), (16, 'maintenance_request', 'schedule_end', '{schedule_end}', 'internal'),
  (17, 'maintenance_request', 'hours', '{duration}', 'internal'), (18, 'maintenance_request', 'close_date', '{close_date}', 'internal'),
  (19, 'maintenance_request', 'archived', '{archive}', 'internal'), (20, 'maintenance_request', 'company', '{company_id}', 'internal'),
  (1, 'equipment', 'name', '{id.name}', 'internal'), (2, 'equipment', 'serial', '{serial_no}', 'internal'), (3, 'equipment', 'model', '{model}', 'internal'),
  (4, 'equipment', 'category', '{category_id}', 'internal'), (5, 'equipment', 'work_center', '{workcenter_id}', 'internal'), (6, 'equipment', 'location', '{location_id}', 'internal'),
  (7, 'equipment', 'team', '{maintenance_team_id}', 'internal'), (8, 'equipment', 'technician', '{technician_user_id}', 'personal'), (9, 'equipment', 'owner', '{owner_user_id}', 'personal'),
  (10, 'equipment', 'assign_date', '{assign_date}', 'internal'), (11, 'equipment', 'effective_date', '{effective_date}', 'internal'),
  (12, 'equipment', 'warranty_date', '{warranty_date}', 'internal'), (13, 'equipment', 'scrap_date', '{scrap_date}', 'internal'), (14, 'equipment', 'active', '{active}', 'internal'),
  (15, 'equipment', 'company', '{company_id}', 'internal'), (16, 'equipment', 'cost', '{cost}', 'confidential'),
  (1, 'repair_order', 'name', '{name}', 'internal'), (2, 'repair_order', 'state', '{state}', 'internal'), (3, 'repair_order', 'product', '{product_id}', 'internal'),
  (4, 'repair_order', 'quantity', '{product_qty}', 'internal'), (5, 'repair_order', 'unit', '{product_uom}', 'internal'), (6, 'repair_order', 'lot', '{lot_id}', 'internal'),
  (7, 'repair_order', 'priority', '{priority}', 'internal'), (8, 'repair_order', 'under_warranty', '{under_warranty}', 'internal'), (9, 'repair_order', 'schedule_date', '{schedule_date}', 'internal'),
  (10, 'repair_order', 'location', '{location_id}', 'internal'), (11, 'repair_order', 'picking_type', '{picking_type_id}', 'internal'),
  (12, 'repair_order', 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id}', 'internal'), (13, 'repair_order', 'sales_order', '{sale_order_id}', 'internal'),
  (14, 'repair_order', 'customer', '{partner_id}', 'personal'), (15, 'repair_order', 'technician', '{user_id}', 'personal'), (16, 'repair_order', 'company', '{company_id}', 'internal'),
  (1, 'line.repair', 'product', '{product_id}', 'internal'), (2, 'line.repair', 'kind', '{repair_line_type}', 'internal'), (3, 'line.repair', 'state', '{state}', 'internal'),
  (4, 'line.repair', 'demand', '{product_uom_qty}', 'internal'), (5, 'line.repair', 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'),
  (6, 'line.repair', 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'), (7, 'line.repair', 'unit', '{product_uom}', 'internal'),
  (8, 'line.repair', 'from', '{location_id}', 'internal'), (9, 'line.repair', 'to', '{location_dest_id}', 'internal'),
  (1, 'line.repair_line', 'product', '{product_id}', 'internal'), (2, 'line.repair_line', 'kind', '{type}', 'internal'), (3, 'line.repair_line', 'state', '{state}', 'internal'),
  (4, 'line.repair_line', 'demand', '{product_uom_qty}', 'internal'), (5, 'line.repair_line', 'done', '{product_uom_qty@done}', 'internal'),
  (6, 'line.repair_line', 'unit', '{product_uom}', 'internal'), (7, 'line.repair_line', 'lot', '{lot_id}', 'internal'),
  (8, 'line.repair_line', 'from', '{location_id}', 'internal'), (9, 'line.repair_line', 'to', '{location_dest_id}', 'internal'),
  (1, 'quality_check', 'name', '{name}', 'internal'), (2, 'quality_check', 'title', '{title}', 'internal'), (3, 'quality_check', 'state', '{quality_state}', 'internal'),
  (4, 'quality_check', 'point', '{point_id}', 'internal'), (5, 'quality_check', 'product', '{product_id}', 'internal'), (6, 'quality_check', 'lot', '{lot_id}', 'internal'),
  (7, 'quality_check', 'measure', '{measure}', 'internal'), (8, 'quality_check', 'control_date', '{control_date}', 'internal'), (9, 'quality_check', 'transfer', '{picking_id}', 'internal'),
  (10, 'quality_check', 'manufacturing_order', '{production_id}', 'internal'), (11, 'quality_check', 'work_order', '{workorder_id}', 'internal'),
  (12, 'quality_check', 'alert', '{alert_id}', 'internal'), (13, 'quality_check', 'team', '{team_id}', 'internal'), (14, 'quality_check', 'user', '{user_id}', 'personal'),
  (15, 'quality_check', 'company', '{company_id}', 'internal'),
  (1, 'quality_alert', 'name', '{name}', 'internal'), (2, 'quality_alert', 'title', '{title}', 'internal'), (3, 'quality_alert', 'stage', '{stage_id}', 'internal'),
  (4, 'quality_alert', 'reason', '{reason_id}', 'internal'), (5, 'quality_alert', 'priority', '{priority}', 'internal'), (6, 'quality_alert', 'product', '{product_id}', 'internal'),
  (7, 'quality_alert', 'lot', '{lot_id}', 'internal'), (8, 'quality_alert', 'check', '{check_id}', 'internal'), (9, 'quality_alert', 'transfer', '{picking_id}', 'internal'),
  (10, 'quality_alert', 'manufacturing_order', '{production_id}', 'internal'), (11, 'quality_alert', 'work_order', '{workorder_id}', 'internal'),
  (12, 'quality_alert', 'work_center', '{workcenter_id}', 'internal'), (13, 'quality_alert', 'vendor', '{partner_id}', 'personal'), (14, 'quality_alert', 'team', '{team_id}', 'internal'),
  (15, 'quality_alert', 'user', '{user_id}', 'personal'), (16, 'quality_alert', 'date_assign', '{date_assign}', 'internal'), (17, 'quality_alert', 'date_close', '{date_close}', 'internal'),
  (18, 'quality_alert', 'company', '{company_id}', 'internal')
  ) AS f (n, owner, field, sources, classification);
