-- Fills become.step with the statements of an upgrade to :version, from the columns of the recorded base of that version.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS become CASCADE;
CREATE SCHEMA become;
GRANT USAGE ON SCHEMA become TO regress_publish_owner;
CREATE TABLE become.wanted (tab text, col text, type text);
SELECT 'odoo' || :version || '-base' AS next \gset
\setenv OE_NEXT :next
\copy become.wanted FROM PROGRAM '"$PG_ABS_SRCDIR/test/publish/columns.sh" "$OE_NEXT"'
CREATE TABLE become.step (n int GENERATED ALWAYS AS IDENTITY, statement text);
GRANT SELECT ON become.step TO regress_publish_owner;
-- what is renamed: "column" is null for a table
CREATE TABLE become.renamed (version int, tab text, col text, name text);
INSERT INTO become.renamed VALUES
(16, 'stock_production_lot', NULL, 'stock_lot'), (16, 'stock_location_route', NULL, 'stock_route'), (16, 'stock_move_line', 'product_uom_qty', 'reserved_uom_qty'), (16, 'stock_move_line', 'product_qty', 'reserved_qty'),
(17, 'stock_move_line', 'qty_done', 'quantity'), (17, 'mrp_production', 'date_planned_start', 'date_start'), (17, 'mrp_production', 'date_planned_finished', 'date_finished'),
(17, 'mrp_workorder', 'date_planned_start', 'date_start'), (17, 'mrp_workorder', 'date_planned_finished', 'date_finished'),
(19, 'stock_quant_package', NULL, 'stock_package'), (19, 'purchase_order_line', 'product_uom', 'product_uom_id'), (19, 'sale_order_line', 'product_uom', 'product_uom_id');
-- what is filled, with what scripts of upgrades take
CREATE TABLE become.filled (version int, statement text);
INSERT INTO become.filled VALUES
(16, $$UPDATE stock_location l SET warehouse_id = (SELECT w.id FROM stock_warehouse w JOIN stock_location v ON v.id = w.view_location_id WHERE starts_with(l.parent_path, v.parent_path) LIMIT 1)$$),
(16, $$UPDATE purchase_order SET receipt_status = CASE WHEN state IN ('purchase', 'done') THEN 'full' END$$), (16, $$UPDATE sale_order SET delivery_status = CASE WHEN state IN ('sale', 'done') THEN 'full' END$$),
(17, $$UPDATE stock_move_line SET quantity = reserved_uom_qty WHERE state NOT IN ('done', 'cancel')$$),
(17, $$UPDATE stock_move m SET quantity = (SELECT coalesce(sum(l.quantity), 0) FROM stock_move_line l WHERE l.move_id = m.id), picked = m.state = 'done'$$),
(17, $$UPDATE sale_order SET locked = state = 'done', state = CASE state WHEN 'done' THEN 'sale' ELSE state END$$),
(17, $$UPDATE stock_picking p SET return_id = (SELECT min(o.picking_id) FROM stock_move m JOIN stock_move o ON o.id = m.origin_returned_move_id WHERE m.picking_id = p.id)$$),
(18, $$UPDATE account_payment p SET state = CASE m.state WHEN 'posted' THEN 'paid' WHEN 'cancel' THEN 'canceled' ELSE 'draft' END FROM account_move m WHERE m.id = p.move_id$$),
(18, $$UPDATE product_product SET standard_price = '{"1": 5.0}'$$), (18, $$UPDATE product_template SET is_storable = type = 'product', type = 'consu' WHERE type = 'product'$$),
(18, $$UPDATE mrp_workorder SET sequence = 100$$), (18, $$UPDATE account_move SET origin_payment_id = payment_id$$),
(19, $$UPDATE stock_move m SET value = (SELECT sum(v.value) FROM stock_valuation_layer v WHERE v.stock_move_id = m.id)$$),
(19, $$UPDATE mrp_production SET production_group_id = procurement_group_id$$), (19, $$UPDATE purchase_order SET acknowledged = mail_reception_confirmed OR mail_reminder_confirmed$$);
INSERT INTO become.step (statement)
-- what stands where something is renamed to goes first
SELECT format('ALTER TABLE public.%I DROP COLUMN %I', r.tab, r.name) FROM become.renamed r JOIN information_schema.columns c ON (c.table_schema, c.table_name, c.column_name) = ('public', r.tab, r.name)
 WHERE r.version = :version AND r.col IS NOT NULL
UNION ALL
SELECT CASE WHEN r.col IS NULL THEN format('ALTER TABLE public.%I RENAME TO %I', r.tab, r.name) ELSE format('ALTER TABLE public.%I RENAME COLUMN %I TO %I', r.tab, r.col, r.name) END
  FROM become.renamed r WHERE r.version = :version AND to_regclass('public.' || r.tab) IS NOT NULL;
-- the columns as they are called then
CREATE VIEW become.here AS
SELECT coalesce((SELECT r.name FROM become.renamed r WHERE r.version = :version AND r.tab = c.relname AND r.col IS NULL), c.relname) AS tab,
       coalesce((SELECT r.name FROM become.renamed r WHERE r.version = :version AND r.tab = c.relname AND r.col = a.attname), a.attname) AS col, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'audit'
   AND NOT EXISTS (SELECT FROM become.renamed r WHERE r.version = :version AND r.tab = c.relname AND r.name = a.attname AND r.col IS NOT NULL);
INSERT INTO become.step (statement)
SELECT format('ALTER TABLE public.%I ALTER COLUMN %I DROP DEFAULT, ALTER COLUMN %2$I TYPE %s USING %s', w.tab, w.col, w.type,
              CASE WHEN w.type = 'jsonb' THEN format('CASE WHEN %I IS NOT NULL THEN jsonb_build_object(''en_US'', %1$I) END', w.col) ELSE format('%I::text::%s', w.col, w.type) END)
  FROM become.wanted w JOIN become.here h USING (tab, col) WHERE h.type <> w.type ORDER BY w.tab, w.col;
INSERT INTO become.step (statement)
SELECT format('CREATE TABLE public.%I (%s)', w.tab, string_agg(format('%I %s', w.col, w.type), ', ')) FROM become.wanted w WHERE w.tab NOT IN (SELECT tab FROM become.here) GROUP BY w.tab ORDER BY w.tab;
INSERT INTO become.step (statement)
SELECT format('ALTER TABLE public.%I ADD COLUMN %I %s', w.tab, w.col, w.type) FROM become.wanted w LEFT JOIN become.here h USING (tab, col)
 WHERE h.col IS NULL AND w.tab IN (SELECT tab FROM become.here) ORDER BY w.tab, w.col;
INSERT INTO become.step (statement) SELECT f.statement FROM become.filled f WHERE f.version = :version;
-- a module upgrade writes whole tables
INSERT INTO become.step (statement) VALUES ('UPDATE public.stock_picking SET write_date = now()'), ('UPDATE public.product_template SET write_date = now()');
INSERT INTO become.step (statement)
SELECT format('ALTER TABLE public.%I DROP COLUMN %I CASCADE', h.tab, h.col) FROM become.here h LEFT JOIN become.wanted w USING (tab, col)
 WHERE w.col IS NULL AND h.tab IN (SELECT tab FROM become.wanted) ORDER BY h.tab, h.col;
INSERT INTO become.step (statement)
SELECT DISTINCT format('DROP TABLE public.%I CASCADE', h.tab) FROM become.here h WHERE h.tab NOT IN (SELECT tab FROM become.wanted) AND h.tab NOT IN ('ir_module_module', 'ir_config_parameter') ORDER BY 1;
