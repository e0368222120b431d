-- Arguments that are possible and hardly meant are told of; each refusal names its own fault, without our PL/pgSQL's context.
CREATE ROLE regress_bad_input NOLOGIN;
CREATE DATABASE deliver_bad_input OWNER regress_bad_input;
\c deliver_bad_input
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SET ROLE regress_bad_input;
CREATE TABLE ir_module_module (id serial PRIMARY KEY, name text);
CREATE TABLE res_company (id serial PRIMARY KEY, name text);
INSERT INTO res_company (name) VALUES ('one'), ('two');
CREATE TABLE stock_warehouse (id serial PRIMARY KEY, code text);
RESET ROLE;
\set VERBOSITY default
\set SHOW_CONTEXT errors
\set try 'SELECT odoo_events.subscribe(''x'', or_replace => true, url => '
SET client_min_messages = notice;
-- each malformed URL has a message of its own
:try '');
:try 'htp://example.com');
:try 'https://');
:try 'https://203.0.113.7:99999/x');
:try ':99999');
:try 'example.com/x');
-- arguments without effect, or with too much
SET client_min_messages = warning;
SELECT odoo_events.subscribe('timeout', 'https://203.0.113.7/x', timeout => '1 ms') IS NOT NULL AS ok;
SELECT odoo_events.subscribe('networks', 'https://203.0.113.7/x', allow_networks => '{10.0.0.0/8,0.0.0.0/0}') IS NOT NULL AS ok;
SELECT odoo_events.subscribe('metadata', 'https://203.0.113.7/x', allow_networks => '{169.254.0.0/16}') IS NOT NULL AS ok;
SELECT odoo_events.subscribe('narrow', 'https://203.0.113.7/x', allow_networks => '{10.1.2.0/24}', timeout => '1s', companies => '{1,2}') IS NOT NULL AS ok;
SELECT odoo_events.subscribe('companies', 'https://203.0.113.7/x', companies => '{1,99}', warehouses => '{7}') IS NOT NULL AS ok;
-- what is not given is not judged again
SELECT odoo_events.alter_subscription('companies', priority => 3);
SELECT odoo_events._unknown_ids('res_company', '{2,99}'), odoo_events._unknown_ids('no_such_table', '{99}');
-- entities
\set SHOW_CONTEXT never
SELECT * FROM odoo_events.attach('{}');
SELECT * FROM odoo_events.attach('{stock_picking}');
SELECT * FROM odoo_events.attach('{stock_move_line}');
SELECT * FROM odoo_events.detach('{}');
\set VERBOSITY terse
SELECT odoo_events.backfill('trasnfer');
SELECT * FROM odoo_events.explain('trasnfer', 1);
SELECT * FROM odoo_events.reconcile('trasnfer');
\set VERBOSITY default
-- states that the catalog does not know
SELECT odoo_events.define_event('acme.x.transfer.dnoe.v1', 'transfer', states => '{dnoe}') IS NULL AS ok;
SELECT odoo_events.define_event('acme.x.transfer.done.v1', 'transfer', states => '{done}') IS NULL AS ok;
-- settings
ALTER SYSTEM SET odoo_events.proxy = 'not a proxy';
ALTER SYSTEM SET odoo_events.proxy = 'ftp://proxy:3128';
ALTER SYSTEM SET odoo_events.proxy = 'http://:3128';
ALTER SYSTEM SET odoo_events.ca_file = 'relative.pem';
ALTER SYSTEM SET odoo_events.proxy = 'http://proxy.example.com:3128';
ALTER SYSTEM RESET odoo_events.proxy;
ALTER SYSTEM SET odoo_events.ca_file = '/nonexistent.pem';
ALTER SYSTEM RESET odoo_events.ca_file;
\c postgres
DROP DATABASE deliver_bad_input;
DROP ROLE regress_bad_input;
