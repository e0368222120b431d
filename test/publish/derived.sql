-- Milestones that follow from the audit, by the words of the catalog's rules: a second implementation.
CREATE VIEW changed_rows AS SELECT *, old->>'state' AS s1, new->>'state' AS s2 FROM net;
CREATE VIEW derived AS
SELECT xid, 'stock_move' AS entity, id, 'done' AS milestone FROM changed_rows
 WHERE tab = 'stock_move' AND s2 = 'done' AND s1 IS DISTINCT FROM 'done'
UNION ALL
SELECT xid, 'transfer', id, m FROM changed_rows,
LATERAL (VALUES ('confirmed', coalesce(s1, 'draft') = 'draft' AND s2 IN ('waiting', 'confirmed', 'assigned', 'done')),
                ('ready', s2 = 'assigned' AND s1 IS DISTINCT FROM 'assigned'),
                ('done', s2 = 'done' AND s1 IS DISTINCT FROM 'done'),
                ('cancelled', s2 = 'cancel' AND s1 NOT IN ('draft', 'cancel')),
                ('unreserved', s1 = 'assigned' AND s2 IN ('confirmed', 'waiting'))) AS v (m, holds)
 WHERE tab = 'stock_picking' AND holds
UNION ALL
-- a transfer that is ready before and after, of our own stock: one of its moves has less reserved, or more
SELECT DISTINCT m.xid, 'transfer', p.id, v.m
  FROM (SELECT *, (coalesce(new, old)->>'picking_id')::int AS picking FROM changed_rows WHERE tab = 'stock_move') m
  JOIN stock_picking p ON p.id = m.picking JOIN stock_location f ON f.id = p.location_id AND f.usage NOT IN ('supplier', 'customer') JOIN stock_picking_type t ON t.id = p.picking_type_id AND t.code <> 'incoming',
LATERAL (SELECT coalesce((SELECT a.new->>'state' FROM audit a WHERE a.tab = 'stock_picking' AND a.id = p.id AND a.xid < m.xid ORDER BY a.seq DESC LIMIT 1),
                         (SELECT a.old->>'state' FROM audit a WHERE a.tab = 'stock_picking' AND a.id = p.id AND a.xid >= m.xid ORDER BY a.seq LIMIT 1), p.state) AS before,
                coalesce((SELECT a.new->>'state' FROM audit a WHERE a.tab = 'stock_picking' AND a.id = p.id AND a.xid <= m.xid ORDER BY a.seq DESC LIMIT 1),
                         (SELECT a.old->>'state' FROM audit a WHERE a.tab = 'stock_picking' AND a.id = p.id AND a.xid > m.xid ORDER BY a.seq LIMIT 1), p.state) AS after) s,
LATERAL (SELECT CASE m.s1 WHEN 'waiting' THEN 0 WHEN 'confirmed' THEN 0 WHEN 'partially_available' THEN 1 WHEN 'assigned' THEN 2 END AS r1,
                CASE m.s2 WHEN 'waiting' THEN 0 WHEN 'confirmed' THEN 0 WHEN 'partially_available' THEN 1 WHEN 'assigned' THEN 2 END AS r2,
                CASE WHEN m.s1 = m.s2 AND m.s1 = 'partially_available' THEN (m.new->>'quantity')::numeric - (m.old->>'quantity')::numeric ELSE 0 END AS more) r,
LATERAL (VALUES ('goods_short', r2 < r1 OR more < 0), ('goods_available', r2 > r1 OR more > 0)) AS v (m, holds)
 WHERE s.before = 'assigned' AND s.after = 'assigned' AND v.holds
UNION ALL
SELECT xid, 'manufacturing_order', id, m FROM changed_rows,
LATERAL (VALUES ('confirmed', coalesce(s1, 'draft') = 'draft' AND s2 IN ('confirmed', 'progress', 'to_close', 'done')),
                ('started', s2 = 'progress' AND s1 IS DISTINCT FROM 'progress'),
                ('ready_to_close', s2 = 'to_close' AND s1 IS DISTINCT FROM 'to_close'),
                ('done', s2 = 'done' AND s1 IS DISTINCT FROM 'done'),
                ('cancelled', s2 = 'cancel' AND s1 NOT IN ('draft', 'cancel'))) AS v (m, holds)
 WHERE tab = 'mrp_production' AND holds
UNION ALL
-- a work order is ready or blocked once its order is no draft any more; what the order's state was, the audit of the order tells
SELECT w.xid, 'work_order', w.id, m
  FROM (SELECT c.*, coalesce((SELECT p.new->>'state' FROM audit p WHERE p.tab = 'mrp_production' AND p.id = (c.new->>'production_id')::int AND p.xid <= c.xid ORDER BY p.seq DESC LIMIT 1),
                             (SELECT p.old->>'state' FROM audit p WHERE p.tab = 'mrp_production' AND p.id = (c.new->>'production_id')::int ORDER BY p.seq LIMIT 1), 'draft') AS order_after,
               coalesce((SELECT p.new->>'state' FROM audit p WHERE p.tab = 'mrp_production' AND p.id = (c.new->>'production_id')::int AND p.xid < c.xid ORDER BY p.seq DESC LIMIT 1), 'draft') AS order_before
          FROM (SELECT xid, id, new, s1, s2 FROM changed_rows WHERE tab = 'mrp_workorder' AND new IS NOT NULL
                UNION ALL
                -- work orders that the transaction left alone, of an order that it released
                SELECT o.xid, x.id, x.new, x.new->>'state', x.new->>'state' FROM changed_rows o
                 CROSS JOIN LATERAL (SELECT DISTINCT ON (a.id) a.id, a.new FROM audit a WHERE a.tab = 'mrp_workorder' AND a.xid < o.xid AND (a.new->>'production_id')::int = o.id ORDER BY a.id, a.seq DESC) x
                 WHERE o.tab = 'mrp_production' AND o.s1 = 'draft' AND o.s2 NOT IN ('draft', 'cancel')
                   AND NOT EXISTS (SELECT 1 FROM changed_rows y WHERE y.xid = o.xid AND y.tab = 'mrp_workorder' AND y.id = x.id)) c) w,
LATERAL (VALUES ('ready', s2 = 'ready' AND order_after NOT IN ('draft', 'done', 'cancel') AND NOT (s1 IS NOT DISTINCT FROM 'ready' AND order_before <> 'draft')),
                ('blocked', s2 IN ('blocked', 'pending', 'waiting') AND order_after NOT IN ('draft', 'done', 'cancel') AND NOT (coalesce(s1, '') IN ('blocked', 'pending', 'waiting') AND order_before <> 'draft')),
                ('started', s2 = 'progress' AND s1 IS DISTINCT FROM 'progress'),
                ('done', s2 = 'done' AND s1 IS DISTINCT FROM 'done'),
                ('cancelled', s2 = 'cancel' AND s1 <> 'cancel' AND order_before <> 'draft')) AS v (m, holds)
 WHERE holds
UNION ALL
SELECT xid, 'work_order', id, 'progressed' FROM changed_rows
 WHERE tab = 'mrp_workorder' AND (new->>'qty_produced')::numeric > (old->>'qty_produced')::numeric
UNION ALL
-- planned for another time, once its order is released; from 17 on the planned start is the start until it begins
SELECT xid, 'work_order', id, 'rescheduled' FROM changed_rows
 WHERE tab = 'mrp_workorder' AND s1 = s2 AND s2 IN ('pending', 'waiting', 'ready', 'blocked') AND new->>'production_availability' IS NOT NULL
   AND CASE WHEN new ? 'date_planned_start' THEN old->>'date_planned_start' IS DISTINCT FROM new->>'date_planned_start' ELSE old->>'date_start' IS DISTINCT FROM new->>'date_start' END
UNION ALL
-- paused: an entry ended, none is open, no change of state; resumed: one began, in progress before and after
SELECT t.xid, 'work_order', t.wo, m
  FROM (SELECT DISTINCT xid, (new->>'workorder_id')::int AS wo,
               bool_or(old IS NOT NULL AND old->>'date_end' IS NULL AND new->>'date_end' IS NOT NULL) OVER p AS ended,
               bool_or(old IS NULL AND new->>'date_end' IS NULL) OVER p AS began
          FROM net WHERE tab = 'mrp_workcenter_productivity' AND new->>'workorder_id' IS NOT NULL
        WINDOW p AS (PARTITION BY xid, new->>'workorder_id')) t,
LATERAL (SELECT count(*) FILTER (WHERE z.new->>'date_end' IS NULL) AS open
           FROM (SELECT DISTINCT ON (a.id) a.new FROM audit a WHERE a.tab = 'mrp_workcenter_productivity' AND a.xid <= t.xid ORDER BY a.id, a.seq DESC) z
          WHERE (z.new->>'workorder_id')::int = t.wo) o,
LATERAL (VALUES ('paused', ended AND open = 0), ('resumed', began)) AS v (m, holds)
 WHERE holds AND NOT EXISTS (SELECT 1 FROM changed_rows w WHERE w.tab = 'mrp_workorder' AND w.id = t.wo AND w.xid = t.xid AND w.s1 IS DISTINCT FROM w.s2)
UNION ALL
SELECT xid, 'work_center', id, CASE new->>'working_state' WHEN 'blocked' THEN 'blocked' ELSE 'unblocked' END FROM net
 WHERE tab = 'mrp_workcenter' AND old->>'working_state' <> new->>'working_state' AND 'blocked' IN (old->>'working_state', new->>'working_state')
UNION ALL
SELECT xid, 'unbuild_order', id, 'done' FROM changed_rows WHERE tab = 'mrp_unbuild' AND s2 = 'done' AND s1 IS DISTINCT FROM 'done';
CREATE VIEW derived_stock AS
SELECT xid, 'transfer_batch' AS entity, id, m AS milestone FROM changed_rows,
LATERAL (VALUES ('started', s2 = 'in_progress' AND s1 IS DISTINCT FROM 'in_progress'), ('done', s2 = 'done' AND s1 IS DISTINCT FROM 'done'),
                ('cancelled', s2 = 'cancel' AND s1 NOT IN ('draft', 'cancel'))) AS v (m, holds)
 WHERE tab = 'stock_picking_batch' AND holds
UNION ALL
SELECT xid, 'scrap', id, 'posted' FROM changed_rows WHERE tab = 'stock_scrap' AND s2 = 'done' AND s1 IS DISTINCT FROM 'done'
UNION ALL
SELECT xid, 'lot', id, 'created' FROM net WHERE tab IN ('stock_lot', 'stock_production_lot') AND old IS NULL AND new IS NOT NULL
UNION ALL
SELECT xid, 'lot', id, 'expiry_alerted' FROM net WHERE tab IN ('stock_lot', 'stock_production_lot') AND NOT coalesce((old->>'product_expiry_reminded')::boolean, old IS NULL) AND (new->>'product_expiry_reminded')::boolean
UNION ALL
SELECT xid, 'package', id, m FROM net,
LATERAL (VALUES ('created', old IS NULL), ('renamed', old->>'name' <> new->>'name'), ('moved', new->>'location_id' IS NOT NULL AND old->>'location_id' IS DISTINCT FROM new->>'location_id'),
                ('emptied', old->>'location_id' IS NOT NULL AND new->>'location_id' IS NULL), ('nested', new->>'parent_package_id' IS NOT NULL AND old->>'parent_package_id' IS DISTINCT FROM new->>'parent_package_id'),
                ('unnested', old->>'parent_package_id' IS NOT NULL AND new->>'parent_package_id' IS NULL)) AS v (m, holds)
 WHERE tab IN ('stock_package', 'stock_quant_package') AND new IS NOT NULL AND holds
UNION ALL
-- a batch that is worked on before and after: a transfer came, went, or has another name
SELECT DISTINCT c.xid, 'transfer_batch', c.batch, 'changed'
  FROM (SELECT p.xid, x.batch::int FROM changed_rows p, LATERAL (VALUES (p.old->>'batch_id'), (p.new->>'batch_id')) AS x (batch)
         WHERE p.tab = 'stock_picking' AND x.batch IS NOT NULL AND (p.old->>'batch_id', p.old->>'name') IS DISTINCT FROM (p.new->>'batch_id', p.new->>'name')) c,
LATERAL (SELECT (SELECT a.new->>'state' FROM audit a WHERE a.tab = 'stock_picking_batch' AND a.id = c.batch AND a.xid < c.xid ORDER BY a.seq DESC LIMIT 1) AS before,
                (SELECT a.new->>'state' FROM audit a WHERE a.tab = 'stock_picking_batch' AND a.id = c.batch AND a.xid <= c.xid ORDER BY a.seq DESC LIMIT 1) AS after) s
 WHERE s.before = 'in_progress' AND s.after = 'in_progress'
UNION ALL
SELECT DISTINCT xid, 'lot', (l.new->>'lot_id')::int, m FROM changed_rows l
  JOIN stock_location f ON f.id = (l.new->>'location_id')::int JOIN stock_location t ON t.id = (l.new->>'location_dest_id')::int,
LATERAL (SELECT f.complete_name ~ '/(Quality Control|Hold)(/|$)' AS from_hold, t.complete_name ~ '/(Quality Control|Hold)(/|$)' AS to_hold) h,
LATERAL (VALUES ('held', to_hold AND NOT from_hold), ('released', from_hold AND NOT to_hold AND t.usage NOT IN ('inventory', 'supplier'))) AS v (m, holds)
 WHERE l.tab = 'stock_move_line' AND s2 = 'done' AND s1 IS DISTINCT FROM 'done' AND l.new->>'lot_id' IS NOT NULL AND holds
UNION ALL
SELECT DISTINCT xid, 'transfer', (new->>'res_id')::int, 'label_attached' FROM net
 WHERE tab = 'ir_attachment' AND old IS NULL AND new->>'res_model' = 'stock.picking' AND new->>'res_field' IS NULL AND new->>'name' LIKE 'Label%'
UNION ALL
SELECT DISTINCT xid, 'transfer', (new->>'res_id')::int, 'delivery_proven' FROM net
 WHERE tab = 'ir_attachment' AND old IS NULL AND new->>'res_model' = 'stock.picking' AND new->>'res_field' = 'signature'
UNION ALL
-- a done move of which the quantity or the place changed, or what its done lines say
SELECT DISTINCT c.xid, 'stock_move', c.id, 'corrected'
  FROM (SELECT m.xid, m.id, m.old, m.new FROM changed_rows m WHERE m.tab = 'stock_move' AND m.s1 = 'done' AND m.s2 = 'done'
        UNION ALL
        SELECT l.xid, coalesce(l.new->>'move_id', l.old->>'move_id')::int, l.old, l.new FROM changed_rows l
         WHERE l.tab = 'stock_move_line' AND coalesce(l.s1, 'done') = 'done' AND coalesce(l.s2, 'done') = 'done') c
 WHERE EXISTS (SELECT 1 FROM unnest('{quantity,qty_done,lot_id,package_id,result_package_id,owner_id,location_id,location_dest_id}'::text[]) k
                WHERE c.old->>k IS DISTINCT FROM c.new->>k)
   AND NOT EXISTS (SELECT 1 FROM changed_rows m WHERE m.xid = c.xid AND m.tab = 'stock_move' AND m.id = c.id AND m.s1 IS DISTINCT FROM m.s2)
UNION ALL
SELECT xid, 'transfer', id, m FROM changed_rows,
LATERAL (VALUES ('carrier_assigned', new->>'carrier_id' IS NOT NULL AND old->>'carrier_id' IS DISTINCT FROM new->>'carrier_id'),
                ('tracking_assigned', new->>'carrier_tracking_ref' IS NOT NULL AND old->>'carrier_tracking_ref' IS DISTINCT FROM new->>'carrier_tracking_ref'),
                ('delayed', new->>'has_deadline_issue' = 'true' AND old->>'has_deadline_issue' IS DISTINCT FROM 'true' AND s1 IN ('waiting', 'confirmed', 'assigned') AND s2 IN ('waiting', 'confirmed', 'assigned')),
                ('on_schedule_again', new->>'has_deadline_issue' = 'false' AND old->>'has_deadline_issue' = 'true' AND s1 IN ('waiting', 'confirmed', 'assigned') AND s2 IN ('waiting', 'confirmed', 'assigned'))) AS v (m, holds)
 WHERE tab = 'stock_picking' AND old IS NOT NULL AND holds;
CREATE VIEW announced AS
SELECT odootx AS xid, entity, record_id::int AS id,
       CASE WHEN entity = 'stock_move' OR verb IN ('dispatched', 'received', 'completed') THEN 'done' ELSE verb END AS milestone
  FROM (SELECT *, split_part(type, '.', 4) AS verb FROM odoo_events.outbox) o
 WHERE entity = 'stock_move' AND verb NOT IN ('corrected', 'confirmed', 'partially_reserved', 'reserved', 'unreserved', 'cancelled', 'deleted')
    OR entity IN ('transfer', 'manufacturing_order') AND verb IN ('confirmed', 'ready', 'unreserved', 'goods_short', 'goods_available', 'started', 'ready_to_close', 'dispatched', 'received', 'completed', 'cancelled')
    OR entity IN ('work_order', 'work_center', 'unbuild_order');
CREATE VIEW announced_stock AS
SELECT odootx AS xid, entity, record_id::int AS id, CASE verb WHEN 'completed' THEN 'done' ELSE verb END AS milestone
  FROM (SELECT *, split_part(type, '.', 4) AS verb FROM odoo_events.outbox) o
 WHERE entity IN ('transfer_batch', 'scrap', 'package') OR entity = 'lot' AND verb <> 'changed' OR entity = 'stock_move' AND verb = 'corrected'
    OR entity = 'transfer' AND verb IN ('delivery_proven', 'label_attached', 'carrier_assigned', 'tracking_assigned', 'delayed', 'on_schedule_again');
