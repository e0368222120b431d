-- attach(), detach() and capture_status: idempotent, tell what is missing, leave no trace.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- an owner that cannot log in keeps the worker away
CREATE ROLE regress_capture_owner NOLOGIN;
CREATE DATABASE capture_attach OWNER regress_capture_owner;
\c capture_attach
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
-- this test is not about what the catalog knows
TRUNCATE odoo_events.entity, odoo_events.event_def, odoo_events.capture_rule CASCADE;
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
 ('head', '{new_head,old_head}', '{state,due=deadline}', '{name}'), ('line', '{line}', '{qty,head_id}', '{}'), ('other', '{other}', '{state}', '{}');
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules) VALUES
 ('paper', 'test', 'test.paper', 'head', '{head,line}'), ('leaf', 'test', 'test.leaf', 'line', '{line}'), ('thing', 'test', 'test.thing', 'other', '{other,line}');
INSERT INTO odoo_events.event_def (type, entity, occasion, rank, description) VALUES
 ('odoo.test.paper.closed.v1', 'paper', 'updated', 1, 'x'), ('odoo.test.paper.opened.v1', 'paper', 'updated', 1, 'x'), ('odoo.test.leaf.fell.v1', 'leaf', 'updated', 1, 'x');
-- nor about which tables are Odoo's
UPDATE odoo_events.capture_rule SET builtin = false;
UPDATE odoo_events.entity SET builtin = false;
CREATE VIEW triggers AS SELECT relation, tgname, tgenabled, rule FROM odoo_events._capture_trigger ORDER BY 1, 2;

-- nothing here yet
SELECT * FROM odoo_events.attach();
SELECT * FROM odoo_events.attach('{paper}');
SELECT entity FROM odoo_events.attached;
SELECT * FROM odoo_events.capture_status;

-- the older name of a table; a schema that is not public
CREATE SCHEMA erp;
CREATE TABLE erp.old_head (id int PRIMARY KEY, state text, deadline date, name text);
CREATE TABLE line (id int PRIMARY KEY, qty int, head_id int);
SELECT entity, relation, mode, attached, missing_columns, note FROM odoo_events.capture_status;
SELECT * FROM odoo_events.attach();
SELECT * FROM odoo_events.attach();
TABLE triggers;
SELECT entity, mode FROM odoo_events.attached ORDER BY 1;
SELECT entity, relation, mode, attached, missing_columns, last_change_at IS NULL AS never, captured, errors, note FROM odoo_events.capture_status;
-- DROP EXTENSION without CASCADE takes them along: they depend on it
SELECT t.tgname, d.deptype FROM pg_depend d JOIN pg_trigger t ON t.oid = d.objid
 WHERE d.classid = 'pg_trigger'::regclass AND d.refclassid = 'pg_extension'::regclass ORDER BY t.tgrelid::regclass::text, 1;

-- changes are counted
INSERT INTO erp.old_head VALUES (1, 'a', '2026-01-01', 'n');
INSERT INTO line VALUES (1, 1, 1), (2, 1, 1);
SELECT entity, relation, last_change_at > now() - interval '1 hour' AS changed, captured, errors FROM odoo_events.capture_status;
SELECT op, rule, record_id, new FROM odoo_events.journal_0 ORDER BY id;

-- drift: a trigger gone, one disabled, a column gone, a table that came later
DROP TRIGGER odoo_events_capture ON line;
ALTER TABLE erp.old_head DISABLE TRIGGER ALL, DROP COLUMN name;
CREATE TABLE other (id int PRIMARY KEY, state text);
SELECT entity, relation, mode, attached, missing_columns, note FROM odoo_events.capture_status;
SELECT entity, relation, mode, note FROM odoo_events.attach();
TABLE triggers;
SELECT entity, relation, mode, attached, missing_columns, note FROM odoo_events.capture_status;

-- the table of the newer name takes over once it is attached; a public one comes before others
CREATE TABLE erp.new_head (id int PRIMARY KEY, state text, due date, name text);
CREATE TABLE public.new_head (id int PRIMARY KEY, state text, due date, name text);
SELECT entity, relation, attached, note FROM odoo_events.capture_status WHERE entity = 'paper';
SELECT entity, relation, note FROM odoo_events.attach('{paper}');

-- detach: what another entity needs stays
SELECT * FROM odoo_events.detach('{paper,leaf}');
SELECT * FROM odoo_events.detach('{paper}');
TABLE triggers;
SELECT * FROM odoo_events.detach();
SELECT * FROM odoo_events.detach();
TABLE triggers;
TABLE odoo_events.attached;
INSERT INTO line VALUES (3, 1, 1);
SELECT count(*) FROM odoo_events.journal_0 WHERE record_id = 3;

-- bad input
SELECT odoo_events.attach('{nothing}');
SELECT odoo_events.attach('{paper,NULL}');
SELECT odoo_events.detach('{nothing}');
SELECT odoo_events.attach(mode => 'sometimes');
SELECT odoo_events.attach(mode => NULL);
CREATE TABLE bad (id text, state text);
UPDATE odoo_events.capture_rule SET tables = '{bad}' WHERE rule = 'other';
SELECT odoo_events.attach('{thing}');
TABLE odoo_events.attached;

-- attached by a DBA, seen by the monitoring role
SELECT count(*) FROM odoo_events.attach('{paper}');
SET ROLE pg_monitor;
SELECT entity, relation, attached FROM odoo_events.capture_status WHERE mode IS NOT NULL;
SELECT * FROM odoo_events.capture_error;
SELECT odoo_events.detach();
RESET ROLE;

\c postgres
DROP DATABASE capture_attach;
DROP ROLE regress_capture_owner;
