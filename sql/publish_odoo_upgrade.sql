-- Odoo 15 becomes 16, 17, 18 and 19 while everything is attached: tables and columns renamed, retyped, added and filled, within one
-- transaction and with one for each statement.  Nothing that was done before is lost or told otherwise, and what an upgrade writes
-- is no business.
-- check-all: four upgrades
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\set become :srcdir /test/publish/become.sql
\set db publish_odoo_upgrade
\set base odoo15-base
\set entities '{transfer}'
\i :setup
\set ECHO none
UPDATE odoo_events.event_def SET enabled = true WHERE entity NOT IN ('stock_level', 'availability');
SELECT count(*) > 0 AS all_of_it FROM odoo_events.attach((SELECT array_agg(entity) FROM odoo_events.entity));
SET ROLE regress_publish_owner;
CREATE INDEX ON mrp_production (procurement_group_id);
CREATE INDEX ON stock_move (created_purchase_line_id);
RESET ROLE;
\setenv OE_TRACE odoo15-all
\! "$PG_ABS_SRCDIR/test/publish/replay.sh" play "$OE_DB" "$OE_TRACE"
CREATE SCHEMA test;
CREATE TABLE test.seen AS SELECT 0::int8 AS upto;
CREATE VIEW test.news AS SELECT type, subject, record_id, event::jsonb -> 'data' AS data FROM odoo_events.outbox, test.seen WHERE position > upto;
CREATE FUNCTION test.read() RETURNS void LANGUAGE sql AS $$ UPDATE test.seen SET upto = (SELECT coalesce(max(position), 0) FROM odoo_events.outbox) $$;
-- the same day in a copy that stays Odoo 15
\c postgres
CREATE DATABASE publish_odoo_15 TEMPLATE publish_odoo_upgrade OWNER regress_publish_owner;
\c publish_odoo_15
SELECT odoo_events.publish() > 700 AS published;
COPY (SELECT type, subject, partitionkey, correlationid, regexp_replace(event->>'data', ',"(lines_read_at|delivery_status|receipt_status|subcontractor)":("[^"]*"|null)', '', 'g') FROM odoo_events.outbox ORDER BY position) TO STDOUT \g |cat > publish_odoo_upgrade.15
\c postgres
DROP DATABASE publish_odoo_15;
\c publish_odoo_upgrade
\getenv srcdir PG_ABS_SRCDIR
\set ECHO all
-- the day of Odoo 15 is in the journal, and not published yet, when it becomes Odoo 16 in one transaction: told as if it were not
\set version 16
\set once true
\i :become
SELECT odoo_events.publish() > 700 AS published;
\set ECHO none
COPY (SELECT type, subject, partitionkey, correlationid, regexp_replace(event->>'data', ',"(lines_read_at|delivery_status|receipt_status|subcontractor)":("[^"]*"|null)', '', 'g') FROM odoo_events.outbox ORDER BY position) TO STDOUT \g |cat > publish_odoo_upgrade.16
\set ECHO all
\! diff publish_odoo_upgrade.15 publish_odoo_upgrade.16 && rm publish_odoo_upgrade.15 publish_odoo_upgrade.16
SELECT entity, record_id, reason FROM odoo_events.quarantine;
SELECT test.read();
-- what fills the columns of Odoo 17, and moves the state of locked orders to one of them, is no event
\set version 17
\i :become
SELECT odoo_events.publish();
-- nor is what Odoo 18 adds; that a column which was there before says something else is told
\set version 18
\i :become
SELECT odoo_events.publish() > 0 AS published;
SELECT type, data -> 'changes' -> 0 ->> 'part' AS part, data -> 'changes' -> 0 -> 'fields' AS fields, count(*) FROM test.news GROUP BY 1, 2, 3 ORDER BY 1;
SELECT test.read();
-- A transaction for each statement: what fills a column in another one than that which made it looks like work.  quiet() keeps it back.
\set version 19
\set once false
\set ECHO none
\i :become
\set ECHO all
SELECT odoo_events.publish() > 0 AS published;
SELECT type, count(*) FROM test.news GROUP BY 1 ORDER BY 1;
SELECT test.read();
BEGIN;
SELECT odoo_events.quiet('values filled again by an upgrade');
UPDATE stock_move SET value = value + 1 WHERE value <> 0;
COMMIT;
SELECT odoo_events.publish();
-- what can come no more is told: tables and columns that are gone, and whom it concerns
SELECT entity, missing_columns, note FROM odoo_events.capture_status WHERE missing_columns IS NOT NULL OR note IS NOT NULL ORDER BY 1;
SELECT "check", status, regexp_replace(detail, '(last by \S+ at ).*', '\1...') AS detail, hint FROM odoo_events.health() WHERE "check" NOT IN ('worker', 'subscriptions', 'indexes') AND status <> 'ok' ORDER BY 1, 3;
SELECT entity, record_id, reason FROM odoo_events.quarantine;
SELECT count(*) FROM odoo_events.capture_error;
-- Odoo 19 goes on: a transfer of before, with its lots, is done by the columns of 19
SELECT p.id AS picking FROM stock_picking p WHERE p.state = 'assigned' AND EXISTS (SELECT FROM stock_move m WHERE m.picking_id = p.id AND m.state = 'assigned') ORDER BY 1 LIMIT 1 \gset
BEGIN;
UPDATE stock_move_line SET state = 'done', picked = true WHERE picking_id = :picking;
UPDATE stock_move SET state = 'done', picked = true, value = 1 WHERE picking_id = :picking;
UPDATE stock_picking SET state = 'done', date_done = '2026-12-01' WHERE id = :picking;
UPDATE stock_package SET name = 'SSCC-1' WHERE id = (SELECT min(id) FROM stock_package);
COMMIT;
SELECT odoo_events.publish() > 0 AS published;
SELECT type, subject, (SELECT string_agg(concat_ws(' ', l -> 'product' ->> 'sku', l ->> 'done', l ->> 'quantity'), ', ') FROM jsonb_array_elements(data -> 'lines') l) AS lines FROM test.news ORDER BY 1, 2;
SELECT entity, record_id, reason FROM odoo_events.quarantine;
\c postgres
DROP DATABASE publish_odoo_upgrade;
