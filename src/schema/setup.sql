-- setup: what a DBA needs to install, update and remove the extension.

-- The members of a setting that is a list of libraries, as PostgreSQL reads it.  A quoted member with a comma in it is what
-- ALTER SYSTEM SET ... = 'a, b' leaves behind; no library has such a name, so it is taken for the list that was meant.
CREATE FUNCTION odoo_events._library_list(setting text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(array_agg(member ORDER BY n, m), '{}')
  FROM (SELECT q.n, x.m, btrim(x.member) AS member
          FROM regexp_matches(setting, '"((?:[^"]|"")*)"|([^,"]+)', 'g') WITH ORDINALITY q(found, n)
         CROSS JOIN LATERAL unnest(string_to_array(COALESCE(replace(q.found[1], '""', '"'), q.found[2]), ',')) WITH ORDINALITY x(member, m)) y
 WHERE member <> ''
$$;
COMMENT ON FUNCTION odoo_events._library_list(text) IS 'internal: the members of a list of libraries';

-- The configuration files are ahead of the running server where a change waits for a restart.  Only superusers and pg_read_all_settings
-- may read them; everybody else gets the value that is in force.
CREATE FUNCTION odoo_events.preload_line(setting text DEFAULT 'shared_preload_libraries', remove boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  shown text := current_setting(setting, true);
  written record;
  libraries text[];
  wanted text[];
BEGIN
  IF setting IS NULL OR setting NOT IN ('shared_preload_libraries', 'output_plugin_libraries') THEN
    RAISE EXCEPTION 'argument "setting" is %', COALESCE(quote_literal(setting), 'null')
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use shared_preload_libraries or output_plugin_libraries.';
  ELSIF remove IS NULL THEN
    RAISE EXCEPTION 'argument "remove" is null' USING ERRCODE = 'null_value_not_allowed', HINT = 'Use false to add the library, true to take it out.';
  END IF;
  IF shown IS NULL THEN
    RETURN format('-- this server has no setting %s: nothing to do', setting);
  END IF;
  IF EXISTS (SELECT 1 FROM pg_settings s WHERE s.name = setting AND s.source = 'command line') THEN
    RETURN format('-- %s is set on the command line of the server (-c %1$s=%s): change it there', setting, shown);
  END IF;
  IF has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') THEN
    SELECT f.setting, f.sourcefile, f.sourceline INTO written FROM pg_file_settings f WHERE f.name = setting ORDER BY f.seqno DESC LIMIT 1;
    shown := COALESCE(written.setting, CASE WHEN setting = 'shared_preload_libraries' THEN '' ELSE shown END);
  END IF;
  libraries := odoo_events._library_list(shown);
  wanted := CASE WHEN remove THEN array_remove(libraries, 'odoo_events')
                 WHEN 'odoo_events' = ANY (libraries) THEN libraries
                 ELSE libraries || 'odoo_events'::text END;
  IF wanted = libraries AND shown NOT LIKE '%"%' THEN
    RETURN format('-- nothing to do: %s %s odoo_events', setting, CASE WHEN remove THEN 'does not name' ELSE 'names' END);
  ELSIF cardinality(wanted) > 0 THEN
    RETURN format('ALTER SYSTEM SET %s = %s;', setting,
                  (SELECT string_agg(CASE WHEN l ~ '^[a-z_][a-z0-9_]*$' THEN quote_ident(l) ELSE quote_literal(l) END, ', ' ORDER BY n)
                     FROM unnest(wanted) WITH ORDINALITY x(l, n)));
  ELSIF written.sourcefile IS NOT NULL AND written.sourcefile !~ '/postgresql\.auto\.conf$' THEN
    RETURN format('-- take odoo_events out of line %s of %s', written.sourceline, written.sourcefile);
  END IF;
  RETURN format('ALTER SYSTEM RESET %s;', setting);
END $$;
COMMENT ON FUNCTION odoo_events.preload_line(text, boolean) IS
'the statement that adds odoo_events to shared_preload_libraries (or output_plugin_libraries) beside what is there, or takes it out; a comment where there is nothing to do';

-- The library that runs and the objects in the database are updated in two steps: a restart, and ALTER EXTENSION UPDATE.
CREATE FUNCTION odoo_events._health_version() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'version', CASE WHEN v.library = v.extension THEN 'ok' ELSE 'warn' END,
       CASE WHEN v.library = v.extension THEN v.library
            ELSE format('the server runs the library of version %s, the extension in this database is %s', v.library, v.extension) END,
       CASE WHEN string_to_array(v.library, '.')::int[] > string_to_array(v.extension, '.')::int[] THEN 'ALTER EXTENSION odoo_events UPDATE;'
            WHEN v.library <> v.extension THEN 'SELECT odoo_events.version();  -- older than the extension: install the newer library, then restart the server' END
  FROM (SELECT odoo_events.version() AS library, e.extversion AS extension FROM pg_extension e WHERE e.extname = 'odoo_events') v
$$;
COMMENT ON FUNCTION odoo_events._health_version() IS 'internal: are the library and the extension of the same version?';

-- Called before DROP EXTENSION (worker/hooks.c).  A failure here must not keep anybody from dropping the extension.
CREATE FUNCTION odoo_events._undelivered() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT COALESCE(string_agg(format('subscription "%s": %s waiting, %s dead letters', s.name, s.lag_events, s.dead_letters), '; ' ORDER BY s.name), '')
            FROM odoo_events._subscription_status s WHERE s.lag_events > 0 OR s.dead_letters > 0);
EXCEPTION WHEN OTHERS THEN
  RETURN '';
END $$;
COMMENT ON FUNCTION odoo_events._undelivered() IS 'internal: what DROP EXTENSION would lose, empty if nothing';

-- pg_dump leaves out the rights that an extension's script has given.  Rights that a DBA gave are the DBA's own also after an
-- update that makes a function anew, so the last step of an update gives them as if it were no part of the script.
CREATE FUNCTION odoo_events._give_right(statement text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_give_right';
COMMENT ON FUNCTION odoo_events._give_right(text) IS 'internal: runs a GRANT or REVOKE during an update as the DBA''s own, so that dumps carry it';
