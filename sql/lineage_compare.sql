-- An old interface beside its successor: facts of both are compared, and five planted faults are found.
CREATE DATABASE compare;
\c compare
SET client_min_messages = error;
CREATE EXTENSION odoo_events;
SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', types => '{acme.*}', filter => '$.data.order.kind == "out"') IS NOT NULL AS subscribed;
\set VERBOSITY terse
SELECT odoo_events.define_comparison('wms', 'nobody', '$.data.order.name');
SELECT odoo_events.define_comparison('wms', 'wms', '$.data.order.name', '{"quantity": "$$"}');
SELECT odoo_events.define_comparison('wms', 'wms', '$.data.order.name', tolerance => '-1 s');
SELECT odoo_events.define_comparison('wms', 'wms', '$.data.order.name', '{"quantity": "$.data.order.quantity"}', ready => 0.9);
SELECT odoo_events.define_comparison('wms', 'wms', '$.data.order.name');
SELECT odoo_events.emit('acme.sales.order.shipped.v1', 'o' || i, jsonb_build_object('order', jsonb_build_object('name', 'S' || i, 'quantity', i, 'kind', CASE i WHEN 20 THEN 'in' ELSE 'out' END)))
       IS NOT NULL AS emitted FROM generate_series(1, 20) i WHERE i <> 13 GROUP BY i HAVING i = 1;
SELECT count(odoo_events.emit('acme.sales.order.shipped.v1', 'o' || i, jsonb_build_object('order', jsonb_build_object('name', 'S' || i, 'quantity', i, 'kind', CASE i WHEN 20 THEN 'in' ELSE 'out' END))))
  FROM generate_series(2, 20) i WHERE i <> 13;
SELECT odoo_events.publish();
-- the old one: 5 is wrong, 7 came an hour ago, 11 has not come, ours lacks 13, 17 comes in 20 minutes
SELECT count(odoo_events.note_legacy('wms', 'S' || i, CASE WHEN i % 2 = 0 THEN 'acme.sales.order.shipped.v1' END,
         now() + CASE i WHEN 7 THEN interval '-1 hour' WHEN 17 THEN interval '20 min' ELSE '0' END, jsonb_build_object('quantity', CASE i WHEN 5 THEN 50 ELSE i END)))
  FROM generate_series(1, 19) i WHERE i <> 11;
SELECT verdict, count(*) FROM odoo_events.compare('wms', now() - interval '1 day', now() + interval '1 day') GROUP BY 1 ORDER BY 1;
SELECT verdict, key, type, CASE WHEN abs(extract(epoch FROM delta)) > 300 THEN round(extract(epoch FROM delta) / 60) END AS minutes, differs
  FROM odoo_events.compare('wms', now() - interval '1 day', now() + interval '1 day') WHERE verdict <> 'same' ORDER BY key;
SELECT sum(n) >= 18 AS some, bool_or(ready) AS ready FROM odoo_events.comparison;
SELECT odoo_events.note_legacy('wms', NULL);
SELECT * FROM odoo_events.compare('none');
SELECT what, object FROM odoo_events.audit_log WHERE what LIKE '%comparison' ORDER BY at;
-- what a dump carries, and what comes back of it
SELECT odoo_events.config_export('{comparison}');
CREATE TEMP TABLE dumped AS SELECT * FROM odoo_events.saved_config WHERE id LIKE 'comparison%';
DELETE FROM odoo_events.comparison_rule;
SELECT count(*) FROM odoo_events.saved_config WHERE id LIKE 'comparison%';
INSERT INTO odoo_events.saved_config SELECT * FROM dumped;
SELECT odoo_events.config_export('{comparison}');
SELECT action, path, is_now, wanted FROM odoo_events.config_diff('{"comparison": {"wms": {"subscription": "wms", "key": "$.data.order.name", "tolerance": "300 s", "ready": 0.95}}}');
SELECT odoo_events.config_apply('{"comparison": {"wms": {"subscription": "wms", "key": "$.data.order.name", "tolerance": "no"}}}');
SELECT odoo_events.drop_comparison('wms');
SELECT odoo_events.drop_comparison('wms');
SELECT count(*) FROM odoo_events.legacy;
\c postgres
DROP DATABASE compare;
