-- catalog_trade: purchases and sales.

INSERT INTO odoo_events.reference (reference, tables) VALUES ('currency', '{res_currency}'), ('requisition', '{purchase_requisition}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES ('currency', 1, 'code', '{name}'), ('requisition', 1, 'name', '{name}');

-- Amounts are significant because a line's price or quantity is a change of its order: then the order's state is known.
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('purchase_order', '{purchase_order}',
 '{state,partner_id,partner_ref,dest_address_id,picking_type_id,date_planned,receipt_status,acknowledged,mail_reminder_confirmed,mail_reception_confirmed,mail_reception_declined,locked,amount_total,name,priority,user_id}',
 '{origin,requisition_id,currency_id,amount_untaxed,amount_tax,date_order,date_approve,effective_date,company_id,create_uid,write_uid,write_date}'),
('purchase_order_line', '{purchase_order_line}',
 '{order_id,state,product_id,product_qty,product_uom_id=product_uom,price_unit,date_planned,qty_received}',
 '{product_uom_qty,name,sequence,display_type,is_downpayment,discount,price_subtotal,qty_invoiced,sale_line_id,company_id,write_uid,write_date}'),
('sale_order', '{sale_order}',
 '{state,partner_id,partner_shipping_id,client_order_ref,commitment_date,carrier_id,warehouse_id,picking_policy,delivery_status,locked,amount_total,name}',
 '{origin,currency_id,amount_untaxed,amount_tax,date_order,effective_date,user_id,company_id,create_uid,write_uid,write_date}'),
('sale_order_line', '{sale_order_line}',
 '{order_id,state,product_id,product_uom_qty,product_uom_id=product_uom,price_unit,qty_delivered}',
 '{name,sequence,display_type,is_delivery,is_downpayment,discount,price_subtotal,qty_invoiced,customer_lead,company_id,write_uid,write_date}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('purchase_order', 'id', 'purchase_order'), ('purchase_order', 'partner_id', 'partner'), ('purchase_order', 'dest_address_id', 'partner'), ('purchase_order', 'picking_type_id', 'picking_type'),
('purchase_order', 'currency_id', 'currency'), ('purchase_order', 'requisition_id', 'requisition'), ('purchase_order', 'user_id', 'user'), ('purchase_order', 'company_id', 'company'), ('purchase_order', 'write_uid', 'user'),
('purchase_order_line', 'order_id', 'purchase_order'), ('purchase_order_line', 'product_id', 'product'), ('purchase_order_line', 'product_uom_id', 'unit'),
('purchase_order_line', 'sale_line_id', 'sales_order_line'), ('purchase_order_line', 'company_id', 'company'),
('sale_order', 'id', 'sales_order'), ('sale_order', 'partner_id', 'partner'), ('sale_order', 'partner_shipping_id', 'partner'), ('sale_order', 'carrier_id', 'carrier'),
('sale_order', 'warehouse_id', 'warehouse'), ('sale_order', 'currency_id', 'currency'), ('sale_order', 'user_id', 'user'), ('sale_order', 'company_id', 'company'),
('sale_order', 'write_uid', 'user'),
('sale_order_line', 'order_id', 'sales_order'), ('sale_order_line', 'product_id', 'product'), ('sale_order_line', 'product_uom_id', 'unit'),
('sale_order_line', 'company_id', 'company');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                change_columns, warehouse, correlation) VALUES
('purchase_order', 'procurement', 'purchase.order', 'purchase_order', '{purchase_order,purchase_order_line,stock_move}', 'name', 'state', '{draft}', '{purchase,done}', '{cancel}',
 '{name,partner_id,partner_ref,dest_address_id,picking_type_id,date_planned,priority,user_id}', '{picking_type_id.warehouse_id}', '{purchase_order=id}'),
('sales_order', 'sales', 'sale.order', 'sale_order', '{sale_order,sale_order_line}', 'name', 'state', '{draft}', '{sale,done}', '{cancel}',
 '{name,partner_id,partner_shipping_id,client_order_ref,commitment_date,carrier_id,warehouse_id,picking_policy}', '{warehouse_id}', '{sales_order=id}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('purchase_order', 1, 'created', '{draft}', true), ('purchase_order', 2, 'sent', '{sent}', false), ('purchase_order', 3, 'approval_requested', '{"to approve"}', false),
('purchase_order', 4, 'confirmed', '{purchase,done}', true),
('sales_order', 1, 'created', '{draft}', true), ('sales_order', 2, 'sent', '{sent}', false), ('sales_order', 3, 'confirmed', '{sale,done}', true);

-- A line of 14 to 17 knows its order's state; where it does not, an order that only its lines show is as open as its row was then,
-- and "rescheduled" takes the receipt that moves with it for a sign.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('purchase_order', 'line', 1, 'purchase_order_line', '{order_id}', NULL, 'line.purchase', '!($.new.display_type != null) && !($.new.is_downpayment == true)', '{purchase,done,*}', '{cancel}', true,
 '{product_id,product_qty,product_uom_id,price_unit}', '{date_planned}'),
('purchase_order', 'move', 2, 'stock_move', '{purchase_line_id}', 'line.purchase', 'line.receipt', '!($.new.scrap_id != null) && !($.new.scrapped == true)', '{}', '{}', false, '{}', '{}'),
('sales_order', 'line', 1, 'sale_order_line', '{order_id}', NULL, 'line.sale', '!($.new.display_type != null) && !($.new.is_delivery == true) && !($.new.is_downpayment == true)',
 '{sale,done}', '{cancel}', true, '{product_id,product_uom_qty,product_uom_id,price_unit}', '{}'),
('sales_order', 'charge', 2, 'sale_order_line', '{order_id}', NULL, 'line.charge', '!($.new.display_type != null) && ($.new.is_delivery == true || $.new.is_downpayment == true)',
 '{sale,done}', '{cancel}', true, '{product_id,product_uom_qty,price_unit}', '{}');

-- covers *: the milestone carries all changes of its transaction.  Of "receipt" the first that holds is told.  Where lines say
-- that all has come, those that the transaction left alone must not have been written since (write_date is when a transaction
-- began): a publisher that lags must not tell what came later.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, watches, rank, covers, with_lines, with_changes, enabled, on_by_default,
                                   epcis_bizstep, epcis_disposition, description)
SELECT pg_catalog.format('odoo.procurement.purchase_order.%s.v1', d.verb), d.variant, 'purchase_order', d.occasion, d.milestone, d.choice, d.precedence, d.condition::jsonpath,
       CASE WHEN d.occasion OPERATOR(pg_catalog.=) 'touched' AND d.verb OPERATOR(pg_catalog.=) ANY ('{received,partially_received,receipt_reversed}') THEN '{qty_received}'::text[] ELSE '{}' END,
       d.rank, d.covers::text[], d.lines, d.lines, d.enabled, d.enabled, d.bizstep, d.disposition, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 1, NULL, 10, '{*}', false, false, NULL, NULL, 'a request for quotation was made'),
  ('sent', 1, 'milestone', 'sent', NULL, 1, NULL, 11, '{*}', false, false, NULL, NULL, 'the request went to the vendor'),
  ('approval_requested', 1, 'milestone', 'approval_requested', NULL, 1, NULL, 12, '{*}', true, true, NULL, NULL, 'its amount needs an approval'),
  ('confirmed', 1, 'milestone', 'confirmed', 'confirmed', 1, '$.old.state == "to approve"', 20, '{*}', true, true, NULL, NULL, 'goods were ordered: the order was approved by who did it'),
  ('confirmed', 2, 'milestone', 'confirmed', 'confirmed', 2, NULL, 20, '{*}', true, true, NULL, NULL, 'goods were ordered'),
  ('changed', 1, 'changed', NULL, NULL, 1, NULL, 30, '{}', true, true, NULL, NULL, 'what is ordered, where to or for how much was changed'),
  ('rescheduled', 1, 'touched', NULL, NULL, 1,
   '($.old.state == "purchase" || $.old.state == "done") && ($.new.state == "purchase" || $.new.state == "done")
    && ($.old.date_planned != $.new.date_planned || exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned)))
    || !exists($.new.state) && exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned && (@.new.state == "purchase" || @.new.state == "done")))
    || !exists($.new.state) && exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned && !exists(@.new.state)))
    && exists($.parts.move[*] ? (@.old.date_deadline != @.new.date_deadline || @.old.date != @.new.date))',
   31, '{date_planned}', true, true, NULL, NULL, 'the date on which goods are expected moved'),
  ('acknowledged', 1, 'touched', NULL, NULL, 1,
   '($.new.acknowledged == true && !($.old.acknowledged == true) || $.new.mail_reminder_confirmed == true && !($.old.mail_reminder_confirmed == true)
     || $.new.mail_reception_confirmed == true && !($.old.mail_reception_confirmed == true))
    && !exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))',
   40, '{}', false, true, NULL, NULL, 'the vendor acknowledged it; Odoo setting the mark itself on a receipt is none'),
  ('declined', 1, 'updated', NULL, NULL, 1, '$.new.mail_reception_declined == true && !($.old.mail_reception_declined == true)', 40, '{}', false, true, NULL, NULL, 'the vendor says that he cannot deliver it so (from 18)'),
  ('received', 1, 'touched', NULL, 'receipt', 1,
   '$.new.receipt_status == "full" && !($.old.receipt_status == "full") && exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))
    && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))
    && !exists($.parts.move[*] ? (@.new.state == "cancel" && !(@.old.state == "cancel") && @.new.origin_returned_move_id == null && @.refs.location_id.usage == "supplier"))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived'),
  ('received', 3, 'touched', NULL, 'receipt', 3,
   'exists($.parts.line[*] ? (@.old.qty_received < @.old.product_qty && @.new.qty_received >= @.new.product_qty)) && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))
    && !($.new.receipt_status == "pending" || $.new.receipt_status == "partial")
    && !exists($.rows.line[*] ? (@.display_type == null && !(@.is_downpayment == true) && @.qty_received < @.product_qty)) && !($.since == true)',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, by its lines (where Odoo keeps no receipt status: to 15)'),
  ('received', 4, 'inserted', NULL, 'receipt', 3,
   '!exists($.new.receipt_status) && exists($.parts.line[*] ? (@.new.qty_received > 0)) && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, by its lines (to 15), in the transaction that ordered it'),
  ('received', 2, 'inserted', NULL, 'receipt', 1,
   '$.new.receipt_status == "full" && exists($.parts.line[*] ? (@.new.qty_received > 0)) && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, in the transaction that ordered it'),
  ('closed_short', 1, 'touched', NULL, NULL, 1,
   '$.new.receipt_status == "full" && $.old.receipt_status != "full"
    && (exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty && @.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))
        || exists($.parts.move[*] ? (@.new.state == "cancel" && !(@.old.state == "cancel") && @.new.origin_returned_move_id == null && @.refs.location_id.usage == "supplier"))
           && !exists($.parts.line[*] ? (@.new.product_qty < @.old.product_qty)))',
   81, '{}', true, true, NULL, NULL, 'what is missing will not come: the receipt was closed without a backorder, or its backorder was cancelled'),
  ('receipt_reversed', 1, 'touched', NULL, NULL, 1, 'exists($.parts.line[*] ? (@.new.qty_received < @.old.qty_received))',
   80, '{}', true, true, NULL, NULL, 'less of it counts as received than before: goods went back to the vendor, or a receipt was corrected'),
  ('partially_received', 1, 'touched', NULL, 'receipt', 4, 'exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))',
   80, '{}', true, true, 'receiving', 'in_progress', 'some of what was ordered has arrived'),
  ('partially_received', 2, 'inserted', NULL, 'receipt', 4, 'exists($.parts.line[*] ? (@.new.qty_received > 0))',
   80, '{}', true, true, 'receiving', 'in_progress', 'some of what was ordered has arrived, in the transaction that ordered it'),
  ('locked', 1, 'updated', NULL, NULL, 1, '$.new.locked == true && !($.old.locked == true) || $.old.state == "purchase" && $.new.state == "done"',
   81, '{}', false, true, NULL, NULL, 'it can no longer be changed'),
  ('unlocked', 1, 'updated', NULL, NULL, 1, '$.old.locked == true && !($.new.locked == true) || $.old.state == "done" && $.new.state == "purchase" && !($.new.locked == true)',
   81, '{}', false, true, NULL, NULL, 'it can be changed again'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 1, NULL, 82, '{*}', true, true, NULL, NULL, 'an order was cancelled, or its approval refused'),
  ('cancelled', 2, 'updated', NULL, NULL, 1, '$.old.state == "draft" && $.new.state == "cancel"', 82, '{*}', true, false, NULL, NULL, 'a draft was cancelled, or merged into another request for quotation'),
  ('reopened', 1, 'updated', NULL, NULL, 1, '$.old.state == "cancel" && $.new.state != "cancel"', 15, '{*}', false, true, NULL, NULL, 'a cancelled order is a request for quotation again'),
  ('deleted', 1, 'deleted', NULL, NULL, 1, '$.old.state != null && $.old.state != "draft"', 82, '{*}', false, true, NULL, NULL, 'an order that was no draft was deleted'),
  ('deleted', 2, 'deleted', NULL, NULL, 1, '$.old.state == null || $.old.state == "draft"', 82, '{*}', false, false, NULL, NULL, 'a draft was deleted')
  ) AS d (verb, variant, occasion, milestone, choice, precedence, condition, rank, covers, lines, enabled, bizstep, disposition, description);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, watches, rank, covers, with_lines, with_changes, enabled, on_by_default, epcis_bizstep, epcis_disposition, description)
SELECT pg_catalog.format('odoo.sales.sales_order.%s.v1', d.verb), d.variant, 'sales_order', d.occasion, d.milestone, d.condition::jsonpath,
       CASE WHEN d.occasion OPERATOR(pg_catalog.=) 'touched' THEN '{qty_delivered}'::text[] ELSE '{}' END, d.rank,
       d.covers::text[], d.lines, d.lines, d.enabled, d.enabled, d.bizstep, d.disposition, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, NULL, NULL, 'a quotation was made'),
  ('sent', 1, 'milestone', 'sent', NULL, 11, '{*}', false, false, NULL, NULL, 'the quotation went to the customer'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, NULL, NULL, 'a customer ordered goods'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, NULL, NULL, 'what is ordered, where to, when or for how much was changed'),
  ('delivery_progressed', 1, 'touched', NULL, 'exists($.parts.line[*] ? ((@.new.state == "sale" || @.new.state == "done") && @.new.qty_delivered > 0 && !(@.new.qty_delivered <= @.old.qty_delivered)))',
   80, '{}', true, true, 'shipping', 'in_transit', 'more of it is delivered; complete says whether all is, where the transaction alone tells'),
  ('delivery_progressed', 2, 'inserted', NULL, 'exists($.parts.line[*] ? ((@.new.state == "sale" || @.new.state == "done") && @.new.qty_delivered > 0))',
   80, '{}', true, true, 'shipping', 'in_transit', 'some of it is delivered, in the transaction that ordered it'),
  ('delivery_reversed', 1, 'touched', NULL, 'exists($.parts.line[*] ? (@.new.qty_delivered < @.old.qty_delivered))',
   80, '{}', true, true, NULL, NULL, 'less of it counts as delivered than before: goods came back, or a delivery was corrected'),
  ('locked', 1, 'updated', NULL, '$.new.locked == true && !($.old.locked == true) || $.old.state == "sale" && $.new.state == "done"', 81, '{}', false, true, NULL, NULL, 'it can no longer be changed'),
  ('unlocked', 1, 'updated', NULL, '$.old.locked == true && !($.new.locked == true) || $.old.state == "done" && $.new.state == "sale" && !($.new.locked == true)', 81, '{}', false, true, NULL, NULL, 'it can be changed again'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 82, '{*}', true, true, NULL, NULL, 'an order was cancelled'),
  ('reopened', 1, 'updated', NULL, '$.old.state == "cancel" && $.new.state != "cancel"', 15, '{*}', false, true, NULL, NULL, 'a cancelled order is a quotation again'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 82, '{*}', false, true, NULL, NULL, 'an order that was no draft was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 82, '{*}', false, false, NULL, NULL, 'a quotation was deleted')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, enabled, bizstep, disposition, description);

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, pg_catalog.row_number() OVER (PARTITION BY f.owner ORDER BY f.n), f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'purchase_order', 'name', '{name}', 'internal'), (2, 'purchase_order', 'state', '{state}', 'internal'), (3, 'purchase_order', 'vendor', '{partner_id}', 'personal'),
  (4, 'purchase_order', 'vendor_reference', '{partner_ref}', 'internal'), (5, 'purchase_order', 'origin', '{origin}', 'internal'), (6, 'purchase_order', 'priority', '{priority}', 'internal'),
  (7, 'purchase_order', 'date_order', '{date_order}', 'internal'), (8, 'purchase_order', 'date_approve', '{date_approve}', 'internal'),
  (9, 'purchase_order', 'planned_date', '{date_planned}', 'internal'), (10, 'purchase_order', 'effective_date', '{effective_date}', 'internal'),
  (11, 'purchase_order', 'receipt_status', '{receipt_status}', 'internal'), (12, 'purchase_order', 'complete', '{#complete}', 'internal'),
  (13, 'purchase_order', 'acknowledged', '{acknowledged,mail_reception_confirmed}', 'internal'), (14, 'purchase_order', 'locked', '{locked}', 'internal'),
  (15, 'purchase_order', 'picking_type', '{picking_type_id}', 'internal'), (16, 'purchase_order', 'warehouse', '{picking_type_id.warehouse_id}', 'internal'),
  (17, 'purchase_order', 'ship_to', '{dest_address_id}', 'personal'), (18, 'purchase_order', 'buyer', '{user_id}', 'personal'), (19, 'purchase_order', 'company', '{company_id}', 'internal'),
  (20, 'purchase_order', 'currency', '{currency_id}', 'internal'), (21, 'purchase_order', 'amount_untaxed', '{amount_untaxed}', 'confidential'),
  (22, 'purchase_order', 'amount_tax', '{amount_tax}', 'confidential'), (23, 'purchase_order', 'amount_total', '{amount_total}', 'confidential'),
  (1, 'line.purchase', 'product', '{product_id}', 'internal'), (2, 'line.purchase', 'description', '{name}', 'internal'), (3, 'line.purchase', 'ordered', '{product_qty}', 'internal'),
  (4, 'line.purchase', 'received', '{qty_received}', 'internal'), (5, 'line.purchase', 'invoiced', '{qty_invoiced}', 'internal'), (6, 'line.purchase', 'unit', '{product_uom_id}', 'internal'),
  (7, 'line.purchase', 'planned_date', '{date_planned}', 'internal'), (8, 'line.purchase', 'sales_order_line', '{sale_line_id}', 'internal'),
  (9, 'line.purchase', 'price_unit', '{price_unit}', 'confidential'), (10, 'line.purchase', 'discount', '{discount}', 'confidential'), (11, 'line.purchase', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'line.receipt', 'transfer', '{picking_id}', 'internal'), (2, 'line.receipt', 'state', '{state}', 'internal'), (3, 'line.receipt', 'demand', '{product_uom_qty}', 'internal'),
  (4, 'line.receipt', 'quantity', '{quantity}', 'internal'), (5, 'line.receipt', 'unit', '{product_uom}', 'internal'), (6, 'line.receipt', 'to', '{location_dest_id}', 'internal'),
  (7, 'line.receipt', 'date_deadline', '{date_deadline}', 'internal'),
  (1, 'sales_order', 'name', '{name}', 'internal'), (2, 'sales_order', 'state', '{state}', 'internal'), (3, 'sales_order', 'customer', '{partner_id}', 'personal'),
  (4, 'sales_order', 'customer_reference', '{client_order_ref}', 'internal'), (5, 'sales_order', 'origin', '{origin}', 'internal'), (6, 'sales_order', 'date_order', '{date_order}', 'internal'),
  (7, 'sales_order', 'commitment_date', '{commitment_date}', 'internal'), (8, 'sales_order', 'effective_date', '{effective_date}', 'internal'),
  (9, 'sales_order', 'delivery_status', '{delivery_status}', 'internal'), (10, 'sales_order', 'complete', '{#complete}', 'internal'), (11, 'sales_order', 'locked', '{locked}', 'internal'),
  (12, 'sales_order', 'picking_policy', '{picking_policy}', 'internal'), (13, 'sales_order', 'carrier', '{carrier_id}', 'internal'), (14, 'sales_order', 'warehouse', '{warehouse_id}', 'internal'),
  (15, 'sales_order', 'ship_to', '{partner_shipping_id}', 'personal'), (16, 'sales_order', 'salesperson', '{user_id}', 'personal'), (17, 'sales_order', 'company', '{company_id}', 'internal'),
  (18, 'sales_order', 'currency', '{currency_id}', 'internal'), (19, 'sales_order', 'amount_untaxed', '{amount_untaxed}', 'confidential'),
  (20, 'sales_order', 'amount_tax', '{amount_tax}', 'confidential'), (21, 'sales_order', 'amount_total', '{amount_total}', 'confidential'),
  (1, 'line.sale', 'product', '{product_id}', 'internal'), (2, 'line.sale', 'description', '{name}', 'internal'), (3, 'line.sale', 'state', '{state}', 'internal'),
  (4, 'line.sale', 'ordered', '{product_uom_qty}', 'internal'), (5, 'line.sale', 'delivered', '{qty_delivered}', 'internal'), (6, 'line.sale', 'invoiced', '{qty_invoiced}', 'internal'),
  (7, 'line.sale', 'unit', '{product_uom_id}', 'internal'), (8, 'line.sale', 'lead_days', '{customer_lead}', 'internal'),
  (10, 'line.sale', 'price_unit', '{price_unit}', 'confidential'), (11, 'line.sale', 'discount', '{discount}', 'confidential'), (12, 'line.sale', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'line.charge', 'product', '{product_id}', 'internal'), (2, 'line.charge', 'description', '{name}', 'internal'), (3, 'line.charge', 'quantity', '{product_uom_qty}', 'internal'),
  (4, 'line.charge', 'unit', '{product_uom_id}', 'internal'), (5, 'line.charge', 'price_unit', '{price_unit}', 'confidential'), (6, 'line.charge', 'amount', '{price_subtotal}', 'confidential')
  ) AS f (n, owner, field, sources, classification);
INSERT INTO odoo_events.field (owner, position, field, sources, classification, reference) VALUES
('purchase_order', 24, 'delivery_address', '{dest_address_id,picking_type_id.warehouse_id.partner_id}', 'personal', 'address'),
('sales_order', 22, 'delivery_address', '{partner_shipping_id}', 'personal', 'address');
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('purchase_order', 25, 'requisition', '{requisition_id}'), ('purchase_order', 26, 'merged_into', '{#merged_into}');
UPDATE odoo_events.event_def SET extra = '{"approved":true}' WHERE type = 'odoo.procurement.purchase_order.confirmed.v1' AND variant = 1;

-- Blanket orders and purchase templates of the module purchase_requisition; to 17 the state of a confirmed one is "ongoing",
-- "in_progress" or "open".
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('purchase_requisition', '{purchase_requisition}', '{state,vendor_id,user_id,date_end}',
 '{name,origin,reference,requisition_type,type_id,ordering_date,date_start,schedule_date,currency_id,warehouse_id,picking_type_id,company_id,create_uid,write_uid}'),
('purchase_requisition_line', '{purchase_requisition_line}', '{requisition_id,product_id,product_qty,price_unit}', '{product_uom_id,schedule_date,company_id,write_uid}');
INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('purchase_requisition', 'vendor_id', 'partner'), ('purchase_requisition', 'user_id', 'user'), ('purchase_requisition', 'currency_id', 'currency'), ('purchase_requisition', 'warehouse_id', 'warehouse'),
('purchase_requisition', 'picking_type_id', 'picking_type'), ('purchase_requisition', 'company_id', 'company'), ('purchase_requisition', 'write_uid', 'user'),
('purchase_requisition_line', 'requisition_id', 'requisition'), ('purchase_requisition_line', 'product_id', 'product'), ('purchase_requisition_line', 'product_uom_id', 'unit'),
('purchase_requisition_line', 'company_id', 'company');
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states, change_columns, warehouse) VALUES
('requisition', 'procurement', 'purchase.requisition', 'purchase_requisition', '{purchase_requisition,purchase_requisition_line}', 'name', 'state', '{draft}', '{ongoing,in_progress,open,confirmed}', '{cancel}',
 '{vendor_id,user_id,date_end}', '{warehouse_id,picking_type_id.warehouse_id}');
INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('requisition', 1, 'confirmed', '{ongoing,in_progress,open,confirmed}', true), ('requisition', 2, 'closed', '{done}', true);
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, live_states, counted, change_columns) VALUES
('requisition', 'line', 1, 'purchase_requisition_line', '{requisition_id}', 'line.requisition', '{*}', true, '{product_id,product_qty,price_unit}');
INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, rank, covers, with_lines, with_changes, description)
SELECT 'odoo.procurement.requisition.' || d.verb || '.v1', 'requisition', d.occasion, d.milestone, d.rank, d.covers::text[], true, true, d.description
  FROM (VALUES
  ('confirmed', 'milestone', 'confirmed', 20, '{*}', 'a blanket order or a purchase template is in force'),
  ('changed', 'changed', NULL, 30, '{}', 'vendor, lines, end or responsible of one in force were changed'),
  ('closed', 'milestone', 'closed', 80, '{*}', 'it has ended'),
  ('cancelled', 'cancelled', NULL, 82, '{*}', 'it was cancelled')) AS d (verb, occasion, milestone, rank, covers, description);
INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('requisition', 1, 'name', '{name}', 'internal'), ('requisition', 2, 'state', '{state}', 'internal'), ('requisition', 3, 'type', '{requisition_type}', 'internal'), ('requisition', 4, 'vendor', '{vendor_id}', 'personal'),
('requisition', 5, 'reference', '{reference,origin}', 'internal'), ('requisition', 6, 'start', '{date_start,ordering_date}', 'internal'), ('requisition', 7, 'end', '{date_end}', 'internal'),
('requisition', 8, 'buyer', '{user_id}', 'personal'), ('requisition', 9, 'warehouse', '{warehouse_id,picking_type_id.warehouse_id}', 'internal'), ('requisition', 10, 'company', '{company_id}', 'internal'),
('requisition', 11, 'currency', '{currency_id}', 'internal'), ('line.requisition', 1, 'product', '{product_id}', 'internal'), ('line.requisition', 2, 'quantity', '{product_qty}', 'internal'),
('line.requisition', 3, 'unit', '{product_uom_id}', 'internal'), ('line.requisition', 4, 'price_unit', '{price_unit}', 'confidential');
