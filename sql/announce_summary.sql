-- A stocktake that is announced wakes nobody; and a period in sentences.
CREATE DATABASE announce_summary;
\c announce_summary
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x') IS NOT NULL AS wms;
SELECT odoo_events.subscribe('lake', 'https://203.0.113.8/x') IS NOT NULL AS lake;
-- a certificate that ends is a warning, unless something is announced for that subscription
INSERT INTO odoo_events.subscription_peer SELECT id, now() + interval '1 day', now() FROM odoo_events.subscription_config;
SELECT "check", status FROM odoo_events.health() WHERE "check" LIKE 'endpoint %' ORDER BY 1;
SELECT odoo_events.announce('stocktake', now() - interval '1 min', now() + interval '8 hours', subscriptions => '{wms}');
SELECT "check", status, detail LIKE '%; announced: stocktake' AS announced FROM odoo_events.health() WHERE "check" LIKE 'endpoint %' ORDER BY 1;
SELECT status, detail LIKE 'stocktake, % (announcement 1): wms' AS detail FROM odoo_events.health() WHERE "check" = 'announced';
SELECT labels ->> 'subscription' AS subscription, value FROM odoo_events.metrics() WHERE name = 'odoo_events_announced' ORDER BY 1;
-- for a plant alone it is about events; for everybody it is for all subscriptions
SELECT odoo_events.announce('inventory of plant 2', now() - interval '1 min', now() + interval '8 hours', warehouses => '{2}');
SELECT count(*) FILTER (WHERE status = 'ok') AS announced FROM odoo_events.health() WHERE "check" LIKE 'endpoint %';
SELECT odoo_events.announce('shutdown', now() - interval '1 min', now() + interval '8 hours');
SELECT count(*) FILTER (WHERE status = 'ok') AS announced FROM odoo_events.health() WHERE "check" LIKE 'endpoint %';
SELECT odoo_events.end_announcement(3);
SELECT odoo_events.end_announcement(1);
SELECT count(*) FILTER (WHERE status = 'ok') AS announced FROM odoo_events.health() WHERE "check" LIKE 'endpoint %';
SELECT what, object FROM odoo_events.audit_log WHERE what LIKE '%announce%' ORDER BY at;
-- refused
\set VERBOSITY sqlstate
SELECT odoo_events.announce('', now(), now() + interval '1 h');
SELECT odoo_events.announce('x', now(), now() - interval '1 h');
SELECT odoo_events.announce('x', now(), 'infinity');
SELECT odoo_events.announce('x', now(), now() + interval '1 h', subscriptions => '{other}');
SELECT odoo_events.end_announcement(3);
SELECT odoo_events.summary('0');
-- what happened, in at most ten sentences
SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{}') IS NOT NULL AS event;
SELECT odoo_events.publish();
SELECT count(*) <= 10 AS ten, bool_or(line ~ '1 events were published, of 1 types') AS published, bool_or(line ~ 'announced by') AS announced
  FROM regexp_split_to_table(odoo_events.summary('1 h'), E'\n') line;
\c postgres
DROP DATABASE announce_summary;
