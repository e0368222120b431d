-- Values of odd types and sizes in an own table: always valid JSON, as the schema says.
-- needs: xml
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_values OWNER regress_publish_owner;
\c publish_values
SET client_min_messages = warning;
CREATE TYPE crate AS (w numeric, at timestamp, tags text[], "odd ""name" text);
CREATE TYPE pallet AS (top crate, n int8);
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE DOMAIN weight AS numeric CHECK (VALUE >= 0);
CREATE DOMAIN heavy AS weight;
CREATE DOMAIN boxed AS crate;
CREATE TYPE span AS RANGE (subtype = numeric);
CREATE TABLE acme_odd (id bigint PRIMARY KEY, name text, c crate, p pallet, cs crate[], b boxed, e colour, es colour[], h heavy, r int4range, s span, m nummultirange, a int8[], o oid,
  n numeric, f float8, f4 real, d date, ts timestamp, tz timestamptz, iv interval, x xml, u uuid, i inet, k money, bits bit(3), j json, jb jsonb);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
CREATE EXTENSION odoo_events;
SELECT odoo_events.define_entity('odd', 'acme_odd', name_column => 'name');
SELECT odoo_events.define_event('acme.shop.odd.made.v1', 'odd', occasion => 'inserted');
INSERT INTO acme_odd (id, name, c, p, cs, b, e, es, h, r, s, m, a, o) VALUES
  (1, 'types', ROW(1.50, '2026-01-02 03:04:05', '{a,"b\"c"}', 'q'), ROW(ROW(NULL, 'infinity', NULL, ''), 9007199254740993), ARRAY[ROW(1, NULL, '{}', NULL)::crate, NULL],
   ROW(2, NULL, NULL, NULL), 'red', '{red,NULL,green}', 3.14, '[1,5)', '(1.5,2]', '{[1,2),[5,6)}', '{{1,2},{9007199254740993,NULL}}', 4294967295);
INSERT INTO acme_odd (id, name, n, f, f4, d, ts, tz, iv, x, u, i, k, bits) VALUES
  (2, 'infinite', 'NaN', 'Infinity', '-Infinity', 'infinity', '-infinity', 'infinity', '1 year -3 days', '<a>"</a>', '00000000-0000-0000-0000-000000000001', '10.0.0.1/8', 12.5, '101'),
  (3, 'far', 1e300, 1e308, -0.0, '0044-03-15 BC', '10000-01-01', '0001-01-01 00:00Z BC', '-1 us', NULL, NULL, NULL, NULL, NULL),
  (4, 'fits', -0.5, 0.1, 1.5, '2026-02-28', '2026-02-28 23:59:59.999999', '9999-12-31 23:59:59Z', '0', NULL, NULL, NULL, NULL, NULL);
INSERT INTO acme_odd (id, name, j, jb) VALUES (5, 'json', E'{"a": "\\u0000\\ud800", "n": 1e1000000}', '{"a": 1E+2}'), (6, 'deep', (repeat('[', 3000) || repeat(']', 3000))::json, NULL);
INSERT INTO acme_odd (id, name) VALUES (2147483648, '32 bits'), (9007199254740993, '53 bits'), (-9223372036854775808, '64 bits');
SELECT odoo_events.publish();
-- as text: what a json column may hold is more than jsonb can
SELECT regexp_replace(regexp_replace(event::text, '.*"data":', ''), '"[a-z0-9]+":null,?', '', 'g') AS data FROM odoo_events.outbox WHERE length(event::text) < 4000 ORDER BY position;
SELECT length(event::text) > 6000 AS whole FROM odoo_events.outbox WHERE subject = 'odd/deep';
SELECT subject, substring(event::text FROM '"odoorecordid":([^,]*)') AS recordid, substring(event::text FROM '"odd":{"id":([^,]*)') AS id FROM odoo_events.outbox WHERE subject ~ 'bits' ORDER BY position;
SELECT key, value FROM json_each((odoo_events.json_schema('acme.shop.odd.made.v1')::jsonb #> '{$defs,odd,properties}')::json) WHERE key IN ('id', 'c', 'p', 'cs', 'b', 'h', 'r', 'o', 'd', 'ts', 'x') ORDER BY key;
SELECT count(*) FROM odoo_events.quarantine;
SELECT count(*) FROM odoo_events.capture_error;
\c postgres
DROP DATABASE publish_values;
