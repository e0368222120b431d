-- What an event looks like, whole; the same list of events whether published after each transaction or at the end.
\set VERBOSITY terse
SET client_min_messages = error;
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_json OWNER regress_publish_owner;
\c publish_json
SET client_min_messages = warning;
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" load publish_json odoo19-base
CREATE EXTENSION odoo_events;
CREATE DATABASE publish_each TEMPLATE publish_json OWNER regress_publish_owner;
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{stock_move,transfer,manufacturing_order}');
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play publish_json odoo19-changes
SELECT odoo_events.publish(10) BETWEEN 1 AND 20 AS some;
SELECT odoo_events.publish() > 0 AS rest, odoo_events.publish() AS nothing;
SELECT odoo_events.publish();
-- what differs from run to run is masked
CREATE FUNCTION masked(e text) RETURNS text LANGUAGE sql AS $$
SELECT jsonb_pretty(regexp_replace(regexp_replace($1, '"(time|recordedtime|lines_read_at)":"[^"]*"', '"\1":"..."', 'g'), '"(id|causationid|odootx)":"[^"]*"', '"\1":"..."', 'g')::jsonb)
$$;
SELECT masked(event::text) FROM odoo_events.outbox WHERE type = 'odoo.inventory.stock_move.shipped.v1' ORDER BY position LIMIT 1;
SELECT masked(event::text) FROM odoo_events.outbox WHERE type = 'odoo.logistics.shipment.confirmed.v1' AND record_id = 28;
SELECT masked(event::text) FROM odoo_events.outbox WHERE type = 'odoo.manufacturing.manufacturing_order.completed.v1' AND record_id = 2;
-- the order of attributes does not change: the bytes are signed
SELECT DISTINCT string_agg(k, ' ') FROM odoo_events.outbox o, LATERAL (SELECT k FROM json_object_keys(o.event) WITH ORDINALITY AS x (k, n) ORDER BY n) y WHERE o.type LIKE '%.dispatched.v1' GROUP BY o.position;
SELECT event->>'id' ~ '^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' AS uuid8, event->>'time' ~ '^[0-9-]{10}T[0-9:.]*Z$' AS rfc3339,
       event->>'recordedtime' >= event->>'time' AS later, count(*) > 0 FROM odoo_events.outbox GROUP BY 1, 2, 3;
-- a bad argument; a transaction block; another isolation
SELECT odoo_events.publish(0);
BEGIN;
SELECT odoo_events.publish();
ROLLBACK;
SET default_transaction_isolation = 'repeatable read';
SELECT odoo_events.publish();
RESET default_transaction_isolation;

-- after each transaction
\c publish_each
GRANT USAGE ON SCHEMA odoo_events TO regress_publish_owner;
GRANT EXECUTE ON FUNCTION odoo_events.publish(int) TO regress_publish_owner;
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{stock_move,transfer,manufacturing_order}');
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" each publish_each odoo19-changes
SELECT odoo_events.publish();
SELECT count(*) > 50 AS many_cycles FROM odoo_events.publish_cursor;
\! for d in publish_json publish_each; do psql -qXAt -d $d -c "SELECT position, type, partitionkey, record_id, event->'data'->'transition', event->'data'->'changes' FROM odoo_events.outbox ORDER BY 1" > "$d.events"; done; cmp publish_json.events publish_each.events && echo same list; rm publish_json.events publish_each.events
\c postgres
DROP DATABASE publish_json;
DROP DATABASE publish_each;
