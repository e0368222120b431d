\set odoo_echo :ECHO
\set ECHO none
-- Makes the tables of this database Odoo's (src/base/relations.h): they belong to the owner of the database, and ir_module_module stands
-- beside them.
DO $$
DECLARE
  t record;
BEGIN
  CREATE TABLE IF NOT EXISTS public.ir_module_module (id int PRIMARY KEY, name text, state text);
  FOR t IN SELECT c.oid::regclass AS name, pg_get_userbyid(d.datdba) AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, pg_database d
            WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'odoo_events')
              AND d.datname = current_database() AND c.relowner <> d.datdba LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO %I', t.name, t.owner);
  END LOOP;
END $$;
\set ECHO :odoo_echo
