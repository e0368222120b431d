-- A recorded day (:db, :base, :trace), published after each transaction, against the independent derivations.  What is found to differ
-- is printed; the number of events of each type is the rest.
\set entities '{transfer}'
\i :setup
\set ECHO none
UPDATE odoo_events.event_def SET enabled = true WHERE entity NOT IN ('stock_level', 'availability');
SELECT count(*) > 0 AS all_of_it FROM odoo_events.attach((SELECT array_agg(entity) FROM odoo_events.entity));
INSERT INTO odoo_events.marked (mark, id) SELECT 'hold', id FROM stock_location WHERE name = 'Hold';
\set business :srcdir /test/publish/derived_business.sql
\i :business
\set movements :srcdir /test/publish/derived_movements.sql
\i :movements
\pset format unaligned
\pset tuples_only on
\echo '-- paths that want an index; each gets it'
SELECT hint FROM odoo_events.health() WHERE "check" = 'indexes' AND status <> 'ok' ORDER BY 1;
SELECT replace(hint, ' CONCURRENTLY', '') FROM odoo_events.health() WHERE "check" = 'indexes' AND status <> 'ok' ORDER BY 1 \gexec
SELECT hint FROM odoo_events.health() WHERE "check" = 'indexes' AND status <> 'ok' ORDER BY 1;
GRANT USAGE ON SCHEMA odoo_events TO regress_publish_owner;
GRANT EXECUTE ON FUNCTION odoo_events.publish(int) TO regress_publish_owner;
\setenv OE_TRACE :trace
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" each "$OE_DB" "$OE_TRACE"
SET client_min_messages = warning;
ANALYZE;
\echo '-- events of each type'
SELECT regexp_replace(type, '^odoo\.(.*)\.v1$', '\1') || ' ' || count(*) FROM odoo_events.outbox GROUP BY type ORDER BY 1;
\echo '-- derived and not announced, announced and not derived: none'
CREATE TABLE account AS
  SELECT xid::text, entity || '.' || milestone AS what, id FROM derived UNION ALL SELECT xid::text, entity || '.' || milestone, id FROM derived_stock
  UNION ALL SELECT xid::text, type, id FROM derived_business UNION ALL SELECT xid::text, entity || '/' || verb, id FROM derived_movements;
CREATE TABLE told AS
  SELECT xid::text, entity || '.' || milestone AS what, id FROM announced UNION ALL SELECT xid::text, entity || '.' || milestone, id FROM announced_stock
  UNION ALL SELECT xid::text, type, id FROM announced_business UNION ALL SELECT xid::text, entity || '/' || verb, id FROM announced_movements;
SELECT 'derived', (SELECT min(a.step) FROM audit a WHERE a.xid::text = x.xid), what, id FROM (SELECT * FROM account EXCEPT ALL SELECT * FROM told) x ORDER BY 2, 3, 4;
SELECT 'announced', (SELECT min(a.step) FROM audit a WHERE a.xid::text = x.xid), what, id FROM (SELECT * FROM told EXCEPT ALL SELECT * FROM account) x ORDER BY 2, 3, 4;
SELECT count(*) > 500 AS derived_something FROM account;
\echo '-- one process: value and movement, movement and document, what is received and its purchase order, a document all the time: no difference'
SELECT 'value', o.subject, o.correlationid, m.type, m.correlationid
  FROM odoo_events.outbox o
  LEFT JOIN LATERAL (SELECT (a.new->>'stock_move_id')::int AS id FROM audit a WHERE a.tab = 'stock_valuation_layer' AND a.id = o.record_id AND a.new IS NOT NULL LIMIT 1) l ON true
  JOIN odoo_events.outbox m ON m.entity = 'stock_move' AND m.record_id = coalesce(l.id, CASE WHEN o.event->>'odoomodel' = 'stock.move' THEN o.record_id END) AND m.odootx = o.odootx
 WHERE o.type LIKE '%.valuation.posted.%' AND o.correlationid IS DISTINCT FROM m.correlationid ORDER BY o.position;
SELECT DISTINCT 'document', o.type, o.subject, o.correlationid, d.subject, d.correlationid
  FROM odoo_events.outbox o JOIN odoo_events.outbox d ON d.entity || ':' || d.record_id = o.partitionkey AND d.odootx = o.odootx AND d.entity <> o.entity AND d.type NOT LIKE '%.backordered.%'
 WHERE o.entity IN ('stock_move', 'scrap', 'work_order', 'valuation', 'unbuild_order') AND o.correlationid IS DISTINCT FROM d.correlationid ORDER BY 2, 3;
SELECT DISTINCT 'purchase', o.type, o.subject, o.correlationid, p.correlationid
  FROM odoo_events.outbox o JOIN stock_move m ON m.id = o.record_id JOIN purchase_order_line l ON l.id = (to_jsonb(m)->>'purchase_line_id')::int
  JOIN odoo_events.outbox p ON p.entity = 'purchase_order' AND p.record_id = l.order_id
 WHERE o.entity = 'stock_move' AND o.correlationid IS DISTINCT FROM p.correlationid ORDER BY 2, 3;
SELECT 'roots', entity, record_id, string_agg(DISTINCT coalesce(correlationid, 'none'), ' '), min(subject) FROM odoo_events.outbox GROUP BY 2, 3, partitionkey HAVING count(DISTINCT coalesce(correlationid, '')) > 1 ORDER BY 2, 3;
SELECT 'no process', split_part(type, '.', 3), count(*) FROM odoo_events.outbox WHERE correlationid IS NULL AND split_part(type, '.', 2) IN ('logistics', 'manufacturing', 'procurement', 'sales', 'repair') AND entity NOT IN ('transfer_batch', 'work_center') GROUP BY 2 ORDER BY 2;
\echo '-- scrapped movements that name their scrap order, of all; transfers that name the one that they return; reasons of counts; parts of kits'
SELECT 'scrap', count(*) FILTER (WHERE event->'data'->'stock_move'->'scrap'->>'name' IS NOT NULL), count(*) FROM odoo_events.outbox WHERE type LIKE '%.stock_move.scrapped.%';
SELECT DISTINCT 'return', subject, event->'data'->'transfer'->'return_of'->>'name' FROM odoo_events.outbox WHERE type ~ '(customer_return|vendor_return).confirmed' ORDER BY 2;
SELECT DISTINCT 'reason', event->'data'->'stock_move'->>'reason' FROM odoo_events.outbox WHERE type ~ 'stock_move.(adjusted|counted)' ORDER BY 2;
SELECT 'kit', l->'kit'->>'sku', l->'product'->>'sku', l->'bom_line'->>'quantity', count(*) FROM odoo_events.outbox, json_array_elements(event->'data'->'lines') l WHERE type LIKE '%.shipment.dispatched.%' AND l->>'kit' IS NOT NULL GROUP BY 2, 3, 4 ORDER BY 2, 3;
\echo '-- ten questions, answered by events as by the tables: no difference'
\set questions :srcdir /test/publish/questions.sql
\i :questions
\echo '-- columns that the catalog misses, what is not published, what the tables say otherwise: none'
SELECT entity, relation, missing_columns, note FROM odoo_events.capture_status WHERE missing_columns IS NOT NULL OR note IS NOT NULL ORDER BY 1;
SELECT entity, record_id, reason FROM odoo_events.quarantine;
SELECT entity, record_id, note FROM odoo_events.reconcile();
\pset tuples_only off
\pset format aligned
\c postgres
DROP DATABASE :"db";
\set ECHO all
