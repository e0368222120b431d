-- Long names of entities: which document's event caused another is decided by the whole key.
\set VERBOSITY default
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_causes OWNER regress_publish_owner;
\c publish_causes
SET client_min_messages = warning;
CREATE TABLE acme_order (id int8 PRIMARY KEY, name text);
CREATE TABLE acme_note (id int PRIMARY KEY, name text, order_id int8 REFERENCES acme_order);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
CREATE EXTENSION odoo_events;
SELECT repeat('order_', 8) || 'x' AS long \gset
SELECT length(:'long') AS characters;
SELECT odoo_events.define_entity(:'long', 'acme_order', name_column => 'name');
SELECT odoo_events.define_entity('acme_note', 'acme_note', name_column => 'name', key => 'order_id');
SELECT odoo_events.define_event('acme.custom.' || :'long' || '.made.v1', :'long', occasion => 'inserted');
SELECT odoo_events.define_event('acme.custom.acme_note.made.v1', 'acme_note', occasion => 'inserted');
SELECT count(*) AS attached FROM odoo_events.attach(ARRAY[:'long', 'acme_note']);
-- the two keys differ behind the 63rd character only
BEGIN;
INSERT INTO acme_order VALUES (9223372036854775801, 'first'), (9223372036854775802, 'second');
INSERT INTO acme_note VALUES (1, 'of the first', 9223372036854775801), (2, 'of the second', 9223372036854775802);
COMMIT;
SELECT odoo_events.publish() AS published;
SELECT n.event ->> 'subject' AS event, o.event ->> 'subject' AS caused_by
  FROM odoo_events.outbox n LEFT JOIN odoo_events.outbox o ON o.id::text = n.event ->> 'causationid' ORDER BY n.record_id;
\c postgres
DROP DATABASE publish_causes;
