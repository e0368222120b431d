-- catalog_process: which order stands at the root of a chain, and the process as one story.

-- The sales order comes first, then the purchase order, then the manufacturing order: an order made to order belongs to what
-- ordered it.  To Odoo 18 procurement groups tie the chain together, in 19 references; where neither does, moves that follow one
-- another.  Backorders of a manufacturing order belong to the first of its group.  A repair is a process of its own, unless a
-- sales order asked for it.  What no order asked for belongs to its transfer, to the first one of several that follow one another.
--
-- Everything that belongs to a purchase takes the same way from there, so that order, receipts, valuation and bills have one
-- root: "purchase:PATH" stands for the paths by which the purchase order at the end of PATH may have been ordered by a sale,
-- and for the purchase order itself.
--
-- A move, the valuation layer of a move (to 18) and the value of a move (from 19) are three tables' words for one fact, so they
-- take the same paths.  {row} stands for "of the move", {id} for the move's id, {before} and {after} for one step along the
-- chain of moves: goods behind the dock follow the receipt by one or two of them, goods made to order precede the delivery.
CREATE FUNCTION pg_temp.paths(template text, row_of text, id text) RETURNS text[] LANGUAGE sql SET search_path = pg_catalog AS $$
SELECT string_to_array(trim(regexp_replace(replace(replace(replace(replace(regexp_replace(template, 'purchase:(\S+)',
  'sales_order=\1~purchase_order_line.order_id=sale_line_id~sale_order_line.id=order_id
   sales_order=\1~stock_reference_purchase_rel.purchase_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   sales_order=\1~purchase_order_line.order_id=id~stock_move.created_purchase_line_id=sale_line_id~sale_order_line.id=order_id
   purchase_order=\1', 'g'),
  '{row}', row_of), '{id}', id), '{after}', '~stock_move_move_rel.move_orig_id=move_dest_id'), '{before}', '~stock_move_move_rel.move_dest_id=move_orig_id'),
  '\s+', ' ', 'g')), ' ')
$$;
UPDATE odoo_events.entity SET correlation = pg_temp.paths(
  'sales_order={row}repair_id.sale_order_line_id.order_id
   repair_order={row}repair_id
   sales_order={row}sale_line_id.order_id
   purchase:{row}purchase_line_id.order_id
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
   purchase:{row}origin_returned_move_id.purchase_line_id.order_id
   purchase:{row}picking_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}picking_id~stock_move.picking_id=id{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}picking_id~stock_move.picking_id=id{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order={id}~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id
   purchase:{row}raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}raw_material_production_id.production_group_id~mrp_production.production_group_id=id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}production_id.production_group_id~mrp_production.production_group_id=id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{id}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{id}{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   sales_order={id}{after}~stock_move.id=raw_material_production_id~mrp_production.id=sale_line_id~sale_order_line.id=order_id
   purchase:{id}{after}~stock_move.id=raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
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
   unbuild_order={row}unbuild_id
   unbuild_order={row}consume_unbuild_id
   transfer={row}picking_id~stock_move.picking_id=id{before}{before}~stock_move.id=picking_id<
   transfer={row}picking_id~stock_move.picking_id=id{before}~stock_move.id=picking_id<
   transfer={row}picking_id', m.row_of, m.id)
  FROM (VALUES ('stock_move', '', 'id'), ('valuation_of_move', '', 'id'), ('valuation', 'stock_move_id.', 'stock_move_id')) AS m (entity, row_of, id)
 WHERE entity.entity OPERATOR(pg_catalog.=) m.entity;
UPDATE odoo_events.entity SET correlation = pg_temp.paths(
  'purchase:id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   sales_order=sale_id
   sales_order=backorder_id.sale_id
   sales_order=return_id.sale_id
   sales_order=group_id.sale_id
   sales_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   purchase:return_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   purchase_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id
   purchase:id~stock_move.picking_id=id{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:id~stock_move.picking_id=id{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   sales_order=id~stock_move.picking_id=id{after}~stock_move.id=raw_material_production_id~mrp_production.id=sale_line_id~sale_order_line.id=order_id
   purchase:id~stock_move.picking_id=id{after}~stock_move.id=raw_material_production_id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   manufacturing_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<
   manufacturing_order=id~stock_move.picking_id=id{after}~stock_move.id=raw_material_production_id
   manufacturing_order=id~stock_move.picking_id=id{before}~stock_move.id=production_id
   manufacturing_order=group_id~mrp_production.procurement_group_id=id<
   transfer=id~stock_move.picking_id=id{before}{before}~stock_move.id=picking_id<
   transfer=id~stock_move.picking_id=id{before}~stock_move.id=picking_id<
   transfer=id', '', 'id')
 WHERE entity = 'transfer';
-- Here {id} stands for the manufacturing order's id, {row} for "of the manufacturing order".
UPDATE odoo_events.entity SET correlation = pg_temp.paths(
  'sales_order={row}sale_line_id.order_id
   sales_order={row}procurement_group_id.sale_id
   sales_order={id}~stock_reference_production_rel.production_id=reference_id~stock_reference_sale_rel.reference_id=sale_id
   sales_order={id}~stock_move.production_id=id{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   sales_order={id}~stock_move.production_id=id{after}{after}~stock_move.id=sale_line_id~sale_order_line.id=order_id
   purchase:{id}~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:{row}production_group_id~mrp_production.production_group_id=id~stock_move.production_id=id{after}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   manufacturing_order={row}production_group_id~mrp_production.production_group_id=id<
   manufacturing_order={row}procurement_group_id~mrp_production.procurement_group_id=id<
   manufacturing_order={id}', CASE p.path WHEN 'id' THEN '' ELSE p.path || '.' END, p.path)
  FROM (VALUES ('manufacturing_order', 'id'), ('work_order', 'production_id'), ('unbuild_order', 'mo_id'), ('scrap', 'production_id')) AS p (entity, path)
 WHERE entity.entity OPERATOR(pg_catalog.=) p.entity;
UPDATE odoo_events.entity SET correlation = pg_catalog.array_cat(
  pg_temp.paths('purchase:picking_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id
   sales_order=picking_id.sale_id
   purchase:picking_id~stock_move.picking_id=id{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id
   purchase:picking_id~stock_move.picking_id=id{before}{before}~stock_move.id=purchase_line_id~purchase_order_line.id=order_id', '', ''), correlation)
 WHERE entity = 'scrap';
UPDATE odoo_events.entity SET correlation = pg_catalog.array_append(correlation, 'transfer=picking_id') WHERE entity = 'scrap';
UPDATE odoo_events.entity SET correlation = pg_catalog.array_append(correlation, 'unbuild_order=id') WHERE entity = 'unbuild_order';
UPDATE odoo_events.entity SET correlation = '{sales_order=sale_order_line_id.order_id,repair_order=id}' WHERE entity = 'repair_order';
UPDATE odoo_events.entity SET correlation = pg_temp.paths('purchase:id', '', '') WHERE entity = 'purchase_order';
-- What is billed or refunded belongs to what was ordered; a payment, from 18 on, to what it pays.
UPDATE odoo_events.entity SET correlation = pg_temp.paths(
  'sales_order={id}~account_move_line.move_id=id~sale_order_line_invoice_rel.invoice_line_id=order_line_id~sale_order_line.id=order_id
   purchase:{id}~account_move_line.move_id=purchase_line_id~purchase_order_line.id=order_id', '', i.path)
  FROM (VALUES ('invoice', 'id'), ('payment', 'id~account_move__account_payment.payment_id=invoice_id')) AS i (entity, path)
 WHERE entity.entity OPERATOR(pg_catalog.=) i.entity;
DROP FUNCTION pg_temp.paths(text, text, text);
