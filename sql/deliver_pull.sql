-- fetch() and ack(): a consumer behind a firewall; the tables are filled by hand, no worker runs here.
CREATE DATABASE deliver_pull;
\c deliver_pull
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = odoo_events, pg_catalog;
SELECT subscribe('p', NULL, types => '{odoo.test.even.v1,odoo.test.three.v1}', filter => '$.data.n <> 8', companies => '{1}') AS no_secret;
SELECT odoo_events.fetch('p');
SELECT arm();
INSERT INTO outbox_0 (position, id, type, subject, partitionkey, "time", recordedtime, entity, record_id, company_id, odootx, event, classes)
SELECT i, ('00000000-0000-8000-8000-' || lpad(i::text, 12, '0'))::uuid,
       CASE WHEN i % 2 = 0 THEN 'odoo.test.even.v1' WHEN i % 3 = 0 THEN 'odoo.test.three.v1' ELSE 'odoo.test.odd.v1' END,
       'thing/' || i, 'thing:' || i, now(), now(), 'thing', i, CASE WHEN i = 6 THEN 2 ELSE 1 END, pg_current_xact_id(),
       format('{"type":"odoo.test.v1","subject":"thing/%s","odoorecordid":"%s","data":{"n":%s,"thing":{"id":%s,"price":"9.50"}%s}}', i, i, i, i,
              CASE WHEN i = 12 THEN ',"odd":"\u0000"' ELSE '' END),
       CASE WHEN i = 4 THEN '2:thing.price' END
  FROM generate_series(1, 17) i;
INSERT INTO publish_cursor_0 (n, system_identifier, s1, last_position, at) SELECT 1000000, 0, pg_current_snapshot(), 17, now();

-- in order, filtered, the same again until they are acknowledged
SELECT position FROM odoo_events.fetch('p', 3);
SELECT position FROM odoo_events.fetch('p', 3);
SELECT position, id, event FROM odoo_events.fetch('p', 2);
SELECT name, state, position, lag_events, delivered_total FROM subscription_status;
SELECT _low_water();
SELECT held_by FROM storage WHERE part = 'outbox';
SELECT ack('p', 10);                    -- beyond what was fetched
SELECT ack('p', 4);
SELECT ack('p', 4);                     -- again: nothing happens
SELECT ack('p', 2);                     -- backwards
SELECT ack('p', NULL);
SELECT position FROM odoo_events.fetch('p', 2);
SELECT _low_water();
-- in a transaction: what is rolled back was not acknowledged
BEGIN;
SELECT position FROM odoo_events.fetch('p');
SELECT ack('p', 16);
SELECT count(*) FROM odoo_events.fetch('p');
ROLLBACK;
SELECT position FROM odoo_events.fetch('p');
SELECT ack('p', 16);
SELECT count(*) FROM odoo_events.fetch('p');
SELECT position, lag_events FROM subscription_status;   -- the last of them is not for it
SELECT _low_water();

-- several consumers have places of their own
SELECT subscribe('q', NULL, start_from => 'earliest', payload => 'thin', clearance => '{public,internal,confidential}') AS no_secret;
SELECT count(*), min(position), max(position) FROM odoo_events.fetch('q', 10000);
SELECT event FROM odoo_events.fetch('q', 1);
SELECT ack('q', 7);
SELECT position FROM odoo_events.fetch('q', 1);
SELECT name, position FROM subscription_status ORDER BY name;

-- what delivery tells of itself goes only to whoever names it
SELECT subscribe('all', NULL, start_from => '17') AS no_secret;
SELECT subscribe('oncall', NULL, start_from => '17', types => '{odoo.platform.*}') AS no_secret;
INSERT INTO outbox_0 (position, id, type, subject, partitionkey, "time", recordedtime, entity, record_id, company_id, odootx, event)
VALUES (18, '00000000-0000-8000-8000-000000000018', 'odoo.platform.event.dead_lettered.v1', 'subscription/w', 'subscription:w', now(), now(), 'event', NULL, NULL, pg_current_xact_id(), '{}');
INSERT INTO publish_cursor_0 (n, system_identifier, s1, last_position, at) SELECT 1000001, 0, pg_current_snapshot(), 18, now();
SELECT array_agg(position) AS all_of_the_business FROM odoo_events.fetch('all');
SELECT array_agg(position) AS what_is_named FROM odoo_events.fetch('oncall');
SELECT unsubscribe('all'), unsubscribe('oncall');

-- an acknowledgement is audited; those of the same consumer within the hour are one line
SELECT who, object, old, new FROM audit_log WHERE what = 'ack';
UPDATE pull_cursor SET audited_at = now() - interval '2 hours';
SELECT position FROM odoo_events.fetch('q', 1);
SELECT ack('q', 8);
SELECT who, object, old, new FROM audit_log WHERE what = 'ack' OFFSET 2;

-- what a session has fetched is its own until it has acknowledged it, has ended, or the timeout is over
SELECT alter_subscription('q', timeout => '1 hour');
SELECT position FROM odoo_events.fetch('q', 1);
SELECT pg_backend_pid() AS first \gset
CREATE FUNCTION gone(pid int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WHILE EXISTS (SELECT 1 FROM pg_stat_get_activity(pid)) LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP;
END $$;
\c
SET search_path = odoo_events, pg_catalog;
SELECT gone(:first);
SELECT position FROM odoo_events.fetch('q', 1);

-- what has no meaning is refused
SELECT odoo_events.fetch('nobody');
SELECT odoo_events.fetch('p', 0);
SELECT ack('nobody', 1);
SELECT subscribe('r', NULL, schedule => '* * * * *');
SELECT subscribe('r', NULL, headers => '{"X-A": "b"}');
SELECT subscribe('r', NULL, format => 'batch');
SELECT subscribe('w', 'https://203.0.113.7/x') IS NOT NULL AS secret;
SELECT odoo_events.fetch('w');
SELECT subscribe('w', NULL, or_replace => true);
SELECT alter_subscription('p', url => 'https://203.0.113.7/x');
SELECT replay('p', from_position => 1);
SELECT pause('p');
SELECT odoo_events.fetch('p');
SELECT resume('p');
SELECT disarm();
SELECT odoo_events.fetch('p');
SELECT arm();
-- changed, it keeps its place
SELECT alter_subscription('q', types => '{odoo.test.three.v1}');
SELECT position FROM odoo_events.fetch('q');
-- restored from a backup it has none: it begins with what comes now
DELETE FROM pull_cursor WHERE subscription_id = (SELECT id FROM subscription_config WHERE name = 'q');
SELECT count(*) FROM odoo_events.fetch('q');
SELECT position FROM subscription_status WHERE name = 'q';
SELECT unsubscribe(name) FROM subscription;
SELECT count(*) FROM pull_cursor;
\c postgres
DROP DATABASE deliver_pull;
