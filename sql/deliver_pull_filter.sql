-- A filter that lets nothing pass is told of also where the events are fetched; the tables are filled by hand, no worker runs here.
CREATE DATABASE deliver_pull_filter;
\c deliver_pull_filter
SET client_min_messages = error;
CREATE EXTENSION odoo_events;
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = odoo_events, pg_catalog;
SELECT subscribe(name, NULL, types => '{odoo.test.*}', filter => filter::jsonpath) IS NULL AS ok
  FROM (VALUES ('never', '$.data.n == "1"'), ('some', '$.data.n == 25'), ('all', NULL)) v(name, filter);
SELECT arm() IS NOT NULL AS armed;
INSERT INTO outbox_0 (position, id, type, subject, partitionkey, "time", recordedtime, entity, record_id, company_id, odootx, event)
SELECT i, ('00000000-0000-8000-8000-' || lpad(i::text, 12, '0'))::uuid, 'odoo.' || CASE WHEN i <= 25 THEN 'test' ELSE 'other' END || '.made.v1',
       'thing/' || i, 'thing:' || i, now(), now(), 'thing', i, 1, pg_current_xact_id(), format('{"type":"odoo.test.v1","data":{"n":%s}}', i)
  FROM generate_series(1, 90) i;
INSERT INTO publish_cursor_0 (n, system_identifier, s1, last_position, at) SELECT 1000000, 0, pg_current_snapshot(), 90, now();
SELECT name, count(f.position) FROM subscription s, odoo_events.fetch(s.name) f GROUP BY 1 ORDER BY 1;
-- events of types that it does not ask for say nothing about the filter
SELECT name, filter_passed, filter_refused FROM subscription_progress ORDER BY 1;
SELECT "check", status, detail FROM health() WHERE "check" = 'subscription never';
SELECT "check", status FROM health() WHERE "check" IN ('subscription some', 'subscription all') ORDER BY 1;
\c postgres
DROP DATABASE deliver_pull_filter;
