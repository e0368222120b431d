-- every event of the recording, by the step it came from
\pset format unaligned
SELECT a.step, replace(o.type, 'odoo.', '') AS type, o.subject, o.partitionkey,
       concat_ws(' -> ', coalesce(o.event->'data'->'transition'->>'from', 'null'), coalesce(o.event->'data'->'transition'->>'to', 'null')) AS transition,
       o.correlationid AS root, (SELECT replace(c.type, 'odoo.', '') FROM odoo_events.outbox c WHERE c.id::text = o.causationid) AS caused_by
  FROM odoo_events.outbox o LEFT JOIN (SELECT DISTINCT xid, step FROM audit) a ON a.xid = o.odootx
 ORDER BY o.position;
-- what changed in documents that were open
SELECT o.subject, split_part(o.type, '.', 4) AS verb, c->>'part' AS part, c->>'id' AS id, c->>'op' AS op, f.key AS field,
       coalesce(f.value->0->>'name', f.value->0->>'id', f.value->>0) AS old, coalesce(f.value->1->>'name', f.value->1->>'id', f.value->>1) AS new
  FROM odoo_events.outbox o, json_array_elements(o.event->'data'->'changes') c, json_each(c->'fields') f
 WHERE f.key NOT LIKE 'date%' AND f.key <> 'planned_start'
 ORDER BY o.position, 3, 4, 6;
-- the same milestones as an independent derivation finds: both empty
SELECT * FROM (SELECT * FROM derived EXCEPT ALL SELECT * FROM announced) x ORDER BY 1, 2, 3;
SELECT * FROM (SELECT * FROM announced EXCEPT ALL SELECT * FROM derived) x ORDER BY 1, 2, 3;
SELECT * FROM (SELECT * FROM derived_stock EXCEPT ALL SELECT * FROM announced_stock) x ORDER BY 1, 2, 3;
SELECT * FROM (SELECT * FROM announced_stock EXCEPT ALL SELECT * FROM derived_stock) x ORDER BY 1, 2, 3;
SELECT count(*) > 0 AS derived_something FROM derived;
-- positions without a gap; ids that differ; the text says what the columns say; key and order
SELECT count(*) = max(position) AND min(position) = 1 AS gap_free, count(DISTINCT id) = count(*) AS ids_differ FROM odoo_events.outbox;
SELECT position FROM odoo_events.outbox
 WHERE (event->>'id')::uuid <> id OR event->>'type' <> type OR event->>'subject' <> subject OR event->>'partitionkey' <> partitionkey
    OR (event->>'sequence')::int8 <> position OR (event->>'time')::timestamptz <> "time" OR (event->>'odootx')::xid8 <> odootx
    OR event->'data'->entity IS NULL OR event->>'specversion' <> '1.0';
-- sum of the lines of a done transfer = sum of its movements
SELECT o.position, o.subject FROM odoo_events.outbox o
 WHERE o.entity = 'transfer' AND split_part(o.type, '.', 4) IN ('dispatched', 'received', 'completed')
   AND (SELECT sum((l->>'done')::numeric) FROM json_array_elements(o.event->'data'->'lines') l)
       IS DISTINCT FROM (SELECT sum((m.event->'data'->'stock_move'->>'quantity')::numeric) FROM odoo_events.outbox m
                          WHERE m.partitionkey = o.partitionkey AND m.entity = 'stock_move' AND m.type NOT LIKE '%.scrapped.%' AND m.type NOT LIKE '%.corrected.%');
-- one story per root, in order
SELECT root_entity, root_name, string_agg(milestone, ' ' ORDER BY position) AS milestones, count(*) FILTER (WHERE since_previous IS NULL) AS firsts, bool_and(since_root >= '0') AS times
  FROM odoo_events.process GROUP BY correlationid, 1, 2 ORDER BY min(position);
SELECT * FROM odoo_events.quarantine;
-- by Odoo's own columns: what delivers a sales order belongs to it, what a purchase or an order brought to that or to what it was made for
SELECT o.position, o.type, o.correlationid, l.order_id FROM odoo_events.outbox o JOIN stock_move m ON m.id = o.record_id JOIN sale_order_line l ON l.id = (to_jsonb(m)->>'sale_line_id')::int
 WHERE o.entity = 'stock_move' AND o.correlationid IS DISTINCT FROM 'sales_order:' || l.order_id;
SELECT o.position, o.type, o.correlationid FROM odoo_events.outbox o JOIN stock_picking p ON p.id = o.record_id
 WHERE o.entity = 'transfer' AND to_jsonb(p)->>'sale_id' IS NOT NULL AND o.correlationid IS DISTINCT FROM 'sales_order:' || (to_jsonb(p)->>'sale_id');
SELECT o.position, o.type, o.correlationid, l.order_id FROM odoo_events.outbox o JOIN stock_move m ON m.id = o.record_id JOIN purchase_order_line l ON l.id = (to_jsonb(m)->>'purchase_line_id')::int
 WHERE o.entity = 'stock_move' AND o.correlationid IS DISTINCT FROM 'purchase_order:' || l.order_id
   AND o.correlationid IS DISTINCT FROM 'sales_order:' || (SELECT s.order_id FROM sale_order_line s WHERE s.id = (to_jsonb(l)->>'sale_line_id')::int);
SELECT o.position, o.type, o.correlationid FROM odoo_events.outbox o
 WHERE o.entity IN ('manufacturing_order', 'work_order') AND coalesce(o.correlationid !~ '^(manufacturing_order|sales_order|purchase_order):[0-9]+$', true);
-- a cause is an event of the same transaction and of another document, or of the document whose part this is
SELECT o.position, o.type, c.type FROM odoo_events.outbox o LEFT JOIN odoo_events.outbox c ON c.id::text = o.causationid
 WHERE o.causationid IS NOT NULL AND (c.id IS NULL OR c.odootx <> o.odootx OR c.entity = o.entity AND c.record_id = o.record_id);
SELECT count(*) > 0 AS some_have_causes FROM odoo_events.outbox WHERE causationid IS NOT NULL;
