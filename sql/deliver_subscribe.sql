-- subscribe() and its kin: what is refused when it is given, and what it says.
-- needs: test_decoding
CREATE DATABASE deliver_subscribe;
\c deliver_subscribe
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SET client_min_messages = notice;
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = odoo_events, pg_catalog;

-- URLs
SELECT subscribe('x', 'ftp://203.0.113.7/x');
SELECT subscribe('x', 'example');
SELECT subscribe('x', 'https://user:secret@203.0.113.7/x');
SELECT subscribe('x', E'https://203.0.113.7/a\nb');
SELECT subscribe('x', 'https://203.0.113.7/a b');
SELECT subscribe('x', 'https://203.0.113.7/' || repeat('x', 2100));
SELECT subscribe('x', 'http://203.0.113.7/x');
SELECT subscribe('x', 'http://127.0.0.1:8080/x');
SELECT subscribe('x', 'https://127.0.0.1/x');
SELECT subscribe('x', 'https://10.1.2.3/x');
SELECT subscribe('x', 'https://169.254.169.254/latest/meta-data');
SELECT subscribe('x', 'https://[::1]/x');
SELECT subscribe('x', 'https://[::ffff:127.0.0.1]/x');
SELECT subscribe('x', 'https://[64:ff9b::7f00:1]/x');
SELECT subscribe('x', 'https://[64:ff9b:1::a00:1]/x');
SELECT subscribe('x', 'https://wms%fc.example.com/x');
SELECT subscribe('x', 'https://[fd00::1]/x', allow_networks => '{10.0.0.0/8}');
SELECT subscribe('x', 'https://2130706433/x');
SELECT subscribe('x', 'https://[fe80::1%25eth0]/x');

-- the rest of the arguments
SELECT subscribe('', 'https://203.0.113.7/x');
SELECT subscribe('a b', 'https://203.0.113.7/x');
SELECT subscribe(NULL, 'https://203.0.113.7/x');
SELECT subscribe('x', 'https://203.0.113.7/x', timeout => NULL);
SELECT subscribe('x', 'https://203.0.113.7/x', start_from => NULL);
SELECT subscribe('x', 'https://203.0.113.7/x', types => '{}');
SELECT subscribe('x', 'https://203.0.113.7/x', types => '{Odoo.*}');
SELECT subscribe('x', 'https://203.0.113.7/x', filter => '$.data ++');
SELECT subscribe('x', 'https://203.0.113.7/x', format => 'xml');
SELECT subscribe('x', 'https://203.0.113.7/x', payload => 'tiny');
SELECT subscribe('x', 'https://203.0.113.7/x', clearance => '{secret}');
SELECT subscribe('x', 'https://203.0.113.7/x', clearance => '{}');
SELECT subscribe('x', 'https://203.0.113.7/x', clearance => '{public,NULL}');
SELECT subscribe('x', 'https://203.0.113.7/x', dry_run => NULL);
SELECT subscribe('x', 'https://203.0.113.7/x', ordering => 'random');
SELECT subscribe('x', 'https://203.0.113.7/x', batch_size => 10);
SELECT subscribe('x', 'https://203.0.113.7/x', format => 'batch', batch_size => 0);
SELECT subscribe('x', 'https://203.0.113.7/x', format => 'batch', batch_wait => '-1s');
SELECT subscribe('x', 'https://203.0.113.7/x', max_in_flight => 0);
SELECT subscribe('x', 'https://203.0.113.7/x', timeout => '0');
SELECT subscribe('x', 'https://203.0.113.7/x', retry_schedule => '{1s,-1s}');
SELECT subscribe('x', 'https://203.0.113.7/x', retry_schedule => '{1s,NULL}');
SELECT subscribe('x', 'https://203.0.113.7/x', headers => '[]');
SELECT subscribe('x', 'https://203.0.113.7/x', headers => '{"Content-Type": "text/plain"}');
SELECT subscribe('x', 'https://203.0.113.7/x', headers => '{"WEBHOOK-Id": "1"}');
SELECT subscribe('x', 'https://203.0.113.7/x', headers => '{"Host": "other"}');
SELECT subscribe('x', 'https://203.0.113.7/x', headers => '{"X-A": "a\r\nX-B: b"}');
SELECT subscribe('x', 'https://203.0.113.7/x', headers => '{"X A": "a"}');
SELECT subscribe('x', 'https://203.0.113.7/x', headers => '{"X-A": 1}');
SELECT subscribe('x', 'https://203.0.113.7/x', secret => 'hunter2');
SELECT subscribe('x', 'https://203.0.113.7/x', secret => 'whsec_c2hvcnQ=');
SELECT subscribe('x', 'https://203.0.113.7/x', start_from => 'yesterday-ish');
SELECT subscribe('x', 'https://203.0.113.7/x', start_from => '17');
SELECT subscribe('x', 'https://203.0.113.7/x', allow_networks => '{10.0.0.1/8}');
SELECT subscribe('x', 'https://203.0.113.7/x', success_statuses => '{200}');
SELECT subscribe('x', 'https://203.0.113.7/x', success_statuses => '{409,503}');
SELECT subscribe('x', 'https://203.0.113.7/x', success_statuses => '{410}');
SELECT subscribe('x', 'https://203.0.113.7/x', success_statuses => '{409,NULL}');
SELECT subscribe('x', 'https://203.0.113.7/x', success_statuses => '{0}');
SELECT subscribe('x', NULL, success_statuses => '{409}');
SELECT subscribe('x', 'https://203.0.113.7/x', tls => '{"http2": "no"}');

-- good ones
SELECT subscribe('wms', 'https://203.0.113.7/x', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=');
SELECT subscribe('lan', 'http://10.1.2.3/x', allow_networks => '{10.0.0.0/8}') ~ '^whsec_[A-Za-z0-9+/]{43}=$' AS secret;
SELECT subscribe('warned', 'https://203.0.113.7/x', types => '{no.such.*}') IS NOT NULL AS secret;
SELECT subscribe('full', 'https://203.0.113.7/x', types => '{*}', filter => '$.data.n > 1', companies => '{1,2}', warehouses => '{3}',
  format => 'batch', ordering => 'none', batch_size => 50, batch_wait => '1s', max_in_flight => 2, timeout => '5s',
  retry_schedule => '{1s,2s}', headers => '{"X-Api-Key": "token", "Authorization": "Bearer abc"}', start_from => 'earliest',
  payload => 'thin', clearance => '{public,personal}', dry_run => true, owner => 'logistics', contact => 'wms@example.com') IS NOT NULL AS secret;
SELECT subscribe('wms', 'https://203.0.113.7/y');
SELECT subscribe('wms', 'https://203.0.113.8/y', or_replace => true);
SELECT name, url, types, filter, companies, warehouses, format, payload, clearance, dry_run, owner, contact, ordering, batch_size, batch_wait, max_in_flight, timeout, retry_schedule,
       header_names, allow_networks, state, state_reason
  FROM subscription ORDER BY name \gx

-- ed25519: the test vector of RFC 8032, with and without its public key; subscribe() answers the public key
SELECT subscribe('ed', 'https://203.0.113.7/x', signature => 'rsa');
SELECT subscribe('ed', 'https://203.0.113.7/x', signature => 'ed25519', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=');
SELECT subscribe('ed', 'https://203.0.113.7/x', signature => 'ed25519', secret => 'whsk_MDEyMzQ1Njc4OTAxMjM0NTY3ODkw');
SELECT subscribe('ed', 'https://203.0.113.7/x', signature => 'ed25519',
  secret => 'whsk_' || replace(encode('\x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f609d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'base64'), E'\n', ''));
SELECT subscribe('ed', 'https://203.0.113.7/x', signature => 'ed25519',
  secret => 'whsk_' || encode('\x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'base64'));
SELECT set_secret('ed', 'whsk_' || replace(encode('\x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'base64'), E'\n', ''));
SELECT alter_subscription('ed', signature => 'hmac');
SELECT alter_subscription('ed', signature => 'hmac', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=');
SELECT subscribe('ed', 'https://203.0.113.7/x', signature => 'ed25519', or_replace => true) ~ '^whpk_[A-Za-z0-9+/]{43}=$' AS public_key;
SELECT subscribe('ed', 'https://203.0.113.7/x', signature => 'ed25519', or_replace => true);

-- rotation
SELECT rotate_secret('nobody');
SELECT rotate_secret('wms', '-1s');
SELECT rotate_secret('wms', NULL);
SELECT rotate_secret('wms', '1 hour') <> rotate_secret('wms', '1 hour') AS new, rotate_secret('wms', '0') IS NOT NULL, rotate_secret('wms', '2 days') IS NOT NULL;
SELECT s.secret <> ALL (s.previous) AS new, cardinality(s.previous), s.previous_signature FROM subscription_secret s JOIN subscription_config c ON c.id = s.subscription_id WHERE c.name = 'wms';
SELECT name, expires_at - now() BETWEEN '47 hours' AND '48 hours' AS expires FROM subscription_status WHERE expires_at IS NOT NULL;
SELECT set_secret('wms') IS NOT NULL, rotate_secret('ed') ~ '^whpk_' AS public_key;
SELECT name, expires_at - now() BETWEEN '23 hours' AND '24 hours' AS expires FROM subscription_status WHERE expires_at IS NOT NULL;

-- auth and tls: what is refused
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '[]');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "digest"}');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "basic", "username": "a"}');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "basic", "username": "a:b", "password": "c"}');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "bearer", "token": 7}');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "bearer", "token": "a\r\nX: y"}');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "bearer", "token": "a", "user": "b"}');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "bearer", "token": "a"}', headers => '{"authorization": "b"}');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "oauth2", "token_url": "https://10.0.0.1/token", "client_id": "a", "client_secret": "b"}');
SELECT subscribe('x', 'https://203.0.113.7/x', auth => '{"type": "oauth2", "token_url": "https://a:b@203.0.113.7/token", "client_id": "a", "client_secret": "b"}');
SELECT subscribe('x', 'https://203.0.113.7/x', tls => '"x"');
SELECT subscribe('x', 'https://203.0.113.7/x', tls => '{"ca": "x"}');
SELECT subscribe('x', 'https://203.0.113.7/x', tls => '{"cert": "x"}');
SELECT subscribe('x', 'https://203.0.113.7/x', tls => '{"cert": "x", "key": "y"}');
SELECT subscribe('x', 'https://203.0.113.7/x', tls => '{"server_name": "a b"}');
SELECT subscribe('x', 'https://203.0.113.7/x', tls => '{"version": "1.0"}');
SELECT subscribe('x', 'http://10.0.0.1/x', tls => '{"server_name": "a"}', allow_networks => '{10.0.0.0/8}');
SELECT subscribe('x', 'https://203.0.113.7/x', handshake => NULL);

-- alter: what is null stays
SELECT alter_subscription('nobody');
SELECT alter_subscription('full', ordering => 'no');
SELECT alter_subscription('full', url => 'http://10.0.0.1/');
SELECT alter_subscription('full', batch_size => 5, companies => '{}', timeout => '6s');
SELECT batch_size, companies, warehouses, timeout, filter, header_names FROM subscription WHERE name = 'full';
SELECT alter_subscription('full', headers => '{"X-Other": "b"}');
SELECT header_names FROM subscription WHERE name = 'full';
SELECT set_secret('full') <> set_secret('full') AS changes;
SELECT set_secret('wms', 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=');

-- pause and resume
SELECT pause('nobody');
SELECT pause('wms');
SELECT state, state_reason FROM subscription WHERE name = 'wms';
SELECT resume('wms');
SELECT state, state_reason FROM subscription WHERE name = 'wms';
SELECT retry_now('nobody');
SELECT skip('wms', '{00000000-0000-8000-8000-000000000000}');
SELECT discard('wms', '{00000000-0000-8000-8000-000000000000}');

-- a restored backup has configuration, but no secrets
DELETE FROM subscription_secret WHERE subscription_id = (SELECT id FROM subscription_config WHERE name = 'full');
SELECT state, state_reason FROM subscription_status WHERE name = 'full';
SELECT set_secret('full');
SELECT alter_subscription('full', headers => '{"X-Other": "b"}');
SELECT alter_subscription('full', headers => '{"X-Other": "b"}', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=');
SELECT state, state_reason FROM subscription_status WHERE name = 'full';

-- secrets are not decoded by anybody's publication
SELECT slot_name FROM pg_create_logical_replication_slot('deliver_subscribe', 'test_decoding');
SELECT set_secret('lan') IS NOT NULL AS secret;
SELECT count(*) FILTER (WHERE data LIKE '%subscription_secret: INSERT%' OR data LIKE '%whsec%') AS secrets
  FROM pg_logical_slot_get_changes('deliver_subscribe', NULL, NULL);
SELECT pg_drop_replication_slot('deliver_subscribe');
SET enable_seqscan = off;
SELECT count(*) FROM subscription_secret s JOIN subscription_config c ON c.id = s.subscription_id;

-- a status by which a receiver says that it knows the event, and HTTP/1.1 only: kept, shown, in dumps, emptied
SELECT subscribe('known', 'https://203.0.113.7/x', success_statuses => '{409,304}', tls => '{"http2": false}') IS NOT NULL AS secret;
SELECT success_statuses, tls FROM subscription WHERE name = 'known';
SELECT alter_subscription('known', success_statuses => '{503}');
SELECT alter_subscription('known', success_statuses => '{409}', tls => '{"http2": true}');
SELECT success_statuses, tls FROM subscription WHERE name = 'known';
SELECT convert_from(decode(rtrim(line, ';'), 'hex'), 'UTF8')::jsonb -> 'row' -> 'success_statuses' AS dumped
  FROM saved_config WHERE id = 'subscription_config_' || (SELECT id FROM subscription_config WHERE name = 'known');
SELECT alter_subscription('known', success_statuses => '{}', tls => '{}');
SELECT success_statuses, tls FROM subscription WHERE name = 'known';
SELECT what, old -> 'success_statuses' AS old, new -> 'success_statuses' AS new FROM audit_log WHERE object = 'known' ORDER BY at;

-- unsubscribe
SELECT unsubscribe('nobody');
SELECT unsubscribe(name) FROM subscription;
SELECT count(*) FROM subscription_status;
SELECT count(*) FROM subscription_secret;

-- every function and view says what it is for
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'odoo_events'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'v', 'S')
   AND obj_description(c.oid, 'pg_class') IS NULL AND c.relname NOT LIKE '%\_id\_seq';
\c postgres
DROP DATABASE deliver_subscribe;
