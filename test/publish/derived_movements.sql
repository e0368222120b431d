-- What a movement is called, and what else transfers and manufacturing orders should announce, from the audit alone: a second
-- implementation of the catalog's rules.  To be read after derived.sql.
CREATE VIEW derived_movements AS
SELECT m.xid, 'stock_move' AS entity, m.id,
       CASE WHEN r.repair AND r.part IN ('add', 'into') THEN 'used_in_repair'
            WHEN r.repair AND r.part IN ('remove', 'away') THEN 'removed_in_repair'
            WHEN r.repair AND r.part IN ('recycle', 'kept') THEN 'recovered_in_repair'
            WHEN r.scrap THEN 'scrapped'
            WHEN coalesce(m.new->>'unbuild_id', m.new->>'consume_unbuild_id') IS NOT NULL THEN 'unbuilt'
            WHEN r.repair THEN 'repaired'
            WHEN m.new->>'raw_material_production_id' IS NOT NULL THEN 'consumed'
            WHEN p.id IS NOT NULL THEN CASE WHEN p.product_id = (m.new->>'product_id')::int THEN 'produced' ELSE 'byproduct_produced' END
            WHEN m.new ? 'is_inventory' AND r.counted AND (m.new->>'product_uom_qty')::numeric = 0 THEN 'counted'
            WHEN r.counted AND f.usage = 'internal' AND t.usage = 'internal' THEN 'relocated'
            WHEN r.counted THEN 'adjusted'
            WHEN f.usage || '>' || t.usage = 'supplier>customer' THEN 'dropshipped'
            WHEN f.usage = 'customer' OR t.usage = 'supplier' THEN 'returned'
            WHEN f.usage = 'supplier' THEN 'received'
            WHEN m.new->>'purchase_line_id' IS NOT NULL AND m.new->>'origin_returned_move_id' IS NOT NULL AND f.usage = 'internal' AND t.usage <> 'customer' THEN 'returned'
            WHEN m.new->>'purchase_line_id' IS NOT NULL AND (f.usage = 'transit' OR k.code = 'incoming') THEN 'received'
            WHEN t.usage = 'customer' THEN 'shipped'
            WHEN f.usage = 'internal' AND t.usage IN ('production', 'inventory') THEN 'issued'
            WHEN t.usage = 'internal' AND f.usage IN ('production', 'inventory') THEN 'recovered'
            ELSE 'transferred' END AS verb
  FROM changed_rows m
  JOIN stock_location f ON f.id = (m.new->>'location_id')::int JOIN stock_location t ON t.id = (m.new->>'location_dest_id')::int
  LEFT JOIN stock_picking_type k ON k.id = (m.new->>'picking_type_id')::int
  LEFT JOIN mrp_production p ON p.id = (m.new->>'production_id')::int,
LATERAL (SELECT m.new->>'repair_id' IS NOT NULL AS repair,
                CASE WHEN m.new ? 'repair_line_type' THEN m.new->>'repair_line_type'
                     WHEN t.usage = 'production' THEN 'into'
                     WHEN f.usage = 'production' AND (t.usage = 'inventory' OR (m.new->>'scrapped')::boolean) THEN 'away'
                     WHEN f.usage = 'production' THEN 'kept' END AS part,
                m.new->>'scrap_id' IS NOT NULL OR coalesce((m.new->>'scrapped')::boolean, false) AS scrap,
                CASE WHEN m.new ? 'is_inventory' THEN (m.new->>'is_inventory')::boolean
                     ELSE m.new->>'picking_id' IS NULL AND 'inventory' IN (f.usage, t.usage) END AS counted) r
 WHERE m.tab = 'stock_move' AND m.s2 = 'done' AND m.s1 IS DISTINCT FROM 'done'
UNION ALL
SELECT xid, 'transfer', id, v.verb FROM changed_rows,
LATERAL (VALUES ('backordered', old IS NULL AND new->>'backorder_id' IS NOT NULL AND s2 NOT IN ('draft', 'cancel')),
                ('emptied', s1 IN ('waiting', 'confirmed', 'assigned') AND s2 = 'draft'),
                ('deleted', old IS NOT NULL AND new IS NULL),
                ('rescheduled', s1 IN ('waiting', 'confirmed', 'assigned') AND s2 IN ('waiting', 'confirmed', 'assigned')
                                AND (old->>'scheduled_date', old->>'date_deadline') IS DISTINCT FROM (new->>'scheduled_date', new->>'date_deadline'))) AS v (verb, holds)
 WHERE tab = 'stock_picking' AND holds
UNION ALL
SELECT xid, 'manufacturing_order', id, v.verb
  FROM (SELECT *, s1 IN ('confirmed', 'planned', 'progress', 'to_close') AND s2 IN ('confirmed', 'planned', 'progress', 'to_close') AS stays FROM changed_rows WHERE tab = 'mrp_production') c,
LATERAL (VALUES ('backordered', old IS NULL AND (new->>'backorder_sequence')::int > 1 AND s2 NOT IN ('draft', 'cancel')),
                ('deleted', old IS NOT NULL AND new IS NULL),
                ('quantity_changed', stays AND (old->>'product_qty')::numeric <> (new->>'product_qty')::numeric),
                ('components_available', stays AND old->>'reservation_state' IS DISTINCT FROM 'assigned' AND new->>'reservation_state' = 'assigned'),
                ('components_short', stays AND old->>'reservation_state' IS DISTINCT FROM 'confirmed' AND new->>'reservation_state' = 'confirmed'),
                ('rescheduled', stays AND (old->>'date_deadline' IS DISTINCT FROM new->>'date_deadline'
                                           OR CASE WHEN new ? 'date_planned_start' THEN s1 = s2 AND old->>'date_planned_start' IS DISTINCT FROM new->>'date_planned_start'
                                                   ELSE s1 = 'confirmed' AND s2 = 'confirmed' AND old->>'date_start' IS DISTINCT FROM new->>'date_start' END))) AS v (verb, holds)
 WHERE holds;
CREATE VIEW announced_movements AS
SELECT odootx AS xid, entity, record_id::int AS id, split_part(type, '.', 4) AS verb FROM odoo_events.outbox
 WHERE entity = 'stock_move' AND split_part(type, '.', 4) NOT IN ('corrected', 'confirmed', 'partially_reserved', 'reserved', 'unreserved', 'cancelled', 'deleted')
    OR entity = 'transfer' AND split_part(type, '.', 4) IN ('backordered', 'emptied', 'deleted', 'rescheduled')
    OR entity = 'manufacturing_order' AND split_part(type, '.', 4) IN ('backordered', 'deleted', 'quantity_changed', 'components_available', 'components_short', 'rescheduled');
