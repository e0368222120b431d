-- Functions of this version need its library.  A server that preloaded an older one keeps that until it is restarted.
DO $$
BEGIN
  IF pg_catalog.string_to_array(odoo_events.version(), '.')::int[] OPERATOR(pg_catalog.<) pg_catalog.string_to_array('@VERSION@', '.')::int[] THEN
    RAISE EXCEPTION 'the server still runs the library of version %, this update needs @VERSION@', odoo_events.version()
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Restart the server, then update the extension.';
  END IF;
END $$;

-- Rights that were given (kept is true) or taken away by others than the extension's own script.  They are restored at the end.
CREATE TABLE odoo_events.upgrade_right AS
WITH object AS (
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, pg_catalog.format('odoo_events.%I', c.relname) AS name, NULL::text AS signature, NULL::name AS attribute,
         COALESCE(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS now,
         COALESCE(i.initprivs, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS made
    FROM pg_catalog.pg_class c
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = c.oid AND i.classoid = 'pg_catalog.pg_class'::regclass AND i.objsubid = 0
   WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'p', 'm')
  UNION ALL
  SELECT 'TABLE', pg_catalog.format('odoo_events.%I', c.relname), NULL, a.attname, a.attacl, COALESCE(i.initprivs, pg_catalog.acldefault('c', c.relowner))
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = c.oid AND i.classoid = 'pg_catalog.pg_class'::regclass AND i.objsubid = a.attnum
   WHERE c.relnamespace = 'odoo_events'::regnamespace
  UNION ALL
  SELECT 'FUNCTION', pg_catalog.format('odoo_events.%I', p.proname), p.oid::regprocedure::text, NULL,
         COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner)), COALESCE(i.initprivs, pg_catalog.acldefault('f', p.proowner))
    FROM pg_catalog.pg_proc p
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = p.oid AND i.classoid = 'pg_catalog.pg_proc'::regclass
   WHERE p.pronamespace = 'odoo_events'::regnamespace
  UNION ALL
  SELECT 'SCHEMA', 'odoo_events', NULL, NULL, COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner)), COALESCE(i.initprivs, pg_catalog.acldefault('n', n.nspowner))
    FROM pg_catalog.pg_namespace n
    LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = n.oid AND i.classoid = 'pg_catalog.pg_namespace'::regclass
   WHERE n.nspname = 'odoo_events'),
changed AS (
  SELECT o.kind, o.name, o.signature, o.attribute, x.kept, x.grantee, x.privilege_type, x.is_grantable
    FROM object o CROSS JOIN LATERAL (
      (SELECT true AS kept, a.grantee, a.privilege_type, a.is_grantable FROM pg_catalog.aclexplode(o.now) a
       EXCEPT SELECT true, a.grantee, a.privilege_type, a.is_grantable FROM pg_catalog.aclexplode(o.made) a)
      UNION ALL
      (SELECT false, a.grantee, a.privilege_type, false FROM pg_catalog.aclexplode(o.made) a
       EXCEPT SELECT false, a.grantee, a.privilege_type, false FROM pg_catalog.aclexplode(o.now) a)) x)
SELECT * FROM changed;

-- Takes those rights back (give is false) before this version's own rights are given, and restores them afterwards.  A function whose
-- arguments changed is found by its name.
CREATE FUNCTION odoo_events.upgrade_rights(give boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r record;
BEGIN
  FOR r IN
    SELECT pg_catalog.format('%s %s%s ON %s %s %s %s%s', CASE WHEN u.kept AND give THEN 'GRANT' ELSE 'REVOKE' END, u.privilege_type,
                             ' (' || pg_catalog.quote_ident(u.attribute) || ')', u.kind, t.target, CASE WHEN u.kept AND give THEN 'TO' ELSE 'FROM' END,
                             CASE WHEN u.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(u.grantee)) END,
                             CASE WHEN u.is_grantable AND give THEN ' WITH GRANT OPTION' END) AS statement
      FROM odoo_events.upgrade_right u
     CROSS JOIN LATERAL (
       SELECT u.name AS target WHERE u.kind OPERATOR(pg_catalog.<>) 'FUNCTION' AND (u.kind OPERATOR(pg_catalog.=) 'SCHEMA' OR pg_catalog.to_regclass(u.name) IS NOT NULL)
         AND (u.attribute IS NULL OR EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass(u.name) AND a.attname = u.attribute AND NOT a.attisdropped))
       UNION ALL
       SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p
        WHERE u.kind OPERATOR(pg_catalog.=) 'FUNCTION' AND p.pronamespace = 'odoo_events'::regnamespace
          AND CASE WHEN pg_catalog.to_regprocedure(u.signature) IS NOT NULL THEN p.oid = pg_catalog.to_regprocedure(u.signature)
                   ELSE pg_catalog.format('odoo_events.%I', p.proname) OPERATOR(pg_catalog.=) u.name END) t
     WHERE u.kept OR give
     ORDER BY u.kept
  LOOP
    PERFORM odoo_events._give_right(r.statement);
  END LOOP;
END $$;
