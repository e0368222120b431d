-- schedule, rates, priorities, expiry: what is refused, what a schedule means.
CREATE DATABASE deliver_schedule;
\c deliver_schedule
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = odoo_events, pg_catalog;
SET timezone = 'UTC';
SET datestyle = iso;

SELECT s AS schedule, _schedule_next(s, a::timestamptz) FROM (VALUES
  ('* * * * *', '2026-01-01 00:00:00'), ('* * * * *', '2026-01-01 00:00:59.9'),
  ('*/15 * * * *', '2026-01-01 00:14'), ('*/15 * * * *', '2026-01-01 00:15'), ('5-59/20 * * * *', '2026-01-01 00:30'),
  ('0 2 * * *', '2026-01-01 02:00'), ('0 2 * * *', '2026-12-31 02:00'), ('0,30 8-17 * * 1-5', '2026-01-02 17:30'),
  ('0 0 1 * *', '2026-01-31 12:00'), ('0 0 29 2 *', '2026-01-01'), ('0 0 29 2 *', '2096-03-01'), ('0 0 31 4,6,9,11,12 *', '2026-01-01'),
  ('0 6 * * 0', '2026-01-01'), ('0 6 * * 7', '2026-01-01'), ('0 6 * * 6,7', '2026-01-02'), ('0 6 13 * 5', '2026-02-13 06:00'),
  ('  59   23  31 12   * ', '2026-12-31 23:58:59'), ('0 3 * * *', '2026-03-29 00:00+02')) v(s, a);
-- in any time zone of the session it is UTC that counts
SET timezone = 'Asia/Tokyo';
SELECT _schedule_next('0 2 * * *', '2026-01-01 00:00Z') AT TIME ZONE 'UTC';

SET timezone = 'UTC';
-- by the clock of a time zone: once per local day, also on the days of 23 and 25 hours, on which 02:30 does not come or comes twice
WITH RECURSIVE f(zone, schedule, at, n) AS (
  SELECT z, c, _schedule_next(c, s::timestamptz, z), 1 FROM (VALUES
    ('Europe/Brussels', '30 2 * * *', '2026-03-27 12:00Z'), ('Europe/Brussels', '30 2 * * *', '2026-10-23 12:00Z'), ('Europe/Brussels', '0 6 * * 1-5', '2026-03-26 12:00Z'),
    ('America/St_Johns', '0 0 * * *', '2026-03-06 12:00Z'), ('Asia/Kolkata', '15 9 * * *', '2026-01-01 00:00Z'), ('Australia/Lord_Howe', '45 1 * * *', '2026-04-03 00:00Z')) v(z, c, s)
  UNION ALL SELECT zone, schedule, _schedule_next(schedule, at, zone), n + 1 FROM f WHERE n < 4)
SELECT zone, schedule, at, at AT TIME ZONE zone AS local FROM f ORDER BY zone, schedule, at;
SELECT count(*) AS times, count(DISTINCT (at AT TIME ZONE 'Europe/Brussels')::date) AS days, bool_and(at > before) AS ascending
  FROM (WITH RECURSIVE f(at, before) AS (SELECT _schedule_next('30 2 * * *', '2026-01-01', 'Europe/Brussels'), '2026-01-01'::timestamptz
          UNION ALL SELECT _schedule_next('30 2 * * *', at, 'Europe/Brussels'), at FROM f WHERE at < '2026-12-31 12:00Z') SELECT * FROM f) x WHERE at < '2026-12-31 12:00Z';
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '0 6 * * *', timezone => 'Europe/Atlantis');
SELECT subscribe('x', 'https://203.0.113.7/x', timezone => 'Europe/Brussels');
SELECT subscribe('zoned', 'https://203.0.113.7/x', schedule => '0 6 * * 1-5', timezone => 'Europe/Brussels') IS NOT NULL AS secret;
SELECT schedule, timezone FROM subscription WHERE name = 'zoned';
SELECT alter_subscription('zoned', schedule => '');
SELECT alter_subscription('zoned', schedule => '', timezone => '');
SELECT schedule, timezone FROM subscription WHERE name = 'zoned';
SELECT unsubscribe('zoned');
SET timezone = 'Asia/Tokyo';

SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '* * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '* * * * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '60 * * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '* 24 * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '* * 0 * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '* * * JAN *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '* * * * 8');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '5-1,, * * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '30-10 * * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '5/10 * * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '*/0 * * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '99999999999999999999 * * * *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '0 0 30 2 *');
SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '@daily');
SELECT subscribe('x', 'https://203.0.113.7/x', rate_limit => -1);
SELECT subscribe('x', 'https://203.0.113.7/x', rate_limit => 'NaN');
SELECT subscribe('x', 'https://203.0.113.7/x', rate_burst => 5);
SELECT subscribe('x', 'https://203.0.113.7/x', rate_limit => 1, rate_burst => -5);
SELECT subscribe('x', 'https://203.0.113.7/x', priority => 0);
SELECT subscribe('x', 'https://203.0.113.7/x', priority => 10);
SELECT subscribe('x', 'https://203.0.113.7/x', priority => NULL);
SELECT subscribe('x', 'https://203.0.113.7/x', expire_after => '-1 s');

SELECT subscribe('x', 'https://203.0.113.7/x', schedule => '0 2 * * *', rate_limit => 2.5, rate_burst => 10, priority => 1, expire_after => '3 days') IS NOT NULL AS secret;
SELECT schedule, rate_limit, rate_burst, priority, expire_after FROM subscription;
SELECT alter_subscription('x', schedule => '*/5 * * * *', priority => 9);
SELECT schedule, rate_limit, rate_burst, priority, expire_after FROM subscription;
SELECT alter_subscription('x', schedule => '', rate_limit => 0);
SELECT alter_subscription('x', schedule => '', rate_limit => 0, rate_burst => 0, expire_after => '0');
SELECT schedule, rate_limit, rate_burst, priority, expire_after FROM subscription;
\c postgres
DROP DATABASE deliver_schedule;
