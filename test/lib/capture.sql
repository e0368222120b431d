-- A database :db with the extension, a rule of our own and its table, so that the tests of capture do not depend on the catalog; a view j of
-- what the journal has, and :clear to empty it.
\set ECHO none
\set VERBOSITY terse
SET client_min_messages = warning;
-- an owner that cannot log in keeps the worker away: the journal stays as it is
CREATE ROLE regress_capture_owner NOLOGIN;
CREATE DATABASE :"db" OWNER regress_capture_owner;
\c :"db"
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin)
VALUES ('doc', '{doc}', '{state,qty}', '{name,note=memo,tags}', false);
CREATE TABLE doc (id int PRIMARY KEY, state text, qty numeric, name text, memo text, other text);
DO $$BEGIN PERFORM odoo_events._capture_table('doc'::regclass, 'doc'); END$$;
CREATE VIEW j AS
SELECT rule, op, record_id AS id, old, new FROM (SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1
  UNION ALL SELECT * FROM odoo_events.journal_2) u ORDER BY u.id;
\set clear 'TRUNCATE odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2'
\set ECHO all
