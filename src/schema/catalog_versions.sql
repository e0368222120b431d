-- catalog_versions: columns that only some versions of Odoo have, or some modules; capture_status does not miss them elsewhere.
UPDATE odoo_events.capture_rule SET optional = v.columns::text[]
  FROM (VALUES
  ('stock_picking', '{return_id,group_id,carrier_id,carrier_tracking_ref,weight,sale_id,batch_id}'),
  ('stock_move', '{quantity,picked,scrap_id,scrapped,is_inventory,inventory_name,repair_line_type,group_id,raw_material_production_id,production_id,unbuild_id,consume_unbuild_id,bom_line_id,byproduct_id,workorder_id,operation_id,repair_id,sale_line_id,purchase_line_id,value}'),
  ('stock_move_line', '{quantity,qty_done,product_uom_qty,production_id,workorder_id,expiration_date}'),
  ('stock_lot', '{expiration_date,use_date,removal_date,alert_date}'),
  ('stock_package', '{parent_package_id}'),
  ('stock_picking_batch', '{description,is_wave}'),
  ('stock_scrap', '{production_id,workorder_id}'),
  ('mrp_production', '{lot_producing_id,date_planned_start,date_planned_finished,production_group_id,procurement_group_id,sale_line_id,is_planned,subcontractor_id}'),
  ('mrp_workorder', '{date_planned_start,date_planned_finished,sequence}')
  ) AS v (rule, columns)
 WHERE capture_rule.rule OPERATOR(pg_catalog.=) v.rule;
