-- Who looks after what: the most specific rule wins, attribute by attribute, and health, metrics and platform events show it.
\set VERBOSITY terse
CREATE DATABASE care_rules;
\c care_rules
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE EXTENSION odoo_events;
SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', types => '{odoo.logistics.*,odoo.platform.*}', owner => 'from subscribe()', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=') IS NOT NULL AS wms;
SELECT odoo_events.subscribe('lake', 'https://203.0.113.8/x', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=') IS NOT NULL AS lake;
SELECT odoo_events.set_care(types => '{odoo.logistics.*}', owner => 'Logistics', contact => 'logistics@example.com', criticality => 3);
SELECT odoo_events.set_care(types => '{odoo.logistics.customer_return.cancelled.v1}', runbook => 'https://wiki.example.com/done');
SELECT odoo_events.set_care(types => '{odoo.logistics.*}', warehouses => '{1,2}', criticality => 1);
SELECT odoo_events.set_care(types => '{odoo.logistics.*}', companies => '{7}', criticality => 2);
SELECT type, company_id, warehouse_id, owner, criticality, runbook FROM odoo_events.care ORDER BY 1, 2 NULLS FIRST, 3 NULLS FIRST;
SELECT 'type' AS asked, c.* FROM odoo_events._care(NULL, 'odoo.logistics.customer_return.cancelled.v1') c
UNION ALL SELECT 'warehouse', c.* FROM odoo_events._care(NULL, 'odoo.logistics.customer_return.cancelled.v1', 7, 2) c
UNION ALL SELECT 'company', c.* FROM odoo_events._care(NULL, 'odoo.logistics.customer_return.cancelled.v1', 7, 3) c
UNION ALL SELECT 'subscription', c.* FROM odoo_events._care('wms', 'odoo.logistics.customer_return.cancelled.v1') c
UNION ALL SELECT 'nobody', c.* FROM odoo_events._care(NULL, 'odoo.sales.sales_order.confirmed.v1') c;
SELECT odoo_events.set_care(subscriptions => '{wms,lake}', owner => 'Carrier desk', escalation => '{"after": "30 min", "contact": "duty@example.com"}');
SELECT owner, contact, escalation FROM odoo_events._care('wms', 'odoo.logistics.customer_return.cancelled.v1');
-- shared credentials are told of where the owners differ
SELECT * FROM odoo_events._health_credentials();
SELECT odoo_events.set_care(subscriptions => '{lake}', owner => 'Data "lake" team', runbook => 'https://wiki.example.com/lake');
SELECT * FROM odoo_events._health_credentials();
SELECT labels FROM odoo_events.metrics() WHERE name = 'odoo_events_subscription_info' ORDER BY labels;
SELECT detail FROM odoo_events.health() WHERE "check" = 'subscription lake' AND detail LIKE '%runbook%';
SELECT odoo_events.pause('lake');
-- what ends is told to whoever subscribes to it
SELECT odoo_events.set_care(types => '{odoo.logistics.customer_return.cancelled.v1}', sunset => '2001-02-03');
SELECT * FROM odoo_events._health_sunset();
SELECT new::jsonb ->> 'subject' AS subject, new::jsonb -> 'data' AS data FROM odoo_events.journal WHERE new LIKE '%type.deprecated%';
-- empty takes away, and a rule with nothing left goes
SELECT odoo_events.set_care(types => '{odoo.logistics.customer_return.cancelled.v1}', sunset => 'infinity');
SELECT type, runbook, sunset FROM odoo_events.care WHERE type = 'odoo.logistics.customer_return.cancelled.v1';
SELECT odoo_events.set_care(types => '{odoo.logistics.customer_return.cancelled.v1}', runbook => '');
SELECT count(*) FROM odoo_events.care WHERE type = 'odoo.logistics.customer_return.cancelled.v1';
-- refused
SELECT odoo_events.set_care(owner => 'nobody');
SELECT odoo_events.set_care(subscriptions => '{wms}', warehouses => '{1}', owner => 'x');
SELECT odoo_events.set_care(subscriptions => '{other}', owner => 'x');
SELECT odoo_events.set_care(subscriptions => '{wms}', criticality => 6);
SELECT odoo_events.set_care(subscriptions => '{wms}', owner => E'two\nlines');
SELECT odoo_events.set_care(subscriptions => '{wms}', escalation => '{"after": "soon", "contact": "x"}');
SELECT odoo_events.set_care(subscriptions => '{wms}', escalation => '{"after": "1 h"}');
SELECT odoo_events.set_care(types => '{Odoo}', owner => 'x');
-- who changed it, and what a backup keeps
SELECT what, object, old, new FROM odoo_events.audit_log WHERE what = 'set_care' ORDER BY at;
SELECT count(*) FROM odoo_events.saved_config WHERE id LIKE 'care_rule%';
CREATE TEMP TABLE kept AS SELECT * FROM odoo_events.care_rule;
CREATE TEMP TABLE lines AS SELECT * FROM odoo_events.saved_config WHERE id LIKE 'care_rule%';
DELETE FROM odoo_events.care_rule;
INSERT INTO odoo_events.saved_config SELECT * FROM lines;
SELECT (SELECT count(*) FROM odoo_events.care_rule) AS restored, count(*) AS differ
  FROM (SELECT * FROM kept EXCEPT SELECT * FROM odoo_events.care_rule) x;
SELECT odoo_events.unsubscribe('lake');
SELECT subscription FROM odoo_events.care WHERE subscription IS NOT NULL;
\c postgres
DROP DATABASE care_rules;
