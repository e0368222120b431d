-- catalog_units: quantities in the unit in which Odoo counts the product, and the line of the bill of materials that a movement comes from.

-- A document may use another unit than the product has: 13 units sold of what the warehouse counts in kg.  Beside a quantity in the
-- document's unit stands the one that Odoo stores in the product's.  Up to Odoo 16 that is the demand alone, which of a move
-- that is done is what was done, and of a line what is reserved.
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('product', 5, 'uom_id', '{product_tmpl_id>product_template.uom_id}', false, 'unit');

INSERT INTO odoo_events.field (owner, position, field, sources)
SELECT o.owner, 40, 'product_unit', '{product_id.uom_id}'
  FROM unnest('{line.move,line.component,line.repair,line.repair_line,line.receipt,line.movement,line.purchase,line.sale,line.bom,
                stock_move,manufacturing_order,unbuild_order,scrap,repair_order}'::text[]) o (owner);
INSERT INTO odoo_events.field (owner, position, field, sources)
SELECT o.owner, 41, 'demand_in_product_unit', '{product_qty}' FROM unnest('{line.move,line.component,line.repair,line.receipt,stock_move}'::text[]) o (owner);
INSERT INTO odoo_events.field (owner, position, field, sources)
SELECT o.owner, 43, o.field, '{sum(detail.quantity_product_uom)@done,product_qty@done}'
  FROM (VALUES ('line.move', 'done_in_product_unit'), ('line.component', 'done_in_product_unit'), ('line.repair', 'done_in_product_unit'),
               ('stock_move', 'quantity_in_product_unit')) o (owner, field);
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('line.detail', 43, 'quantity_in_product_unit', '{quantity_product_uom}'), ('line.detail', 42, 'reserved_in_product_unit', '{product_qty}'),
('line.component_detail', 43, 'quantity_in_product_unit', '{quantity_product_uom}'), ('line.component_detail', 42, 'reserved_in_product_unit', '{product_qty}'),
('line.movement', 43, 'quantity_in_product_unit', '{quantity_product_uom}'),
('manufacturing_order', 41, 'quantity_in_product_unit', '{product_uom_qty}'), ('line.purchase', 41, 'ordered_in_product_unit', '{product_uom_qty}'),
-- stock is counted in no other unit
('stock_level', 40, 'unit', '{product_id.uom_id}'), ('availability', 40, 'unit', '{product_id.uom_id}');

-- Which line of which bill of materials a component is of; of a kit (type "phantom") that was sold the bill of materials says what was ordered.
INSERT INTO odoo_events.reference (reference, tables) VALUES ('bom_line', '{mrp_bom_line}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('bom_line', 1, 'quantity', '{product_qty}', true, NULL), ('bom_line', 2, 'bom_id', '{bom_id}', false, 'bill_of_materials'),
('bill_of_materials', 2, 'type', '{type}', true, NULL), ('bill_of_materials', 3, 'quantity', '{product_qty}', true, NULL),
('bill_of_materials', 4, 'sku', '{product_tmpl_id>product_template.default_code}', true, NULL),
('bill_of_materials', 5, 'name', '{product_tmpl_id>product_template.name}', true, NULL);
INSERT INTO odoo_events.link (rule, column_name, reference) VALUES ('stock_move', 'bom_line_id', 'bom_line');
INSERT INTO odoo_events.field (owner, position, field, sources)
SELECT o.owner, 44 + f.n, f.field, f.sources::text[]
  FROM unnest('{line.move,line.component,stock_move}'::text[]) o (owner),
       (VALUES (0, 'bom_line', '{bom_line_id}'), (1, 'bill_of_materials', '{bom_line_id.bom_id}')) f (n, field, sources);
