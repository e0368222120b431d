-- catalog_process: which order stands at the root of a chain, and the process as one story.

-- The sales order comes first, then the purchase order, then the manufacturing order: an order made to order belongs to what
-- ordered it.  To Odoo 18 procurement groups tie the chain together, in 19 references; where neither does, moves that follow one
-- another.  Backorders of a manufacturing order belong to the first of its group.
--
-- A move, the valuation layer of a move (to 18) and the value of a move (from 19) are three tables' words for one fact, so they
-- take the same paths.  {row} stands for "of the move", {id} for the move's id, {before} and {after} for one step along the
-- chain of moves: goods behind the dock follow the receipt by one or two of them, goods made to order precede the delivery.
UPDATE odoo_events.entity SET correlation = pg_catalog.string_to_array(pg_catalog.regexp_replace(
  pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
  'sales_order={row}sale_line_id.order_id
   sales_order={row}picking_id.sale_id
   sales_order={row}raw_material_production_id.sale_line_id.order_id
   sales_order={row}production_id.sale_line_id.order_id
   sales_order={row}origin_returned_move_id.sale_line_id.order_id
   sales_order={row}group_id.sale_id
   sales_order={id}~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   sales_order={row}raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={row}production_id~stock_move.production_id=id{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={row}raw_material_production_id~stock_move.production_id=id{after}{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={row}production_id~stock_move.production_id=id{after}{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   purchase_order={row}purchase_line_id.order_id
   purchase_order={row}origin_returned_move_id.purchase_line_id.order_id
   purchase_order={id}~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id
   purchase_order={row}raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order={row}production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order={id}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order={id}{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   manufacturing_order={row}raw_material_production_id.production_group_id~mrp_production.production_group_id=id<
   manufacturing_order={row}production_id.production_group_id~mrp_production.production_group_id=id<
   manufacturing_order={row}raw_material_production_id.procurement_group_id~mrp_production.procurement_group_id=id<
   manufacturing_order={row}production_id.procurement_group_id~mrp_production.procurement_group_id=id<
   manufacturing_order={row}raw_material_production_id
   manufacturing_order={row}production_id
   manufacturing_order={row}unbuild_id.mo_id
   manufacturing_order={row}consume_unbuild_id.mo_id
   manufacturing_order={row}scrap_id.production_id
   manufacturing_order={id}~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<
   manufacturing_order={id}{after}~stock_move.id=raw_material_production_id
   manufacturing_order={id}{before}~stock_move.id=production_id
   manufacturing_order={row}group_id~mrp_production.procurement_group_id=id<
   repair_order={row}repair_id',
  '{row}', m.prefix), '{id}', m.id), '{after}', '~stock_move_move_rel.move_orig_id=move_dest_id'), '{before}', '~stock_move_move_rel.move_dest_id=move_orig_id'),
  '\s+', ',', 'g'), ',')
  FROM (VALUES ('stock_move', '', 'id'), ('valuation_of_move', '', 'id'), ('valuation', 'stock_move_id.', 'stock_move_id')) AS m (entity, prefix, id)
 WHERE entity.entity OPERATOR(pg_catalog.=) m.entity;
UPDATE odoo_events.entity SET correlation = pg_catalog.string_to_array(pg_catalog.regexp_replace(pg_catalog.replace(pg_catalog.replace(
  'sales_order=sale_id
   sales_order=backorder_id.sale_id
   sales_order=return_id.sale_id
   sales_order=group_id.sale_id
   sales_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   purchase_order=id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order=return_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id
   purchase_order=id~stock_move.picking_id=id{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order=id~stock_move.picking_id=id{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   manufacturing_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<
   manufacturing_order=id~stock_move.picking_id=id{after}~stock_move.id=raw_material_production_id
   manufacturing_order=id~stock_move.picking_id=id{before}~stock_move.id=production_id
   manufacturing_order=group_id~mrp_production.procurement_group_id=id<',
  '{after}', '~stock_move_move_rel.move_orig_id=move_dest_id'), '{before}', '~stock_move_move_rel.move_dest_id=move_orig_id'), '\s+', ',', 'g'), ',')
 WHERE entity = 'transfer';
-- {order} stands for the manufacturing order's id, {row} for "of the manufacturing order".
UPDATE odoo_events.entity SET correlation = pg_catalog.string_to_array(pg_catalog.regexp_replace(
  pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
  'sales_order={row}sale_line_id.order_id
   sales_order={row}procurement_group_id.sale_id
   sales_order={order}~stock_reference_production_rel.production_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   sales_order={order}~stock_move.production_id=id{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={order}~stock_move.production_id=id{after}{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   purchase_order={order}~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   manufacturing_order={row}production_group_id~mrp_production.production_group_id=id<
   manufacturing_order={row}procurement_group_id~mrp_production.procurement_group_id=id<
   manufacturing_order={order}',
  '{row}', CASE p.path WHEN 'id' THEN '' ELSE p.path || '.' END), '{order}', p.path), '{after}', '~stock_move_move_rel.move_orig_id=move_dest_id'), '\s+', ',', 'g'), ',')
  FROM (VALUES ('manufacturing_order', 'id'), ('work_order', 'production_id'), ('unbuild_order', 'mo_id'), ('scrap', 'production_id')) AS p (entity, path)
 WHERE entity.entity OPERATOR(pg_catalog.=) p.entity;
UPDATE odoo_events.entity SET correlation = pg_catalog.array_cat('{sales_order=picking_id.sale_id}', correlation) WHERE entity = 'scrap';
