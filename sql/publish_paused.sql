-- A work order is paused when the last of those who work on it stops: told at once and told later, the same, whatever became of the other entries.
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
CREATE TABLE mrp_workorder (id int PRIMARY KEY, name text, state text, workcenter_id int, operation_id int, production_id int, production_availability text, qty_produced numeric);
CREATE TABLE mrp_workcenter_productivity (id int PRIMARY KEY, workorder_id int, workcenter_id int, loss_id int, date_start timestamp, date_end timestamp, create_date timestamp, write_date timestamp);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{work_order}');
INSERT INTO mrp_workorder VALUES (1, 'drill', 'progress', 1, 1, 1, 'assigned', 0), (2, 'mill', 'progress', 1, 1, 1, 'assigned', 0), (3, 'turn', 'progress', 1, 1, 1, 'assigned', 0);
-- as Odoo writes: write_date is when the transaction began, ends are cut to seconds
CREATE FUNCTION moment(numeric) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$SELECT timestamp '2026-11-02 10:00' + $1 * interval '1 second'$$;
CREATE FUNCTION starts(entry int, wo int, t numeric) RETURNS void LANGUAGE sql AS $$INSERT INTO mrp_workcenter_productivity VALUES (entry + 100 * wo, wo, 1, 1, date_trunc('second', moment(t)), NULL, moment(t), moment(t))$$;
CREATE FUNCTION stops(entry int, wo int, t numeric, ended numeric) RETURNS void LANGUAGE sql AS $$UPDATE mrp_workcenter_productivity SET date_end = date_trunc('second', moment(ended)), write_date = moment(t) WHERE id = entry + 100 * wo$$;
CREATE FUNCTION deleted(entry int, wo int) RETURNS void LANGUAGE sql AS $$DELETE FROM mrp_workcenter_productivity WHERE id = entry + 100 * wo$$;
CREATE FUNCTION moved(entry int, wo int) RETURNS void LANGUAGE sql AS $$UPDATE mrp_workcenter_productivity SET workorder_id = 9 WHERE id = entry + 100 * wo$$;
CREATE TABLE step (n serial PRIMARY KEY, statement text, meaning text, xids xid8[]);
INSERT INTO step (statement, meaning) VALUES
('starts(1, %s, 0)', 'resumed'), ('starts(2, %s, 1.5)', 'resumed'), ('stops(1, %s, 60.2, 60.2)', 'another is at it'), ('stops(2, %s, 120.7, 120.7)', 'paused'),
('starts(3, %s, 200)', 'resumed'), ('starts(4, %s, 200.5)', 'resumed'), ('stops(3, %s, 300.3, 300.3)', 'another is at it'), ('stops(4, %s, 300.4, 300.4)', 'paused, a tenth of a second later'),
('starts(5, %s, 400)', 'resumed'), ('starts(6, %s, 400.5)', 'resumed'), ('stops(6, %s, 500.1, 500.1)', 'another is at it; later it looks as if that one had ended before'), ('stops(5, %s, 4100.9, 450)', 'paused; it says that it ended an hour ago, before the other'),
('starts(7, %s, 5000)', 'resumed'), ('stops(2, %s, 5001, 119)', 'corrected, it had ended long ago'), ('stops(7, %s, 5100.5, 5100.5)', 'paused'), ('stops(6, %s, 5200, 499)', 'corrected, after that'),
('starts(8, %s, 6000)', 'resumed'), ('starts(9, %s, 6001)', 'resumed'), ('stops(8, %s, 6100, 6100)', 'another is at it; later it is nowhere to be found'), ('deleted(9, %s)', NULL),
('starts(10, %s, 7000)', 'resumed'), ('starts(11, %s, 7001)', 'resumed'), ('stops(10, %s, 7100, 7100)', 'another is at it; later it is seen elsewhere'), ('moved(11, %s)', NULL), ('starts(12, %s, 7200)', 'resumed'), ('stops(12, %s, 7300, 7300)', 'paused');
PREPARE steps (int) AS SELECT format('WITH s AS (SELECT %s) UPDATE step SET xids = xids || pg_current_xact_id() FROM s WHERE n = %s', format(statement, $1), n) AS step,
  CASE $1 WHEN 1 THEN 'SELECT odoo_events.publish()' END AS publish FROM step ORDER BY n;
\o /dev/null
-- work order 1: published after each step; 2: when all is over; 3: too, a transaction at a time
EXECUTE steps(1) \gexec
EXECUTE steps(2) \gexec
SELECT odoo_events.publish();
EXECUTE steps(3) \gexec
SELECT 'SELECT odoo_events.publish(1)' FROM generate_series(1, 40) \gexec
\o
SELECT n, meaning, at_once.event, later.event AS later, one.event AS one_by_one FROM step,
LATERAL (SELECT string_agg(split_part(type, '.', 4), ' ') AS event FROM odoo_events.outbox WHERE odootx = xids[1] AND type ~ 'paused|resumed') AS at_once,
LATERAL (SELECT string_agg(split_part(type, '.', 4), ' ') AS event FROM odoo_events.outbox WHERE odootx = xids[2] AND type ~ 'paused|resumed') AS later,
LATERAL (SELECT string_agg(split_part(type, '.', 4), ' ') AS event FROM odoo_events.outbox WHERE odootx = xids[3] AND type ~ 'paused|resumed') AS one ORDER BY n;
DROP TABLE step, mrp_workorder, mrp_workcenter_productivity;
DROP FUNCTION starts, stops, deleted, moved, moment;
DROP EXTENSION odoo_events;
