-- The rules for SQL that runs with a superuser's rights beside other people's objects, as far as the catalogs can tell; each answers who
-- breaks it.  What only the script's text tells is in test/t/070_security.pl.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_schema_owner NOLOGIN;
CREATE DATABASE schema_rules OWNER regress_schema_owner;
\c schema_rules
SET client_min_messages = warning;
-- The owner was there first: better matches than the server's own, in the schema that is searched by default.
SET ROLE regress_schema_owner;
CREATE SCHEMA planted;
CREATE FUNCTION planted.evil() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'planted code runs as %', current_user; RETURN 'evil'; END $$;
CREATE FUNCTION planted.format(text, text) RETURNS text LANGUAGE sql AS $$ SELECT planted.evil() || pg_catalog.format($1, VARIADIC ARRAY[$2]) $$;
CREATE FUNCTION planted.format(text, integer) RETURNS text LANGUAGE sql AS $$ SELECT planted.evil() || pg_catalog.format($1, VARIADIC ARRAY[$2]) $$;
CREATE FUNCTION planted.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT planted.evil()::timestamptz $$;
CREATE FUNCTION planted.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT planted.evil() $$;
CREATE FUNCTION planted.eq(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT planted.evil() = 'evil' $$;
CREATE OPERATOR planted.= (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.eq);
CREATE FUNCTION planted.cat(text, text) RETURNS text LANGUAGE sql AS $$ SELECT planted.evil() $$;
CREATE OPERATOR planted.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = planted.cat);
CREATE TABLE planted.pg_class (oid oid, relname name);
CREATE TABLE planted.ir_module_module (id int PRIMARY KEY);
RESET ROLE;
SET search_path = planted, pg_catalog;
CREATE EXTENSION odoo_events;
SELECT count(*) > 0 AS health FROM odoo_events.health();
SELECT count(*) > 0 AS attached FROM odoo_events.attach();
SELECT count(*) >= 0 AS status FROM odoo_events.capture_status;
SELECT odoo_events.subscribe('x', 'https://203.0.113.7/x') IS NOT NULL AS subscribed;
SELECT count(*) AS subscriptions FROM odoo_events.subscription_status;
SELECT odoo_events.unsubscribe('x');
SELECT count(*) > 0 AS metrics FROM odoo_events.metrics();
RESET search_path;
CREATE TEMP VIEW ours AS
SELECT p.oid, p.oid::regprocedure::text AS function, p.prosecdef, p.proconfig, p.prosrc, p.probin, l.lanname, p.proleakproof, p.prorettype, p.proacl
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'odoo_events'::regnamespace;

-- 1. a function in SQL or PL/pgSQL, and any that runs with its owner's rights, has the one search_path
SELECT function, lanname, prosecdef, proconfig FROM ours
 WHERE (lanname <> 'c' OR prosecdef) AND NOT COALESCE(proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp'];
-- 2. nothing is leak-proof, nothing is in another language, every C function is named after us
SELECT function, lanname, proleakproof FROM ours WHERE proleakproof OR lanname NOT IN ('c', 'sql', 'plpgsql') OR (lanname = 'c' AND prosrc !~ '^oe_sql_');
-- 3. no cast, operator, type of its own, rule, event trigger, language: nothing that an unqualified expression of others could reach
SELECT d.classid::regclass, pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'odoo_events')
   AND d.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_type'::regclass);
SELECT t.typname FROM pg_type t WHERE t.typnamespace = 'odoo_events'::regnamespace AND t.typtype NOT IN ('c', 'b');
SELECT c.relname, r.rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind <> 'v';
-- 4. all in one schema that is ours, all of it the extension's, all of one owner
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'v', 'S')
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
  LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'odoo_events')
   AND COALESCE(c.relnamespace, p.pronamespace, 'odoo_events'::regnamespace) <> 'odoo_events'::regnamespace;
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relowner <> (SELECT extowner FROM pg_extension WHERE extname = 'odoo_events');
-- 5. every table is logged and has a primary key (a publication of all tables would break its updates else)
SELECT c.relname, c.relpersistence FROM pg_class c WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'p')
   AND (c.relpersistence <> 'p' OR NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary));
-- 6. dynamic SQL is put together by format() with %I and %L, never by ||; %s only where a regclass has quoted the name already
SELECT function, m[1] FROM ours, regexp_matches(prosrc, '(\mEXECUTE\M\s+[^;]*\|\|[^;]*;)', 'g') m ORDER BY function;
SELECT function, m[1] FROM ours, regexp_matches(prosrc, '(EXECUTE\s+format\([^;]*%s[^;]*;)', 'gi') m ORDER BY function, m[1] COLLATE "C";
-- 7. what is granted to Odoo's role runs with its own rights, but for what answers only the views
SELECT function FROM ours, aclexplode(proacl) a WHERE prosecdef AND a.grantee IN (0, 'pg_database_owner'::regrole)
   AND NOT (function ~ '^odoo_events[.]_read_[a-z_]+\(bigint\)$' AND prosrc ~ '^\s*BEGIN\s+PERFORM odoo_events[.]_must_be_view\(key\);');
-- 8. a view that others may read shows rows of its own tables only, and calls no function of others
SELECT c.relname, d.refobjid::regprocedure FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_proc'::regclass JOIN pg_proc p ON p.oid = d.refobjid
 WHERE c.relnamespace = 'odoo_events'::regnamespace AND p.pronamespace NOT IN ('odoo_events'::regnamespace, 'pg_catalog'::regnamespace);
\c postgres
DROP DATABASE schema_rules;
DROP ROLE regress_schema_owner;
