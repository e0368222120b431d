-- Conditions of a DBA's own events: occasion "changed" beside the catalog's, values of json, jsonb and arrays, what is refused.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE catalog_conditions OWNER regress_publish_owner;
\c catalog_conditions
SET client_min_messages = warning;
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, priority text, scheduled_date timestamp, company_id int);
CREATE TABLE stock_move (id int PRIMARY KEY, picking_id int REFERENCES stock_picking, state text, product_uom_qty numeric);
CREATE TYPE crate AS (w int, h int);
CREATE TYPE grade AS ENUM ('a', 'b');
CREATE DOMAIN payload AS jsonb;
CREATE TABLE gauge (id serial PRIMARY KEY, name text, state text, q int, j json, b jsonb, d payload, a int[], t text[], g grade, c crate, cs crate[]);
ALTER TABLE stock_picking OWNER TO regress_publish_owner;
ALTER TABLE stock_move OWNER TO regress_publish_owner;
ALTER TABLE gauge OWNER TO regress_publish_owner;
CREATE EXTENSION odoo_events;
CREATE VIEW types AS SELECT position, regexp_replace(type, '^.*\.([^.]+\.[^.]+)\.v1$', '\1') AS type, subject FROM odoo_events.outbox;

-- "changed" of one's own and of the catalog are judged each by itself
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{transfer}');
SELECT odoo_events.define_event('acme.logistics.transfer.never.v1', 'transfer', '$.new.priority == "77"', occasion => 'changed', rank => 1);
SELECT odoo_events.define_event('acme.logistics.transfer.large.v1', 'transfer', 'exists($.parts.move[*] ? (@.new.product_uom_qty > 100))', occasion => 'changed', rank => 2);
SELECT odoo_events.define_event('acme.logistics.transfer.edited.v1', 'transfer', occasion => 'changed', rank => 99);
INSERT INTO stock_picking VALUES (1, 'OUT/1', 'assigned', '0', '2026-01-01');
INSERT INTO stock_move VALUES (1, 1, 'assigned', 5);
SELECT odoo_events.publish() > 0;
CREATE TEMP TABLE seen AS SELECT max(position) AS upto FROM odoo_events.outbox;
\set fresh 'SELECT odoo_events.publish() AS published; SELECT type, subject FROM types, seen WHERE position > upto ORDER BY position; UPDATE seen SET upto = (SELECT max(position) FROM odoo_events.outbox)'
UPDATE stock_move SET product_uom_qty = 6;
:fresh;
UPDATE stock_move SET product_uom_qty = 600;
:fresh;
-- what the catalog tells by another event is no news to it; one's own is not silenced by that
BEGIN;
UPDATE stock_picking SET scheduled_date = '2026-02-02';
UPDATE stock_move SET product_uom_qty = 700;
COMMIT;
:fresh;
-- not in this state any more: no change of an open document
UPDATE stock_picking SET state = 'done';
UPDATE stock_move SET product_uom_qty = 800, state = 'done';
:fresh;

-- an entity of one's own
SELECT odoo_events.define_entity('gauge', 'gauge', name_column => 'name', state_column => 'state', open_states => '{open}');
SELECT odoo_events.define_event('acme.custom.gauge.full.v1', 'gauge', '$.new.q == 99', occasion => 'changed');
SELECT odoo_events.define_event('acme.custom.gauge.in_json.v1', 'gauge', '$.new.j.a.b[1] == "c"');
SELECT odoo_events.define_event('acme.custom.gauge.in_jsonb.v1', 'gauge', '$.new.b.a == "b" && !($.old.b.a == "b")');
SELECT odoo_events.define_event('acme.custom.gauge.in_domain.v1', 'gauge', '$.new.d.a.type() == "null"');
SELECT odoo_events.define_event('acme.custom.gauge.in_array.v1', 'gauge', '$.new.a[0] == 5 && $.new.t[*] == "x"');
SELECT odoo_events.define_event('acme.custom.gauge.not_set.v1', 'gauge', '$.new.b == null');
SELECT odoo_events.define_event('acme.custom.gauge.graded.v1', 'gauge', '$.new.g == "b"', occasion => 'inserted');
SELECT odoo_events.define_event('acme.custom.gauge.gone.v1', 'gauge', '$.old.b.a == "b"', occasion => 'deleted');
INSERT INTO gauge (name, state, q, b, g) VALUES ('one', 'open', 1, '{"a": "c"}', 'b');
UPDATE gauge SET q = 2;
:fresh;
UPDATE gauge SET q = 99;
:fresh;
UPDATE gauge SET j = '{"a": {"b": [1, "c"]}}';
:fresh;
UPDATE gauge SET j = NULL, b = '{"a": "b"}';
:fresh;
UPDATE gauge SET d = '{"a": null}', a = '{5,6}', t = '{y,x}';
:fresh;
-- what jsonb cannot hold is unknown, and stops nothing
UPDATE gauge SET d = NULL, j = '{"a": {"b": [1, "c", "\u0000"]}}', q = 98;
UPDATE gauge SET j = '1e1000000', q = 97;
UPDATE gauge SET j = '"\ud800"', b = NULL, q = 99;
UPDATE gauge SET j = NULL, b = '{"a": "b"}';
DELETE FROM gauge;
:fresh;
SELECT count(*) FROM odoo_events.quarantine;

-- refused: what is never there
SELECT odoo_events.define_event('acme.custom.gauge.in_row.v1', 'gauge', '$.new.c.w > 1');
SELECT odoo_events.define_event('acme.custom.gauge.in_rows.v1', 'gauge', '$.new.cs[0].w > 1');
SELECT odoo_events.define_event('acme.custom.gauge.wide.v1', 'gauge', '$.new.name.en_US == "x"');
SELECT odoo_events.define_event('acme.logistics.transfer.wide.v1', 'transfer', 'exists($.parts.move[*] ? (@.new.qty > 1))');
SELECT odoo_events.define_event('acme.logistics.transfer.wide.v1', 'transfer', 'exists($tx.*.* ? (@.new.nothing_of_this == "x"))');
SELECT odoo_events.define_event('acme.logistics.transfer.wide.v1', 'transfer', 'exists($.parts.move[*] ? (@.new.product_uom_qty.a > 1))');
\c postgres
DROP DATABASE catalog_conditions;
