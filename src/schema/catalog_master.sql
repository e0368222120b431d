-- catalog_master: products, partners, bills of materials.  Off until enabled.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('product_template', '{product_template}'), ('product_category', '{product_category}'), ('country', '{res_country}'), ('state', '{res_country_state}'), ('operation', '{mrp_routing_workcenter}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES
('product_template', 1, 'sku', '{default_code}'), ('product_template', 2, 'name', '{name}'), ('product_template', 3, 'type', '{type}'),
('product_template', 4, 'is_storable', '{is_storable}'), ('product_template', 5, 'tracking', '{tracking}'),
('product_category', 1, 'name', '{complete_name,name}'), ('country', 1, 'code', '{code}'), ('country', 2, 'name', '{name}'), ('state', 1, 'code', '{code}'), ('state', 2, 'name', '{name}'),
('operation', 1, 'name', '{name}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('product_template', 6, 'list_price', '{list_price}', false, NULL), ('product_template', 7, 'categ_id', '{categ_id}', false, 'product_category'), ('product_template', 8, 'uom_id', '{uom_id}', false, 'unit'),
('product_template', 9, 'company_id', '{company_id}', false, 'company');

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('product_product', '{product_product}', '{default_code,barcode,active,standard_price,weight,volume}', '{product_tmpl_id,create_uid,write_uid}'),
('product_template', '{product_template}', '{name,default_code,type,is_storable,tracking,use_expiration_date,categ_id,uom_id,list_price,sale_ok,purchase_ok,active,company_id}', '{write_uid}'),
('res_partner', '{res_partner}', '{name,ref,active,parent_id,type,is_company,vat,street,street2,zip,city,state_id,country_id,email,phone,mobile,lang}', '{company_id,create_uid,write_uid}'),
('mrp_bom', '{mrp_bom}', '{product_tmpl_id,product_id,product_qty,product_uom_id,type,code,active,picking_type_id,consumption,ready_to_produce}', '{company_id,sequence,create_uid,write_uid}'),
('mrp_bom_line', '{mrp_bom_line}', '{bom_id,product_id,product_qty,product_uom_id,operation_id}', '{sequence,write_uid}'),
('mrp_bom_byproduct', '{mrp_bom_byproduct}', '{bom_id,product_id,product_qty,product_uom_id,operation_id,cost_share}', '{write_uid}'),
('mrp_routing_workcenter', '{mrp_routing_workcenter}', '{bom_id,name,workcenter_id,time_mode,time_cycle_manual,active}', '{sequence,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('product_product', 'product_tmpl_id', 'product_template'), ('product_product', 'write_uid', 'user'),
('product_template', 'categ_id', 'product_category'), ('product_template', 'uom_id', 'unit'), ('product_template', 'company_id', 'company'),
('res_partner', 'parent_id', 'partner'), ('res_partner', 'state_id', 'state'), ('res_partner', 'country_id', 'country'), ('res_partner', 'company_id', 'company'), ('res_partner', 'write_uid', 'user'),
('mrp_bom', 'product_tmpl_id', 'product_template'), ('mrp_bom', 'product_id', 'product'), ('mrp_bom', 'product_uom_id', 'unit'), ('mrp_bom', 'picking_type_id', 'picking_type'),
('mrp_bom', 'company_id', 'company'), ('mrp_bom', 'write_uid', 'user'),
('mrp_bom_line', 'bom_id', 'bill_of_materials'), ('mrp_bom_line', 'product_id', 'product'), ('mrp_bom_line', 'product_uom_id', 'unit'), ('mrp_bom_line', 'operation_id', 'operation'),
('mrp_bom_byproduct', 'bom_id', 'bill_of_materials'), ('mrp_bom_byproduct', 'product_id', 'product'), ('mrp_bom_byproduct', 'product_uom_id', 'unit'), ('mrp_bom_byproduct', 'operation_id', 'operation'),
('mrp_routing_workcenter', 'bom_id', 'bill_of_materials'), ('mrp_routing_workcenter', 'workcenter_id', 'work_center');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, change_columns, company, warehouse) VALUES
('product', 'master_data', 'product.product', 'product_product', '{product_product,product_template}', 'default_code', '{default_code,barcode,active,standard_price,weight,volume}',
 '{product_tmpl_id.company_id}', '{}'),
('partner', 'master_data', 'res.partner', 'res_partner', '{res_partner}', 'ref',
 '{name,ref,active,parent_id,type,is_company,vat,street,street2,zip,city,state_id,country_id,email,phone,mobile,lang}', '{company_id}', '{}'),
('bill_of_materials', 'master_data', 'mrp.bom', 'mrp_bom', '{mrp_bom,mrp_bom_line,mrp_bom_byproduct,mrp_routing_workcenter}', 'code',
 '{product_tmpl_id,product_id,product_qty,product_uom_id,type,code,active,picking_type_id,consumption,ready_to_produce}', '{company_id}', '{picking_type_id.warehouse_id}');

-- A template belongs to each of its variants: what changes there changes them.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, state_column, live_states, counted, change_columns) VALUES
('product', 'template', 1, 'product_template', '{<product_tmpl_id}', 'line.template', '-', '{*}', false,
 '{name,type,is_storable,tracking,use_expiration_date,categ_id,uom_id,list_price,sale_ok,purchase_ok,active,company_id}'),
('bill_of_materials', 'component', 1, 'mrp_bom_line', '{bom_id}', 'line.bom', '-', '{*}', true, '{product_id,product_qty,product_uom_id,operation_id}'),
('bill_of_materials', 'byproduct', 2, 'mrp_bom_byproduct', '{bom_id}', 'line.bom', '-', '{*}', true, '{product_id,product_qty,product_uom_id,operation_id,cost_share}'),
('bill_of_materials', 'operation', 3, 'mrp_routing_workcenter', '{bom_id}', 'line.bom_operation', '-', '{*}', true, '{name,workcenter_id,time_mode,time_cycle_manual,active}');

INSERT INTO odoo_events.event_def (type, entity, occasion, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, description)
SELECT pg_catalog.format('odoo.master_data.%s.%s.v1', e.entity, d.verb), e.entity, d.occasion, d.condition::jsonpath, d.rank, d.covers::text[],
       e.entity OPERATOR(pg_catalog.=) 'bill_of_materials', d.verb OPERATOR(pg_catalog.<>) 'created', false, false, d.description
  FROM (VALUES ('created', 'inserted', NULL, 10, '{*}', 'it was entered'),
               ('changed', 'changed', NULL, 30, '{}', 'fields or parts of it were changed; also: it is out of the archive again'),
               ('archived', 'updated', '$.old.active == true && !($.new.active == true)', 80, '{*}', 'it is no longer in use'),
               ('deleted', 'deleted', NULL, 80, '{*}', 'it was deleted')) AS d (verb, occasion, condition, rank, covers, description)
 CROSS JOIN odoo_events.entity e
 WHERE e.domain OPERATOR(pg_catalog.=) 'master_data';

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'product', 'sku', '{default_code}', 'internal'), (2, 'product', 'barcode', '{barcode}', 'internal'), (3, 'product', 'name', '{product_tmpl_id.name}', 'internal'),
  (4, 'product', 'type', '{product_tmpl_id.type}', 'internal'), (5, 'product', 'tracking', '{product_tmpl_id.tracking}', 'internal'), (6, 'product', 'category', '{product_tmpl_id.categ_id}', 'internal'),
  (7, 'product', 'unit', '{product_tmpl_id.uom_id}', 'internal'), (8, 'product', 'weight', '{weight}', 'internal'), (9, 'product', 'volume', '{volume}', 'internal'),
  (10, 'product', 'active', '{active}', 'internal'), (11, 'product', 'template', '{product_tmpl_id.id}', 'internal'), (12, 'product', 'standard_price', '{standard_price}', 'confidential'),
  (13, 'product', 'list_price', '{product_tmpl_id.list_price}', 'confidential'),
  (1, 'line.template', 'name', '{name}', 'internal'), (2, 'line.template', 'type', '{type}', 'internal'), (3, 'line.template', 'list_price', '{list_price}', 'confidential'),
  (4, 'line.template', 'category', '{categ_id}', 'internal'), (5, 'line.template', 'unit', '{uom_id}', 'internal'),
  (1, 'partner', 'name', '{name}', 'personal'), (2, 'partner', 'ref', '{ref}', 'internal'), (3, 'partner', 'is_company', '{is_company}', 'internal'), (4, 'partner', 'parent', '{parent_id}', 'personal'),
  (5, 'partner', 'type', '{type}', 'internal'), (6, 'partner', 'vat', '{vat}', 'personal'), (7, 'partner', 'street', '{street}', 'personal'), (8, 'partner', 'street2', '{street2}', 'personal'),
  (9, 'partner', 'zip', '{zip}', 'personal'), (10, 'partner', 'city', '{city}', 'personal'), (11, 'partner', 'state', '{state_id}', 'personal'), (12, 'partner', 'country', '{country_id}', 'personal'),
  (13, 'partner', 'email', '{email}', 'personal'), (14, 'partner', 'phone', '{phone}', 'personal'), (15, 'partner', 'mobile', '{mobile}', 'personal'), (16, 'partner', 'language', '{lang}', 'internal'),
  (17, 'partner', 'active', '{active}', 'internal'), (18, 'partner', 'company', '{company_id}', 'internal'),
  (1, 'bill_of_materials', 'code', '{code}', 'internal'), (2, 'bill_of_materials', 'type', '{type}', 'internal'), (3, 'bill_of_materials', 'template', '{product_tmpl_id}', 'internal'),
  (4, 'bill_of_materials', 'product', '{product_id}', 'internal'), (5, 'bill_of_materials', 'quantity', '{product_qty}', 'internal'), (6, 'bill_of_materials', 'unit', '{product_uom_id}', 'internal'),
  (7, 'bill_of_materials', 'consumption', '{consumption}', 'internal'), (8, 'bill_of_materials', 'ready_to_produce', '{ready_to_produce}', 'internal'),
  (9, 'bill_of_materials', 'picking_type', '{picking_type_id}', 'internal'), (10, 'bill_of_materials', 'active', '{active}', 'internal'), (11, 'bill_of_materials', 'company', '{company_id}', 'internal'),
  (1, 'line.bom', 'product', '{product_id}', 'internal'), (2, 'line.bom', 'quantity', '{product_qty}', 'internal'), (3, 'line.bom', 'unit', '{product_uom_id}', 'internal'),
  (4, 'line.bom', 'operation', '{operation_id}', 'internal'), (5, 'line.bom', 'sequence', '{sequence}', 'internal'), (6, 'line.bom', 'cost_share', '{cost_share}', 'confidential'),
  (1, 'line.bom_operation', 'name', '{name}', 'internal'), (2, 'line.bom_operation', 'work_center', '{workcenter_id}', 'internal'), (3, 'line.bom_operation', 'time_mode', '{time_mode}', 'internal'),
  (4, 'line.bom_operation', 'expected_minutes', '{time_cycle_manual}', 'internal'), (5, 'line.bom_operation', 'sequence', '{sequence}', 'internal'), (6, 'line.bom_operation', 'active', '{active}', 'internal')
  ) AS f (n, owner, field, sources, classification);
