-- Values and events that are too large: cut and marked, or in quarantine; never more than the settings say, whatever the row holds.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_large OWNER regress_publish_owner;
\c publish_large
SET client_min_messages = warning;
CREATE TABLE acme_note (id int PRIMARY KEY, name text, note text, small text, j json, b jsonb, a text[], x bytea, n numeric);
CREATE TABLE acme_wide (id int PRIMARY KEY, name text);
SELECT format('ALTER TABLE acme_wide ADD COLUMN c%s text', i) FROM generate_series(1, 30) i \gexec
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
CREATE EXTENSION odoo_events;
SELECT odoo_events.define_entity('note', 'acme_note', name_column => 'name');
SELECT odoo_events.define_entity('wide', 'acme_wide', name_column => 'name');
SELECT odoo_events.define_event('acme.shop.note.made.v1', 'note', occasion => 'inserted');
SELECT odoo_events.define_event('acme.shop.note.edited.v1', 'note', occasion => 'changed');
SELECT odoo_events.define_event('acme.shop.wide.made.v1', 'wide', occasion => 'inserted');
CREATE VIEW events AS
SELECT type, length(subject) AS subject, length(event::text) / 1024 AS kb, event::jsonb #> '{data,truncated}' AS truncated,
       (SELECT jsonb_object_agg(k, CASE WHEN length(v #>> '{}') > 100 THEN to_jsonb(length(v #>> '{}') || ' ' || right(v #>> '{}', 30)) ELSE v END)
          FROM jsonb_each(COALESCE(event::jsonb #> '{data,note}', '{}')) e(k, v)) AS note
  FROM odoo_events.outbox ORDER BY position;
INSERT INTO acme_note VALUES (1, 'A', repeat('x', 3000000), repeat('y', 1000000), to_json(repeat('j', 2000000)), to_jsonb(repeat('b', 2000000)), ARRAY[repeat('a', 2000000)], convert_to(repeat('z', 2000000), 'UTF8'), 1.5);
SELECT max(length(new)) < 4 * 1024 * 1024 AS journal FROM odoo_events.journal;
SELECT odoo_events.publish();
SELECT * FROM events;
-- a name; characters of several bytes are not torn
INSERT INTO acme_note (id, name, note) VALUES (2, repeat('ä', 2000), repeat('€', 1000000));
UPDATE acme_note SET note = repeat('w', 2000000) WHERE id = 2;
SELECT odoo_events.publish();
SELECT type, subject, truncated, note ->> 'note' AS note FROM events OFFSET 1;
-- exactly as much as there may be is whole
INSERT INTO acme_note (id, name, note) VALUES (3, 'C', repeat('x', 1024 * 1024)), (4, 'D', repeat('x', 1024 * 1024 + 1));
SELECT odoo_events.publish();
SELECT truncated, note ->> 'note' AS note FROM events OFFSET 3;
-- a row of many: what is too much of them together is cut too
INSERT INTO acme_wide SELECT (jsonb_populate_record(NULL::acme_wide, jsonb_object_agg('c' || i, repeat('x', 1000000)) || '{"id": 1, "name": "W"}')).* FROM generate_series(1, 30) i;
SELECT max(length(new)) < 9 * 1024 * 1024 AS journal FROM odoo_events.journal;
SELECT odoo_events.publish();
SELECT type, kb < 9 * 1024 AS kb, jsonb_array_length(truncated) AS truncated FROM events WHERE type ~ 'wide';
-- an event of more than it may have goes to quarantine, and stops no other of its transaction
SELECT odoo_events.define_event('acme.shop.wide.edited.v1', 'wide', occasion => 'changed', with_changes => true);
INSERT INTO acme_wide (id, name) VALUES (2, 'narrow');
SELECT 'UPDATE acme_wide SET ' || string_agg(format('c%s = CASE WHEN id = 1 THEN repeat(''y'', 1000000) ELSE ''y'' END', i), ', ') FROM generate_series(1, 30) i \gexec
SELECT odoo_events.publish();
SELECT type, subject, kb < 1000 AS small FROM events WHERE type ~ 'wide' OFFSET 1;
SELECT change_id IS NOT NULL AS waits, entity, reason FROM odoo_events.quarantine;
\c postgres
DROP DATABASE publish_large;
