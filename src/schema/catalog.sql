-- catalog: what can happen, as data.  Rows here say which tables are captured, which milestones their rows cross, which event
-- each is, and what it carries; publish/*.c knows none of the names.  Paths: "column", or "column.field" where the column is a
-- link and the field one of its reference's.

-- A thing that events are about.  keys: the document whose order its events follow, 'entity=path', first that has a value; its
-- own id otherwise.  warehouse, company, correlation likewise.  one_event: at most one milestone per transaction, the furthest.
CREATE TABLE odoo_events.entity (
    entity      text PRIMARY KEY,
    domain      text NOT NULL,
    model       text NOT NULL,
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    rules       text[] NOT NULL,                    -- all capture rules that its events need
    name_column text,
    state_column text,
    draft_states text[] NOT NULL DEFAULT '{}',
    open_states text[] NOT NULL DEFAULT '{}',
    cancelled_states text[] NOT NULL DEFAULT '{}',
    one_event   boolean NOT NULL DEFAULT false,
    change_columns text[] NOT NULL DEFAULT '{}',    -- own columns whose change makes "changed"
    keys        text[] NOT NULL DEFAULT '{}',
    company     text[] NOT NULL DEFAULT '{company_id}',
    warehouse   text[] NOT NULL DEFAULT '{}',
    correlation text[] NOT NULL DEFAULT '{}',
    actor       text[] NOT NULL DEFAULT '{write_uid}',
    builtin     boolean NOT NULL DEFAULT true
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.entity IS 'what events are about: table, states, ordering key';

-- Kinds of one entity that have types of their own (a transfer is a shipment, a receipt ...): first that matches.
CREATE TABLE odoo_events.entity_kind (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    precedence  int NOT NULL,
    kind        text NOT NULL,
    purpose     text,
    condition   jsonpath,
    PRIMARY KEY (entity, precedence)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.entity_kind IS 'kinds of an entity; the first whose condition holds names the type';

-- The ladder.  A gate is crossed by passing it, any other milestone is a state reached.
CREATE TABLE odoo_events.milestone (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    rung        int NOT NULL,
    milestone   text NOT NULL,
    states      text[] NOT NULL,
    gate        boolean NOT NULL,
    PRIMARY KEY (entity, rung),
    UNIQUE (entity, milestone)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.milestone IS 'ladder of an entity: gates are crossed by passing, the others are states reached';

-- occasion: milestone (of the ladder), cancelled, deleted, inserted, updated (there before and after), open (in an open state
-- before and after), changed (own or part changes of an open document that nothing else of the transaction covers).  Of the
-- definitions of one "choice" the first that matches is taken.  emit false: the match says that it is no event.
CREATE TABLE odoo_events.event_def (
    type        text NOT NULL,
    variant     int NOT NULL DEFAULT 1,
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    kind        text,
    occasion    text NOT NULL CHECK (occasion IN ('milestone', 'cancelled', 'deleted', 'inserted', 'updated', 'open', 'changed')),
    milestone   text,
    choice      text,
    precedence  int NOT NULL DEFAULT 1,
    condition   jsonpath,
    rank        int NOT NULL,                       -- order among the events of one key in one transaction
    key         text,                               -- other document, 'entity=column' or 'entity=tx:column[=column]'
    covers      text[] NOT NULL DEFAULT '{}',       -- changed columns that need no "changed" beside it; * for all
    with_lines  boolean NOT NULL DEFAULT false,
    with_changes boolean NOT NULL DEFAULT false,
    extra       jsonb,                              -- members for data.<entity>
    emit        boolean NOT NULL DEFAULT true,
    enabled     boolean NOT NULL DEFAULT true,
    on_by_default boolean NOT NULL DEFAULT true,
    classification text NOT NULL DEFAULT 'internal' CHECK (classification IN ('public', 'internal', 'confidential', 'personal')),
    epcis_bizstep text,
    epcis_disposition text,
    owner       text NOT NULL DEFAULT 'odoo_events',
    deprecated  boolean NOT NULL DEFAULT false,
    minor       int NOT NULL DEFAULT 0,
    description text NOT NULL,
    builtin     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (type, variant)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.event_def IS 'which net change is which event';

-- Rows that belong to a document.  parent: columns that name it, or, for a part of a part ("within"), the containing row.  A
-- part counts while its state is one of live_states; gone_states say that it left without being deleted.
CREATE TABLE odoo_events.part (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    part        text NOT NULL,
    position    int NOT NULL,
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    parent      text[] NOT NULL,
    within      text,                               -- owner of the fields whose lines contain it
    owner       text NOT NULL,                      -- of its fields
    condition   jsonpath,
    state_column text NOT NULL DEFAULT 'state',
    live_states text[] NOT NULL DEFAULT '{}',
    gone_states text[] NOT NULL DEFAULT '{}',
    counted     boolean NOT NULL DEFAULT true,      -- added and removed rows are changes
    change_columns text[] NOT NULL DEFAULT '{}',
    schedule_columns text[] NOT NULL DEFAULT '{}',  -- changes only while the state stays
    PRIMARY KEY (entity, part)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.part IS 'rows that belong to a document';

-- What an event carries.  sources: first that the row has; path, 'column@state' and 'column@!state' (zero unless in that state),
-- 'sum(part.column)', '#word' for what is computed (kind, purpose, document, reservation).
CREATE TABLE odoo_events.field (
    owner       text NOT NULL,
    position    int NOT NULL,
    field       text NOT NULL,
    sources     text[] NOT NULL CHECK (pg_catalog.cardinality(sources) > 0),
    classification text NOT NULL DEFAULT 'internal' CHECK (classification IN ('public', 'internal', 'confidential', 'personal')),
    builtin     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (owner, field)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.field IS 'members of data.<entity> and of its lines';

-- Columns that are ids of other tables' rows.
CREATE TABLE odoo_events.link (
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    column_name text NOT NULL,
    reference   text NOT NULL,
    PRIMARY KEY (rule, column_name)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.link IS 'columns of captured tables that are ids of other rows';

CREATE TABLE odoo_events.reference (
    reference   text PRIMARY KEY,
    tables      text[] NOT NULL                     -- first that exists
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.reference IS 'rows that events name: product, unit, lot, location ...';

-- path: 'column', 'column>table.column' (many2one), 'parent_path^table.column' (the row of "table" whose location "column" holds
-- contains this one).  shown: a member of the object in the event; the others are for conditions and paths.
CREATE TABLE odoo_events.reference_field (
    reference   text NOT NULL REFERENCES odoo_events.reference (reference),
    position    int NOT NULL,
    field       text NOT NULL,
    paths       text[] NOT NULL,                    -- first that exists
    shown       boolean NOT NULL DEFAULT true,
    target      text,                               -- the field is an id of this reference
    PRIMARY KEY (reference, field)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.reference_field IS 'what is read of a referred row';

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('stock_picking', '{stock_picking}',
 '{state,scheduled_date,date_deadline,partner_id,owner_id,carrier_id,carrier_tracking_ref,has_deadline_issue,location_id,location_dest_id,picking_type_id,backorder_id,return_id}',
 '{name,origin,move_type,priority,company_id,user_id,date_done,weight,sale_id,batch_id,group_id,create_uid,write_uid}'),
('stock_move', '{stock_move}',
 '{state,product_id,product_uom,product_uom_qty,quantity,location_id,location_dest_id,partner_id,picking_id,raw_material_production_id,production_id,date,date_deadline}',
 '{reference,origin,company_id,picking_type_id,warehouse_id,picked,scrap_id,scrapped,is_inventory,inventory_name,origin_returned_move_id,unbuild_id,consume_unbuild_id,repair_id,repair_line_type,sale_line_id,purchase_line_id,bom_line_id,byproduct_id,workorder_id,operation_id,group_id,procure_method,create_uid,write_uid}'),
('stock_move_line', '{stock_move_line}',
 '{state,quantity,qty_done,product_uom_qty=reserved_uom_qty,product_id,lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id,move_id,picking_id}',
 '{product_uom_id,company_id,production_id,workorder_id,expiration_date,write_uid}'),
('mrp_production', '{mrp_production}',
 '{state,reservation_state,product_id,product_qty,qty_producing,bom_id,lot_producing_id,location_src_id,location_dest_id,date_start,date_planned_start,date_deadline}',
 '{name,origin,priority,product_uom_id,picking_type_id,date_finished,date_planned_finished,company_id,user_id,backorder_sequence,production_group_id,procurement_group_id,orderpoint_id,sale_line_id,is_planned,subcontractor_id,create_uid,write_uid}'),
('mrp_workorder', '{mrp_workorder}',
 '{state,workcenter_id,operation_id,production_id,date_start,date_planned_start,qty_produced}',
 '{name,sequence,duration_expected,duration,date_finished,date_planned_finished,write_uid}');

INSERT INTO odoo_events.reference (reference, tables) VALUES
('product', '{product_product}'), ('unit', '{uom_uom}'), ('lot', '{stock_lot,stock_production_lot}'), ('location', '{stock_location}'),
('partner', '{res_partner}'), ('company', '{res_company}'), ('warehouse', '{stock_warehouse}'), ('picking_type', '{stock_picking_type}'),
('user', '{res_users}'), ('package', '{stock_package,stock_quant_package}'), ('carrier', '{delivery_carrier}'), ('transfer_batch', '{stock_picking_batch}'),
('transfer', '{stock_picking}'), ('manufacturing_order', '{mrp_production}'), ('bill_of_materials', '{mrp_bom}'), ('work_center', '{mrp_workcenter}'),
('work_order', '{mrp_workorder}'), ('stock_move', '{stock_move}'), ('sales_order', '{sale_order}'), ('sales_order_line', '{sale_order_line}'),
('purchase_order', '{purchase_order}'), ('purchase_order_line', '{purchase_order_line}'), ('scrap', '{stock_scrap}'), ('unbuild_order', '{mrp_unbuild}'),
('repair_order', '{repair_order}');

INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('product', 1, 'sku', '{default_code}', true, NULL), ('product', 2, 'barcode', '{barcode}', true, NULL),
('product', 3, 'name', '{product_tmpl_id>product_template.name}', true, NULL), ('product', 4, 'tracking', '{product_tmpl_id>product_template.tracking}', true, NULL),
('unit', 1, 'name', '{name}', true, NULL),
('lot', 1, 'name', '{name}', true, NULL), ('lot', 2, 'expiry', '{expiration_date}', true, NULL),
('location', 1, 'name', '{complete_name}', true, NULL), ('location', 2, 'barcode', '{barcode}', true, NULL), ('location', 3, 'usage', '{usage}', true, NULL),
('location', 4, 'warehouse_id', '{warehouse_id,parent_path^stock_warehouse.view_location_id}', false, 'warehouse'),
('partner', 1, 'ref', '{ref}', true, NULL), ('partner', 2, 'name', '{name}', true, NULL),
('company', 1, 'name', '{name}', true, NULL),
('warehouse', 1, 'code', '{code}', true, NULL), ('warehouse', 2, 'name', '{name}', true, NULL),
('picking_type', 1, 'name', '{name}', true, NULL), ('picking_type', 2, 'code', '{code}', true, NULL),
('picking_type', 3, 'warehouse_id', '{warehouse_id}', false, 'warehouse'),
('picking_type', 4, 'pick_type_id', '{warehouse_id>stock_warehouse.pick_type_id}', false, NULL),
('picking_type', 5, 'pack_type_id', '{warehouse_id>stock_warehouse.pack_type_id}', false, NULL),
('picking_type', 6, 'pbm_type_id', '{warehouse_id>stock_warehouse.pbm_type_id}', false, NULL),
('picking_type', 7, 'sam_type_id', '{warehouse_id>stock_warehouse.sam_type_id}', false, NULL),
('picking_type', 8, 'qc_type_id', '{warehouse_id>stock_warehouse.qc_type_id}', false, NULL),
('picking_type', 9, 'store_type_id', '{warehouse_id>stock_warehouse.store_type_id}', false, NULL),
('picking_type', 10, 'resupply_type_id', '{warehouse_id>stock_warehouse.subcontracting_resupply_type_id}', false, NULL),
('user', 1, 'login', '{login}', true, NULL),
('package', 1, 'name', '{name}', true, NULL),
('carrier', 1, 'name', '{name}', true, NULL),
('transfer_batch', 1, 'name', '{name}', true, NULL),
('transfer', 1, 'name', '{name}', true, NULL),
('manufacturing_order', 1, 'name', '{name}', true, NULL), ('manufacturing_order', 2, 'product_id', '{product_id}', false, 'product'),
('bill_of_materials', 1, 'code', '{code}', true, NULL),
('work_center', 1, 'code', '{code}', true, NULL), ('work_center', 2, 'name', '{resource_id>resource_resource.name,name}', true, NULL),
('work_order', 1, 'name', '{name}', true, NULL),
('stock_move', 1, 'picking_id', '{picking_id}', false, 'transfer'),
('stock_move', 2, 'raw_material_production_id', '{raw_material_production_id}', false, 'manufacturing_order'),
('stock_move', 3, 'production_id', '{production_id}', false, 'manufacturing_order'),
('stock_move', 4, 'product_id', '{product_id}', false, 'product'), ('stock_move', 5, 'scrap_id', '{scrap_id}', false, NULL),
('stock_move', 6, 'scrapped', '{scrapped}', false, NULL),
('sales_order', 1, 'name', '{name}', true, NULL), ('sales_order', 2, 'customer_reference', '{client_order_ref}', true, NULL),
('sales_order_line', 1, 'order_id', '{order_id}', false, 'sales_order'),
('purchase_order', 1, 'name', '{name}', true, NULL), ('purchase_order', 2, 'vendor_reference', '{partner_ref}', true, NULL),
('purchase_order_line', 1, 'order_id', '{order_id}', false, 'purchase_order'),
('scrap', 1, 'name', '{name}', true, NULL),
('unbuild_order', 1, 'name', '{name}', true, NULL), ('unbuild_order', 2, 'mo_id', '{mo_id}', false, 'manufacturing_order'),
('repair_order', 1, 'name', '{name}', true, NULL);

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('stock_picking', 'partner_id', 'partner'), ('stock_picking', 'owner_id', 'partner'), ('stock_picking', 'carrier_id', 'carrier'),
('stock_picking', 'location_id', 'location'), ('stock_picking', 'location_dest_id', 'location'), ('stock_picking', 'picking_type_id', 'picking_type'),
('stock_picking', 'backorder_id', 'transfer'), ('stock_picking', 'return_id', 'transfer'), ('stock_picking', 'company_id', 'company'),
('stock_picking', 'user_id', 'user'), ('stock_picking', 'write_uid', 'user'), ('stock_picking', 'sale_id', 'sales_order'), ('stock_picking', 'batch_id', 'transfer_batch'),
('stock_move', 'product_id', 'product'), ('stock_move', 'product_uom', 'unit'), ('stock_move', 'location_id', 'location'),
('stock_move', 'location_dest_id', 'location'), ('stock_move', 'partner_id', 'partner'), ('stock_move', 'picking_id', 'transfer'),
('stock_move', 'raw_material_production_id', 'manufacturing_order'), ('stock_move', 'production_id', 'manufacturing_order'),
('stock_move', 'company_id', 'company'), ('stock_move', 'picking_type_id', 'picking_type'), ('stock_move', 'warehouse_id', 'warehouse'),
('stock_move', 'scrap_id', 'scrap'), ('stock_move', 'unbuild_id', 'unbuild_order'), ('stock_move', 'consume_unbuild_id', 'unbuild_order'),
('stock_move', 'repair_id', 'repair_order'), ('stock_move', 'sale_line_id', 'sales_order_line'), ('stock_move', 'purchase_line_id', 'purchase_order_line'),
('stock_move', 'workorder_id', 'work_order'), ('stock_move', 'write_uid', 'user'),
('stock_move_line', 'product_id', 'product'), ('stock_move_line', 'product_uom_id', 'unit'), ('stock_move_line', 'lot_id', 'lot'),
('stock_move_line', 'package_id', 'package'), ('stock_move_line', 'result_package_id', 'package'), ('stock_move_line', 'owner_id', 'partner'),
('stock_move_line', 'location_id', 'location'), ('stock_move_line', 'location_dest_id', 'location'), ('stock_move_line', 'move_id', 'stock_move'),
('stock_move_line', 'picking_id', 'transfer'), ('stock_move_line', 'production_id', 'manufacturing_order'),
('mrp_production', 'product_id', 'product'), ('mrp_production', 'product_uom_id', 'unit'), ('mrp_production', 'bom_id', 'bill_of_materials'),
('mrp_production', 'lot_producing_id', 'lot'), ('mrp_production', 'location_src_id', 'location'), ('mrp_production', 'location_dest_id', 'location'),
('mrp_production', 'picking_type_id', 'picking_type'), ('mrp_production', 'company_id', 'company'), ('mrp_production', 'user_id', 'user'),
('mrp_production', 'write_uid', 'user'), ('mrp_production', 'sale_line_id', 'sales_order_line'), ('mrp_production', 'subcontractor_id', 'partner'),
('mrp_workorder', 'workcenter_id', 'work_center'), ('mrp_workorder', 'production_id', 'manufacturing_order');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                one_event, change_columns, keys, warehouse, correlation) VALUES
('stock_move', 'inventory', 'stock.move', 'stock_move', '{stock_move,stock_move_line}', NULL, 'state', '{draft}',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{quantity}',
 '{transfer=picking_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,repair_order=repair_id}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}',
 '{sales_order=sale_line_id.order_id,purchase_order=purchase_line_id.order_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id}'),
('transfer', 'logistics', 'stock.picking', 'stock_picking', '{stock_picking,stock_move,stock_move_line}', 'name', 'state', '{draft}',
 '{waiting,confirmed,assigned}', '{cancel}', false, '{partner_id,owner_id,carrier_id,location_id,location_dest_id,scheduled_date,date_deadline}', '{}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_id}'),
('manufacturing_order', 'manufacturing', 'mrp.production', 'mrp_production', '{mrp_production,stock_move,stock_move_line,mrp_workorder}', 'name', 'state', '{draft}',
 '{confirmed,planned,progress,to_close}', '{cancel}', false,
 '{product_qty,bom_id,lot_producing_id,location_src_id,location_dest_id,date_planned_start,date_deadline}', '{}',
 '{picking_type_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_line_id.order_id,manufacturing_order=id}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('stock_move', 1, 'confirmed', '{waiting,confirmed}', true), ('stock_move', 2, 'partially_reserved', '{partially_available}', false),
('stock_move', 3, 'reserved', '{assigned}', false), ('stock_move', 4, 'done', '{done}', true),
('transfer', 1, 'created', '{draft}', true), ('transfer', 2, 'confirmed', '{waiting,confirmed}', true), ('transfer', 3, 'ready', '{assigned}', false), ('transfer', 4, 'done', '{done}', true),
('manufacturing_order', 1, 'created', '{draft}', true), ('manufacturing_order', 2, 'confirmed', '{confirmed,planned}', true), ('manufacturing_order', 3, 'started', '{progress}', false),
('manufacturing_order', 4, 'ready_to_close', '{to_close}', false), ('manufacturing_order', 5, 'completed', '{done}', true);

INSERT INTO odoo_events.entity_kind (entity, precedence, kind, purpose, condition) VALUES
('transfer', 1, 'vendor_return', NULL, '$.refs.location_dest_id.usage == "supplier"'),
('transfer', 2, 'customer_return', NULL, '$.refs.location_id.usage == "customer"'),
('transfer', 3, 'dropship', NULL, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"'),
('transfer', 4, 'shipment', NULL, '$.refs.picking_type_id.code == "outgoing"'),
('transfer', 5, 'receipt', NULL, '$.refs.picking_type_id.code == "incoming"'),
('transfer', 6, 'pick', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pick_type_id'),
('transfer', 7, 'pick', 'production', '$.new.picking_type_id == $.refs.picking_type_id.pbm_type_id'),
('transfer', 8, 'pack', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pack_type_id'),
('transfer', 9, 'transfer', 'quality', '$.new.picking_type_id == $.refs.picking_type_id.qc_type_id'),
('transfer', 10, 'transfer', 'put_away', '$.new.picking_type_id == $.refs.picking_type_id.store_type_id || $.new.picking_type_id == $.refs.picking_type_id.sam_type_id'),
('transfer', 11, 'transfer', 'resupply', '$.new.picking_type_id == $.refs.picking_type_id.resupply_type_id'),
('transfer', 12, 'transfer', 'internal', NULL);

-- The ledger of movements: one event per done move, the first that matches.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, with_lines, emit, extra, description)
SELECT 'odoo.inventory.stock_move.' || d.verb || '.v1', d.variant, 'stock_move', 'milestone', 'done', 'done', d.precedence, d.condition::jsonpath, 60, true,
       d.verb <> 'counted', d.extra::jsonb, d.description
  FROM (VALUES
  (1, 'scrapped', 1, '$.new.scrap_id != null || $.new.scrapped == true', NULL, 'goods were scrapped'),
  (2, 'unbuilt', 1, '$.new.unbuild_id != null || $.new.consume_unbuild_id != null', NULL, 'a product was taken apart, or a component came out of it'),
  (3, 'used_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "add"', NULL, 'a part went into a repair'),
  (4, 'removed_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "remove"', NULL, 'a part was taken out and thrown away'),
  (5, 'recovered_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "recycle"', NULL, 'a part was taken out and kept'),
  (6, 'repaired', 1, '$.new.repair_id != null', NULL, 'the repaired product itself'),
  (7, 'consumed', 1, '$.new.raw_material_production_id != null', NULL, 'a component was consumed by a manufacturing order'),
  (8, 'produced', 1, '$.new.production_id != null && $.new.product_id == $.refs.production_id.product_id', NULL, 'a manufacturing order produced its product'),
  (9, 'byproduct_produced', 1, '$.new.production_id != null', NULL, 'a manufacturing order produced a by-product'),
  (10, 'counted', 1, '$.new.is_inventory == true && $.new.product_uom_qty == 0', NULL, 'a count that equals the stock: no event'),
  (11, 'relocated', 1, '$.new.is_inventory == true && $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage == "internal"', NULL, 'stock was moved by its quant or lot'),
  (12, 'adjusted', 1, '($.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_id.usage == "inventory") && $.refs.location_id.usage == "inventory"', '{"direction":"gain"}', 'a count found more'),
  (13, 'adjusted', 2, '$.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_dest_id.usage == "inventory"', '{"direction":"loss"}', 'a count found less'),
  (14, 'returned', 1, '$.new.origin_returned_move_id != null || $.refs.location_id.usage == "customer" && $.refs.location_dest_id.usage == "internal" || $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage == "supplier"', NULL, 'goods came back, or went back to the vendor'),
  (15, 'received', 1, '$.refs.location_id.usage == "supplier" && ($.refs.location_dest_id.usage == "internal" || $.refs.location_dest_id.usage == "transit") || $.refs.picking_type_id.code == "incoming"', NULL, 'goods arrived from a vendor'),
  (16, 'shipped', 1, '($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit") && $.refs.location_dest_id.usage == "customer"', NULL, 'goods left for a customer'),
  (17, 'dropshipped', 1, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"', NULL, 'goods went from the vendor to the customer'),
  (18, 'issued', 1, '$.refs.location_id.usage == "internal" && ($.refs.location_dest_id.usage == "production" || $.refs.location_dest_id.usage == "inventory")', NULL, 'goods were issued for own use'),
  (19, 'recovered', 1, '($.refs.location_id.usage == "production" || $.refs.location_id.usage == "inventory") && $.refs.location_dest_id.usage == "internal"', NULL, 'goods came back from own use'),
  (20, 'transferred', 1, NULL, NULL, 'goods moved inside')
  ) AS d (precedence, verb, variant, condition, extra, description);

INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, condition, rank, with_lines, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.stock_move.confirmed.v1', 'stock_move', 'milestone', 'confirmed', NULL, 60, false, false, false, false, 'a move left draft'),
('odoo.inventory.stock_move.partially_reserved.v1', 'stock_move', 'milestone', 'partially_reserved', NULL, 60, true, false, false, false, 'less than the demand is reserved, or a short quantity was typed'),
('odoo.inventory.stock_move.reserved.v1', 'stock_move', 'milestone', 'reserved', NULL, 60, true, false, false, false, 'the whole demand is reserved'),
('odoo.inventory.stock_move.unreserved.v1', 'stock_move', 'updated', NULL, '($.old.state == "assigned" || $.old.state == "partially_available") && ($.new.state == "confirmed" || $.new.state == "waiting")', 60, true, false, false, false, 'a reservation was given back'),
('odoo.inventory.stock_move.cancelled.v1', 'stock_move', 'cancelled', NULL, NULL, 60, false, false, false, false, 'a move was cancelled'),
('odoo.inventory.stock_move.deleted.v1', 'stock_move', 'deleted', NULL, NULL, 60, false, false, false, false, 'a move was deleted'),
('odoo.inventory.stock_move.corrected.v1', 'stock_move', 'updated', NULL, '$.old.state == "done" && $.new.state == "done" && $.old.quantity != $.new.quantity', 60, true, true, true, true, 'the quantity of a done move was corrected');

-- Transfers: the type names the kind.
INSERT INTO odoo_events.event_def (type, variant, entity, kind, occasion, milestone, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, key, description)
SELECT 'odoo.logistics.' || k.kind || '.' || d.verb || '.v1', d.variant, 'transfer', k.kind, d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.covers::text[],
       d.lines, d.changes, d.enabled, d.enabled, d.key, d.description
  FROM (VALUES ('vendor_return', 'dispatched'), ('customer_return', 'received'), ('dropship', 'dispatched'), ('shipment', 'dispatched'),
               ('receipt', 'received'), ('pick', 'completed'), ('pack', 'completed'), ('transfer', 'completed')) AS k (kind, last),
LATERAL (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, false, NULL, 'a transfer was made'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, true, NULL, 'a transfer left draft'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, true, NULL, 'what an open transfer moves, or where to, was changed'),
  ('rescheduled', 1, 'open', NULL, '$.old.scheduled_date != $.new.scheduled_date || $.old.date_deadline != $.new.date_deadline', 31, '{scheduled_date,date_deadline,date}', true, true, true, NULL, 'the date of an open transfer moved'),
  ('carrier_assigned', 1, 'updated', NULL, '$.old.carrier_id != $.new.carrier_id && $.new.carrier_id != null', 32, '{carrier_id}', false, true, true, NULL, 'a carrier was chosen'),
  ('tracking_assigned', 1, 'updated', NULL, '$.old.carrier_tracking_ref != $.new.carrier_tracking_ref && $.new.carrier_tracking_ref != null', 33, '{}', false, false, true, NULL, 'the carrier''s tracking reference is known'),
  ('delayed', 1, 'open', NULL, '$.new.has_deadline_issue == true && !($.old.has_deadline_issue == true)', 34, '{}', false, false, true, NULL, 'it will miss its deadline'),
  ('on_schedule_again', 1, 'open', NULL, '$.old.has_deadline_issue == true && !($.new.has_deadline_issue == true)', 34, '{}', false, false, true, NULL, 'it will meet its deadline again'),
  ('ready', 1, 'milestone', 'ready', NULL, 40, '{*}', true, true, true, NULL, 'goods are reserved, wholly or in part: it can be worked on'),
  ('unreserved', 1, 'updated', NULL, '$.old.state == "assigned" && ($.new.state == "confirmed" || $.new.state == "waiting")', 41, '{*}', true, true, true, NULL, 'the reservation was given back: stop'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a transfer was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a transfer was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  (k.last, 1, 'milestone', 'done', NULL, 80, '{*}', true, true, true, NULL, 'the transfer was validated'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_id != null && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'transfer=backorder_id', 'the rest goes with another transfer')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, key, description)
SELECT 'odoo.manufacturing.manufacturing_order.' || d.verb || '.v1', d.variant, 'manufacturing_order', d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.covers::text[],
       d.lines, d.changes, d.enabled, d.enabled, d.key, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, false, NULL, 'a manufacturing order was made'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, true, NULL, 'a manufacturing order was released'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, true, NULL, 'components, operations or outputs of an open order were changed'),
  ('rescheduled', 1, 'open', NULL, '$.old.date_deadline != $.new.date_deadline || $.old.state == $.new.state && $.old.date_planned_start != $.new.date_planned_start || !exists($.new.date_planned_start) && $.new.state == "confirmed" && $.old.state == "confirmed" && $.old.date_start != $.new.date_start', 31, '{date_planned_start,date_start,date_deadline,date}', true, true, true, NULL, 'the dates of an open order moved'),
  ('quantity_changed', 1, 'open', NULL, '$.old.product_qty != $.new.product_qty', 32, '{product_qty,product_uom_qty}', true, true, true, NULL, 'the quantity to produce was changed'),
  ('components_available', 1, 'open', NULL, '$.old.reservation_state != "assigned" && $.new.reservation_state == "assigned"', 40, '{}', true, false, true, NULL, 'all components are reserved'),
  ('components_short', 1, 'open', NULL, '$.old.reservation_state != "confirmed" && $.new.reservation_state == "confirmed"', 40, '{}', true, false, true, NULL, 'components are missing'),
  ('started', 1, 'milestone', 'started', NULL, 50, '{*}', false, true, true, NULL, 'work on it began'),
  ('ready_to_close', 1, 'milestone', 'ready_to_close', NULL, 51, '{*}', false, true, true, NULL, 'all is produced, the order can be closed'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a manufacturing order was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a manufacturing order was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  ('completed', 1, 'milestone', 'completed', NULL, 80, '{*}', true, true, true, NULL, 'the order is done: what was consumed and produced'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_sequence > 1 && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'manufacturing_order=tx:production_group_id=procurement_group_id', 'the rest goes with another order')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('stock_move', 'detail', 1, 'stock_move_line', '{move_id}', NULL, 'line.detail', NULL, '{}', '{}', false, '{}', '{}'),
('transfer', 'move', 1, 'stock_move', '{picking_id}', NULL, 'line.move', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id,partner_id}', '{date,date_deadline}'),
('transfer', 'detail', 2, 'stock_move_line', '{move_id}', 'line.move', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', false,
 '{lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'component', 1, 'stock_move', '{raw_material_production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'product', 2, 'stock_move', '{production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true) && $.new.product_id == $.refs.production_id.product_id',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'byproduct', 3, 'stock_move', '{production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true) && $.new.product_id != $.refs.production_id.product_id',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'scrap', 4, 'stock_move', '{raw_material_production_id,production_id}', NULL, 'line.component', '$.new.scrap_id != null || $.new.scrapped == true',
 '{}', '{cancel}', false, '{}', '{}'),
('manufacturing_order', 'operation', 5, 'mrp_workorder', '{production_id}', NULL, 'line.operation', NULL,
 '{pending,waiting,ready,blocked,progress}', '{cancel}', true, '{workcenter_id,operation_id}', '{date_start,date_planned_start}'),
('manufacturing_order', 'detail', 6, 'stock_move_line', '{move_id}', 'line.component', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', false,
 '{package_id,result_package_id,owner_id}', '{}');

INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('transfer', 1, 'name', '{name}', 'internal'), ('transfer', 2, 'kind', '{#kind}', 'internal'), ('transfer', 3, 'purpose', '{#purpose}', 'internal'),
('transfer', 4, 'state', '{state}', 'internal'), ('transfer', 5, 'reservation', '{#reservation}', 'internal'), ('transfer', 6, 'priority', '{priority}', 'internal'),
('transfer', 7, 'move_type', '{move_type}', 'internal'), ('transfer', 8, 'origin', '{origin}', 'internal'), ('transfer', 9, 'scheduled_date', '{scheduled_date}', 'internal'),
('transfer', 10, 'date_deadline', '{date_deadline}', 'internal'), ('transfer', 11, 'date_done', '{date_done}', 'internal'),
('transfer', 12, 'picking_type', '{picking_type_id}', 'internal'), ('transfer', 13, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('transfer', 14, 'company', '{company_id}', 'internal'), ('transfer', 15, 'from', '{location_id}', 'internal'), ('transfer', 16, 'to', '{location_dest_id}', 'internal'),
('transfer', 17, 'partner', '{partner_id}', 'personal'), ('transfer', 18, 'owner', '{owner_id}', 'personal'), ('transfer', 19, 'user', '{user_id}', 'personal'),
('transfer', 20, 'backorder_of', '{backorder_id}', 'internal'), ('transfer', 21, 'return_of', '{return_id}', 'internal'), ('transfer', 22, 'batch', '{batch_id}', 'internal'),
('transfer', 23, 'carrier', '{carrier_id}', 'internal'), ('transfer', 24, 'tracking', '{carrier_tracking_ref}', 'internal'), ('transfer', 25, 'weight', '{weight}', 'internal'),
('transfer', 26, 'sales_order', '{sale_id}', 'internal'), ('transfer', 27, 'has_deadline_issue', '{has_deadline_issue}', 'internal'),
('line.move', 1, 'product', '{product_id}', 'internal'), ('line.move', 2, 'state', '{state}', 'internal'), ('line.move', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.move', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.move', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.move', 6, 'unit', '{product_uom}', 'internal'), ('line.move', 7, 'from', '{location_id}', 'internal'), ('line.move', 8, 'to', '{location_dest_id}', 'internal'),
('line.move', 9, 'date', '{date}', 'internal'), ('line.move', 10, 'date_deadline', '{date_deadline}', 'internal'), ('line.move', 11, 'partner', '{partner_id}', 'personal'),
('line.move', 12, 'sales_order_line', '{sale_line_id}', 'internal'), ('line.move', 13, 'purchase_order_line', '{purchase_line_id}', 'internal'),
('line.component', 1, 'product', '{product_id}', 'internal'), ('line.component', 2, 'state', '{state}', 'internal'), ('line.component', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.component', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.component', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.component', 6, 'unit', '{product_uom}', 'internal'), ('line.component', 7, 'from', '{location_id}', 'internal'), ('line.component', 8, 'to', '{location_dest_id}', 'internal'),
('line.component', 9, 'work_order', '{workorder_id}', 'internal'),
('line.detail', 1, 'quantity', '{quantity,qty_done}', 'internal'), ('line.detail', 2, 'reserved', '{product_uom_qty}', 'internal'), ('line.detail', 3, 'unit', '{product_uom_id}', 'internal'),
('line.detail', 4, 'lot', '{lot_id}', 'internal'), ('line.detail', 5, 'lot_name', '{lot_name}', 'internal'), ('line.detail', 6, 'package', '{package_id}', 'internal'),
('line.detail', 7, 'result_package', '{result_package_id}', 'internal'), ('line.detail', 8, 'owner', '{owner_id}', 'personal'),
('line.detail', 9, 'from', '{location_id}', 'internal'), ('line.detail', 10, 'to', '{location_dest_id}', 'internal'),
('line.operation', 1, 'name', '{name}', 'internal'), ('line.operation', 2, 'state', '{state}', 'internal'), ('line.operation', 3, 'work_center', '{workcenter_id}', 'internal'),
('line.operation', 4, 'sequence', '{sequence}', 'internal'), ('line.operation', 5, 'planned_start', '{date_planned_start}', 'internal'),
('line.operation', 6, 'date_start', '{date_start}', 'internal'), ('line.operation', 7, 'date_finished', '{date_finished}', 'internal'),
('line.operation', 8, 'expected_minutes', '{duration_expected}', 'internal'), ('line.operation', 9, 'minutes', '{duration}', 'internal'), ('line.operation', 10, 'produced', '{qty_produced}', 'internal'),
('stock_move', 1, 'reference', '{reference}', 'internal'), ('stock_move', 2, 'state', '{state}', 'internal'), ('stock_move', 3, 'product', '{product_id}', 'internal'),
('stock_move', 4, 'demand', '{product_uom_qty}', 'internal'), ('stock_move', 5, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'),
('stock_move', 6, 'quantity', '{quantity@done,sum(detail.qty_done)}', 'internal'), ('stock_move', 7, 'unit', '{product_uom}', 'internal'),
('stock_move', 8, 'from', '{location_id}', 'internal'), ('stock_move', 9, 'to', '{location_dest_id}', 'internal'), ('stock_move', 10, 'document', '{#document}', 'internal'),
('stock_move', 11, 'origin', '{origin}', 'internal'), ('stock_move', 12, 'date', '{date}', 'internal'), ('stock_move', 13, 'picking_type', '{picking_type_id}', 'internal'),
('stock_move', 14, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('stock_move', 15, 'company', '{company_id}', 'internal'), ('stock_move', 16, 'partner', '{partner_id}', 'personal'), ('stock_move', 17, 'scrap', '{scrap_id}', 'internal'),
('stock_move', 18, 'unbuild_order', '{unbuild_id,consume_unbuild_id}', 'internal'), ('stock_move', 19, 'repair_order', '{repair_id}', 'internal'),
('stock_move', 20, 'work_order', '{workorder_id}', 'internal'), ('stock_move', 21, 'sales_order_line', '{sale_line_id}', 'internal'),
('stock_move', 22, 'purchase_order_line', '{purchase_line_id}', 'internal'), ('stock_move', 23, 'reason', '{inventory_name}', 'internal'),
('stock_move', 24, 'return_of', '{origin_returned_move_id}', 'internal'),
('manufacturing_order', 1, 'name', '{name}', 'internal'), ('manufacturing_order', 2, 'state', '{state}', 'internal'), ('manufacturing_order', 3, 'reservation_state', '{reservation_state}', 'internal'),
('manufacturing_order', 4, 'product', '{product_id}', 'internal'), ('manufacturing_order', 5, 'quantity', '{product_qty}', 'internal'),
('manufacturing_order', 6, 'quantity_producing', '{qty_producing}', 'internal'), ('manufacturing_order', 7, 'unit', '{product_uom_id}', 'internal'),
('manufacturing_order', 8, 'bill_of_materials', '{bom_id}', 'internal'), ('manufacturing_order', 9, 'lot', '{lot_producing_id}', 'internal'),
('manufacturing_order', 10, 'priority', '{priority}', 'internal'), ('manufacturing_order', 11, 'origin', '{origin}', 'internal'),
('manufacturing_order', 12, 'planned_start', '{date_planned_start}', 'internal'), ('manufacturing_order', 13, 'planned_finish', '{date_planned_finished}', 'internal'),
('manufacturing_order', 14, 'date_start', '{date_start}', 'internal'), ('manufacturing_order', 15, 'date_finished', '{date_finished}', 'internal'),
('manufacturing_order', 16, 'date_deadline', '{date_deadline}', 'internal'), ('manufacturing_order', 17, 'from', '{location_src_id}', 'internal'),
('manufacturing_order', 18, 'to', '{location_dest_id}', 'internal'), ('manufacturing_order', 19, 'picking_type', '{picking_type_id}', 'internal'),
('manufacturing_order', 20, 'warehouse', '{picking_type_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'), ('manufacturing_order', 21, 'company', '{company_id}', 'internal'),
('manufacturing_order', 22, 'user', '{user_id}', 'personal'), ('manufacturing_order', 23, 'subcontractor', '{subcontractor_id}', 'personal'),
('manufacturing_order', 24, 'backorder_sequence', '{backorder_sequence}', 'internal');

-- One row per type, whatever the number of its definitions.
CREATE VIEW odoo_events.event_type AS
SELECT d.type, pg_catalog.min(d.entity) AS entity, pg_catalog.string_agg(d.description, '; ' ORDER BY d.variant) AS description,
       pg_catalog.string_agg(pg_catalog.concat_ws(' ', d.occasion, d.milestone, d.condition::text), E'\n' ORDER BY d.variant) AS condition,
       (SELECT pg_catalog.array_agg(f.field ORDER BY f.position) FROM odoo_events.field f WHERE f.owner OPERATOR(pg_catalog.=) pg_catalog.min(d.entity)) AS fields,
       pg_catalog.min(d.owner) AS owner, pg_catalog.max(d.classification) AS classification, pg_catalog.min(d.epcis_bizstep) AS epcis_bizstep,
       pg_catalog.min(d.epcis_disposition) AS epcis_disposition, pg_catalog.bool_or(d.enabled) AS enabled, pg_catalog.bool_or(d.on_by_default) AS on_by_default,
       pg_catalog.bool_and(d.deprecated) AS deprecated
  FROM odoo_events.event_def d
 WHERE d.emit
 GROUP BY d.type;
COMMENT ON VIEW odoo_events.event_type IS 'what can be emitted';
