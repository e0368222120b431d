-- explain() and trace(): why there was no event, and the way of those that there were.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE lineage_explain OWNER regress_publish_owner;
\c lineage_explain
SET client_min_messages = warning;
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, reservation_state text, product_qty numeric, priority text, date_deadline timestamp, date_planned_start timestamp, date_start timestamp, company_id int);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
CREATE EXTENSION odoo_events;
SET datestyle = 'ISO';
-- what times and transactions there are differs from run to run; what other definitions there are is not the matter here
CREATE FUNCTION public.why(entity text, id int8) RETURNS TABLE (step text, verdict text, detail text) LANGUAGE sql AS $$
  SELECT * FROM (
  SELECT replace(e.step, 'odoo.manufacturing.manufacturing_order.', '') AS step, e.verdict,
         regexp_replace(regexp_replace(regexp_replace(e.detail, '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^ ,]*', '<time>', 'g'), '(transaction|change|position) \d+', '\1 <n>', 'g'), '(count|looks at).*', '\1 ...') AS detail
    FROM odoo_events.explain(entity, id) e) x
   WHERE step IN ('journal', 'row', 'reach', 'quarantine', 'publish', 'outbox', 'subscription mes', 'created.v1', 'confirmed.v1', 'started.v1', 'components_short.v1')
      OR step = 'capture' AND (verdict <> 'no table' OR detail LIKE '%stock_move' OR detail LIKE '%transfer')
$$;
SELECT * FROM why('manufacturing_order', 1);
\set VERBOSITY terse
SELECT * FROM odoo_events.explain('manufacturing_odor', 1);
\set VERBOSITY default
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
SELECT * FROM why('manufacturing_order', 1);
SELECT odoo_events.subscribe('mes', 'http://127.0.0.1:9/', allow_networks => '{127.0.0.0/8}', types => '{odoo.manufacturing.*.started.*}', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz') <> '' AS subscribed;

INSERT INTO mrp_production VALUES (1, 'MO/1', 'confirmed', 'assigned', 5);
SELECT * FROM why('manufacturing_order', 1);
SELECT odoo_events.publish();
SELECT * FROM why('manufacturing_order', 1);
-- a column that does not count; a condition that is false, and which part of it
UPDATE mrp_production SET company_id = 1;
SELECT * FROM why('manufacturing_order', 1) WHERE step = 'journal';
UPDATE mrp_production SET reservation_state = 'waiting';
SELECT odoo_events.publish();
SELECT * FROM why('manufacturing_order', 1);
-- the one that was there before the journal
SELECT * FROM why('manufacturing_order', 2);
-- a transfer of which no table exists
SELECT * FROM why('transfer', 2) WHERE step = 'capture';
-- gaps
BEGIN;
LOCK TABLE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2 IN ACCESS EXCLUSIVE MODE;
\! psql -qXAt -d lineage_explain -c "UPDATE mrp_production SET state = 'progress'"
ROLLBACK;
SELECT * FROM why('manufacturing_order', 1) WHERE verdict = 'gap';
-- quarantined: a reference table that cannot be read
CREATE TABLE res_company (id int PRIMARY KEY, name text);
ALTER TABLE res_company OWNER TO regress_publish_owner;
REVOKE ALL ON res_company FROM regress_publish_owner;
UPDATE mrp_production SET company_id = 2, state = 'to_close';
SELECT odoo_events.publish();
SELECT * FROM why('manufacturing_order', 1) WHERE step IN ('quarantine', 'publish');
SELECT step, type, subscription, regexp_replace(detail, '(transaction|change|id) [0-9a-f-]+$', '\1 <n>') AS detail FROM odoo_events.trace(key => 'manufacturing_order:1') WHERE step <> 'quarantined';
SELECT step, split_part(detail, ', change', 1) FROM odoo_events.trace(key => 'manufacturing_order:1') WHERE step = 'quarantined';
GRANT SELECT ON res_company TO regress_publish_owner;
SELECT odoo_events.requeue();
SELECT step, type, subscription, regexp_replace(detail, '(transaction|change|id) [0-9a-f-]+$', '\1 <n>') AS detail FROM odoo_events.trace(subject => 'manufacturing_order/MO/1');
SELECT odoo_events.publish();
UPDATE mrp_production SET state = 'progress';
SELECT step FROM odoo_events.trace(key => 'manufacturing_order:1') WHERE step = 'waits to be published';
SELECT odoo_events.publish();
SELECT t.step, t.position, t.type, t.subscription FROM odoo_events.outbox o, odoo_events.trace(event_id => o.id) t WHERE o.type LIKE '%.started.v1';
-- what happened has left the journal: the row as it is, the rules, and what its last event told
SELECT odoo_events.publish();
DELETE FROM odoo_events.journal_0;
DELETE FROM odoo_events.journal_1;
DELETE FROM odoo_events.journal_2;
SELECT * FROM why('manufacturing_order', 1) WHERE step <> 'outbox' AND step NOT LIKE 'subscription%';
BEGIN;
SET LOCAL odoo_events.capture = off;
UPDATE mrp_production SET reservation_state = 'confirmed', product_qty = 9 WHERE id = 1;
INSERT INTO mrp_production VALUES (7, 'MO/7', 'draft', 'assigned', 5);
COMMIT;
SELECT * FROM why('manufacturing_order', 1) WHERE step <> 'outbox' AND step NOT LIKE 'subscription%';
SELECT * FROM why('manufacturing_order', 7);
SELECT * FROM why('manufacturing_order', 99);
-- the mend in the hint
SELECT * FROM odoo_events.trace();
SELECT count(*) > 0 AS answers FROM odoo_events.trace(key => 'manufacturing_order:1');
\c postgres
DROP DATABASE lineage_explain;
