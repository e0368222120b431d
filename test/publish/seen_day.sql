-- Which types a recorded day (:db, :base, :trace) shows, for docs/events: adds an event of each to publish_business.seen.
\i :setup
\set ECHO none
UPDATE odoo_events.event_def SET enabled = true;
SELECT count(*) > 0 AS all_of_it FROM odoo_events.attach((SELECT array_agg(entity) FROM odoo_events.entity));
\setenv OE_TRACE :trace
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play "$OE_DB" "$OE_TRACE"
SELECT odoo_events.publish() > 0 AS published;
COPY (SELECT DISTINCT ON (type) type, :'trace', event::text FROM odoo_events.outbox ORDER BY type, json_array_length(event->'data'->'lines') > 0 DESC NULLS LAST, json_array_length(event->'data'->'changes') > 0 DESC NULLS LAST, position) TO STDOUT \g |cat >> publish_business.seen
SELECT entity, record_id, reason FROM odoo_events.quarantine;
\c postgres
DROP DATABASE :"db";
\set ECHO all
