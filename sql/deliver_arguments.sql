-- Arguments that would have no effect, or none that was meant, are refused or told of when they are given.
CREATE DATABASE deliver_arguments;
\c deliver_arguments
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SET client_min_messages = notice;
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = odoo_events, pg_catalog;
SELECT subscribe('later', 'https://203.0.113.7/x', start_from => 'infinity') IS NOT NULL AS secret;
SELECT unsubscribe('later');
SELECT subscribe('x', 'https://203.0.113.7/x', companies => '{-1}');
SELECT subscribe('x', 'https://203.0.113.7/x', warehouses => '{-2}');
SELECT subscribe('x', 'https://203.0.113.7/x#part');
SELECT subscribe('x', 'https://203.0.113.7/x', retry_schedule => '{1s}') IS NOT NULL AS secret;
-- the default schedule again
SELECT alter_subscription('x', retry_schedule => '{null}');
SELECT retry_schedule IS NULL AS "default" FROM subscription;
SELECT skip('x', '{}');
SELECT replay('x', from_position => -5);
SELECT replay('x', keys => '{nonsense}');
SELECT ping('x');
