-- A copy whose database belongs to another role than Odoo's tables: whether it is neutralized is not known, so it is not armed.
CREATE ROLE regress_copy_odoo NOLOGIN;
CREATE ROLE regress_copy_other NOLOGIN;
CREATE DATABASE schema_copy_owner OWNER regress_copy_other;
\c schema_copy_owner
SET client_min_messages = warning;
CREATE TABLE public.ir_module_module (id serial PRIMARY KEY, name text);
CREATE TABLE public.ir_config_parameter (id serial PRIMARY KEY, key text, value text);
INSERT INTO public.ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true');
ALTER TABLE public.ir_module_module OWNER TO regress_copy_odoo;
ALTER TABLE public.ir_config_parameter OWNER TO regress_copy_odoo;
CREATE EXTENSION odoo_events;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT neutralized, armed, reason FROM odoo_events._identity();
SELECT odoo_events.arm();
-- the hint
ALTER DATABASE schema_copy_owner OWNER TO regress_copy_odoo;
SELECT neutralized, armed FROM odoo_events._identity();
SELECT odoo_events.arm();
DELETE FROM public.ir_config_parameter;
SELECT odoo_events.arm();
SELECT neutralized, armed, reason FROM odoo_events._identity();
\c postgres
DROP DATABASE schema_copy_owner;
DROP ROLE regress_copy_odoo;
DROP ROLE regress_copy_other;
