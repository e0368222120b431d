-- base: things that every step uses.

-- Made here, so that it belongs to the extension: in no dump, gone with DROP EXTENSION, and never somebody else's who got there first.
CREATE SCHEMA odoo_events;
COMMENT ON SCHEMA odoo_events IS 'business events from Odoo: outbox, subscriptions, status';

-- Wakes this database's worker when the transaction commits; internal.
CREATE FUNCTION odoo_events._wake(why text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_wake';
COMMENT ON FUNCTION odoo_events._wake(text) IS
'internal: wakes the worker once the transaction has committed; why is changes, events, config or register';

CREATE FUNCTION odoo_events.version() RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_version';
COMMENT ON FUNCTION odoo_events.version() IS 'version of the loaded library';

CREATE FUNCTION odoo_events._worker(OUT pid int4, OUT state text, OUT since timestamptz, OUT last_error text, OUT restarts int4,
                                    OUT published_until timestamptz, OUT pending boolean,
                                    OUT last_error_at timestamptz, OUT unarmed text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_worker';
COMMENT ON FUNCTION odoo_events._worker() IS 'internal: this database''s worker, from shared memory';

CREATE FUNCTION odoo_events._type_stats(OUT type text, OUT published int8, OUT last_at timestamptz) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_type_stats';
COMMENT ON FUNCTION odoo_events._type_stats() IS 'internal: events published by type, since the server started';

-- Configuration as Odoo's backups carry it.  Odoo restores plain dumps with psql as its own role, also where the extension cannot be
-- created; a psql before the minor releases of 2026 then reads the rows of a COPY that failed as SQL, and whatever they leave open
-- swallows the next table of Odoo's.  A line here is hexadecimal digits and a semicolon: read as SQL it is one error and harmless.
CREATE TABLE odoo_events.saved_config (
    id   text PRIMARY KEY CHECK (id ~ '^[a-z_0-9]+$'),
    line text NOT NULL CHECK (line ~ '^[0-9a-f]+;$')
);
COMMENT ON TABLE odoo_events.saved_config IS 'what a dump carries of the configuration: a row of JSON in hexadecimal each, without secrets';
SELECT pg_catalog.pg_extension_config_dump('odoo_events.saved_config', '');

CREATE FUNCTION odoo_events._save_config() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key text := concat_ws('_', TG_TABLE_NAME, (SELECT string_agg(CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END ->> a, '_') FROM unnest(TG_ARGV) a));
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM odoo_events.saved_config c WHERE c.id = key;
    RETURN NULL;
  END IF;
  INSERT INTO odoo_events.saved_config AS c (id, line)
  VALUES (key, encode(convert_to(jsonb_build_object('table', TG_TABLE_NAME, 'row', to_jsonb(NEW))::text, 'UTF8'), 'hex') || ';')
  ON CONFLICT ON CONSTRAINT saved_config_pkey DO UPDATE SET line = EXCLUDED.line WHERE c.line <> EXCLUDED.line;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._save_config() IS 'internal: keeps saved_config in step with a configuration table; arguments: the columns of the table''s key';

-- Runs when a restore fills saved_config: the row goes back to where it came from.  The dump may be of another version: columns
-- that it lacks get their defaults, those that went are left out.
CREATE FUNCTION odoo_events._restore_config() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  saved jsonb := convert_from(decode(rtrim(NEW.line, ';'), 'hex'), 'UTF8');
  target regclass := (SELECT t.oid FROM pg_class t WHERE t.relnamespace = 'odoo_events'::regnamespace AND t.relname = saved ->> 'table'
                         AND t.relname IN ('attached', 'attached_all', 'definition', 'marked', 'subscription_config', 'care_rule', 'comparison_rule', 'calendar_def', 'sla_def', 'policy_rule', 'revision', 'own_type', 'accepted_contract', 'residency_rule', 'retention_rule'));
  columns text;
BEGIN
  IF target IS NOT NULL THEN
    SELECT string_agg(quote_ident(a.attname), ', ') INTO columns
      FROM pg_attribute a WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped AND saved -> 'row' ? a.attname;
    EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1) ON CONFLICT DO NOTHING', target, columns)
      USING saved -> 'row';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._restore_config() IS 'internal: puts a restored line of saved_config back into its table';
CREATE TRIGGER restore AFTER INSERT ON odoo_events.saved_config FOR EACH ROW EXECUTE FUNCTION odoo_events._restore_config();

CREATE FUNCTION odoo_events._legible(event text) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_legible';
COMMENT ON FUNCTION odoo_events._legible(text) IS 'internal: JSON as jsonb; what jsonb cannot hold is replaced, null where that does not help';
