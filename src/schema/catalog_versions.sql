-- catalog_versions: columns that only some versions of Odoo have, or some modules; capture_status does not miss them elsewhere.
-- And the versions of the types.
UPDATE odoo_events.capture_rule SET optional = v.columns::text[]
  FROM (VALUES
  ('stock_picking', '{return_id,group_id,carrier_id,carrier_tracking_ref,weight,sale_id,batch_id}'),
  ('stock_move', '{quantity,picked,scrap_id,scrapped,is_inventory,inventory_name,repair_line_type,group_id,raw_material_production_id,production_id,unbuild_id,consume_unbuild_id,bom_line_id,byproduct_id,workorder_id,operation_id,repair_id,sale_line_id,purchase_line_id,value}'),
  ('stock_move_line', '{quantity,qty_done,product_uom_qty,quantity_product_uom,product_qty,production_id,workorder_id,expiration_date}'),
  ('stock_lot', '{expiration_date,use_date,removal_date,alert_date,product_expiry_reminded}'),
  ('stock_package', '{parent_package_id}'),
  ('stock_picking_batch', '{description,is_wave}'),
  ('stock_scrap', '{production_id,workorder_id,move_id}'),
  ('mrp_production', '{lot_producing_id,date_planned_start,date_planned_finished,production_group_id,procurement_group_id,sale_line_id,is_planned,subcontractor_id}'),
  ('mrp_workorder', '{date_planned_start,date_planned_finished,sequence}'),
  ('purchase_order', '{receipt_status,acknowledged,mail_reminder_confirmed,mail_reception_confirmed,mail_reception_declined,requisition_id,locked,picking_type_id,dest_address_id,effective_date,priority}'),
  ('purchase_order_line', '{state,sale_line_id,is_downpayment,discount}'),
  ('sale_order', '{carrier_id,warehouse_id,picking_policy,delivery_status,locked,effective_date}'),
  ('sale_order_line', '{is_delivery,customer_lead}'),
  ('maintenance_request', '{schedule_end,workcenter_id,production_id,workorder_id}'),
  ('maintenance_equipment', '{location_id,workcenter_id,cost}'),
  ('purchase_requisition', '{origin,reference,requisition_type,type_id,ordering_date,date_start,schedule_date,warehouse_id,picking_type_id}'),
  ('purchase_requisition_line', '{schedule_date}'),
  ('repair_order', '{priority,schedule_date,under_warranty,picking_type_id,sale_order_id,sale_order_line_id,location_dest_id,parts_location_id}'),
  ('quality_check', '{title,measure,control_date,picking_id,production_id,workorder_id,alert_id,lot_id}'),
  ('quality_alert', '{title,date_assign,picking_id,production_id,workorder_id,workcenter_id,check_id,lot_id}'),
  ('account_move', '{payment_id}'),
  ('account_move_line', '{exclude_from_invoice_tab,purchase_line_id}'),
  ('account_payment', '{name,state,date,memo,payment_reference,journal_id,company_id}'),
  ('stock_landed_cost', '{vendor_bill_id,company_id}'),
  ('account_analytic_line', '{product_id,category}'),
  ('product_product', '{standard_price}'),
  ('product_template', '{is_storable,tracking,use_expiration_date}'),
  ('res_partner', '{mobile}'),
  ('mrp_bom_byproduct', '{cost_share}'),
  ('mrp_routing_workcenter', '{active}')
  ) AS v (rule, columns)
 WHERE capture_rule.rule OPERATOR(pg_catalog.=) v.rule;

-- 1.1: members were added since 0.1.0.  Types that are new begin with 1.0.
UPDATE odoo_events.event_def SET minor = 1
 WHERE entity = ANY ('{transfer,stock_move,manufacturing_order,work_order,unbuild_order,purchase_order,sales_order,equipment,scrap,lot,stock_level,availability,
                       repair_order,bill_of_materials}')
   AND type !~ '[.](goods_short|goods_available|emptied|counted|declined|receipt_reversed|delivery_reversed|expiry_alerted|replenished)[.]v1$' AND type <> 'odoo.manufacturing.work_order.rescheduled.v1';
