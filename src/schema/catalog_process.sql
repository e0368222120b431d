-- catalog_process: which order stands at the root of a chain, and the process as one story.

-- The sales order comes first, then the purchase order, then the manufacturing order: an order made to order belongs to what
-- ordered it.  To Odoo 18 procurement groups tie the chain together, in 19 references; where neither does, moves that follow one
-- another.  Backorders of a manufacturing order belong to the first of its group.
UPDATE odoo_events.entity SET correlation = '{sales_order=sale_line_id.order_id,sales_order=picking_id.sale_id,sales_order=raw_material_production_id.sale_line_id.order_id,
  sales_order=production_id.sale_line_id.order_id,sales_order=origin_returned_move_id.sale_line_id.order_id,sales_order=group_id.sale_id,
  sales_order=id~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id,
  purchase_order=purchase_line_id.order_id,purchase_order=origin_returned_move_id.purchase_line_id.order_id,
  purchase_order=id~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id,
  purchase_order=raw_material_production_id~stock_move.production_id=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=purchase_line_id~purchase_order_line.id=order_id,
  purchase_order=production_id~stock_move.production_id=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=purchase_line_id~purchase_order_line.id=order_id,
  manufacturing_order=raw_material_production_id.production_group_id~mrp_production.production_group_id=id<,
  manufacturing_order=production_id.production_group_id~mrp_production.production_group_id=id<,
  manufacturing_order=raw_material_production_id.procurement_group_id~mrp_production.procurement_group_id=id<,
  manufacturing_order=production_id.procurement_group_id~mrp_production.procurement_group_id=id<,
  manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,
  manufacturing_order=id~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<,
  manufacturing_order=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=raw_material_production_id,
  manufacturing_order=id~stock_move_move_rel.move_dest_id=move_orig_id~stock_move.id=production_id,repair_order=repair_id}' WHERE entity = 'stock_move';
UPDATE odoo_events.entity SET correlation = '{sales_order=sale_id,sales_order=backorder_id.sale_id,sales_order=return_id.sale_id,sales_order=group_id.sale_id,
  sales_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id,
  purchase_order=id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id,
  purchase_order=return_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id,
  purchase_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id,
  manufacturing_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<,
  manufacturing_order=id~stock_move.picking_id=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=raw_material_production_id,
  manufacturing_order=id~stock_move.picking_id=id~stock_move_move_rel.move_dest_id=move_orig_id~stock_move.id=production_id}' WHERE entity = 'transfer';
UPDATE odoo_events.entity SET correlation = (SELECT pg_catalog.string_to_array(pg_catalog.replace('sales_order=@sale_line_id.order_id,sales_order=@procurement_group_id.sale_id,'
  || 'sales_order=$~stock_reference_production_rel.production_id=reference_id~stock_reference_sale_rel.reference_id=sale_id,'
  || 'purchase_order=$~stock_move.production_id=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=purchase_line_id~purchase_order_line.id=order_id,'
  || 'manufacturing_order=@production_group_id~mrp_production.production_group_id=id<,manufacturing_order=@procurement_group_id~mrp_production.procurement_group_id=id<,'
  || 'manufacturing_order=$', '@', CASE WHEN p.path = 'id' THEN '' ELSE p.path || '.' END), ','))
  FROM (VALUES ('manufacturing_order', 'id'), ('work_order', 'production_id'), ('unbuild_order', 'mo_id'), ('scrap', 'production_id')) AS p (entity, path)
 WHERE entity.entity OPERATOR(pg_catalog.=) p.entity;
UPDATE odoo_events.entity SET correlation = pg_catalog.string_to_array(pg_catalog.replace(pg_catalog.array_to_string(correlation, ','), '$', CASE entity
  WHEN 'manufacturing_order' THEN 'id' WHEN 'unbuild_order' THEN 'mo_id' ELSE 'production_id' END), ',')
 WHERE entity IN ('manufacturing_order', 'work_order', 'unbuild_order', 'scrap');
UPDATE odoo_events.entity SET correlation = pg_catalog.array_cat('{sales_order=picking_id.sale_id}', correlation) WHERE entity = 'scrap';
