-- What purchases, sales, maintenance, repair, finance and master data should announce, from the audit alone: a second
-- implementation of the catalog's rules, in words of SQL.  Here the audit knows every state an order ever had.
CREATE INDEX ON audit (tab, id, seq);
CREATE FUNCTION state_of(tab text, id int, xid xid8, after boolean) RETURNS text LANGUAGE sql AS $$
SELECT coalesce((SELECT coalesce(a.new, '{}')->>'state' FROM audit a WHERE a.tab = $1 AND a.id = $2 AND (a.xid < $3 OR $4 AND a.xid = $3) ORDER BY a.seq DESC LIMIT 1),
                (SELECT a.old->>'state' FROM audit a WHERE a.tab = $1 AND a.id = $2 ORDER BY a.seq LIMIT 1))
$$;
CREATE VIEW changes AS SELECT xid, tab, id, old AS o, new AS n FROM net WHERE old IS NOT NULL OR new IS NOT NULL;
-- of a translated text only English is shown
CREATE FUNCTION shown(v jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT CASE WHEN jsonb_typeof(v) = 'object' AND v ? 'en_US' THEN v->'en_US' ELSE v END $$;
CREATE FUNCTION differs(o jsonb, n jsonb, VARIADIC columns text[]) RETURNS boolean LANGUAGE sql AS
$$ SELECT bool_or(shown(o->c) IS DISTINCT FROM shown(n->c)) FROM unnest(columns) c $$;
CREATE FUNCTION unit(r jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT coalesce(r->'product_uom_id', r->'product_uom') $$;

-- lines of orders, with the state of their order before and after, whether more has come, and whether they were changed
CREATE VIEW order_lines AS
SELECT l.xid, replace(l.tab, '_line', '') AS tab, (coalesce(l.n, l.o)->>'order_id')::int AS id, l.o, l.n,
       state_of(replace(l.tab, '_line', ''), (coalesce(l.n, l.o)->>'order_id')::int, l.xid, false) AS s1,
       state_of(replace(l.tab, '_line', ''), (coalesce(l.n, l.o)->>'order_id')::int, l.xid, true) AS s2,
       l.n IS NOT NULL AND coalesce((l.n->>'qty_received')::numeric, (l.n->>'qty_delivered')::numeric, 0) > coalesce((l.o->>'qty_received')::numeric, (l.o->>'qty_delivered')::numeric, 0) AS grew,
       l.n IS NOT NULL AND (l.n->>'qty_received')::numeric < (l.o->>'qty_received')::numeric OR (l.n->>'qty_delivered')::numeric < (l.o->>'qty_delivered')::numeric AS fell,
       l.o IS NULL OR l.n IS NULL OR differs(l.o, l.n, 'product_id', 'product_qty', 'price_unit') AND l.tab = 'purchase_order_line'
         OR differs(l.o, l.n, 'product_id', 'product_uom_qty', 'price_unit') AND l.tab = 'sale_order_line' OR unit(l.o) IS DISTINCT FROM unit(l.n) AS changed,
       l.o->>'date_planned' IS DISTINCT FROM l.n->>'date_planned' AS moved
  FROM changes l WHERE l.tab IN ('purchase_order_line', 'sale_order_line') AND coalesce(l.n, l.o)->>'display_type' IS NULL;
-- orders that a transaction touched, themselves or by their lines
CREATE VIEW orders AS
SELECT t.xid, t.tab, t.id, c.o, c.n, coalesce(c.o, c.n) IS NOT NULL AS own,
       CASE WHEN c.o IS NULL AND c.n IS NOT NULL THEN NULL ELSE state_of(t.tab, t.id, t.xid, false) END AS s1, state_of(t.tab, t.id, t.xid, true) AS s2,
       coalesce(l.grew, false) AS grew, coalesce(l.fell, false) AS fell, coalesce(l.changed, false) AS changed, coalesce(l.moved, false) AS moved
  FROM (SELECT xid, tab, id FROM changes WHERE tab IN ('purchase_order', 'sale_order') UNION SELECT xid, tab, id FROM order_lines) t
  LEFT JOIN changes c ON c.xid = t.xid AND c.tab = t.tab AND c.id = t.id
  LEFT JOIN (SELECT xid, tab, id, bool_or(grew) AS grew, bool_or(fell) AS fell, bool_or(changed) AS changed, bool_or(moved AND o IS NOT NULL AND n IS NOT NULL) AS moved FROM order_lines GROUP BY 1, 2, 3) l
    ON l.xid = t.xid AND l.tab = t.tab AND l.id = t.id;

-- Is there a line of the order of which less has come than is ordered, after the transaction?
CREATE FUNCTION is_short(id int, xid xid8) RETURNS boolean LANGUAGE sql AS $$
SELECT EXISTS (SELECT FROM (SELECT DISTINCT ON (l.id) l.id, l.r
                              FROM (SELECT a.id, a.new AS r, a.seq FROM audit a WHERE a.tab = 'purchase_order_line' AND a.xid <= $2 UNION ALL SELECT p.id, to_jsonb(p), 0 FROM purchase_order_line p) l
                             ORDER BY l.id, l.seq DESC) x
                WHERE (x.r->>'order_id')::int = $1 AND x.r->>'display_type' IS NULL AND (x.r->>'qty_received')::numeric < (x.r->>'product_qty')::numeric)
$$;
-- Did the transaction cancel what was still to come from the vendor for this order, without ordering less?
CREATE FUNCTION gave_up(id int, xid xid8) RETURNS boolean LANGUAGE sql AS $$
SELECT EXISTS (SELECT FROM net m JOIN purchase_order_line l ON l.id = (m.new->>'purchase_line_id')::int JOIN stock_location f ON f.id = (m.new->>'location_id')::int
                WHERE m.xid = $2 AND m.tab = 'stock_move' AND l.order_id = $1 AND f.usage = 'supplier' AND m.new->>'origin_returned_move_id' IS NULL
                  AND m.new->>'state' = 'cancel' AND m.old->>'state' IS DISTINCT FROM 'cancel')
   AND NOT EXISTS (SELECT FROM net l WHERE l.xid = $2 AND l.tab = 'purchase_order_line' AND (l.new->>'order_id')::int = $1 AND (l.new->>'product_qty')::numeric < (l.old->>'product_qty')::numeric)
$$;

CREATE VIEW derived_business AS
SELECT xid, 'procurement.purchase_order.' || v.verb AS type, id FROM orders,
LATERAL (SELECT coalesce(n->>'receipt_status' = 'full' AND o->>'receipt_status' IS DISTINCT FROM 'full', false) AS closes) c,
LATERAL (SELECT grew AND CASE WHEN n ? 'receipt_status' THEN closes AND NOT is_short(id, xid) AND NOT gave_up(id, xid) ELSE s2 IN ('purchase', 'done') AND NOT is_short(id, xid) END AS complete) d,
LATERAL (VALUES
  ('created', o IS NULL AND s2 <> 'cancel' AND n IS NOT NULL),
  ('sent', s2 = 'sent' AND s1 IS DISTINCT FROM 'sent'),
  ('approval_requested', s2 = 'to approve' AND s1 IS DISTINCT FROM 'to approve'),
  ('confirmed', s2 IN ('purchase', 'done') AND coalesce(s1, '') NOT IN ('purchase', 'done')),
  ('cancelled', s2 = 'cancel' AND s1 <> 'cancel'), ('declined', o IS NOT NULL AND (n->>'mail_reception_declined')::boolean AND NOT coalesce((o->>'mail_reception_declined')::boolean, false)),
  ('reopened', s1 = 'cancel' AND s2 <> 'cancel'),
  ('deleted', o IS NOT NULL AND n IS NULL AND own),
  ('changed', s1 IN ('purchase', 'done') AND s2 IN ('purchase', 'done') AND (changed OR own AND differs(o, n, 'partner_id', 'partner_ref', 'dest_address_id', 'picking_type_id', 'priority', 'user_id'))),
  ('rescheduled', s1 IN ('purchase', 'done') AND s2 IN ('purchase', 'done') AND (moved OR own AND differs(o, n, 'date_planned'))),
  ('acknowledged', o IS NOT NULL AND NOT grew AND EXISTS (SELECT FROM unnest('{acknowledged,mail_reminder_confirmed,mail_reception_confirmed}'::text[]) k WHERE (n->>k)::boolean AND NOT coalesce((o->>k)::boolean, false))),
  ('received', complete), ('partially_received', grew AND NOT complete),
  ('closed_short', closes AND own AND o IS NOT NULL AND (grew AND is_short(id, xid) OR gave_up(id, xid))), ('receipt_reversed', fell),
  ('locked', o IS NOT NULL AND (NOT (o->>'locked')::boolean AND (n->>'locked')::boolean OR s1 = 'purchase' AND s2 = 'done')),
  ('unlocked', o IS NOT NULL AND ((o->>'locked')::boolean AND NOT (n->>'locked')::boolean OR s1 = 'done' AND s2 = 'purchase'))) AS v (verb, holds)
 WHERE tab = 'purchase_order' AND holds
UNION ALL
SELECT xid, 'sales.sales_order.' || v.verb, id FROM orders,
LATERAL (VALUES
  ('created', o IS NULL AND s2 <> 'cancel' AND n IS NOT NULL),
  ('sent', s2 = 'sent' AND s1 IS DISTINCT FROM 'sent'),
  ('confirmed', s2 IN ('sale', 'done') AND coalesce(s1, '') NOT IN ('sale', 'done')),
  ('cancelled', s2 = 'cancel' AND s1 NOT IN ('draft', 'cancel')),
  ('reopened', s1 = 'cancel' AND s2 <> 'cancel'),
  ('locked', o IS NOT NULL AND (NOT coalesce((o->>'locked')::boolean, false) AND (n->>'locked')::boolean OR s1 = 'sale' AND s2 = 'done')),
  ('unlocked', o IS NOT NULL AND n IS NOT NULL AND ((o->>'locked')::boolean AND NOT coalesce((n->>'locked')::boolean, false) OR s1 = 'done' AND s2 = 'sale')),
  ('deleted', o IS NOT NULL AND n IS NULL AND own),
  ('changed', s1 IN ('sale', 'done') AND s2 IN ('sale', 'done') AND (changed OR own AND differs(o, n, 'partner_id', 'partner_shipping_id', 'client_order_ref', 'commitment_date', 'carrier_id', 'warehouse_id', 'picking_policy'))),
  ('delivery_progressed', grew), ('delivery_reversed', fell)) AS v (verb, holds)
 WHERE tab = 'sale_order' AND holds
UNION ALL
SELECT xid, 'maintenance.maintenance_request.' || v.verb, id FROM changes,
-- Odoo 15 keeps the date when a request is opened again: then the stage tells
LATERAL (SELECT coalesce((SELECT s.done FROM maintenance_stage s WHERE s.id = (o->>'stage_id')::int), false) AS was_done, coalesce((SELECT s.done FROM maintenance_stage s WHERE s.id = (n->>'stage_id')::int), false) AS is_done) d,
LATERAL (VALUES
  ('opened', o IS NULL), ('scheduled', n->>'schedule_date' IS NOT NULL AND differs(o, n, 'schedule_date', 'schedule_end')),
  ('assigned', n->>'user_id' IS NOT NULL AND differs(o, n, 'user_id')), ('stage_changed', o->'stage_id' <> n->'stage_id'),
  ('blocked', o->>'kanban_state' <> 'blocked' AND n->>'kanban_state' = 'blocked'), ('unblocked', o->>'kanban_state' = 'blocked' AND n->>'kanban_state' <> 'blocked'),
  ('closed', o IS NOT NULL AND n->>'close_date' IS NOT NULL AND (o->>'close_date' IS NULL OR is_done AND NOT was_done)), ('reopened', o->>'close_date' IS NOT NULL AND (n->>'close_date' IS NULL OR was_done AND NOT is_done)),
  ('archived', NOT (o->>'archive')::boolean AND (n->>'archive')::boolean), ('restored', (o->>'archive')::boolean AND NOT (n->>'archive')::boolean)) AS v (verb, holds)
 WHERE tab = 'maintenance_request' AND n IS NOT NULL AND holds
UNION ALL
SELECT xid, 'maintenance.maintenance_request.deleted', id FROM changes WHERE tab = 'maintenance_request' AND o IS NOT NULL AND n IS NULL
UNION ALL
SELECT xid, 'maintenance.equipment.' || v.verb, id FROM changes,
LATERAL (VALUES
  ('created', o IS NULL), ('assigned', o IS NOT NULL AND (n->>'technician_user_id' IS NOT NULL AND differs(o, n, 'technician_user_id') OR n->>'owner_user_id' IS NOT NULL AND differs(o, n, 'owner_user_id'))),
  ('archived', (o->>'active')::boolean AND NOT (n->>'active')::boolean), ('restored', NOT (o->>'active')::boolean AND (n->>'active')::boolean),
  ('scrapped', o IS NOT NULL AND o->>'scrap_date' IS NULL AND n->>'scrap_date' IS NOT NULL)) AS v (verb, holds)
 WHERE tab = 'maintenance_equipment' AND n IS NOT NULL AND holds
UNION ALL
SELECT xid, 'repair.repair_order.' || v.verb, id FROM (SELECT *, o->>'state' AS s1, n->>'state' AS s2 FROM changes) c,
LATERAL (VALUES
  ('confirmed', coalesce(s1, 'draft') = 'draft' AND s2 NOT IN ('draft', 'cancel')), ('reopened', s1 = 'cancel' AND s2 <> 'cancel'), ('started', s2 = 'under_repair' AND s1 IS DISTINCT FROM 'under_repair'),
  ('completed', s2 IN ('done', '2binvoiced') AND coalesce(s1, '') NOT IN ('done', '2binvoiced')), ('cancelled', s2 = 'cancel' AND s1 NOT IN ('draft', 'cancel'))) AS v (verb, holds)
 WHERE tab = 'repair_order' AND n IS NOT NULL AND holds
UNION ALL
-- an open repair is changed by its own row or by its parts: moves of 17 and later
SELECT DISTINCT xid, 'repair.repair_order.changed', id
  FROM (SELECT xid, id FROM changes WHERE tab = 'repair_order' AND differs(o, n, 'product_id', 'product_qty', 'lot_id', 'partner_id', 'location_id', 'schedule_date')
        UNION ALL
        SELECT xid, (coalesce(n, o)->>'repair_id')::int FROM (SELECT *, coalesce(o->>'state', '') IN ('waiting', 'confirmed', 'partially_available', 'assigned') AS was,
                                                                     coalesce(n->>'state', '') IN ('waiting', 'confirmed', 'partially_available', 'assigned') AS live FROM changes) c
         WHERE tab = 'stock_move' AND coalesce(n, o)->>'repair_line_type' IS NOT NULL
           AND (was AND live AND differs(o, n, 'product_id', 'product_uom_qty', 'product_uom', 'repair_line_type') OR live AND NOT was OR was AND (n IS NULL OR n->>'state' = 'cancel'))) x
 WHERE id IS NOT NULL AND state_of('repair_order', id, xid, false) = state_of('repair_order', id, xid, true) AND state_of('repair_order', id, xid, true) IN ('confirmed', 'ready', 'under_repair')
   AND EXISTS (SELECT FROM audit a WHERE a.tab = 'repair_order' AND a.id = x.id AND (a.xid < x.xid OR a.xid = x.xid AND a.old IS NOT NULL))
UNION ALL
SELECT xid, 'finance.invoice.' || v.verb, id FROM (SELECT *, o->>'state' AS s1, n->>'state' AS s2, o->>'payment_state' AS p1, n->>'payment_state' AS p2 FROM changes) c,
LATERAL (VALUES
  ('posted', s2 = 'posted' AND s1 IS DISTINCT FROM 'posted'), ('reset_to_draft', s1 = 'posted' AND s2 = 'draft'), ('cancelled', s1 = 'posted' AND s2 = 'cancel'),
  ('in_payment', p1 <> 'in_payment' AND p2 = 'in_payment'), ('payment_blocked', p1 <> 'blocked' AND p2 = 'blocked'), ('payment_unblocked', p1 = 'blocked' AND p2 <> 'blocked'),
  ('unpaid', p1 IN ('partial', 'in_payment', 'paid', 'reversed') AND p2 = 'not_paid' AND s2 = 'posted'),
  ('partially_paid', p1 <> 'partial' AND p2 = 'partial'), ('paid', s2 = 'posted' AND p1 IS DISTINCT FROM 'paid' AND p2 = 'paid'), ('reversed', p1 <> 'reversed' AND p2 = 'reversed')) AS v (verb, holds)
 WHERE tab = 'account_move' AND n->>'move_type' <> 'entry' AND holds
UNION ALL
SELECT xid, 'finance.payment.' || v.verb, id FROM (SELECT *, o->>'state' AS s1, n->>'state' AS s2 FROM changes) c,
LATERAL (VALUES
  ('posted', s2 IN ('in_process', 'paid') AND coalesce(s1, 'draft') = 'draft'), ('paid', s2 = 'paid' AND s1 IS DISTINCT FROM 'paid'), ('rejected', s2 = 'rejected' AND s1 <> 'rejected'),
  ('cancelled', s2 = 'canceled' AND s1 NOT IN ('draft', 'canceled')), ('reset_to_draft', s2 = 'draft' AND s1 IN ('in_process', 'paid', 'rejected'))) AS v (verb, holds)
 WHERE tab = 'account_payment' AND n IS NOT NULL AND holds
UNION ALL
-- to 17 a payment has no state, but its entry
SELECT xid, 'finance.payment.' || v.verb, coalesce(n->>'payment_id', o->>'payment_id')::int FROM (SELECT *, o->>'state' AS s1, n->>'state' AS s2 FROM changes) c,
LATERAL (VALUES ('posted', s2 = 'posted' AND s1 IS DISTINCT FROM 'posted'), ('cancelled', s1 = 'posted' AND s2 = 'cancel'), ('reset_to_draft', s1 = 'posted' AND s2 = 'draft')) AS v (verb, holds)
 WHERE tab = 'account_move' AND n->>'payment_id' IS NOT NULL AND holds
UNION ALL
SELECT xid, 'finance.valuation.posted', id FROM changes
 WHERE tab = 'stock_valuation_layer' AND o IS NULL
    OR tab = 'stock_landed_cost' AND n->>'state' = 'done' AND o->>'state' IS DISTINCT FROM 'done'
    OR tab = 'stock_move' AND n->>'state' = 'done' AND (n->>'value')::numeric IS DISTINCT FROM CASE WHEN o->>'state' = 'done' THEN (o->>'value')::numeric END AND ((n->>'value')::numeric <> 0 OR o->>'state' = 'done')
UNION ALL
SELECT xid, 'finance.analytic_entry.posted', id FROM changes WHERE tab = 'account_analytic_line' AND o IS NULL
UNION ALL
SELECT xid, 'master_data.' || CASE tab WHEN 'mrp_bom' THEN 'bill_of_materials' WHEN 'res_partner' THEN 'partner' ELSE 'product' END || '.deleted', id
  FROM changes WHERE tab IN ('product_product', 'res_partner', 'mrp_bom') AND o IS NOT NULL AND n IS NULL
UNION ALL
-- a product is changed by its own row or by its template's
SELECT xid, 'master_data.product.' || CASE WHEN bool_or(own AND o IS NULL) THEN 'created' WHEN bool_or(own AND (o->>'active')::boolean AND NOT (n->>'active')::boolean) THEN 'archived' ELSE 'changed' END, id
  FROM (SELECT xid, true AS own, id, o, n FROM changes WHERE tab = 'product_product' AND n IS NOT NULL AND (o IS NULL OR differs(o, n, 'default_code', 'barcode', 'active', 'standard_price', 'weight', 'volume'))
        UNION ALL
        SELECT c.xid, false, p.id, c.o, c.n FROM changes c JOIN product_product p ON p.product_tmpl_id = c.id
         WHERE c.tab = 'product_template' AND c.o IS NOT NULL
           AND differs(c.o, c.n, 'name', 'type', 'is_storable', 'tracking', 'use_expiration_date', 'categ_id', 'uom_id', 'list_price', 'sale_ok', 'purchase_ok', 'active', 'company_id')) x
 GROUP BY xid, id
UNION ALL
SELECT xid, 'master_data.partner.' || CASE WHEN o IS NULL THEN 'created' WHEN (o->>'active')::boolean AND NOT (n->>'active')::boolean THEN 'archived' ELSE 'changed' END, id
  FROM changes WHERE tab = 'res_partner' AND n IS NOT NULL
   AND (o IS NULL OR differs(o, n, 'name', 'ref', 'active', 'parent_id', 'type', 'is_company', 'vat', 'street', 'street2', 'zip', 'city', 'state_id', 'country_id', 'email', 'phone', 'mobile', 'lang'))
UNION ALL
SELECT xid, 'master_data.bill_of_materials.' || CASE WHEN bool_or(own AND o IS NULL) THEN 'created' WHEN bool_or(own AND (o->>'active')::boolean AND NOT (n->>'active')::boolean) THEN 'archived' ELSE 'changed' END, id
  FROM (SELECT xid, true AS own, id, o, n FROM changes WHERE tab = 'mrp_bom' AND n IS NOT NULL
           AND (o IS NULL OR differs(o, n, 'product_tmpl_id', 'product_id', 'product_qty', 'product_uom_id', 'type', 'code', 'active', 'picking_type_id', 'consumption', 'ready_to_produce'))
        UNION ALL
        SELECT xid, false, (coalesce(n, o)->>'bom_id')::int, o, n FROM changes
         WHERE tab IN ('mrp_bom_line', 'mrp_bom_byproduct', 'mrp_routing_workcenter')
           AND NOT EXISTS (SELECT FROM changes b WHERE b.xid = changes.xid AND b.tab = 'mrp_bom' AND b.id = (coalesce(changes.n, changes.o)->>'bom_id')::int AND b.n IS NULL)
           AND (o IS NULL OR n IS NULL OR differs(o, n, 'product_id', 'product_qty', 'product_uom_id', 'operation_id', 'cost_share', 'name', 'workcenter_id', 'time_mode', 'time_cycle_manual', 'active'))) x
 GROUP BY xid, id;
CREATE VIEW announced_business AS
SELECT odootx AS xid, regexp_replace(type, '^odoo\.(.*)\.v1$', '\1') AS type, record_id::int AS id FROM odoo_events.outbox
 WHERE split_part(type, '.', 2) NOT IN ('inventory', 'logistics', 'manufacturing');
