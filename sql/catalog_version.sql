-- A definition that is changed twice in one transaction, and looked at in between, is seen as it is by then.
\set VERBOSITY default
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE catalog_version OWNER regress_publish_owner;
\c catalog_version
SET client_min_messages = warning;
CREATE TABLE acme_box (id int PRIMARY KEY, name text, weight int);
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
CREATE EXTENSION odoo_events;
SELECT odoo_events.define_entity('acme_box', 'acme_box', name_column => 'name');
SELECT odoo_events.define_event('acme.custom.acme_box.made.v1', 'acme_box', '$.new.weight > 0', occasion => 'inserted');
SELECT count(*) AS attached FROM odoo_events.attach('{acme_box}');
INSERT INTO acme_box VALUES (1, 'A', 5);
SELECT odoo_events.publish() AS published;
-- each of these has the same number of rows, all of them of this transaction
BEGIN;
UPDATE odoo_events.event_def SET condition = '$.new.weight > 10' WHERE type = 'acme.custom.acme_box.made.v1';
SELECT step, detail FROM odoo_events.explain('acme_box', 1) WHERE detail ~ 'weight';
UPDATE odoo_events.event_def SET condition = '$.new.weight > 11' WHERE type = 'acme.custom.acme_box.made.v1';
SELECT step, detail FROM odoo_events.explain('acme_box', 1) WHERE detail ~ 'weight';
UPDATE odoo_events.event_def SET condition = '$.new.weight > 20' WHERE type = 'acme.custom.acme_box.made.v1';
SELECT step, detail FROM odoo_events.explain('acme_box', 1) WHERE detail ~ 'weight';
COMMIT;
\c postgres
DROP DATABASE catalog_version;
