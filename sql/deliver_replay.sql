-- Status, what waits and why, and which events a replay chooses; the tables are filled by hand, no worker runs here.
CREATE DATABASE deliver_replay;
\c deliver_replay
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = odoo_events, pg_catalog;

INSERT INTO outbox_0
SELECT i, ('00000000-0000-8000-8000-' || lpad(i::text, 12, '0'))::uuid, CASE WHEN i % 2 = 0 THEN 'odoo.test.even.v1' ELSE 'odoo.test.odd.v1' END,
       'thing/' || i % 3, 'thing:' || i % 3, timestamptz '2026-01-01 00:00Z' + i * interval '1 min', now(), 'thing', i % 3, i % 2 + 1, NULL, NULL, NULL,
       pg_current_xact_id(), format('{"type":"odoo.test.%s.v1","time":"2026-01-01T00:%s:00Z","data":{"n":%s}}',
         CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END, lpad(i::text, 2, '0'), i)
  FROM generate_series(1, 12) i;
INSERT INTO publish_cursor_0 (n, system_identifier, s1, last_position, at)
SELECT 1000000, 0, pg_current_snapshot(), 12, now();

-- where a subscription begins
SELECT subscribe('now', 'https://203.0.113.7/x') IS NOT NULL AS secret;
SELECT subscribe('earliest', 'https://203.0.113.7/x', start_from => 'earliest') IS NOT NULL AS secret;
SELECT subscribe('five', 'https://203.0.113.7/x', start_from => '5') IS NOT NULL AS secret;
SELECT subscribe('future', 'https://203.0.113.7/x', start_from => '2999-01-01') IS NOT NULL AS secret;
SELECT subscribe('past', 'https://203.0.113.7/x', start_from => '1999-01-01') IS NOT NULL AS secret;
UPDATE outbox_0 SET recordedtime = timestamptz '2026-01-01 00:00Z' + position * interval '1 min';
SELECT subscribe('at_six', 'https://203.0.113.7/x', start_from => '2026-01-01 01:06+01') IS NOT NULL AS secret;
SELECT subscribe('after_six', 'https://203.0.113.7/x', start_from => '2026-01-01 00:06:00.000001Z') IS NOT NULL AS secret;
SELECT subscribe('whenever', 'https://203.0.113.7/x', start_from => 'whenever');
SELECT subscribe('outside', 'https://203.0.113.7/x', start_from => '14') IS NOT NULL AS secret;
SELECT name, state, position, acked_position, lag_events FROM subscription_status ORDER BY name;
SELECT odoo_events._low_water();

-- three in flight, one batch, one key that is retried with what stands behind it
SELECT subscribe('w', 'https://203.0.113.7/x', types => '{odoo.test.*}') IS NOT NULL AS secret;
INSERT INTO progress_1 (subscription_id, at, cursor, in_flight, batches, last_error)
SELECT c.id, now(), 11, '{3,5}', '[{"id": "00000000-0000-8000-8000-0000000000ff", "attempts": 2, "first": 0, "next": 41525200000000000, "positions": [6, 9]}]', 'HTTP status 500'
  FROM subscription_config c WHERE c.name = 'w';
INSERT INTO held (subscription_id, mode, key, position, attempts, first_at, next_attempt_at, last_status, last_error)
SELECT c.id, 'key', 'thing:1', 4, 3, now(), '2999-01-01', 500, 'HTTP status 500' FROM subscription_config c WHERE c.name = 'w';
SELECT position, type, partitionkey, state, attempts, next_attempt_at, behind_event_id, last_error FROM waiting WHERE subscription = 'w' ORDER BY position;
SELECT position, acked_position, lag_events, parked, blocked_keys, next_attempt_at = '2999-01-01' AS retry_at FROM subscription_status WHERE name = 'w';
SELECT odoo_events._low_water();
SELECT skip('w', '{00000000-0000-8000-8000-000000000007}');
SELECT skip('w', '{00000000-0000-8000-8000-000000000004}');
SELECT what, positions FROM command;

-- what a replay chooses
SELECT replay('w');
SELECT replay('w', from_position => 5, to_position => 4);
SELECT replay('w', since => '2026-01-02', until => '2026-01-01');
SELECT replay('w', from_position => 0, dry_run => true) AS all_but_the_last;
SELECT replay('w', from_position => 3, to_position => 5, dry_run => true);
SELECT replay('w', since => '2026-01-01 00:03Z', until => '2026-01-01 00:05Z', dry_run => true);
SELECT replay('w', types => '{*.even.*}', dry_run => true);
SELECT replay('w', keys => '{thing:0,thing:2}', dry_run => true);
SELECT replay('w', subject => 'thing/2', dry_run => true);
SELECT replay('w', ids => '{00000000-0000-8000-8000-000000000001}', dry_run => true);
SELECT replay('w', dead_letters => true, dry_run => true);
SELECT count(*) FROM replay_status;
SELECT replay('w', keys => '{thing:0}');
SELECT subscription, state, matched, sent, failed, position, from_position, to_position FROM replay_status;
SELECT odoo_events._low_water();
SELECT cancel_replay(id) FROM replay_status;
SELECT cancel_replay(id) FROM replay_status;
SELECT state FROM replay_status;

-- the subscription's own filters hold for it
SELECT alter_subscription('w', types => '{odoo.test.odd.v1}');
SELECT replay('w', from_position => 0, dry_run => true) AS odd;
SELECT alter_subscription('w', types => '{odoo.test.*}', companies => '{1}');
SELECT replay('w', from_position => 0, dry_run => true) AS company_1;
SELECT alter_subscription('w', companies => '{}', filter => '$.data.n >= 10');
SELECT replay('w', from_position => 0, dry_run => true) AS from_10;
\c postgres
DROP DATABASE deliver_replay;
