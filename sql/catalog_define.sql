-- A DBA's own tables and milestones: two calls; what is refused, and that the mend in each hint works.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE catalog_define OWNER regress_publish_owner;
\c catalog_define
SET client_min_messages = warning;
CREATE TABLE res_partner (id int PRIMARY KEY, name text, ref text);
CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, priority text, x_gate text, company_id int);
CREATE TABLE quality_certificate (id serial PRIMARY KEY, name varchar, state varchar, partner_id int REFERENCES res_partner, picking_id int REFERENCES stock_picking,
  score numeric, note text, company_id int, create_uid int, write_uid int, write_date timestamp);
CREATE TABLE certificate_tag_rel (certificate_id int, tag_id int);
INSERT INTO res_partner VALUES (1, 'Lab', 'L1');
INSERT INTO stock_picking VALUES (1, 'OUT/1', 'assigned', '0');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
CREATE EXTENSION odoo_events;
CREATE VIEW events AS SELECT position, type, subject, partitionkey, event->'data' AS data FROM odoo_events.outbox;

-- two calls
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT odoo_events.define_entity('quality_certificate', 'quality_certificate', name_column => 'name', state_column => 'state', domain => 'quality');
SELECT odoo_events.define_event('acme.quality.quality_certificate.issued.v1', 'quality_certificate', states => '{issued}', description => 'a certificate was issued');
SELECT type, entity, description, fields, enabled FROM odoo_events.event_type WHERE type LIKE 'acme.%';
INSERT INTO quality_certificate (name, state, score, partner_id) VALUES ('QC/1', 'draft', 1.50, 1), ('QC/2', 'issued', 2, NULL);
UPDATE quality_certificate SET state = 'issued', note = 'x';
UPDATE quality_certificate SET note = 'y';
SELECT odoo_events.publish();
SELECT * FROM events;
SELECT f.field, f.classification FROM odoo_events.field f WHERE f.owner = 'quality_certificate' ORDER BY f.position;
SELECT jsonb_path_query_array(odoo_events.json_schema('acme.quality.quality_certificate.issued.v1')::jsonb, '$."$defs".quality_certificate.properties.score');

-- refused, and mended as the hint says
SELECT odoo_events.define_entity('Certificate', 'quality_certificate');
SELECT odoo_events.define_entity('transfer', 'quality_certificate');
SELECT odoo_events.define_entity('shipment', 'quality_certificate');
SELECT odoo_events.define_entity('quality_certificate', 'quality_certificate');
SELECT odoo_events.define_entity('quality_certificate', 'quality_certificate', name_column => 'name', state_column => 'state', domain => 'quality', or_replace => true);
SELECT odoo_events.define_entity('tag', 'no_such_table');
SELECT odoo_events.define_entity('tag', 'certificate_tag_rel');
SELECT odoo_events.define_entity('certificate', 'quality_certificate', columns => '{scores}');
SELECT odoo_events.define_entity('certificate', 'quality_certificate', name_column => 'title');
SELECT odoo_events.define_entity('certificate', 'quality_certificate', classification => '{"score": "secret"}');
SELECT odoo_events.define_entity('certificate', 'quality_certificate', classification => '{"scores": "public"}');
SELECT odoo_events.define_entity('certificate', 'quality_certificate', open_states => '{draft}');
SELECT odoo_events.define_entity('certificate', 'quality_certificate', domain => 'Q');
\set VERBOSITY terse
SELECT odoo_events.define_event('odoo.quality.quality_certificate.flagged.v1', 'quality_certificate');
SELECT odoo_events.define_event('acme.quality_certificate.flagged', 'quality_certificate');
\set VERBOSITY default
SELECT odoo_events.define_event('acme.quality.quality_certificate.issued.v1', 'quality_certificate');
SELECT odoo_events.define_event('acme.quality.certificate.flagged.v1', 'quality_certificate');
SELECT odoo_events.define_event('acme.quality.inspection.flagged.v1', 'inspection');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$.new.score > ');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$.new.score');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$.new.scores > 1');
\set VERBOSITY terse
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$.refs.picking_id.state == "done"');
\set VERBOSITY default
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$.refs.picking_id.name == "OUT/1"');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', 'exists($.rows.line[*] ? (@.state == "done"))');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', 'exists($.parts.line[*] ? (@.new.state == "done"))');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$.now.state == "done"');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$.*.line.state == "done"');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$ ? (@.rows.line.state == "done").new.name == "x"');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', 'exists($.new.* ? (@ == "done"))');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', 'exists($.new ? (@.state == "done" && @.scores > 1))');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', occasion => 'sometimes');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', occasion => 'deleted', states => '{done}');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', kind => 'big');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', classification => 'secret');
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', rank => -1);
-- the mends
SELECT odoo_events.define_event('acme.quality.quality_certificate.issued.v1', 'quality_certificate', states => '{issued}', or_replace => true);
SELECT odoo_events.define_event('acme.quality.quality_certificate.flagged.v1', 'quality_certificate', '$.new.score < 1 && $.new.name != "5 $ \"$.rows\"" && exists($.new ? (@.state != "")) && exists($tx.*.* ? (@.new.state == "done"))');
SELECT odoo_events.define_entity('certificate', 'quality_certificate', state_column => 'state', open_states => '{draft}', domain => 'quality', columns => '{score}', classification => '{"score": "public"}');
SELECT odoo_events.define_event('acme.quality.certificate.issued.v1', 'certificate', states => '{issued}');

-- on the catalog's own entity, with a column that it does not know
\set VERBOSITY terse
SELECT odoo_events.define_event('acme.logistics.transfer.gate_called.v1', 'transfer', '$.old.x_gate != $.new.x_gate');
\set VERBOSITY default
SELECT odoo_events.define_entity('gate_call', 'stock_picking', columns => '{x_gate}', name_column => 'name');
SELECT odoo_events.define_event('acme.logistics.gate_call.made.v1', 'gate_call', '$.old.x_gate == null && $.new.x_gate != null');
SELECT odoo_events.define_event('acme.logistics.transfer.hurried.v1', 'transfer', '$.old.priority == "0" && $.new.priority == "1"');
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{transfer}');
UPDATE stock_picking SET x_gate = '7';
UPDATE stock_picking SET priority = '1';
INSERT INTO quality_certificate (id, name, state, score) VALUES (3, 'QC/3', 'draft', 3);
BEGIN;
UPDATE quality_certificate SET score = 0.5 WHERE id = 3;
INSERT INTO stock_picking VALUES (2, 'OUT/2', 'done');
COMMIT;
SELECT odoo_events.publish() > 2 AS published;
SELECT type, subject, partitionkey FROM events WHERE type LIKE 'acme%' AND position > 2;

-- enable, disable, drop
SELECT odoo_events.disable_event('acme.quality.quality_certificate.issued.v1'), odoo_events.disable_event('odoo.logistics.shipment.dispatched.v1');
SELECT type, enabled FROM odoo_events.event_type WHERE type IN ('acme.quality.quality_certificate.issued.v1', 'odoo.logistics.shipment.dispatched.v1');
SELECT odoo_events.enable_event('odoo.logistics.shipment.dispatched.v1');
SELECT odoo_events.enable_event('odoo.logistics.shipment.dispatched.v9');
SELECT odoo_events.drop_event('odoo.logistics.shipment.dispatched.v1');
SELECT odoo_events.disable_event('odoo.logistics.shipment.dispatched.v1');
SELECT odoo_events.drop_event('acme.quality.quality_certificate.flagged.v1');
SELECT odoo_events.drop_entity('gate_call');
SELECT odoo_events.drop_entity('transfer');
SELECT kind, name FROM odoo_events.definition ORDER BY 1, 2;
UPDATE quality_certificate SET state = 'draft';
UPDATE quality_certificate SET state = 'issued';
SELECT odoo_events.publish();
SELECT type, subject FROM events ORDER BY position DESC LIMIT 3;
-- what is saved makes the same again, in whatever order it comes back
CREATE TEMP TABLE saved AS SELECT * FROM odoo_events.saved_config WHERE id LIKE 'definition%' ORDER BY id DESC;
CREATE TEMP TABLE before AS SELECT to_jsonb(d) AS row FROM odoo_events.event_def d WHERE NOT builtin UNION ALL SELECT to_jsonb(e) FROM odoo_events.entity e WHERE NOT builtin
  UNION ALL SELECT to_jsonb(c) FROM odoo_events.capture_rule c WHERE NOT builtin UNION ALL SELECT to_jsonb(f) FROM odoo_events.field f WHERE NOT builtin
  UNION ALL SELECT to_jsonb(l) FROM odoo_events.link l UNION ALL SELECT to_jsonb(d) FROM odoo_events.event_def d WHERE type = 'odoo.logistics.shipment.dispatched.v1';
DROP EXTENSION odoo_events CASCADE;
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.saved_config SELECT * FROM saved;
CREATE TEMP TABLE after AS SELECT to_jsonb(d) AS row FROM odoo_events.event_def d WHERE NOT builtin UNION ALL SELECT to_jsonb(e) FROM odoo_events.entity e WHERE NOT builtin
  UNION ALL SELECT to_jsonb(c) FROM odoo_events.capture_rule c WHERE NOT builtin UNION ALL SELECT to_jsonb(f) FROM odoo_events.field f WHERE NOT builtin
  UNION ALL SELECT to_jsonb(l) FROM odoo_events.link l UNION ALL SELECT to_jsonb(d) FROM odoo_events.event_def d WHERE type = 'odoo.logistics.shipment.dispatched.v1';
SELECT count(*) > 10 AS some FROM before;
(SELECT row FROM before EXCEPT SELECT row FROM after) UNION ALL (SELECT row FROM after EXCEPT SELECT row FROM before);
\c postgres
DROP DATABASE catalog_define;
