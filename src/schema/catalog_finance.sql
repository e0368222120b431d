-- catalog_finance: invoices, payments, valuation, analytic entries.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('invoice', '{account_move}'), ('journal', '{account_journal}'), ('payment', '{account_payment}'), ('account', '{account_account}'), ('analytic_account', '{account_analytic_account}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown) VALUES
('invoice', 1, 'name', '{name}', true), ('journal', 1, 'code', '{code}', true), ('journal', 2, 'name', '{name}', true), ('journal', 3, 'company_id', '{company_id}', false), ('payment', 1, 'name', '{name}', true),
('payment', 2, 'payment_type', '{payment_type}', false), ('account', 1, 'name', '{name}', true), ('analytic_account', 1, 'code', '{code}', true), ('analytic_account', 2, 'name', '{name}', true);

-- A payment's own state exists from 18 on; before, its journal entry has it.
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('account_move', '{account_move}', '{state,payment_state}',
 '{name,move_type,ref,payment_reference,invoice_origin,partner_id,invoice_date,invoice_date_due,date,currency_id,journal_id,reversed_entry_id,payment_id,amount_untaxed,amount_tax,amount_total,amount_residual,invoice_user_id,company_id,create_uid,write_uid}'),
('account_move_line', '{account_move_line}', '{move_id,parent_state,product_id,quantity,price_unit,discount,price_subtotal}',
 '{name,display_type,exclude_from_invoice_tab,product_uom_id,price_total,account_id,purchase_line_id,company_id,write_uid}'),
('account_payment', '{account_payment}', '{state}',
 '{name,payment_type,partner_type,partner_id,amount,currency_id,date,memo,payment_reference,journal_id,move_id,company_id,create_uid,write_uid}'),
('stock_valuation_layer', '{stock_valuation_layer}', '{value}', '{product_id,quantity,unit_cost,description,stock_move_id,company_id,create_uid,write_uid}'),
('stock_landed_cost', '{stock_landed_cost}', '{state}', '{name,date,amount_total,vendor_bill_id,account_move_id,account_journal_id,company_id,create_uid,write_uid}'),
('account_analytic_line', '{account_analytic_line}', '{amount}',
 '{name,date,unit_amount,product_uom_id,product_id,account_id,partner_id,user_id,ref,category,company_id,create_uid,write_uid}');

-- Of the lines of accounting those that say what is invoiced, not taxes, terms of payment and rounding; the second is that of Odoo to 15.
UPDATE odoo_events.capture_rule SET row_filter = '{display_type=product,exclude_from_invoice_tab=false}' WHERE rule = 'account_move_line';

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('account_move', 'partner_id', 'partner'), ('account_move', 'currency_id', 'currency'), ('account_move', 'journal_id', 'journal'), ('account_move', 'reversed_entry_id', 'invoice'),
('account_move', 'payment_id', 'payment'), ('account_move', 'invoice_user_id', 'user'), ('account_move', 'company_id', 'company'), ('account_move', 'write_uid', 'user'),
('account_move_line', 'move_id', 'invoice'), ('account_move_line', 'product_id', 'product'), ('account_move_line', 'product_uom_id', 'unit'), ('account_move_line', 'account_id', 'account'),
('account_move_line', 'purchase_line_id', 'purchase_order_line'), ('account_move_line', 'company_id', 'company'),
('account_payment', 'partner_id', 'partner'), ('account_payment', 'currency_id', 'currency'), ('account_payment', 'journal_id', 'journal'), ('account_payment', 'company_id', 'company'),
('account_payment', 'write_uid', 'user'),
('stock_valuation_layer', 'product_id', 'product'), ('stock_valuation_layer', 'stock_move_id', 'stock_move'), ('stock_valuation_layer', 'company_id', 'company'),
('stock_valuation_layer', 'write_uid', 'user'),
('stock_move', 'id', 'stock_move'), ('stock_landed_cost', 'vendor_bill_id', 'invoice'), ('stock_landed_cost', 'company_id', 'company'), ('stock_landed_cost', 'account_journal_id', 'journal'), ('stock_landed_cost', 'write_uid', 'user'),
('account_analytic_line', 'product_id', 'product'), ('account_analytic_line', 'product_uom_id', 'unit'), ('account_analytic_line', 'account_id', 'analytic_account'),
('account_analytic_line', 'partner_id', 'partner'), ('account_analytic_line', 'user_id', 'user'), ('account_analytic_line', 'company_id', 'company'), ('account_analytic_line', 'write_uid', 'user');

-- Three tables tell of valuation, two of payments: entities of their own with one label.
INSERT INTO odoo_events.entity (entity, label, domain, model, rule, rules, name_column, id_column, state_column, draft_states, open_states, cancelled_states, change_columns, keys, correlation, secondary) VALUES
('invoice', NULL, 'finance', 'account.move', 'account_move', '{account_move,account_move_line}', 'name', NULL, 'state', '{draft}', '{posted}', '{cancel}', '{}', '{}', '{}', false),
('payment', NULL, 'finance', 'account.payment', 'account_payment', '{account_payment}', 'name', NULL, 'state', '{draft}', '{in_process,paid}', '{canceled,rejected}', '{}', '{}', '{}', false),
('payment_entry', 'payment', 'finance', 'account.payment', 'account_move', '{account_move}', 'name', 'payment_id', 'state', '{draft}', '{posted}', '{cancel}', '{}', '{payment=payment_id}', '{}', true),
('valuation', NULL, 'finance', 'stock.valuation.layer', 'stock_valuation_layer', '{stock_valuation_layer}', NULL, NULL, NULL, '{}', '{}', '{}', '{}',
 '{transfer=stock_move_id.picking_id,manufacturing_order=stock_move_id.raw_material_production_id,manufacturing_order=stock_move_id.production_id}',
 '{manufacturing_order=stock_move_id.raw_material_production_id,manufacturing_order=stock_move_id.production_id}', false),
('valuation_of_move', 'valuation', 'finance', 'stock.move', 'stock_move', '{stock_move}', NULL, NULL, 'state', '{draft}', '{}', '{cancel}', '{value}',
 '{transfer=picking_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,repair_order=repair_id}',
 '{sales_order=sale_line_id.order_id,purchase_order=purchase_line_id.order_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id}', true),
('landed_cost', 'valuation', 'finance', 'stock.landed.cost', 'stock_landed_cost', '{stock_landed_cost}', 'name', NULL, 'state', '{draft}', '{}', '{cancel}', '{}', '{landed_cost=id}', '{}', false),
('analytic_entry', NULL, 'finance', 'account.analytic.line', 'account_analytic_line', '{account_analytic_line}', NULL, NULL, NULL, '{}', '{}', '{}', '{}', '{}', '{}', false);

-- To 17 a landed cost has its company by its journal.
UPDATE odoo_events.reference_field SET target = 'company' WHERE reference = 'journal' AND field = 'company_id';
UPDATE odoo_events.entity SET company = '{company_id,account_journal_id.company_id}' WHERE entity = 'landed_cost';

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('invoice', 1, 'posted', '{posted}', true), ('payment', 1, 'posted', '{in_process}', true), ('payment', 2, 'paid', '{paid}', true), ('payment_entry', 1, 'posted', '{posted}', true),
('valuation_of_move', 1, 'done', '{done}', true), ('landed_cost', 1, 'done', '{done}', true);

-- Product lines: the others are taxes, terms, counterparts.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, condition, state_column, live_states, gone_states, counted) VALUES
('invoice', 'line', 1, 'account_move_line', '{move_id}', 'line.invoice', '$.new.display_type == "product" || $.new.exclude_from_invoice_tab == false && $.new.display_type == null', 'parent_state', '{posted}', '{cancel}', false);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, with_lines, with_changes, enabled, on_by_default, extra, description)
SELECT pg_catalog.format('odoo.finance.%s.%s.v1', COALESCE(e.label, e.entity), d.verb), d.variant, d.entity, d.occasion, d.milestone, d.condition::jsonpath, d.rank,
       e.entity OPERATOR(pg_catalog.=) 'invoice' AND d.verb OPERATOR(pg_catalog.=) 'posted', d.changes, d.enabled, d.enabled, d.extra::jsonb, d.description
  FROM (VALUES
  ('invoice', 'reset_to_draft', 1, 'updated', NULL, '$.old.state == "posted" && $.new.state == "draft" && $.new.move_type != "entry"', 15, false, true, NULL, 'a posted invoice, bill or credit note can be changed again'),
  ('invoice', 'posted', 1, 'milestone', 'posted', '$.new.move_type != "entry"', 20, false, true, NULL, 'an invoice, bill or credit note was posted; type says which'),
  ('invoice', 'partially_paid', 1, 'updated', NULL, '$.old.payment_state != "partial" && $.new.payment_state == "partial" && $.new.move_type != "entry"', 50, false, true, NULL, 'a part of it is paid'),
  ('invoice', 'paid', 1, 'updated', NULL, '$.old.payment_state != "paid" && $.new.payment_state == "paid" && $.new.move_type != "entry"', 80, false, true, NULL, 'all of it is paid'),
  ('invoice', 'paid', 2, 'inserted', NULL, '$.new.payment_state == "paid" && $.new.state == "posted" && $.new.move_type != "entry"', 80, false, true, NULL, 'it was paid by the transaction that made it'),
  ('invoice', 'in_payment', 1, 'updated', NULL, '$.old.payment_state != "in_payment" && $.new.payment_state == "in_payment" && $.new.move_type != "entry"', 51, false, true, NULL, 'it is paid, the bank has not confirmed it yet'),
  ('invoice', 'unpaid', 1, 'updated', NULL, '($.old.payment_state == "paid" || $.old.payment_state == "in_payment" || $.old.payment_state == "partial" || $.old.payment_state == "reversed") && $.new.payment_state == "not_paid" && $.new.state == "posted" && $.new.move_type != "entry"', 52, false, true, NULL, 'what had paid it was taken back'),
  ('invoice', 'payment_blocked', 1, 'updated', NULL, '$.old.payment_state != "blocked" && $.new.payment_state == "blocked"', 53, false, true, NULL, 'it must not be paid for now'),
  ('invoice', 'payment_unblocked', 1, 'updated', NULL, '$.old.payment_state == "blocked" && $.new.payment_state != "blocked"', 53, false, true, NULL, 'it may be paid again'),
  ('invoice', 'reversed', 1, 'updated', NULL, '$.old.payment_state != "reversed" && $.new.payment_state == "reversed" && $.new.move_type != "entry"', 80, false, true, NULL, 'a credit note makes up for all of it'),
  ('invoice', 'cancelled', 1, 'cancelled', NULL, '$.new.move_type != "entry"', 82, false, true, NULL, 'a posted invoice was cancelled'),
  ('payment', 'posted', 1, 'milestone', 'posted', NULL, 20, false, true, NULL, 'money came in or went out'),
  ('payment', 'paid', 1, 'milestone', 'paid', NULL, 80, false, true, NULL, 'the money is there: reconciled with a statement, or with invoices where the account needs none'),
  ('payment', 'rejected', 1, 'updated', NULL, '$.old.state != "rejected" && $.new.state == "rejected"', 82, false, true, NULL, 'the bank refused it'),
  ('payment', 'cancelled', 1, 'cancelled', NULL, '$.new.state == "canceled"', 82, false, true, NULL, 'a posted payment was cancelled'),
  ('payment', 'reset_to_draft', 1, 'updated', NULL, '($.old.state == "in_process" || $.old.state == "paid" || $.old.state == "rejected") && $.new.state == "draft"', 15, false, true, NULL, 'a posted payment can be changed again'),
  ('payment_entry', 'posted', 2, 'milestone', 'posted', '$.new.payment_id != null', 20, false, true, NULL, 'to Odoo 17: the entry of a payment was posted'),
  ('payment_entry', 'cancelled', 2, 'cancelled', NULL, '$.new.payment_id != null', 82, false, true, NULL, 'to Odoo 17: the entry of a payment was cancelled'),
  ('payment_entry', 'reset_to_draft', 2, 'updated', NULL, '$.new.payment_id != null && $.old.state == "posted" && $.new.state == "draft"', 15, false, true, NULL, 'to Odoo 17: the entry of a payment can be changed again'),
  ('valuation', 'posted', 1, 'inserted', NULL, NULL, 61, false, true, '{"source":"valuation_layer"}', 'to Odoo 18: a valuation layer, the change of the stock''s value'),
  ('valuation_of_move', 'posted', 2, 'milestone', 'done', '$.new.value != null && $.new.value != 0', 61, false, true, '{"source":"stock_move"}', 'from Odoo 19: the value of a done move'),
  ('valuation_of_move', 'posted', 3, 'updated', NULL, '$.old.state == "done" && $.new.state == "done" && $.old.value != $.new.value', 61, true, true, '{"source":"stock_move"}', 'from Odoo 19: the value of a done move is another one, by a landed cost or a new cost price'),
  ('landed_cost', 'posted', 4, 'milestone', 'done', NULL, 80, false, true, '{"source":"landed_cost"}', 'a landed cost was spread over moves'),
  ('analytic_entry', 'posted', 1, 'inserted', NULL, NULL, 20, false, false, NULL, 'an amount was booked on an analytic account')
  ) AS d (entity, verb, variant, occasion, milestone, condition, rank, changes, enabled, extra, description)
  JOIN odoo_events.entity e ON e.entity OPERATOR(pg_catalog.=) d.entity;

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'invoice', 'name', '{name}', 'internal'), (2, 'invoice', 'type', '{move_type}', 'internal'), (3, 'invoice', 'state', '{state}', 'internal'),
  (4, 'invoice', 'payment_state', '{payment_state}', 'internal'), (5, 'invoice', 'partner', '{partner_id}', 'personal'), (6, 'invoice', 'reference', '{ref}', 'internal'),
  (7, 'invoice', 'payment_reference', '{payment_reference}', 'internal'), (8, 'invoice', 'origin', '{invoice_origin}', 'internal'), (9, 'invoice', 'reversal_of', '{reversed_entry_id}', 'internal'),
  (10, 'invoice', 'invoice_date', '{invoice_date}', 'internal'), (11, 'invoice', 'due_date', '{invoice_date_due}', 'internal'), (12, 'invoice', 'date', '{date}', 'internal'),
  (13, 'invoice', 'journal', '{journal_id}', 'internal'), (14, 'invoice', 'company', '{company_id}', 'internal'), (15, 'invoice', 'salesperson', '{invoice_user_id}', 'personal'),
  (16, 'invoice', 'currency', '{currency_id}', 'internal'), (17, 'invoice', 'amount_untaxed', '{amount_untaxed}', 'confidential'), (18, 'invoice', 'amount_tax', '{amount_tax}', 'confidential'),
  (19, 'invoice', 'amount_total', '{amount_total}', 'confidential'), (20, 'invoice', 'amount_residual', '{amount_residual}', 'confidential'),
  (1, 'line.invoice', 'product', '{product_id}', 'internal'), (2, 'line.invoice', 'description', '{name}', 'internal'), (3, 'line.invoice', 'quantity', '{quantity}', 'internal'),
  (4, 'line.invoice', 'unit', '{product_uom_id}', 'internal'), (5, 'line.invoice', 'account', '{account_id}', 'internal'), (6, 'line.invoice', 'purchase_order_line', '{purchase_line_id}', 'internal'),
  (7, 'line.invoice', 'price_unit', '{price_unit}', 'confidential'), (8, 'line.invoice', 'discount', '{discount}', 'confidential'), (9, 'line.invoice', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'payment', 'name', '{name}', 'internal'), (2, 'payment', 'state', '{state}', 'internal'), (3, 'payment', 'payment_type', '{payment_type}', 'internal'),
  (4, 'payment', 'partner_type', '{partner_type}', 'internal'), (5, 'payment', 'partner', '{partner_id}', 'personal'), (6, 'payment', 'date', '{date}', 'internal'),
  (7, 'payment', 'memo', '{memo}', 'internal'), (8, 'payment', 'payment_reference', '{payment_reference}', 'internal'), (9, 'payment', 'journal', '{journal_id}', 'internal'),
  (10, 'payment', 'company', '{company_id}', 'internal'), (11, 'payment', 'currency', '{currency_id}', 'internal'), (12, 'payment', 'amount', '{amount}', 'confidential'),
  (1, 'payment_entry', 'name', '{name}', 'internal'), (2, 'payment_entry', 'state', '{state}', 'internal'), (3, 'payment_entry', 'payment_type', '{payment_id.payment_type}', 'internal'),
  (4, 'payment_entry', 'partner', '{partner_id}', 'personal'), (5, 'payment_entry', 'date', '{date}', 'internal'), (6, 'payment_entry', 'memo', '{ref}', 'internal'),
  (7, 'payment_entry', 'payment_reference', '{payment_reference}', 'internal'), (8, 'payment_entry', 'journal', '{journal_id}', 'internal'), (9, 'payment_entry', 'company', '{company_id}', 'internal'),
  (10, 'payment_entry', 'currency', '{currency_id}', 'internal'), (11, 'payment_entry', 'amount', '{amount_total}', 'confidential'),
  (1, 'valuation', 'product', '{product_id}', 'internal'), (2, 'valuation', 'quantity', '{quantity}', 'internal'), (3, 'valuation', 'value', '{value}', 'confidential'),
  (4, 'valuation', 'unit_cost', '{unit_cost}', 'confidential'), (5, 'valuation', 'description', '{description}', 'internal'), (6, 'valuation', 'stock_move', '{stock_move_id}', 'internal'),
  (7, 'valuation', 'document', '{#document}', 'internal'), (8, 'valuation', 'company', '{company_id}', 'internal'),
  (1, 'valuation_of_move', 'product', '{product_id}', 'internal'), (2, 'valuation_of_move', 'quantity', '{quantity}', 'internal'), (3, 'valuation_of_move', 'value', '{value}', 'confidential'),
  (4, 'valuation_of_move', 'unit', '{product_uom}', 'internal'), (5, 'valuation_of_move', 'description', '{reference}', 'internal'), (6, 'valuation_of_move', 'stock_move', '{id}', 'internal'),
  (7, 'valuation_of_move', 'document', '{#document}', 'internal'), (8, 'valuation_of_move', 'company', '{company_id}', 'internal'),
  (1, 'landed_cost', 'name', '{name}', 'internal'), (2, 'landed_cost', 'state', '{state}', 'internal'), (3, 'landed_cost', 'value', '{amount_total}', 'confidential'),
  (4, 'landed_cost', 'date', '{date}', 'internal'), (5, 'landed_cost', 'vendor_bill', '{vendor_bill_id}', 'internal'), (6, 'landed_cost', 'company', '{company_id,account_journal_id.company_id}', 'internal'),
  (1, 'analytic_entry', 'name', '{name}', 'internal'), (2, 'analytic_entry', 'date', '{date}', 'internal'), (3, 'analytic_entry', 'account', '{account_id}', 'internal'),
  (4, 'analytic_entry', 'quantity', '{unit_amount}', 'internal'), (5, 'analytic_entry', 'unit', '{product_uom_id}', 'internal'), (6, 'analytic_entry', 'product', '{product_id}', 'internal'),
  (7, 'analytic_entry', 'partner', '{partner_id}', 'personal'), (8, 'analytic_entry', 'user', '{user_id}', 'personal'), (9, 'analytic_entry', 'reference', '{ref}', 'internal'),
  (10, 'analytic_entry', 'category', '{category}', 'internal'), (11, 'analytic_entry', 'amount', '{amount}', 'confidential'), (12, 'analytic_entry', 'company', '{company_id}', 'internal')
  ) AS f (n, owner, field, sources, classification);
