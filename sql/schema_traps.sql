-- What others have been bitten by, as far as the catalogs show it: nothing of ours pins Odoo's schema, nothing is made at run time, nothing
-- is emptied by a crash.  test/guarantees.md has the rest.
\set VERBOSITY terse
SET client_min_messages = warning;
-- an owner that cannot log in keeps the worker away
CREATE ROLE regress_traps_owner NOLOGIN;
CREATE DATABASE schema_traps OWNER regress_traps_owner;
\c schema_traps
SET client_min_messages = warning;
SET ROLE regress_traps_owner;
CREATE TABLE public.stock_picking (id int PRIMARY KEY, name text, state text, scheduled_date timestamp, company_id int);
CREATE TABLE public.stock_move (id int PRIMARY KEY, name text, state text, picking_id int REFERENCES stock_picking ON DELETE CASCADE, product_qty numeric);
CREATE TABLE public.mrp_production (id int PRIMARY KEY, name text, state text, product_qty numeric);
RESET ROLE;
CREATE EXTENSION odoo_events;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT count(*) > 0 AS attached FROM odoo_events.attach();

-- triggers: no columns, no condition, not deferred, silent in a replica, gone with the extension, and they belong to nobody's dump but Odoo's
SELECT tgname, count(*) AS on_tables, bool_or(tgattr <> '') AS columns, bool_or(tgqual IS NOT NULL) AS condition, bool_or(tgdeferrable) AS deferrable,
       string_agg(DISTINCT tgenabled::text, '') AS enabled,
       bool_and(EXISTS (SELECT 1 FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
         AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x' AND e.extname = 'odoo_events')) AS goes_with_the_extension
  FROM pg_trigger t WHERE tgname LIKE 'odoo_events%' GROUP BY tgname ORDER BY tgname;
-- nothing else of ours depends on a table of Odoo's
SELECT d.classid::regclass, d.deptype, count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
 WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('stock_picking', 'stock_move', 'mrp_production')
   AND d.classid NOT IN ('pg_trigger'::regclass) AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.oid = d.objid)
   AND pg_describe_object(d.classid, d.objid, d.objsubid) ~ 'odoo_events' GROUP BY 1, 2;
-- so its module upgrades do what they always do
SET ROLE regress_traps_owner;
ALTER TABLE stock_picking RENAME COLUMN scheduled_date TO planned;
ALTER TABLE stock_picking ALTER name TYPE varchar(64), ALTER state TYPE varchar;
ALTER TABLE stock_picking DROP COLUMN planned CASCADE;
ALTER TABLE stock_move DROP COLUMN state;
DROP TABLE stock_move;
RESET ROLE;

-- tables: logged, members of the extension (no dump meets one it does not know), each with a primary key (a publication of all tables lets them be updated)
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'S', 'v', 'm', 'p') AND (c.relpersistence <> 'p'
  OR NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i', 'a')));
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind = 'r'
  AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary);
-- what the output plugin reads by a historic snapshot
SELECT relname FROM pg_class WHERE relnamespace = 'odoo_events'::regnamespace AND reloptions::text ~ 'user_catalog_table=true' AND relname IN ('capture_rule', 'entity') ORDER BY 1;
-- ids of the journal are taken one by one, while row locks are held
SELECT seqcache FROM pg_sequence WHERE seqrelid = 'odoo_events.journal_id_seq'::regclass;
-- no publication, no filter of rows, no slot, no event trigger, no rule, no policy comes with it
SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_event_trigger)
  + (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()) + (SELECT count(*) FROM pg_policy)
  + (SELECT count(*) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relkind <> 'v' AND c.relnamespace = 'odoo_events'::regnamespace) AS others;
-- and it goes without CASCADE
DROP EXTENSION odoo_events;
SELECT count(*) AS left FROM pg_trigger WHERE tgname LIKE 'odoo_events%';

\c postgres
DROP DATABASE schema_traps;
DROP ROLE regress_traps_owner;
