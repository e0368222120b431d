-- Calendars: open hours over working days, holidays and days of 23 and 25 hours, exact to the microsecond; what cannot be used is refused.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE sla_calendar OWNER regress_publish_owner;
\c sla_calendar
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE EXTENSION odoo_events;
SELECT odoo_events.define_calendar('plant', 'Europe/Brussels', '{"mon": ["08:00-12:00", "13:00-17:00"], "tue": ["08:00-17:00"], "wed": ["08:00-17:00"], "thu": ["08:00-17:00"], "fri": ["08:00-16:00"]}',
  holidays => '{2026-12-25}', warehouses => '{1}');
SELECT odoo_events.define_calendar('always', 'Europe/Brussels', '{"mon": ["00:00-24:00"], "tue": ["00:00-24:00"], "wed": ["00:00-24:00"], "thu": ["00:00-24:00"], "fri": ["00:00-24:00"], "sat": ["00:00-24:00"], "sun": ["00:00-24:00"]}');
CREATE FUNCTION due(calendar text, start timestamp, within interval, cut_off time DEFAULT NULL) RETURNS timestamp LANGUAGE sql AS $$
  SELECT odoo_events._add_within(c, start AT TIME ZONE c.timezone, within, cut_off) AT TIME ZONE c.timezone FROM odoo_events.calendar_def c WHERE c.name = calendar $$;
-- within a period, over the break, to the very end of one, over the night, the weekend and a holiday
SELECT due('plant', '2026-11-30 09:00', '2 h'), due('plant', '2026-11-30 11:00', '2 h'), due('plant', '2026-11-30 11:00', '1 h'), due('plant', '2026-11-30 11:00', '1 h 0.000001 s');
SELECT due('plant', '2026-12-04 15:00', '2 h'), due('plant', '2026-12-24 16:00', '2 h'), due('plant', '2026-12-05 10:00', '1 h'), due('plant', '2026-11-30 03:00', '1 h');
-- a working day: the same local time; by the close where that is shut, or where nothing of that day has passed
SELECT due('plant', '2026-12-02 15:00', '1 day'), due('plant', '2026-12-04 15:00', '1 day'), due('plant', '2026-12-03 16:30', '1 day'), due('plant', '2026-12-05 10:00', '1 day'), due('plant', '2026-12-02 15:00', '1 day 1 h');
-- behind the cut-off the next opening counts
SELECT due('plant', '2026-12-02 14:00', '2 h', '14:00'), due('plant', '2026-12-02 14:00:00.000001', '2 h', '14:00'), due('plant', '2026-12-04 14:30', '1 day', '14:00');
-- days of 23 and of 25 hours
SELECT due('always', '2026-03-28 12:00', '24 h'), due('always', '2026-03-28 12:00', '1 day'), due('always', '2026-10-24 12:00', '24 h'), due('always', '2026-10-24 12:00', '1 day');
SELECT odoo_events._open_between(c, '2026-03-28 23:00+00', '2026-03-29 22:00+00') / 3600000000.0 AS spring,
       odoo_events._open_between(c, '2026-10-24 22:00+00', '2026-10-25 23:00+00') / 3600000000.0 AS autumn FROM odoo_events.calendar_def c WHERE c.name = 'always';
-- adding and measuring agree
SELECT count(*) FILTER (WHERE odoo_events._open_between(c, s, odoo_events._add_open(c, s, w)) <> w) AS differ
  FROM odoo_events.calendar_def c, generate_series('2026-03-25'::timestamptz, '2026-04-03', '5 h 17 min 3.000007 s') s, unnest('{1,3600000000,36000000001,200000000000}'::int8[]) w;
-- what cannot be used
SELECT odoo_events.define_calendar('warehouse', hours => '{"mon": ["06:00-22:00"]}');
SELECT odoo_events.define_calendar('x');
SELECT odoo_events.define_calendar('x', 'Europe/Atlantis', '{"mon": ["06:00-22:00"]}');
SELECT odoo_events.define_calendar('x', hours => '{"mon": ["22:00-06:00"]}');
SELECT odoo_events.define_calendar('x', hours => '{"mon": []}');
SELECT odoo_events.define_calendar('x', hours => '{"monday": ["06:00-22:00"]}');
SELECT odoo_events.define_calendar('x', hours => '{"mon": ["06:00-22:00"]}', warehouses => '{1}');
SELECT odoo_events.define_calendar('x', odoo_calendar => 1);
-- Odoo's own
CREATE TABLE ir_module_module (id int PRIMARY KEY);
CREATE TABLE resource_calendar (id int PRIMARY KEY, name text, tz text, two_weeks_calendar bool);
CREATE TABLE resource_calendar_attendance (id int PRIMARY KEY, calendar_id int, dayofweek text, hour_from float8, hour_to float8, day_period text, date_from date);
INSERT INTO resource_calendar VALUES (1, 'Standard', 'Europe/Brussels', false), (2, 'Two weeks', 'UTC', true);
INSERT INTO resource_calendar_attendance VALUES (1, 1, '0', 8, 12, 'morning'), (2, 1, '0', 12, 13, 'lunch'), (3, 1, '0', 13, 17.5, 'afternoon'), (4, 1, '4', 8, 12, 'morning'), (5, 2, '1', 8, 9, 'morning');
ALTER TABLE ir_module_module OWNER TO regress_publish_owner;
ALTER TABLE resource_calendar OWNER TO regress_publish_owner;
ALTER TABLE resource_calendar_attendance OWNER TO regress_publish_owner;
SELECT odoo_events.define_calendar('odoo', odoo_calendar => 1);
SELECT timezone, hours FROM odoo_events.calendar WHERE name = 'odoo';
SELECT odoo_events.define_calendar('odoo', odoo_calendar => 2);
\c contrib_regress
DROP DATABASE sla_calendar;
