-- Stock levels and availability, off by default: enabled, they agree with Odoo's tables and say what happened.
\set db publish_levels
\set base odoo19-base
\set entities '{stock_level,availability}'
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\i :setup
UPDATE odoo_events.event_def SET enabled = true WHERE entity IN ('stock_level', 'availability');
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_levels odoo19-sales
SELECT odoo_events.publish() > 0 AS published;
-- one per product and warehouse: coalesced; the sums are Odoo's
SELECT o.subject, count(*), bool_and((a->>'on_hand')::numeric = q.on_hand) AS on_hand, bool_and((a->>'reserved')::numeric = q.reserved) AS reserved,
       bool_and((a->>'free')::numeric = q.on_hand - q.reserved) AS free
  FROM odoo_events.outbox o, LATERAL (SELECT o.event->'data'->'availability' AS a) x,
       LATERAL (SELECT sum(s.quantity) AS on_hand, sum(s.reserved_quantity) AS reserved FROM stock_quant s JOIN stock_location l ON l.id = s.location_id
                 WHERE s.product_id = o.record_id AND l.usage = 'internal' AND l.warehouse_id = o.warehouse_id) q
 WHERE o.entity = 'availability' GROUP BY 1 ORDER BY 1;
SELECT o.subject, a->>'incoming' AS incoming, a->>'outgoing' AS outgoing,
       (SELECT coalesce(sum(m.product_qty), 0) FROM stock_move m JOIN stock_location f ON f.id = m.location_id JOIN stock_location t ON t.id = m.location_dest_id
         WHERE m.product_id = o.record_id AND m.state NOT IN ('draft', 'done', 'cancel') AND f.warehouse_id = o.warehouse_id AND t.warehouse_id IS DISTINCT FROM f.warehouse_id) AS moves_out
  FROM odoo_events.outbox o, LATERAL (SELECT o.event->'data'->'availability' AS a) x WHERE o.entity = 'availability' ORDER BY 1;
-- the same levels as an independent derivation finds: both empty
CREATE VIEW levels AS
SELECT xid, net.id, CASE WHEN new IS NULL THEN 'removed' WHEN (new->>'quantity')::numeric < 0 AND coalesce((old->>'quantity')::numeric, 0) >= 0 THEN 'went_negative'
                     WHEN (new->>'quantity')::numeric = 0 AND (old->>'quantity')::numeric > 0 THEN 'depleted' ELSE 'changed' END AS verb
  FROM net JOIN stock_location l ON l.id = coalesce(new->>'location_id', old->>'location_id')::int
 WHERE tab = 'stock_quant' AND l.usage IN ('internal', 'transit')
   AND (old IS NULL OR new IS NULL OR old->>'quantity' <> new->>'quantity' OR old->>'reserved_quantity' <> new->>'reserved_quantity')
UNION ALL
SELECT xid, net.id, 'replenished' FROM net JOIN stock_location l ON l.id = (new->>'location_id')::int
 WHERE tab = 'stock_quant' AND l.usage IN ('internal', 'transit') AND (new->>'quantity')::numeric > 0 AND coalesce((old->>'quantity')::numeric, 0) <= 0;
CREATE VIEW told AS SELECT odootx AS xid, record_id::int AS id, split_part(type, '.', 4) AS verb FROM odoo_events.outbox WHERE entity = 'stock_level';
SELECT * FROM (SELECT * FROM levels EXCEPT ALL SELECT * FROM told) x ORDER BY 1, 2, 3;
SELECT * FROM (SELECT * FROM told EXCEPT ALL SELECT * FROM levels) x ORDER BY 1, 2, 3;
SELECT verb, count(*) FROM told GROUP BY 1 ORDER BY 1;
SELECT count(*) = max(position) AS gap_free, count(DISTINCT id) = count(*) AS ids_differ FROM odoo_events.outbox;
\c postgres
DROP DATABASE publish_levels;
