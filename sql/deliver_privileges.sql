-- Who sees what: nobody secrets and payloads, monitoring the status, Odoo's role what its backup needs.
CREATE ROLE regress_deliver_odoo LOGIN;
CREATE ROLE regress_deliver_anybody LOGIN;
CREATE ROLE regress_deliver_monitor LOGIN IN ROLE pg_monitor;
CREATE ROLE regress_deliver_operator LOGIN;
CREATE DATABASE deliver_privileges OWNER regress_deliver_odoo;
\c deliver_privileges
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', headers => '{"X-Api-Key": "t0ken"}') IS NOT NULL AS secret;
GRANT USAGE ON SCHEMA odoo_events TO regress_deliver_operator;
GRANT EXECUTE ON FUNCTION odoo_events.pause(text), odoo_events.resume(text) TO regress_deliver_operator;

-- what each can read, of all that delivery keeps
SELECT r.rolname, string_agg(c.relname, ', ' ORDER BY c.relname) AS reads
  FROM pg_roles r, pg_class c
 WHERE r.rolname LIKE 'regress\_deliver\_%' AND c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'v')
   AND c.relname ~ '^(subscription|progress|held|dead|attempt|replay|command|waiting|outbox)'
   AND has_table_privilege(r.oid, c.oid, 'SELECT')
 GROUP BY 1 ORDER BY 1;
-- and what of it each can write, or call
SELECT r.rolname, c.relname FROM pg_roles r, pg_class c
 WHERE r.rolname LIKE 'regress\_deliver\_%' AND c.relnamespace = 'odoo_events'::regnamespace AND c.relkind = 'r'
   AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE');
SELECT r.rolname, p.proname FROM pg_roles r, pg_proc p
 WHERE r.rolname LIKE 'regress\_deliver\_%' AND p.pronamespace = 'odoo_events'::regnamespace
   AND p.proname IN ('subscribe', 'alter_subscription', 'unsubscribe', 'pause', 'resume', 'ping', 'replay', 'cancel_replay', 'retry_now', 'skip', 'discard',
     'set_secret', '_subscribe', '_alter_subscription', '_set_secret', '_store_secret', '_new_secret', '_replay_events', '_replace')
   AND has_function_privilege(r.oid, p.oid, 'EXECUTE') ORDER BY 1, 2;

SET ROLE regress_deliver_odoo;
SELECT * FROM odoo_events.subscription_secret;
SELECT * FROM odoo_events.dead;
SELECT * FROM odoo_events.subscription_status;
SELECT name, header_names FROM odoo_events.subscription_config;
SELECT odoo_events.subscribe('mine', 'https://203.0.113.7/x');
SELECT odoo_events._store_secret(jsonb_populate_record(NULL::odoo_events.subscription_secret, '{"subscription_id": 1}'));
RESET ROLE;
SET ROLE regress_deliver_anybody;
SELECT * FROM odoo_events.subscription_status;
RESET ROLE;
SET ROLE regress_deliver_monitor;
SELECT name, state, lag_events, dead_letters FROM odoo_events.subscription_status;
SELECT * FROM odoo_events.waiting;
SELECT * FROM odoo_events.attempt;
RESET ROLE;
-- an operator needs no more than the right to call
SET ROLE regress_deliver_operator;
SELECT odoo_events.pause('wms');
SELECT odoo_events.unsubscribe('wms');
RESET ROLE;
SELECT state, state_reason FROM odoo_events.subscription;
\c postgres
DROP DATABASE deliver_privileges;
DROP ROLE regress_deliver_odoo, regress_deliver_anybody, regress_deliver_monitor, regress_deliver_operator;
