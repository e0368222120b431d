-- Columns that hold one value per company, or one text per language: what events, changes, subscriptions and reconcile() show of them.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE publish_companies OWNER regress_publish_owner;
\c publish_companies
SET client_min_messages = warning;
CREATE TABLE ir_model_fields (id serial PRIMARY KEY, model varchar, name varchar, translate varchar, company_dependent boolean);
INSERT INTO ir_model_fields (model, name, translate, company_dependent) VALUES
  ('product.template', 'name', 'standard', false), ('product.product', 'standard_price', NULL, true),
  ('acme.tool', 'name', NULL, false), ('acme.tool', 'label', 'standard', NULL), ('acme.tool', 'cost', NULL, true), ('acme.tool', 'payload', NULL, NULL);
CREATE TABLE product_template (id int PRIMARY KEY, name jsonb, default_code text, list_price numeric, company_id int, write_uid int);
CREATE TABLE product_product (id int PRIMARY KEY, product_tmpl_id int, default_code text, standard_price jsonb, active boolean, write_uid int);
CREATE TABLE acme_tool (id int PRIMARY KEY, name text, label jsonb, cost jsonb, payload jsonb, company_id int);
INSERT INTO product_template VALUES (1, '{"en_US": "Table"}', 'T', 10, 1, 1), (2, '{"en_US": "Chair"}', 'C', 10, NULL, 1);
INSERT INTO product_product VALUES (1, 1, 'T', NULL, true, 1), (2, 2, 'C', NULL, true, 1);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO regress_publish_owner;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
CREATE EXTENSION odoo_events;
SELECT odoo_events.enable_event('odoo.master_data.product.changed.v1');
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
SELECT odoo_events.define_entity('tool', 'acme_tool', name_column => 'name');
SELECT odoo_events.define_event('acme.shop.tool.changed.v1', 'tool', occasion => 'updated');
SELECT odoo_events.arm();
SELECT odoo_events.subscribe('one', NULL, companies => '{1}', clearance => '{public,internal,confidential,personal}');
SELECT odoo_events.subscribe('two', NULL, companies => '{2,3}', clearance => '{public,internal,confidential,personal}');
SELECT odoo_events.subscribe('dear', NULL, companies => '{1}', filter => '$.data.product.standard_price."2" > 1', clearance => '{public,internal,confidential,personal}');
SELECT odoo_events.subscribe('all', NULL, clearance => '{public,internal,confidential,personal}');
-- what is new in the outbox, and what each subscription gets of it
CREATE FUNCTION news() RETURNS TABLE (who text, got text) LANGUAGE plpgsql AS $$
DECLARE
  s text;
BEGIN
  PERFORM odoo_events.publish();
  FOREACH s IN ARRAY '{all,one,two,dear}'::text[] LOOP
    RETURN QUERY SELECT s, format('%s %s %s %s', f.event::jsonb ->> 'subject', COALESCE(f.event::jsonb #> '{data,product,standard_price}', (f.event::jsonb #> '{data,tool}') - 'id'),
                        f.event::jsonb #>> '{data,product,name}', f.event::jsonb #> '{data,changes}') FROM odoo_events.fetch(s) f;
    PERFORM odoo_events.ack(s, k.fetched) FROM odoo_events.pull_cursor k JOIN odoo_events.subscription_config c ON c.id = k.subscription_id WHERE c.name = s AND k.fetched > k.position;
  END LOOP;
END $$;

-- a record of company 1: its value alone, whoever asks
UPDATE product_product SET standard_price = '{"1": 20.0, "2": 7.5}' WHERE id = 1;
SELECT * FROM news();
-- the cost of another company changes: nothing that this one may see
UPDATE product_product SET standard_price = '{"1": 20.0, "2": 8.5}' WHERE id = 1;
SELECT * FROM news();
-- empty forms are the same
UPDATE product_product SET standard_price = NULL WHERE id = 1;
SELECT * FROM news();
UPDATE product_product SET standard_price = '{"1": null}' WHERE id = 1;
UPDATE product_product SET standard_price = '{}' WHERE id = 1;
UPDATE product_product SET standard_price = 'null' WHERE id = 1;
UPDATE product_product SET standard_price = '{"1": null, "2": null}' WHERE id = 1;
SELECT * FROM news();
-- no object at all, numbers that no double holds
UPDATE product_product SET standard_price = '[1]' WHERE id = 1;
UPDATE product_product SET standard_price = '{"1": 1e30}' WHERE id = 1;
SELECT count(*) > 0 AS events FROM news();

-- a record that companies share: each gets its own, and no news of the others
UPDATE product_product SET standard_price = '{"1": 20.0, "2": 7.5, "3": null}' WHERE id = 2;
SELECT * FROM news();
UPDATE product_product SET standard_price = '{"1": 21.0, "2": 7.5}' WHERE id = 2;
SELECT * FROM news();
SELECT step, subscription, regexp_replace(detail, ' at [A-Z0-9].*', ' at ...)') AS detail FROM odoo_events.trace(subject => 'product/C') WHERE subscription = 'two' ORDER BY position;

-- a name: what is shown, and no event of a language that is not
UPDATE product_template SET name = '{"en_US": "Table", "fr_FR": "Plateau"}' WHERE id = 1;
SELECT * FROM news();
UPDATE product_template SET name = '{"en_US": "", "de_DE": "Tisch"}' WHERE id = 1;
SELECT * FROM news() WHERE who = 'all';
UPDATE product_template SET name = '{}' WHERE id = 2;
SELECT * FROM news() WHERE who = 'all';

-- an own table: ir_model_fields says which is which; digits alone say nothing
INSERT INTO acme_tool VALUES (1, 'Saw', '{"en_US": "Saw"}', '{"1": 5, "2": 6}', '{"1": 5, "2": 6}', 2);
SELECT * FROM news();
UPDATE acme_tool SET label = '{"en_US": "Saw", "fr_FR": "Scie"}', cost = '{"1": 9, "2": 6}' WHERE id = 1;
SELECT * FROM news();
SELECT odoo_events.define_event('acme.shop.tool.renamed.v1', 'tool', '$.new.label.fr_FR != $.old.label.fr_FR && $.new.cost."2" > 6');
UPDATE acme_tool SET label = '{"en_US": "Saw", "fr_FR": "Egoine"}', cost = '{"1": 9, "2": 7}' WHERE id = 1;
SELECT * FROM news() WHERE who = 'all';
UPDATE acme_tool SET payload = '{"1": 5}', company_id = NULL WHERE id = 1;
SELECT * FROM news();

-- a snapshot, and what reconcile() finds: nothing, and a cost that was changed unseen
SELECT odoo_events.backfill('product') > 0 AS job;
SELECT odoo_events._backfill_step(), odoo_events._backfill_step();
SELECT * FROM news();
SELECT * FROM odoo_events.reconcile('product');
BEGIN;
SET LOCAL odoo_events.capture = off;
UPDATE product_product SET standard_price = '{"1": 1e30, "2": 77}' WHERE id = 1;
COMMIT;
SELECT * FROM odoo_events.reconcile('product');
BEGIN;
SET LOCAL odoo_events.capture = off;
UPDATE product_product SET standard_price = '{"1": 22.5, "2": 77}' WHERE id = 2;
COMMIT;
SELECT record_id, note FROM odoo_events.reconcile('product');
SELECT count(*) FROM odoo_events.quarantine;
\c postgres
DROP DATABASE publish_companies;
