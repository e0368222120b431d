-- publish_lag is the age of the oldest commit that is not published, also while publishing is under way; without a worker here.
CREATE DATABASE account_lag;
\c account_lag
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
CREATE TEMP VIEW lag AS SELECT publish_lag > interval '0' AS waits,
       publish_lag BETWEEN clock_timestamp() - (SELECT min(at) FROM odoo_events.journal j WHERE NOT odoo_events._is_published(j.xid, j.id)) - interval '1 s'
                       AND clock_timestamp() - (SELECT min(at) FROM odoo_events.journal j WHERE NOT odoo_events._is_published(j.xid, j.id)) AS of_the_oldest
  FROM odoo_events.worker_status;
SELECT publish_lag FROM odoo_events.worker_status;
SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{}') IS NOT NULL AS one;
SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/2', '{}') IS NOT NULL AS two;
SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/3', '{}') IS NOT NULL AS three;
SELECT * FROM lag;
SELECT value > 0 AS metric FROM odoo_events.metrics() WHERE name = 'odoo_events_publish_lag_seconds';
-- a part is published: what is left is not forgotten
SELECT odoo_events.publish(1);
SELECT count(*) AS waiting FROM odoo_events.journal j WHERE NOT odoo_events._is_published(j.xid, j.id);
SELECT * FROM lag;
SELECT odoo_events.publish();
SELECT publish_lag FROM odoo_events.worker_status;
SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/4', '{}') IS NOT NULL AS four;
SELECT * FROM lag;
SELECT odoo_events.publish();
SELECT publish_lag FROM odoo_events.worker_status;
\c postgres
DROP DATABASE account_lag;
