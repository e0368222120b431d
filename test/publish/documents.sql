-- Are the lines of documents in events, published after each transaction, those of the tables at its commit?  A second account of the
-- recorded day (:db, :base, :trace), from the audit's rows and not from the catalog.
\i :setup
\set ECHO none
SELECT count(*) > 0 AS all_of_it FROM odoo_events.attach('{transfer,manufacturing_order,purchase_order,sales_order,repair_order,unbuild_order}');
GRANT USAGE ON SCHEMA odoo_events TO regress_publish_owner;
GRANT EXECUTE ON FUNCTION odoo_events.publish(int) TO regress_publish_owner;
\setenv OE_TRACE :trace
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" each "$OE_DB" "$OE_TRACE"
SET client_min_messages = warning;
-- rows as of each transaction; what the recording never touched is as it stands
CREATE TABLE last_seq AS SELECT xid, max(seq) AS seq FROM audit GROUP BY xid;
CREATE INDEX ON audit (tab, id, seq DESC);
ANALYZE audit;
CREATE TABLE events AS
SELECT o.position, o.odootx AS xid, s.seq, o.type, o.entity, o.record_id::int AS id, split_part(o.type, '.', 4) AS verb, o.event->'data' AS data
  FROM odoo_events.outbox o JOIN last_seq s ON s.xid = o.odootx
 WHERE o.entity IN ('transfer', 'manufacturing_order', 'purchase_order', 'sales_order', 'repair_order', 'unbuild_order')
   AND split_part(o.type, '.', 4) IN ('confirmed', 'ready', 'unreserved', 'changed', 'rescheduled', 'quantity_changed', 'components_available', 'components_short', 'cancelled',
                                      'dispatched', 'received', 'partially_received', 'closed_short', 'delivery_progressed', 'completed');
CREATE FUNCTION rows_at(t text, at bigint) RETURNS TABLE (id int, r jsonb) LANGUAGE sql STABLE AS $$
SELECT x.id, x.new FROM (SELECT DISTINCT ON (a.id) a.id, a.new FROM audit a WHERE a.tab = t AND a.seq <= at ORDER BY a.id, a.seq DESC) x WHERE x.new IS NOT NULL
$$;
-- lots of a move's details, with their quantities
CREATE FUNCTION lots_at(move int, at bigint) RETURNS text LANGUAGE sql STABLE AS $$
SELECT string_agg(concat_ws(' ', d.r->>'lot_id', trim_scale(coalesce(d.r->>'quantity', d.r->>'qty_done')::numeric)), ',' ORDER BY d.id) FROM rows_at('stock_move_line', at) d WHERE (d.r->>'move_id')::int = move
$$;
CREATE FUNCTION reserved_at(m jsonb, at bigint) RETURNS numeric LANGUAGE sql STABLE AS $$
SELECT CASE WHEN m ? 'quantity' THEN CASE WHEN m->>'state' = 'done' THEN 0 ELSE (m->>'quantity')::numeric END
            ELSE (SELECT coalesce(sum((d.r->>'product_uom_qty')::numeric), 0) FROM rows_at('stock_move_line', at) d WHERE (d.r->>'move_id')::int = (m->>'id')::int) END
$$;
CREATE FUNCTION done_at(m jsonb, at bigint) RETURNS numeric LANGUAGE sql STABLE AS $$
SELECT CASE WHEN m ? 'quantity' THEN CASE WHEN m->>'state' = 'done' THEN (m->>'quantity')::numeric ELSE 0 END
            ELSE (SELECT coalesce(sum((d.r->>'qty_done')::numeric), 0) FROM rows_at('stock_move_line', at) d WHERE (d.r->>'move_id')::int = (m->>'id')::int) END
$$;
CREATE VIEW account AS
SELECT e.position, CASE WHEN e.entity = 'transfer' THEN 'move' WHEN e.entity = 'repair_order' THEN 'part' WHEN e.entity = 'unbuild_order' THEN 'move'
                        WHEN coalesce(m.r->>'scrap_id', m.r->>'scrapped', 'false') <> 'false' THEN 'scrap'
                        WHEN m.r->>'raw_material_production_id' IS NOT NULL THEN 'component'
                        WHEN m.r->>'product_id' = (SELECT p.r->>'product_id' FROM rows_at('mrp_production', e.seq) p WHERE p.id = e.id) THEN 'product' ELSE 'byproduct' END AS part,
       m.id, (m.r->>'product_id')::int AS product, trim_scale((m.r->>'product_uom_qty')::numeric) AS demand, trim_scale(reserved_at(m.r, e.seq)) AS reserved, trim_scale(done_at(m.r, e.seq)) AS done,
       lots_at(m.id, e.seq) AS lots
  FROM events e, rows_at('stock_move', e.seq) m
 WHERE e.entity = 'transfer' AND (m.r->>'picking_id')::int = e.id AND coalesce(m.r->>'scrap_id', m.r->>'scrapped', 'false') = 'false'
    OR e.entity = 'manufacturing_order' AND e.id IN ((m.r->>'raw_material_production_id')::int, (m.r->>'production_id')::int)
    OR e.entity = 'repair_order' AND (m.r->>'repair_id')::int = e.id AND m.r->>'repair_line_type' IS NOT NULL
    OR e.entity = 'unbuild_order' AND e.id IN ((m.r->>'unbuild_id')::int, (m.r->>'consume_unbuild_id')::int)
UNION ALL
SELECT e.position, 'operation', w.id, (w.r->>'workcenter_id')::int, trim_scale((w.r->>'qty_produced')::numeric), NULL, NULL, w.r->>'state'
  FROM events e, rows_at('mrp_workorder', e.seq) w WHERE e.entity = 'manufacturing_order' AND (w.r->>'production_id')::int = e.id
UNION ALL
SELECT e.position, CASE WHEN 'true' IN (l.r->>'is_delivery', l.r->>'is_downpayment') THEN 'charge' ELSE 'line' END, l.id, (l.r->>'product_id')::int,
       trim_scale(coalesce(l.r->>'product_qty', l.r->>'product_uom_qty')::numeric), NULL, trim_scale(coalesce(l.r->>'qty_received', l.r->>'qty_delivered')::numeric), NULL
  FROM events e, rows_at(CASE e.entity WHEN 'purchase_order' THEN 'purchase_order_line' ELSE 'sale_order_line' END, e.seq) l
 WHERE e.entity IN ('purchase_order', 'sales_order') AND (l.r->>'order_id')::int = e.id AND l.r->>'display_type' IS NULL;
CREATE VIEW told AS
SELECT e.position, l->>'part' AS part, (l->>'id')::int AS id, coalesce(l->'product'->>'id', l->'work_center'->>'id')::int AS product,
       trim_scale(coalesce(l->>'demand', l->>'ordered', l->>'quantity', l->>'produced')::numeric) AS demand, trim_scale((l->>'reserved')::numeric) AS reserved,
       CASE WHEN l->>'part' <> 'charge' THEN trim_scale(coalesce(l->>'done', l->>'received', l->>'delivered')::numeric) END AS done,
       CASE l->>'part' WHEN 'operation' THEN l->>'state' WHEN 'line' THEN NULL WHEN 'charge' THEN NULL
         ELSE (SELECT string_agg(concat_ws(' ', d->'lot'->>'id', trim_scale((d->>'quantity')::numeric)), ',' ORDER BY (d->>'id')::int) FROM json_array_elements(l->'lines') d WHERE d->>'part' = 'detail') END AS lots
  FROM events e, json_array_elements(e.data->'lines') l WHERE l->>'part' <> 'attachment';
CREATE TABLE accounted AS SELECT a.position, part, a.id, product, demand, reserved, CASE WHEN part <> 'charge' THEN done END AS done, lots FROM account a;
\pset format unaligned
\pset tuples_only on
\echo '-- without lines: none'
SELECT type, position FROM events WHERE data->'lines' IS NULL;
\echo '-- in the tables and not told, told and not in the tables: none'
SELECT e.type, x.* FROM (SELECT * FROM accounted EXCEPT ALL SELECT * FROM told) x JOIN events e USING (position) ORDER BY x.position, x.part, x.id;
SELECT e.type, x.* FROM (SELECT * FROM told EXCEPT ALL SELECT * FROM accounted) x JOIN events e USING (position) ORDER BY x.position, x.part, x.id;
\echo '-- which consumed lot went into which produced one, where the tables say it otherwise than the events: none'
WITH told AS (SELECT e.position, (d->>'id')::int AS consumed, (g->>'id')::int AS produced FROM events e, json_array_elements(e.data->'lines') l, json_array_elements(l->'lines') d, json_array_elements(d->'went_into') g
               WHERE e.entity = 'manufacturing_order' AND e.verb = 'completed' AND l->>'part' = 'component'),
     account AS (SELECT e.position, r.produce_line_id AS consumed, r.consume_line_id AS produced FROM events e, json_array_elements(e.data->'lines') l, json_array_elements(l->'lines') d, stock_move_line_consume_rel r
                  WHERE e.entity = 'manufacturing_order' AND e.verb = 'completed' AND l->>'part' = 'component' AND r.produce_line_id = (d->>'id')::int)
(SELECT 'told', * FROM told EXCEPT ALL SELECT 'told', * FROM account) UNION ALL (SELECT 'table', * FROM account EXCEPT ALL SELECT 'table', * FROM told);
\echo '-- compared'
SELECT e.entity || ' ' || e.verb || ': ' || count(DISTINCT e.position) || ' events, ' || count(t.*) || ' lines' FROM events e LEFT JOIN told t USING (position) GROUP BY e.entity, e.verb ORDER BY 1;
\pset tuples_only off
\pset format aligned
\c postgres
DROP DATABASE :"db";
\set ECHO all
