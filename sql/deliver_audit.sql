-- Who did what: every change of configuration, every order to delivery, without secrets; nobody changes what was written.
CREATE DATABASE deliver_audit;
\c deliver_audit
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = odoo_events, pg_catalog;
CREATE ROLE regress_deliver_auditor LOGIN;
CREATE ROLE regress_deliver_operator LOGIN;
GRANT USAGE ON SCHEMA odoo_events TO regress_deliver_auditor, regress_deliver_operator;
GRANT SELECT ON audit_log TO regress_deliver_auditor;
GRANT EXECUTE ON FUNCTION pause(text), resume(text), retry_now(text, int4[], int4[]) TO regress_deliver_operator;

SELECT arm();
SELECT disarm();
SELECT arm();
INSERT INTO attached (entity, mode) VALUES ('manufacturing_order', 'trigger');
DELETE FROM attached;
SELECT subscribe('wms', 'https://203.0.113.7/x', headers => '{"X-Api-Key": "t0ken"}') ~ '^whsec_' AS secret;
SELECT alter_subscription('wms', timeout => '7s', filter => '$.data.n > 1');
SELECT alter_subscription('wms', timeout => '7s');                  -- changes nothing
SELECT alter_subscription('wms', headers => '{"X-Other": "hush"}');
SELECT set_secret('wms', 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=') IS NOT NULL AS secret;
\c - regress_deliver_operator
SELECT odoo_events.pause('wms');
SELECT odoo_events.resume('wms');
SELECT odoo_events.retry_now('wms');
\c - postgres
SET search_path = odoo_events, pg_catalog;
\set VERBOSITY default

-- orders about events
INSERT INTO outbox_0
SELECT i, ('00000000-0000-8000-8000-' || lpad(i::text, 12, '0'))::uuid, 'odoo.test.v1', 'thing/1', 'thing:1', now(), now(), 'thing', 1, 1, NULL, NULL, NULL,
       pg_current_xact_id(), '{}' FROM generate_series(1, 5) i;
INSERT INTO progress_1 (subscription_id, at, cursor) SELECT id, now(), 5 FROM subscription_config;
INSERT INTO held (subscription_id, mode, key, position, attempts, next_attempt_at) SELECT id, 'key', 'thing:1', 2, 3, now() FROM subscription_config;
INSERT INTO dead (subscription_id, event_id, position, type, subject, partitionkey, attempts, first_at, last_at, event)
SELECT c.id, '00000000-0000-8000-8000-000000000001', 1, 't', 's', 'thing:1', 1, now(), now(), '{"time":"2026-01-01T00:00:00Z"}' FROM subscription_config c;
SELECT alter_subscription('wms', filter => 'true');
SELECT skip('wms', NULL);
SELECT skip('wms', '{00000000-0000-8000-8000-000000000002}');
SELECT replay('wms', from_position => 1, dry_run => true);          -- sends nothing, changes nothing
SELECT replay('wms', from_position => 1);
SELECT replay('wms', dead_letters => true);
SELECT cancel_replay(1);
SELECT discard('wms', '{00000000-0000-8000-8000-000000000001}');
SELECT discard('wms', '{00000000-0000-8000-8000-000000000001}');    -- there is none any more
SELECT requeue();
SELECT drop_quarantined('{1}');
SELECT unsubscribe('wms');

\c - regress_deliver_auditor
\pset format unaligned
SELECT who, what, object, CASE WHEN what = 'unsubscribe' THEN old -> 'timeout' ELSE old END AS old,
       CASE WHEN what = 'subscribe' THEN new -> 'url' ELSE new - '{database_oid,system_identifier}'::text[] END AS new FROM odoo_events.audit_log;
\pset format aligned
SELECT count(*) FROM odoo_events.audit_log WHERE concat(old, new) ~ 'whsec|hush|t0ken|MDEyMzQ1';
SELECT odoo_events._audit('nothing', 'mine');
INSERT INTO odoo_events.audit (at, who, what) VALUES (now(), 'me', 'nothing');
\c - postgres
UPDATE odoo_events.audit SET who = 'nobody';
DELETE FROM odoo_events.audit;
TRUNCATE odoo_events.audit;
-- what is rolled back was not done
BEGIN;
SELECT odoo_events.arm();
ROLLBACK;
SELECT count(*) FROM odoo_events.audit_log WHERE what = 'arm';
\c postgres
DROP DATABASE deliver_audit;
DROP ROLE regress_deliver_auditor, regress_deliver_operator;
