-- A recorded day (:db, :base, :trace) as purchases, sales, maintenance, repair, finance and master data see it, with every event enabled.
\i :setup
\set ECHO none
-- everything there is, for docs/events; what stock and manufacturing do is looked at elsewhere
UPDATE odoo_events.event_def SET enabled = true;
SELECT count(*) > 0 AS all_of_it FROM odoo_events.attach((SELECT array_agg(entity) FROM odoo_events.entity));
\set derived :srcdir /test/publish/derived_business.sql
\i :derived
\setenv OE_TRACE :trace
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play "$OE_DB" "$OE_TRACE"
SELECT odoo_events.publish() > 0 AS published;
\pset format unaligned
\pset tuples_only on
COPY (SELECT DISTINCT ON (type) type, :'trace', event::text FROM odoo_events.outbox ORDER BY type, json_array_length(event->'data'->'lines') > 0 DESC NULLS LAST, json_array_length(event->'data'->'changes') > 0 DESC NULLS LAST, position) TO STDOUT \g |cat >> publish_business.seen
\echo '-- every event, by the step it came from; complete; how many lines it has'
SELECT a.step, replace(o.type, 'odoo.', '') AS type, o.subject, o.partitionkey,
       concat_ws(' -> ', coalesce(o.event->'data'->'transition'->>'from', 'null'), coalesce(o.event->'data'->'transition'->>'to', 'null')) AS transition,
       o.event->'data'->o.entity->>'complete' AS complete, json_array_length(o.event->'data'->'lines') AS lines
  FROM odoo_events.outbox o LEFT JOIN (SELECT DISTINCT xid, step FROM audit) a ON a.xid = o.odootx
 WHERE split_part(o.type, '.', 2) NOT IN ('inventory', 'logistics', 'manufacturing')
 ORDER BY o.position;
\echo '-- what changed'
SELECT o.subject, split_part(o.type, '.', 4) AS verb, c->>'part' AS part, c->>'id' AS id, c->>'op' AS op, f.key AS field,
       coalesce(f.value->0->>'name', f.value->0->>'id', f.value->>0) AS old, coalesce(f.value->1->>'name', f.value->1->>'id', f.value->>1) AS new
  FROM odoo_events.outbox o, json_array_elements(o.event->'data'->'changes') c, json_each(c->'fields') f
 WHERE split_part(o.type, '.', 2) NOT IN ('inventory', 'logistics', 'manufacturing')
 ORDER BY o.position, 3, c->>'id', 6;
\echo '-- announced but not derived, derived but not announced, not published: none'
SELECT * FROM (SELECT * FROM announced_business EXCEPT ALL SELECT * FROM derived_business) x ORDER BY 1, 2, 3;
SELECT * FROM (SELECT * FROM derived_business EXCEPT ALL SELECT * FROM announced_business) x ORDER BY 1, 2, 3;
SELECT entity, record_id, reason FROM odoo_events.quarantine;
\pset tuples_only off
\pset format aligned
SELECT count(*) > 10 AS derived_something, count(*) < (SELECT max(position) FROM odoo_events.outbox) AS and_more FROM derived_business;
\if :last
\else
\c postgres
DROP DATABASE :"db";
\endif
\set ECHO all
