-- The same of the recorded manufacturing day of Odoo 19.
\set db publish_manufacturing
\set base odoo19-base
\set entities '{stock_move,transfer,transfer_batch,scrap,lot,package,manufacturing_order,work_order,work_center,unbuild_order}'
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\i :setup
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_manufacturing odoo19-manufacturing
SELECT odoo_events.publish();
\i :events
-- which lot went into which: as the relation between their lines has it
SELECT o.subject, l->'product'->>'sku' AS consumed, d->'lot'->>'name' AS lot, g->>'lot' AS into_lot, count(*)
  FROM odoo_events.outbox o, json_array_elements(o.event->'data'->'lines') l, json_array_elements(l->'lines') d, json_array_elements(d->'went_into') g
 WHERE o.type LIKE '%.manufacturing_order.completed.v1' AND l->>'part' = 'component'
 GROUP BY o.position, 1, 2, 3, 4 ORDER BY o.position, 2, 3, 4;
-- machine down and up, with the reason
SELECT split_part(o.type, '.', 4) AS verb, o.subject, l->'loss'->>'name' AS loss, l->'loss'->>'type' AS type, l->>'reason' AS reason, l->>'end' IS NOT NULL AS ended
  FROM odoo_events.outbox o, json_array_elements(o.event->'data'->'lines') l WHERE o.entity = 'work_center' ORDER BY o.position;
\c postgres
DROP DATABASE publish_manufacturing;
