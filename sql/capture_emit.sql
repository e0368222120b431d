-- emit(): own events in the caller's transaction.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE capture_emit OWNER regress_publish_owner;
\c capture_emit
SET client_min_messages = warning;
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, company_id int);
CREATE EXTENSION odoo_events;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
CREATE VIEW events AS
SELECT position, type, subject, partitionkey, entity, record_id, correlationid, event->>'dataschema' AS dataschema, event->'data' AS data
  FROM odoo_events.outbox;
CREATE TABLE answer (id uuid, what text);

-- exists if and only if its transaction commits, savepoints included, in the order of the calls; the answer is its id
BEGIN;
INSERT INTO answer SELECT odoo_events.emit('acme.logistics.customs_hold.placed.v1', 'customs_hold/7', '{"customs_hold": {"id": 7, "weight": 1.10}}'), 'placed';
SAVEPOINT a;
SELECT odoo_events.emit('acme.logistics.customs_hold.forgotten.v1', 'customs_hold/7', '{}') IS NOT NULL AS answered;
ROLLBACK TO a;
SAVEPOINT b;
INSERT INTO answer SELECT odoo_events.emit('acme.logistics.customs_hold.released.v2', 'customs_hold/7', '{"customs_hold": {"id": 7}}', correlation => 'sales_order:3'), 'released';
RELEASE b;
COMMIT;
BEGIN;
SELECT odoo_events.emit('acme.logistics.customs_hold.never.v1', 'customs_hold/8', '{}') IS NOT NULL AS answered;
ROLLBACK;
SELECT odoo_events.publish();
SELECT * FROM events;
SELECT a.what, o.position, (o.event->>'id')::uuid = a.id AS same FROM answer a JOIN odoo_events.outbox o ON o.id = a.id ORDER BY o.position;

-- the key of a document: its events and ours are in one order; quotes and such survive
BEGIN;
SELECT odoo_events.emit('acme.mes.machine.set_up.v1', E'machine/"M\u00fcller\\1"', '{"machine": {"note": "a \"b\" \\ \u00e9"}}', key => 'manufacturing_order:1') IS NOT NULL AS answered;
INSERT INTO mrp_production VALUES (1, 'MO/1', 'confirmed', 1);
COMMIT;
BEGIN;
UPDATE mrp_production SET state = 'progress';
SELECT odoo_events.emit('acme.mes.machine.started.v1', 'machine/1', '{}', key => 'manufacturing_order:1') IS NOT NULL AS answered;
PREPARE TRANSACTION 'emit';
SELECT odoo_events.publish();
COMMIT PREPARED 'emit';
SELECT odoo_events.publish();
SELECT * FROM events WHERE position > 2;

-- a transaction whose notes go to a file
BEGIN;
SET LOCAL odoo_events.capture_memory = '64kB';
SELECT count(odoo_events.emit('acme.mes.machine.counted.v1', 'machine/' || i, jsonb_build_object('n', i, 'x', repeat('x', 200)), correlation => 'c')) FROM generate_series(1, 2000) i;
COMMIT;
SELECT odoo_events.publish();
SELECT count(*), count(DISTINCT id), min(subject), max(length(event->'data'->>'x')) FROM odoo_events.outbox WHERE type = 'acme.mes.machine.counted.v1';
SELECT count(*) FROM odoo_events.outbox a JOIN odoo_events.outbox b ON b.position = a.position + 1 AND b.partitionkey < a.partitionkey
 WHERE a.type = 'acme.mes.machine.counted.v1' AND b.type = a.type AND split_part(a.partitionkey, '/', 2)::int > split_part(b.partitionkey, '/', 2)::int;

-- nothing is lost in silence: with the journal locked it is a gap, or with strict the transaction fails
BEGIN;
LOCK TABLE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2 IN ACCESS EXCLUSIVE MODE;
\! psql -qXAt -d capture_emit -c "SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{}') IS NOT NULL"
\! psql -qXAt -d capture_emit -c "SET odoo_events.strict = on" -c "SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{}') IS NOT NULL" 2>&1 | grep -o 'no member.*\|.*locked'
ROLLBACK;
SELECT relation, changes FROM odoo_events.capture_error;

-- for a role that may not emit: a function of its owner's, in the caller's transaction
SET client_min_messages = error;
DO $$BEGIN CREATE ROLE regress_emit_clerk; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
SET client_min_messages = warning;
CREATE FUNCTION hold(what text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$SELECT odoo_events.emit('acme.logistics.customs_hold.placed.v1', 'customs_hold/' || what, '{}')$$;
SET ROLE regress_emit_clerk;
SELECT odoo_events.emit('acme.logistics.customs_hold.placed.v1', 's', '{}');
BEGIN;
SELECT public.hold('definer-1');
SAVEPOINT a;
SELECT public.hold('definer-2');
ROLLBACK TO a;
COMMIT;
BEGIN;
SELECT public.hold('definer-3');
ROLLBACK;
RESET ROLE;
SELECT odoo_events.publish();
SELECT subject FROM events WHERE subject LIKE '%definer%';

-- what is refused, and that the mend in the hint works
SELECT odoo_events.emit('odoo.logistics.shipment.dispatched.v1', 's', '{}');
SELECT odoo_events.emit('acme.logistics.shipment.dispatched.v1', 's', '{}') IS NOT NULL AS mended;
SELECT odoo_events.emit('Acme.logistics.shipment.dispatched.v1', 's', '{}');
SELECT odoo_events.emit('acme.logistics.customs_hold.placed', 's', '{}');
SELECT odoo_events.emit('acme.logistics..placed.v1', 's', '{}');
SELECT odoo_events.emit('acme.logistics.customs_hold.placed.v0', 's', '{}');
SELECT odoo_events.emit('acme.shipment.placed.v1', 's', '{}');
SELECT odoo_events.emit('acme.logistics.customs_hold.placed.v1', 's', '{}') IS NOT NULL AS mended;
SELECT odoo_events.emit('acme.a.b.c.v1', '', '{}');
SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{}', repeat('k', 256));
SELECT odoo_events.emit('acme.a.b.c.v1', E's\nx', '{}');
SELECT odoo_events.emit('acme.a.b.c.v1', 'customs_hold/WH/OUT/00042', '{}') IS NOT NULL AS mended;
SELECT odoo_events.emit('acme.a.b.c.v1', 's', '[1]');
SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{"customs_hold": {"id": 42}}') IS NOT NULL AS mended;
SELECT odoo_events.emit('acme.a.b.c.v1', 's', NULL);
SELECT odoo_events.emit('acme.a.b.c.v1', 's', jsonb_build_object('x', repeat('x', 1048576)));
BEGIN READ ONLY;
SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{}');
ROLLBACK;

-- EXECUTE is enough
CREATE ROLE regress_emitter;
SET ROLE regress_emitter;
SELECT odoo_events.emit('acme.a.b.c.v1', 's', '{}');
RESET ROLE;
GRANT USAGE ON SCHEMA odoo_events TO regress_emitter;
GRANT EXECUTE ON FUNCTION odoo_events.emit TO regress_emitter;
SET ROLE regress_emitter;
SELECT odoo_events.emit('acme.a.b.granted.v1', 's', '{}') IS NOT NULL AS emitted;
SELECT odoo_events._emit('odoo.a.b.granted.v1', 's', '{}');
RESET ROLE;
SELECT odoo_events.publish() > 0 AS published;
SELECT count(*) FROM events WHERE type LIKE 'acme.a.b.granted%';
SELECT * FROM odoo_events.quarantine;
\c postgres
DROP DATABASE capture_emit;
DROP ROLE regress_emitter;
