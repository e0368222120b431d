-- Everything that is granted to anybody, object by object: whoever grants more, on purpose or by default, has to say so here.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_schema_owner NOLOGIN;
CREATE DATABASE schema_privileges OWNER regress_schema_owner;
\c schema_privileges
SET client_min_messages = warning;
-- what a database may have been made to give away by default
CREATE ROLE "regress_schema ""reports""" NOLOGIN;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC, "regress_schema ""reports""";
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO "regress_schema ""reports""";
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO "regress_schema ""reports""";
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO regress_schema_owner;
CREATE EXTENSION odoo_events;

CREATE TEMP VIEW given AS
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END AS kind, c.relname::text AS object, c.relowner AS owner, a.*
  FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'odoo_events'::regnamespace
UNION ALL
SELECT 'column', c.relname || '.' || t.attname, c.relowner, a.*
  FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a WHERE c.relnamespace = 'odoo_events'::regnamespace
UNION ALL
SELECT 'function', p.proname || '(' || oidvectortypes(p.proargtypes) || ')', p.proowner, a.*
  FROM pg_proc p, aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a WHERE p.pronamespace = 'odoo_events'::regnamespace
UNION ALL
SELECT 'schema', n.nspname, n.nspowner, a.* FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'odoo_events';

\pset format unaligned
SELECT COALESCE(r.rolname, 'PUBLIC') AS role, g.kind, g.object, string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type) AS may, bool_or(g.is_grantable) AS pass_on
  FROM given g LEFT JOIN pg_roles r ON r.oid = g.grantee
 WHERE g.grantee <> g.owner
 GROUP BY 1, 2, g.object ORDER BY 1, 2, g.object COLLATE "C";

-- the same asked of the server, with what comes by membership: the database's owner, and a role that nothing was given to
CREATE ROLE regress_schema_anybody NOLOGIN;
SELECT r.rolname, c.relname, string_agg(p, ', ') AS may
  FROM pg_roles r, pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p
 WHERE r.rolname LIKE 'regress\_schema\_%' AND c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'v')
   AND has_table_privilege(r.oid, c.oid, p)
 GROUP BY r.rolname, c.relname ORDER BY r.rolname, c.relname COLLATE "C";
SELECT r.rolname, p.proname FROM pg_roles r, pg_proc p
 WHERE r.rolname LIKE 'regress\_schema\_%' AND p.pronamespace = 'odoo_events'::regnamespace AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
 ORDER BY r.rolname, p.proname COLLATE "C";
SELECT r.rolname, has_schema_privilege(r.oid, 'odoo_events', 'USAGE') AS usage, has_schema_privilege(r.oid, 'odoo_events', 'CREATE') AS create
  FROM pg_roles r WHERE r.rolname LIKE 'regress\_schema\_%' ORDER BY 1;
-- what he may set: the trace context of his own session
SELECT name FROM pg_settings WHERE name LIKE 'odoo_events.%' AND context = 'user';
\c postgres
DROP DATABASE schema_privileges;
DROP ROLE regress_schema_owner, regress_schema_anybody, "regress_schema ""reports""";
