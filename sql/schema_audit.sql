-- Whatever changes something is in audit_log, asked of the catalog: a public function that is neither called here nor known to change nothing
-- fails this test.
CREATE DATABASE schema_audit;
\c schema_audit
SET client_min_messages = warning;
\set VERBOSITY terse
CREATE EXTENSION odoo_events;
CREATE TABLE mrp_production (id int PRIMARY KEY, name text, state text, product_qty numeric, company_id int);
CREATE TABLE thing (id int PRIMARY KEY, name text, state text, thing_id int UNIQUE);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables

-- why what is not called here need not be: it changes nothing, or what it writes is no configuration and no order
CREATE TEMP TABLE harmless (name text, why text);
INSERT INTO harmless VALUES
  ('pending', 'reads'),
  ('version', 'reads'), ('health', 'reads'), ('metrics', 'reads'), ('metrics_text', 'reads'), ('trace', 'reads'), ('diagnose', 'reads'), ('summary', 'reads'), ('explain', 'reads'), ('json_schema', 'reads'), ('asyncapi', 'reads'), ('event_catalog', 'reads'), ('page', 'reads'), ('published', 'reads'), ('requests', 'reads'), ('preload_line', 'reads'),
  ('emit', 'an event: the outbox says who'), ('capture', 'trigger'), ('capture_truncate', 'trigger'), ('publish', 'the worker''s work, now'),
  ('inclusion_proof', 'reads'), ('consistency_proof', 'reads'), ('archive', 'reads'),
  ('config_export', 'reads'), ('config_diff', 'reads'), ('config_hash', 'reads'), ('contract_check', 'reads'), ('latest', 'reads'), ('approve', 'needs another person: t/212_four_eyes'), ('reject', 'needs a proposal: t/212_four_eyes'),
  ('compare', 'reads'), ('note_legacy', 'facts for compare()'), ('confirm', 'the view outcome says who, when and what'), ('quiet', 'sql/capture_off shows its line'), ('fetch', 'hands out; ack() is what moves'), ('arm_first_time', 'part of attach(): audited as arm'),
  ('pause_promise', 'sql/sla_promise shows its line'), ('take_exception', 'sql/sla_promise shows its line'), ('close_exception', 'sql/sla_promise shows its line');

-- one call of each, in this order; %s is what the one before it has answered
CREATE TEMP TABLE calls (n int GENERATED ALWAYS AS IDENTITY, name text, what text, sql text);
INSERT INTO calls (name, what, sql) VALUES
  ('attach', 'attach', $$SELECT odoo_events.attach('{manufacturing_order}')$$),
  ('disarm', 'disarm', $$SELECT odoo_events.disarm()$$),
  ('arm', 'arm', $$SELECT odoo_events.arm()$$),
  ('backfill', 'backfill', $$SELECT odoo_events.backfill('manufacturing_order')$$),
  ('cancel_backfill', 'cancel backfill', $$SELECT odoo_events.cancel_backfill(1)$$),
  ('reconcile', 'reconcile', $$SELECT odoo_events.reconcile(repair => true)$$),
  ('detach', 'detach', $$SELECT odoo_events.detach('{manufacturing_order}')$$),
  ('define_entity', 'define', $$SELECT odoo_events.define_entity('gadget', 'thing')$$),
  ('define_part', 'define', $$SELECT odoo_events.define_part('gadget', 'inside', 'thing', parent => 'thing_id')$$),
  ('drop_part', 'drop definition', $$SELECT odoo_events.drop_part('gadget', 'inside')$$),
  ('define_event', 'define', $$SELECT odoo_events.define_event('acme.custom.gadget.done.v1', 'gadget', '$.new.state == "done"')$$),
  ('disable_event', 'define', $$SELECT odoo_events.disable_event('acme.custom.gadget.done.v1')$$),
  ('enable_event', 'define', $$SELECT odoo_events.enable_event('acme.custom.gadget.done.v1')$$),
  ('drop_event', 'drop definition', $$SELECT odoo_events.drop_event('acme.custom.gadget.done.v1')$$),
  ('drop_entity', 'drop definition', $$SELECT odoo_events.drop_entity('gadget')$$),
  ('requeue', 'requeue', $$SELECT odoo_events.requeue()$$),
  ('drop_quarantined', 'drop_quarantined', $$SELECT odoo_events.drop_quarantined('{1}')$$),
  ('subscribe', 'subscribe', $$SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', auth => '{"type": "bearer", "token": "t0psecret"}', headers => '{"X-Key": "t0psecret"}')$$),
  ('alter_subscription', 'alter_subscription', $$SELECT odoo_events.alter_subscription('wms', timeout => '7s', headers => '{"X-Key": "t0psecret too"}')$$),
  ('rotate_secret', 'rotate_secret', $$SELECT odoo_events.rotate_secret('wms')$$),
  ('set_secret', 'set_secret', $$SELECT odoo_events.set_secret('wms', 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=')$$),
  ('define_comparison', 'define comparison', $$SELECT odoo_events.define_comparison('old', 'wms', '$.data.x')$$),
  ('drop_comparison', 'drop comparison', $$SELECT odoo_events.drop_comparison('old')$$),
  ('seal', 'seal', $$SELECT odoo_events.seal()$$),
  ('set_retention', 'set_retention', $$SELECT odoo_events.set_retention('personal', '90 days', dry_run => false)$$),
  ('set_residency', 'set_residency', $$SELECT odoo_events.set_residency('{confidential}', networks => '{203.0.113.0/24}')$$),
  ('erase', 'erase', $$SELECT odoo_events.erase('user', 7, 'ticket', dry_run => false)$$),
  ('announce', 'announce', $$SELECT odoo_events.announce('stocktake', now(), now() + interval '1 h')$$),
  ('end_announcement', 'end_announcement', $$SELECT odoo_events.end_announcement(1)$$),
  ('define_calendar', 'define_calendar', $$SELECT odoo_events.define_calendar('plant', hours => '{"mon": ["06:00-22:00"]}')$$),
  ('define_sla', 'define_sla', $$SELECT odoo_events.define_sla('ship', '{acme.a.b.began.v1}', '{acme.a.b.ended.v1}')$$),
  ('drop_sla', 'drop_sla', $$SELECT odoo_events.drop_sla('ship')$$),
  ('set_care', 'set_care', $$SELECT odoo_events.set_care(subscriptions => '{wms}', owner => 'Shipping IT')$$),
  ('ping', 'ping', $$SELECT odoo_events.ping('wms')$$),
  ('pause', 'pause', $$SELECT odoo_events.pause('wms')$$),
  ('resume', 'resume', $$SELECT odoo_events.resume('wms')$$),
  ('retry_now', 'retry_now', $$SELECT odoo_events.retry_now('wms')$$),
  ('skip', 'skip', $$SELECT odoo_events.skip('wms', '{00000000-0000-8000-8000-000000000002}')$$),
  ('acknowledge', 'acknowledge', $$SELECT odoo_events.acknowledge('wms', '{00000000-0000-8000-8000-000000000002}', 'file')$$),
  ('replay', 'replay', $$SELECT odoo_events.replay('wms', from_position => 1)$$),
  ('cancel_replay', 'cancel_replay', $$SELECT odoo_events.cancel_replay(1)$$),
  ('discard', 'discard', $$SELECT odoo_events.discard('wms', '{00000000-0000-8000-8000-000000000001}')$$),
  ('ack', 'ack', $$SELECT odoo_events.ack('pull', max(f.position)) FROM odoo_events.fetch('pull') f$$),
  ('cut_over', 'cut_over', $$SELECT odoo_events.cut_over('wms', 'spare', carry => true)$$),
  ('cut_back', 'cut_back', $$SELECT odoo_events.cut_back('spare', 'wms')$$),
  ('set_policy', 'set_policy', $$SELECT odoo_events.set_policy('pg_monitor', companies => '{1}')$$),
  ('drop_policy', 'drop_policy', $$SELECT odoo_events.drop_policy('pg_monitor')$$),
  ('set_environment', 'set_environment', $$SELECT odoo_events.set_environment('test', '{"wms_url": "https://203.0.113.7/x"}')$$),
  ('define_type', 'define_type', $$SELECT odoo_events.define_type('acme.a.b.c.v1', '{}')$$),
  ('drop_type', 'drop_type', $$SELECT odoo_events.drop_type('acme.a.b.c.v1')$$),
  ('contract_accept', 'contract_accept', $$SELECT odoo_events.contract_accept('{none}')$$),
  ('config_apply', 'config_apply', $$SELECT odoo_events.config_apply('{"subscription": {"more": {"url": "https://203.0.113.7/y"}}}', dry_run => false)$$),
  ('unsubscribe', 'unsubscribe', $$SELECT odoo_events.unsubscribe('wms')$$),
  ('config_rollback', 'config_rollback', $$SELECT action FROM odoo_events.config_rollback(1, dry_run => false)$$);

SELECT DISTINCT p.proname AS nobody_knows_whether_it_is_audited
  FROM pg_proc p WHERE p.pronamespace = 'odoo_events'::regnamespace AND p.proname !~ '^_'
   AND p.proname NOT IN (SELECT name FROM harmless UNION ALL SELECT name FROM calls) ORDER BY 1;
SELECT name AS is_no_function FROM (SELECT name FROM harmless UNION ALL SELECT name FROM calls) x
 WHERE name NOT IN (SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'odoo_events'::regnamespace);

-- what orders are about: five events, one of them waits, one is a dead letter
CREATE FUNCTION pg_temp.events() RETURNS void LANGUAGE sql AS $$
  INSERT INTO odoo_events.outbox_0 (position, id, type, subject, partitionkey, "time", recordedtime, entity, record_id, odootx, event)
  SELECT i, ('00000000-0000-8000-8000-' || lpad(i::text, 12, '0'))::uuid, 'odoo.test.v1', 'thing/1', 'thing:1', now(), now(), 'thing', 1, pg_current_xact_id(), '{}'
    FROM generate_series(1, 5) i;
  INSERT INTO odoo_events.publish_cursor_0 (n, system_identifier, s1, last_position, at) SELECT 1000000, 0, pg_current_snapshot(), 5, now();
  INSERT INTO odoo_events.progress_1 (subscription_id, at, cursor) SELECT id, now(), 5 FROM odoo_events.subscription_config;
  INSERT INTO odoo_events.held (subscription_id, mode, key, position, attempts, next_attempt_at) SELECT id, 'key', 'thing:1', 2, 3, now() FROM odoo_events.subscription_config;
  INSERT INTO odoo_events.dead (subscription_id, event_id, position, type, subject, partitionkey, attempts, first_at, last_at, event)
  SELECT c.id, '00000000-0000-8000-8000-000000000001', 1, 't', 's', 'thing:1', 1, now(), now(), '{}' FROM odoo_events.subscription_config c
$$;
CREATE FUNCTION pg_temp.call_all() RETURNS TABLE (name text, what text, object text, who boolean, "when" boolean, told text) LANGUAGE plpgsql AS $$
DECLARE
  c record;
  before int8;
BEGIN
  FOR c IN SELECT * FROM calls ORDER BY n LOOP
    before := COALESCE((SELECT max(a.id) FROM odoo_events.audit a), 0);
    EXECUTE c.sql;
    IF c.name = 'subscribe' THEN
      PERFORM pg_temp.events();
      PERFORM odoo_events.subscribe('pull', NULL, start_from => 'earliest');
      PERFORM odoo_events.subscribe('spare', 'https://203.0.113.7/z', dry_run => true);
    END IF;
    RETURN QUERY
    SELECT c.name, c.what, a.object, a.who = session_user, a.at <= clock_timestamp(), concat_ws(' -> ', CASE WHEN a.old IS NOT NULL THEN 'from' END, CASE WHEN a.new IS NOT NULL THEN 'to' END)
      FROM (SELECT 1) one LEFT JOIN odoo_events.audit a ON a.id > before AND a.what = c.what ORDER BY a.id LIMIT 1;
  END LOOP;
END $$;
SELECT * FROM pg_temp.call_all();
SELECT count(*) AS with_a_secret FROM odoo_events.audit_log WHERE concat(old, new) ~ 't0psecret|whsec|MDEyMzQ1';
-- a reconciliation that repairs nothing, a replay that only counts, change nothing and are not in it
SELECT odoo_events.subscribe('w2', 'https://203.0.113.7/x') IS NOT NULL AS secret;
SELECT count(*) AS before FROM odoo_events.audit_log \gset
SELECT count(*) FROM odoo_events.reconcile();
SELECT odoo_events.replay('w2', from_position => 0, dry_run => true);
SELECT count(*) - :before AS more FROM odoo_events.audit_log;
\c postgres
DROP DATABASE schema_audit;
