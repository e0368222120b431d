\echo Use "ALTER EXTENSION odoo_events UPDATE" to load this file. \quit
-- Functions of this version need its library.  A server that preloaded an older one keeps that until it is restarted.
DO $$
BEGIN
  IF pg_catalog.string_to_array(odoo_events.version(), '.')::int[] OPERATOR(pg_catalog.<) pg_catalog.string_to_array('0.2.0', '.')::int[] THEN
    RAISE EXCEPTION 'the server still runs the library of version %, this update needs 0.2.0', odoo_events.version()
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
-- covers: odoo_events.subscription_config
ALTER TABLE odoo_events.subscription_config ADD COLUMN shared_rows boolean NOT NULL DEFAULT true;
ALTER TABLE odoo_events.subscription_config ADD COLUMN success_statuses int4[];

-- covers: odoo_events.progress_
-- again: odoo_events.progress
ALTER TABLE odoo_events.progress_0 ADD COLUMN openings timestamptz[] NOT NULL DEFAULT '{}',
  ADD COLUMN filter_error_at timestamptz, ADD COLUMN filter_error_position int8,
  ADD COLUMN filter_passed int8 NOT NULL DEFAULT 0, ADD COLUMN filter_refused int8 NOT NULL DEFAULT 0;
ALTER TABLE odoo_events.progress_1 ADD COLUMN openings timestamptz[] NOT NULL DEFAULT '{}',
  ADD COLUMN filter_error_at timestamptz, ADD COLUMN filter_error_position int8,
  ADD COLUMN filter_passed int8 NOT NULL DEFAULT 0, ADD COLUMN filter_refused int8 NOT NULL DEFAULT 0;

-- covers: odoo_events.backfill_job
ALTER TABLE odoo_events.backfill_job ADD COLUMN attempts int4 NOT NULL DEFAULT 0;

-- it calls _captured_table(text[]), which has another argument by now
DROP VIEW odoo_events.capture_status;

-- covers: odoo_events.capture_gap
ALTER TABLE odoo_events.capture_gap ADD COLUMN since timestamptz;

-- covers: odoo_events.attached
ALTER TABLE odoo_events.attached ADD COLUMN always boolean;

-- covers: odoo_events._candidate
ALTER TYPE odoo_events._candidate ADD ATTRIBUTE row_id int8;
DROP FUNCTION odoo_events._column_json(text[], text[]);
DROP FUNCTION odoo_events._unwanted(odoo_events.subscription_config, text, text, int4, int4, text);
DROP FUNCTION odoo_events._filter_passes(text, jsonpath);
DROP FUNCTION odoo_events._replay_events(odoo_events.replay_job, int8, int4);
DROP FUNCTION odoo_events.alter_subscription(text, text, text[], jsonpath, int4[], int4[], text, text, text[], text, int4, interval, text, int4, numeric, int4, int4, interval, interval[], interval, jsonb, jsonb, jsonb, text, text, boolean, cidr[], boolean, text, text);
DROP FUNCTION odoo_events.subscribe(text, text, text[], jsonpath, int4[], int4[], text, text, text[], text, int4, interval, text, int4, numeric, int4, int4, interval, interval[], interval, jsonb, jsonb, jsonb, text, text, boolean, cidr[], boolean, text, text, text, boolean);
DROP FUNCTION odoo_events.attach(text[], text);
DROP FUNCTION odoo_events._attach(text[], text);
DROP FUNCTION odoo_events._captured_table(text[]);
DROP FUNCTION odoo_events._judge(odoo_events.entity, odoo_events._candidate[], int8);
-- Runs when a restore fills saved_config: the row goes back to where it came from.  The dump may be of another version: columns
-- that it lacks get their defaults, those that went are left out.
CREATE OR REPLACE FUNCTION odoo_events._restore_config() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  saved jsonb := convert_from(decode(rtrim(NEW.line, ';'), 'hex'), 'UTF8');
  target regclass := (SELECT t.oid FROM pg_class t WHERE t.relnamespace = 'odoo_events'::regnamespace AND t.relname = saved ->> 'table'
                         AND t.relname IN ('attached', 'attached_all', 'definition', 'marked', 'subscription_config'));
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
CREATE FUNCTION odoo_events._legible(event text) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_legible';
COMMENT ON FUNCTION odoo_events._legible(text) IS 'internal: JSON as jsonb; what jsonb cannot hold is replaced, null where that does not help';
-- Whoever attached everything wants what comes later, too: a module that is installed then.
CREATE TABLE odoo_events.attached_all (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    mode text NOT NULL,
    at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    always boolean
);
COMMENT ON TABLE odoo_events.attached_all IS 'a row: attach() was called for all entities, and the worker attaches those whose tables come later';
-- A dump carries what the DBA chose; the triggers are dumped with Odoo's tables.
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.attached_all
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('one');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.attached_all
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('mode', 'attach all', 'attach all', 'detach all', 'one,at');
CREATE OR REPLACE VIEW odoo_events.capture_error AS
SELECT g.at, COALESCE((SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
                         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE c.oid = g.relid), g.rule) AS relation,
       g.changes, g.reason, COALESCE(g.since, g.at) AS since
  FROM (SELECT at, rule, relid, changes, reason, since FROM odoo_events.capture_gap
        UNION ALL
        SELECT s.unnoted_at, s.rule, s.unnoted_relid, s.unnoted, 'neither the journal nor capture_gap could be written; not written down yet', NULL
          FROM odoo_events._rule_stats() s WHERE s.unnoted > 0) g;
-- Which table is Odoo's: the rule stands in src/base/relations.h, for SQL and C alike.  Odoo's schema is where an ordinary table
-- ir_module_module of the database's owner is; a table of Odoo's stands in that schema and belongs to the same role.
CREATE FUNCTION odoo_events._odoo_schema() RETURNS oid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_schema';
COMMENT ON FUNCTION odoo_events._odoo_schema() IS 'internal: oid of the schema that Odoo''s tables are in, null where this is not a database of Odoo''s';
-- May a table of this role be Odoo's, or, builtin false, one that a DBA's own definition names?
CREATE FUNCTION odoo_events._is_trusted_owner(role oid, builtin boolean) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_is_trusted_owner';
COMMENT ON FUNCTION odoo_events._is_trusted_owner(oid, boolean) IS 'internal: does a role own tables that are captured';
-- The first of "tables" that exists.  What a DBA's own definition names (builtin false) may also be in another schema, if it belongs to
-- the owner of the database or of the extension, or to a superuser.
CREATE FUNCTION odoo_events._captured_table(tables text[], builtin boolean) RETURNS oid
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_captured_table';
COMMENT ON FUNCTION odoo_events._captured_table(text[], boolean) IS 'internal: oid of the table that a rule captures here, null if there is none';
-- Why a database has no tables of Odoo's, and what to do; null where it has.  The hint names no role: any could have made a table
-- ir_module_module.
CREATE FUNCTION odoo_events._no_odoo(OUT detail text, OUT hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN m.there THEN format('database "%s" belongs to role "%s", but table ir_module_module to another one: no table counts as Odoo''s', d.datname, pg_get_userbyid(d.datdba))
            ELSE format('database "%s" is not a database of Odoo''s: it has no table ir_module_module', d.datname) END,
       CASE WHEN m.there THEN format('SELECT relnamespace::regnamespace, relowner::regrole FROM pg_catalog.pg_class WHERE relname = ''ir_module_module'';  -- then ALTER DATABASE %I OWNER TO the role of Odoo', d.datname)
            ELSE 'SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate;  -- connect to Odoo''s database, and create the extension there' END
  FROM pg_database d, (SELECT EXISTS (SELECT 1 FROM pg_class c WHERE c.relname = 'ir_module_module' AND c.relkind = 'r' AND c.relpersistence <> 't') AS there) m
 WHERE d.datname = current_database() AND odoo_events._odoo_schema() IS NULL
$$;
COMMENT ON FUNCTION odoo_events._no_odoo() IS 'internal: why this database has no tables of Odoo''s, and what to do about it; null where it has';
-- What ALTER TRIGGER ... DEPENDS ON EXTENSION does, without its lock on the extension, which an open attach() would hold.
CREATE FUNCTION odoo_events._trigger_depends(relid oid, name name) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_trigger_depends';
COMMENT ON FUNCTION odoo_events._trigger_depends(oid, name) IS 'internal: a trigger of capture is dropped with the extension';
-- Creates or mends the two triggers of a table.
CREATE OR REPLACE FUNCTION odoo_events._capture_table(relid oid, rule text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rel  text := relid::regclass::text;           -- qualified: the search_path has pg_catalog only
  done text;
  want record;
  have record;
  always boolean := (SELECT bool_or(a.always) FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity WHERE _capture_table.rule = ANY (e.rules));
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_attribute a
                  WHERE a.attrelid = relid AND a.attname = 'id' AND NOT a.attisdropped AND a.atttypid IN ('int4'::regtype, 'int8'::regtype)) THEN
    RAISE EXCEPTION 'table % has no integer column "id"', rel
      USING ERRCODE = 'undefined_column', HINT = 'Capture knows rows by their integer id, as Odoo does.';
  END IF;
  FOR want IN SELECT * FROM (VALUES ('odoo_events_capture', 'INSERT OR UPDATE OR DELETE', 'ROW', 'capture'),
                                    ('odoo_events_capture_truncate', 'TRUNCATE', 'STATEMENT', 'capture_truncate')) v(name, events, level, func)
  LOOP
    SELECT * INTO have FROM odoo_events._capture_trigger t WHERE t.relid = _capture_table.relid AND t.tgname = want.name;
    IF have.rule IS DISTINCT FROM _capture_table.rule THEN
      EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION odoo_events.%I(%L)',
                     want.name, want.events, rel, want.level, want.func, rule);
      PERFORM odoo_events._trigger_depends(relid, want.name);
      done := 'triggers created';
    END IF;
    IF always AND have.tgenabled IS DISTINCT FROM 'A' THEN
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', rel, want.name);
      done := COALESCE(done, 'triggers enabled') || ', for replicated changes, too';
    ELSIF have.tgenabled IN ('D', 'R') OR have.tgenabled = 'A' AND NOT always THEN
      EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', rel, want.name);
      done := COALESCE(done, 'triggers enabled');
    END IF;
  END LOOP;
  RETURN COALESCE(done, 'already attached');
END $$;
CREATE OR REPLACE FUNCTION odoo_events._drop_idle_triggers() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.tgname, c.relid::regclass AS rel FROM odoo_events._idle_trigger c ORDER BY c.relation, c.tgname LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.rel);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._drop_idle_triggers() IS 'internal: drops the triggers that are not needed';
CREATE FUNCTION odoo_events._attach(entities text[], how text, always boolean DEFAULT NULL)
RETURNS TABLE (entity text, relation text, mode text, event_types text[], note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  e     record;
  r     record;
  notes jsonb := '{}';                          -- by rule: what was done to its table
BEGIN
  IF how IS NULL OR how NOT IN ('trigger', 'wal', 'both') THEN
    RAISE EXCEPTION 'argument "mode" cannot be "%"', how
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use mode => ''trigger'', ''wal'' or ''both''.';
  END IF;
  PERFORM odoo_events._check_entities(entities);
  SELECT * INTO r FROM odoo_events._no_odoo();
  IF r.detail IS NOT NULL AND EXISTS (SELECT 1 FROM odoo_events.entity d WHERE NOT d.builtin AND (entities IS NULL OR d.entity = ANY (entities))) THEN
    RAISE WARNING '%', r.detail USING HINT = r.hint;
  ELSIF r.detail IS NOT NULL THEN
    RAISE EXCEPTION '%', r.detail USING ERRCODE = 'object_not_in_prerequisite_state', HINT = r.hint;
  END IF;
  IF how <> 'trigger' THEN
    PERFORM odoo_events._wal_check();
  END IF;
  -- whoever says how to capture them knows that they fell back
  UPDATE odoo_events.wal_fallback f SET entities = ARRAY(SELECT u FROM unnest(f.entities) u WHERE entities IS NOT NULL AND u <> ALL (entities));
  DELETE FROM odoo_events.wal_fallback f WHERE f.entities = '{}';
  IF entities IS NULL THEN
    INSERT INTO odoo_events.attached_all AS a (mode, always) VALUES (how, _attach.always)
      ON CONFLICT ON CONSTRAINT attached_all_pkey DO UPDATE SET mode = EXCLUDED.mode, always = COALESCE(EXCLUDED.always, a.always)
      WHERE a.mode <> EXCLUDED.mode OR a.always IS DISTINCT FROM COALESCE(EXCLUDED.always, a.always);
  END IF;
  FOR e IN SELECT d.entity, d.rules FROM odoo_events.entity d
            WHERE entities IS NULL OR d.entity = ANY (entities) ORDER BY d.entity LOOP
    IF NOT EXISTS (SELECT 1 FROM odoo_events.capture_rule c
                    WHERE c.rule = e.rules[1] AND odoo_events._captured_table(c.tables, c.builtin) IS NOT NULL) THEN
      IF entities IS NOT NULL THEN
        RETURN QUERY SELECT e.entity, NULL::text, NULL::text, NULL::text[], 'not attached: this database has no table for it'::text;
      END IF;
      CONTINUE;
    END IF;
    -- tables can be hot: nothing is captured by default for entities that would give no event
    IF entities IS NULL AND NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = e.entity)
       AND odoo_events._nothing_enabled(e.entity) THEN
      CONTINUE;
    END IF;
    PERFORM odoo_events.arm_first_time();
    DELETE FROM odoo_events.detached d WHERE d.entity = e.entity;
    INSERT INTO odoo_events.attached AS a (entity, mode, always) VALUES (e.entity, how, _attach.always)
      ON CONFLICT ON CONSTRAINT attached_pkey DO UPDATE SET mode = EXCLUDED.mode, always = COALESCE(EXCLUDED.always, a.always)
      WHERE a.mode <> EXCLUDED.mode OR a.always IS DISTINCT FROM COALESCE(EXCLUDED.always, a.always);
    FOR r IN SELECT c.rule, odoo_events._captured_table(c.tables, c.builtin) AS relid
               FROM unnest(e.rules) WITH ORDINALITY u(rule, n) JOIN odoo_events.capture_rule c ON c.rule = u.rule
              ORDER BY u.n LOOP
      IF r.relid IS NULL THEN
        RETURN QUERY SELECT e.entity, NULL::text, NULL::text, NULL::text[], format('no table for rule %s', r.rule);
        CONTINUE;
      END IF;
      IF NOT notes ? r.rule THEN
        notes := notes || jsonb_build_object(r.rule, odoo_events._capture_rule(r.relid, r.rule));
      END IF;
      RETURN QUERY SELECT e.entity, r.relid::regclass::text, odoo_events._rule_mode(r.rule),
        CASE WHEN r.rule = e.rules[1] THEN
          (SELECT array_agg(DISTINCT regexp_replace(d.type, '[^.]+\.v[0-9]+$', '*'))
             FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.enabled) END,
        concat_ws('; ', notes ->> r.rule, CASE WHEN r.rule = e.rules[1] AND odoo_events._nothing_enabled(e.entity) THEN 'none of its events is enabled' END);
    END LOOP;
  END LOOP;
  DELETE FROM odoo_events.capture_difference d WHERE NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = d.rule AND w.want = 'both');
  PERFORM odoo_events._drop_idle_triggers();
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._attach(text[], text, boolean) IS 'internal: attach()';
CREATE FUNCTION odoo_events.attach(entities text[] DEFAULT NULL, mode text DEFAULT 'trigger', always boolean DEFAULT NULL,
  OUT entity text, OUT relation text, OUT mode text, OUT event_types text[], OUT note text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS 'SELECT a.entity, a.relation, a.mode, a.event_types, a.note FROM odoo_events._attach($1, $2, $3) a';
COMMENT ON FUNCTION odoo_events.attach(text[], text, boolean) IS
'captures the given entities (default: all whose tables exist and of whose events any is enabled).  mode trigger: creates two triggers per table, which takes '
'ShareRowExclusiveLock on it for a moment: set lock_timeout and repeat where Odoo has long transactions.  wal: reads the WAL instead: once the reader is ready '
'the worker sets REPLICA IDENTITY FULL and drops the triggers, table by table; a table that several entities need is read from the WAL if one of them is.  '
'both: both ways, events by the triggers, differences in capture_difference.  always true: changes that logical replication applies here are captured, too; '
'false: they are not; null: as it is.  Mends what is missing or disabled; can be repeated.  Called for all entities, the worker also attaches those whose tables come later';
CREATE OR REPLACE FUNCTION odoo_events.detach(entities text[] DEFAULT NULL)
RETURNS TABLE (entity text, relation text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  gone text[];
BEGIN
  PERFORM odoo_events._check_entities(entities);
  WITH d AS (DELETE FROM odoo_events.attached a WHERE entities IS NULL OR a.entity = ANY (entities) RETURNING a.entity)
  SELECT array_agg(d.entity ORDER BY d.entity) INTO gone FROM d;
  DELETE FROM odoo_events.attached_all WHERE entities IS NULL;
  RETURN QUERY SELECT u, NULL::text, 'was not attached'::text FROM unnest(entities) u WHERE NOT u = ANY (COALESCE(gone, '{}'));
  RETURN QUERY
    SELECT g, t.relation,
           CASE WHEN n.entities IS NOT NULL THEN 'still captured for ' || n.entities
                WHEN t.wal THEN 'no longer read from the WAL' ELSE 'triggers dropped' END
      FROM unnest(gone) g JOIN odoo_events.entity e ON e.entity = g
      JOIN (SELECT c.rule, c.relation, false AS wal FROM odoo_events._capture_trigger c WHERE NOT c.truncates
            UNION ALL
            SELECT w.rule, x.name, true FROM odoo_events.wal_rule w, odoo_events._table_name(w.relid) x(name) WHERE w.state = 'wal') t ON t.rule = ANY (e.rules)
      LEFT JOIN LATERAL (SELECT string_agg(o.entity, ', ' ORDER BY o.entity) AS entities
                           FROM odoo_events.attached a JOIN odoo_events.entity o ON o.entity = a.entity
                          WHERE t.rule = ANY (o.rules)) n ON true
     ORDER BY g, t.relation;
  PERFORM odoo_events._wal_leave(w.rule, odoo_events._rule_mode(w.rule) IS NOT NULL)
    FROM odoo_events.wal_rule w WHERE COALESCE(odoo_events._rule_mode(w.rule), 'trigger') = 'trigger' ORDER BY w.rule;
  PERFORM odoo_events._drop_idle_triggers();
  -- whoever captured something has begun by now
  INSERT INTO odoo_events.detached AS d (entity, before)
    SELECT DISTINCT g, pg_snapshot_xmax(pg_current_snapshot()) FROM unnest(gone || entities) g
    ON CONFLICT ON CONSTRAINT detached_pkey DO UPDATE SET before = EXCLUDED.before;
  PERFORM odoo_events._wake('config');
END $$;
-- When the worker last found that all was captured; with true: it has found so now.
CREATE FUNCTION odoo_events._complete_at(complete boolean) RETURNS timestamptz
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_complete_at';
COMMENT ON FUNCTION odoo_events._complete_at(boolean) IS 'internal: when this worker last found all tables captured, null if it has not yet';
-- Entities that are not attached although all are to be: a module was installed after attach().
CREATE FUNCTION odoo_events._unattached() RETURNS TABLE (entity text, relid oid, mode text, always boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT e.entity, t.relid, m.mode, m.always
  FROM odoo_events.attached_all m, odoo_events.entity e JOIN odoo_events.capture_rule c ON c.rule = e.rules[1]
 CROSS JOIN LATERAL odoo_events._captured_table(c.tables, c.builtin) t(relid)
 WHERE t.relid IS NOT NULL AND NOT odoo_events._nothing_enabled(e.entity)
   AND NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = e.entity) AND NOT EXISTS (SELECT 1 FROM odoo_events.detached d WHERE d.entity = e.entity)
 ORDER BY e.entity
$$;
COMMENT ON FUNCTION odoo_events._unattached() IS 'internal: entities whose tables came after attach() of all, and were not detached';
CREATE FUNCTION odoo_events._attach_later() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u    record;
  done boolean := true;
BEGIN
  FOR u IN SELECT * FROM odoo_events._unattached() LOOP
    BEGIN
      IF u.mode = 'trigger' THEN
        INSERT INTO odoo_events.attached (entity, mode, always) VALUES (u.entity, u.mode, u.always);
      ELSE
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE NOWAIT', u.relid::regclass);
        PERFORM odoo_events._attach(ARRAY[u.entity], u.mode, u.always);
      END IF;
      PERFORM odoo_events._wake('config');
    EXCEPTION
      WHEN lock_not_available OR undefined_table OR undefined_column THEN
        done := false;
    END;
  END LOOP;
  RETURN done;
END $$;
COMMENT ON FUNCTION odoo_events._attach_later() IS 'internal: attaches entities whose tables came after attach() of all';
-- A table of an attached entity that has no trigger: it was dropped and made again, or a module brought it.  What happened to it
-- meanwhile was not captured: a gap says so, and since when at the earliest.  A trigger that somebody disabled stays so; a table that
-- is in use is left for the next time.
CREATE OR REPLACE FUNCTION odoo_events._reattach() RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r        record;
  n        int := 0;
  since    timestamptz := odoo_events._complete_at(false);
  complete boolean := odoo_events._attach_later();
BEGIN
  FOR r IN SELECT c.rule, x.relid, LEAST(min(a.at), (SELECT l.at FROM odoo_events.attached_all l)) AS attached_at
             FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity
             JOIN odoo_events.capture_rule c ON c.rule = ANY (e.rules)
             CROSS JOIN LATERAL odoo_events._captured_table(c.tables, c.builtin) x(relid)
            WHERE x.relid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = c.rule AND w.state = 'wal') AND (SELECT count(*) FROM odoo_events._capture_trigger t WHERE t.relid = x.relid AND t.rule = c.rule) < 2
            GROUP BY c.rule, x.relid
  LOOP
    BEGIN
      EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE NOWAIT', r.relid::regclass);
      PERFORM odoo_events._capture_table(r.relid, r.rule);
      INSERT INTO odoo_events.capture_gap AS g (xid, rule, relid, at, changes, reason, since)
      VALUES (pg_current_xact_id(), r.rule, r.relid, clock_timestamp(), 0, 'the table was new, or had lost its trigger: attached again', COALESCE(since, r.attached_at));
      n := n + 1;
      RAISE LOG 'odoo_events captures % again', r.relid::regclass;
    EXCEPTION
      WHEN lock_not_available OR undefined_table OR undefined_column OR duplicate_object THEN
        complete := false;
    END;
  END LOOP;
  PERFORM odoo_events._complete_at(true) WHERE complete;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events._reattach() IS 'internal: makes the triggers that tables of attached entities lack, attaches entities that came later; answers on how many tables';
-- What the server must allow; raises with the mend.
CREATE OR REPLACE FUNCTION odoo_events._wal_check() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  plugins text := current_setting('output_plugin_libraries', true);
  -- PostgreSQL 19 makes the WAL logical while a logical slot exists.
  wal_level text := CASE WHEN current_setting('server_version_num')::int >= 190000 THEN 'replica' ELSE 'logical' END;
BEGIN
  IF NOT odoo_events._preloaded() THEN
    RAISE EXCEPTION 'capture from the WAL needs the library in shared_preload_libraries'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('ALTER SYSTEM SET shared_preload_libraries = %s;  -- then restart the server',
                          concat_ws(', ', NULLIF(current_setting('shared_preload_libraries'), ''), 'odoo_events'));
  END IF;
  IF current_setting('wal_level') NOT IN (wal_level, 'logical') THEN
    RAISE EXCEPTION 'capture from the WAL needs wal_level "%", not "%"', wal_level, current_setting('wal_level')
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('ALTER SYSTEM SET wal_level = %s;  -- then restart the server', wal_level);
  END IF;
  IF plugins IS NOT NULL AND NOT 'odoo_events' = ANY (SELECT btrim(l, ' "') FROM unnest(string_to_array(plugins, ',')) l) THEN
    RAISE EXCEPTION 'the server does not allow the output plugin "odoo_events"'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('ALTER SYSTEM SET output_plugin_libraries = %s; SELECT pg_catalog.pg_reload_conf();', concat_ws(', ', NULLIF(plugins, ''), 'odoo_events'));
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_replication_slots s WHERE s.slot_name = odoo_events._wal_slot())
     AND (SELECT count(*) FROM pg_replication_slots) >= current_setting('max_replication_slots')::int THEN
    RAISE EXCEPTION 'all replication slots are in use'
      USING ERRCODE = 'configuration_limit_exceeded',
            HINT = format('ALTER SYSTEM SET max_replication_slots = %s;  -- then restart the server', current_setting('max_replication_slots')::int + 4);
  END IF;
END $$;
-- What is in the WAL of some rules will not be read: that is said, and the publisher goes on.
CREATE OR REPLACE FUNCTION odoo_events._wal_gap(rules text[], reason text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.capture_gap (xid, rule, relid, at, changes, reason)
SELECT pg_current_xact_id(), c.rule, COALESCE(odoo_events._captured_table(c.tables, c.builtin), 0), clock_timestamp(), 0, $2
  FROM odoo_events.capture_rule c WHERE c.rule = ANY ($1)
ON CONFLICT ON CONSTRAINT capture_gap_pkey DO NOTHING;
SELECT odoo_events._wal_drained()
$$;
-- What is to be done that needs a table's lock.  "thorough": also what is rare and costs more to find.
CREATE OR REPLACE FUNCTION odoo_events._wal_work(ready boolean, thorough boolean) RETURNS TABLE (what text, rule text, relid oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH m AS MATERIALIZED (SELECT * FROM odoo_events._rule_modes()),
w AS (SELECT r.*, COALESCE(m.mode, 'none') AS mode FROM odoo_events.wal_rule r LEFT JOIN m ON m.rule = r.rule)
SELECT CASE WHEN w.mode IN ('none', 'trigger') THEN 'leave' ELSE 'take over' END, w.rule, w.relid FROM w
 WHERE w.mode IN ('none', 'trigger') OR ready AND w.state = 'waiting' AND EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = w.relid)
UNION ALL
SELECT 'restore', i.rule, i.relid FROM odoo_events.wal_identity i WHERE NOT EXISTS (SELECT 1 FROM w WHERE w.rule = i.rule)
UNION ALL
SELECT 'mend', w.rule, x.relid FROM w JOIN odoo_events.capture_rule c ON c.rule = w.rule CROSS JOIN LATERAL odoo_events._captured_table(c.tables, c.builtin) x(relid)
 WHERE thorough AND w.mode IN ('wal', 'both') AND x.relid IS NOT NULL
   AND (x.relid <> w.relid OR w.state <> 'waiting' AND EXISTS (SELECT 1 FROM odoo_events._wal_tables(x.relid) t WHERE t.identity IS DISTINCT FROM 'FULL'))
UNION ALL
-- a restored dump, or a module that came later: _reattach() has made the triggers
SELECT 'join', c.rule, x.relid FROM m JOIN odoo_events.capture_rule c ON c.rule = m.rule CROSS JOIN LATERAL odoo_events._captured_table(c.tables, c.builtin) x(relid)
 WHERE thorough AND m.mode IN ('wal', 'both') AND NOT EXISTS (SELECT 1 FROM w WHERE w.rule = c.rule)
   AND (SELECT count(*) FROM odoo_events._capture_trigger t WHERE t.relid = x.relid AND t.rule = c.rule) = 2
 ORDER BY 1, 2
$$;
CREATE OR REPLACE VIEW odoo_events.progress AS
SELECT * FROM odoo_events.progress_0 UNION ALL SELECT * FROM odoo_events.progress_1;
COMMENT ON VIEW odoo_events.progress IS 'internal: both members of the progress ring';
CREATE OR REPLACE FUNCTION odoo_events._tls_public(tls jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF tls IS NULL OR tls = '{}' THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(tls) <> 'object' THEN
    RAISE EXCEPTION 'argument "tls" is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
      HINT = '{"ca": ..., "cert": ..., "key": ..., "server_name": ..., "http2": false}, each of them optional; the first three are PEM texts.';
  END IF;
  IF jsonb_typeof(tls -> 'http2') <> 'boolean' THEN
    RAISE EXCEPTION 'member "http2" of argument "tls" is neither true nor false' USING ERRCODE = 'invalid_parameter_value',
      HINT = '"http2": false keeps to HTTP/1.1; without it HTTP/2 is used where the endpoint offers it.';
  END IF;
  PERFORM odoo_events._check_members('tls', tls - 'http2', '{}', '{ca,cert,key,server_name,http2}');
  IF tls ->> 'server_name' !~ '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' THEN
    RAISE EXCEPTION 'member "server_name" of argument "tls" is not a host name' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the name in the endpoint''s certificate, such as wms.internal, without scheme and port.';
  END IF;
  RETURN tls - 'key';
END $$;
-- A filter is a predicate: it compares.  A path that selects something answers null to jsonb_path_match(), that is, matches nothing for ever.
CREATE FUNCTION odoo_events._check_predicate(filter jsonpath) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mode   constant text := CASE WHEN filter::text LIKE 'strict %' THEN 'strict ' ELSE '' END;
  path   constant text := substr(filter::text, length(mode) + 1);
  reason text;
BEGIN
  PERFORM jsonb_path_match('{}', filter, '{}', false);
EXCEPTION
  WHEN singleton_sql_json_item_required OR sql_json_member_not_found OR sql_json_array_not_found OR sql_json_object_not_found OR sql_json_scalar_required THEN
    RAISE EXCEPTION 'argument "filter" selects something, it does not compare: %', filter USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'A filter is a jsonpath predicate, whose answer is true or false.',
      HINT = CASE WHEN path = '$' THEN 'filter => ''true'' lets all events pass.'
                  WHEN path LIKE '%?(%)' THEN format('filter => %L', mode || 'exists(' || path || ')')
                  ELSE format('filter => %L, or filter => %L, which asks whether it is there.', mode || path || ' == "..."', mode || 'exists(' || path || ')') END;
  WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
    RAISE EXCEPTION 'argument "filter" cannot be used: %', reason USING ERRCODE = 'invalid_parameter_value',
      HINT = 'For example filter => ''$.data.transfer.priority == "1"''.';
END $$;
COMMENT ON FUNCTION odoo_events._check_predicate(jsonpath) IS 'internal: raises an error for a filter that is no predicate';
-- The paths from the root that a filter names member by member, up to the first step of another kind.
CREATE FUNCTION odoo_events._filter_paths(filter jsonpath) RETURNS SETOF text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT DISTINCT ARRAY(SELECT k[1] FROM regexp_matches(m[1], '\."((?:[^"\\]|\\.)*)"', 'g') k)
  -- the text of a jsonpath quotes every name; here without other strings
  FROM regexp_matches(regexp_replace(filter::text, '([.$]"(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*"', '\1', 'g'),
                      '\$((?:\."(?:[^"\\]|\\.)*"|\[\*\])+)', 'g') m
$$;
COMMENT ON FUNCTION odoo_events._filter_paths(jsonpath) IS 'internal: members that a filter looks at, from the root of the event';
-- The members of data.<label> that events of these types have, as far as the catalog knows.
CREATE FUNCTION odoo_events._data_members(types_like text[], label text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH e AS (SELECT x.* FROM odoo_events.entity x
            WHERE x.entity IN (SELECT unnest(p.entities) FROM odoo_events._promised p WHERE p.type LIKE ANY ($1)))
SELECT unnest('{id,name,document}'::text[]) WHERE $2 IS NOT NULL
UNION SELECT f.field FROM e JOIN odoo_events.field f ON f.owner = e.entity WHERE $2 = COALESCE(e.label, e.entity)
UNION SELECT k FROM e, jsonb_object_keys(odoo_events._extra_json(e.entity) || odoo_events._sum_json(e)) k WHERE $2 = COALESCE(e.label, e.entity)
UNION SELECT COALESCE(e.label, e.entity) FROM e WHERE $2 IS NULL
UNION SELECT unnest('{transition,lines,changes,deleted,redacted,lines_read_at}'::text[]) WHERE $2 IS NULL
$$;
COMMENT ON FUNCTION odoo_events._data_members(text[], text) IS 'internal: members of data (label null) or of data.<label> in events of these types';
-- A name that no event has is a slip of the pen: a filter that looks at it matches nothing.  That is certain for the envelope, and for
-- data where all types are named and in the catalog; events of emit() carry what they like.
CREATE FUNCTION odoo_events._check_filter_names(filter jsonpath, types text[], types_like text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  certain constant boolean := NOT EXISTS (SELECT 1 FROM unnest(types) t WHERE NOT EXISTS (SELECT 1 FROM odoo_events._promised p WHERE p.type = t));
  path    text[];
  place   text;
  known   text[];
BEGIN
  FOR path IN SELECT * FROM odoo_events._filter_paths(filter) LOOP
    IF NOT odoo_events._envelope_json() -> 'properties' ? path[1] THEN
      RAISE EXCEPTION 'argument "filter" looks at $.%, which no event has', path[1] USING ERRCODE = 'invalid_parameter_value',
        HINT = format('An event has %s; facts are in $.data.', (SELECT string_agg(k, ', ') FROM jsonb_object_keys(odoo_events._envelope_json() -> 'properties') k));
    END IF;
    CONTINUE WHEN path[1] <> 'data' OR cardinality(path) < 2 OR EXISTS (SELECT 1 FROM unnest(types) t WHERE t LIKE 'odoo.platform.%');
    known := ARRAY(SELECT * FROM odoo_events._data_members(types_like, NULL) ORDER BY 1);
    CONTINUE WHEN path[2] IN ('lines', 'changes') OR cardinality(known) <= 6;
    place := NULL;
    IF NOT path[2] = ANY (known) THEN
      place := '$.data.' || path[2];
    ELSIF cardinality(path) > 2 AND path[2] NOT IN ('transition', 'deleted', 'redacted', 'lines_read_at') THEN
      known := ARRAY(SELECT * FROM odoo_events._data_members(types_like, path[2]) ORDER BY 1);
      place := CASE WHEN NOT path[3] = ANY (known) THEN '$.data.' || path[2] || '.' || path[3] END;
    END IF;
    IF place IS NOT NULL AND certain THEN
      RAISE EXCEPTION 'argument "filter" looks at %, which no event of these types has', place USING ERRCODE = 'invalid_parameter_value',
        HINT = format('There is: %s.', array_to_string(known, ', '));
    ELSIF place IS NOT NULL THEN
      RAISE WARNING 'argument "filter" looks at %, which no event in the catalog has', place
        USING HINT = 'Own events of emit() may have it; all others match only if the filter does not depend on it.';
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._check_filter_names(jsonpath, text[], text[]) IS 'internal: refuses a filter, or warns of it, that names what no event has';
-- A filter is tried on the latest events of its types.
CREATE FUNCTION odoo_events._try_filter(filter jsonpath, types_like text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  SELECT count(*) AS n, count(*) FILTER (WHERE v = 'unknown') AS unknown, count(*) FILTER (WHERE v LIKE 'the filter could not%') AS unjudged,
         count(*) FILTER (WHERE odoo_events._took_too_long(v)) AS slow, min(substr(v, 33)) FILTER (WHERE v LIKE 'the filter could not%') AS reason INTO t
    FROM (SELECT odoo_events._filter_verdict(o.event, filter) AS v
            FROM (SELECT x.event FROM odoo_events.outbox_all x
                   WHERE x.position > odoo_events._last_position() - 10000 AND x.type LIKE ANY (types_like) ORDER BY x.position DESC LIMIT 50) o) j;
  IF t.slow > 2 OR t.unjudged > 0 AND t.unjudged = t.n THEN
    RAISE EXCEPTION 'argument "filter" cannot judge events of these types: %', t.reason USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It was tried on the latest %s.', t.n), HINT = 'Compare one value with another, for example filter => ''$.data.transfer.priority == "1"''.';
  ELSIF t.unjudged > 0 THEN
    RAISE WARNING 'argument "filter" cannot judge % of the latest % events of these types: %', t.unjudged, t.n, t.reason
      USING HINT = 'Such events become dead letters.';
  ELSIF t.unknown > 0 AND t.unknown = t.n THEN
    RAISE WARNING 'argument "filter" is neither true nor false for the latest % events of these types, so that none passes', t.n
      USING HINT = 'A string and a number do not compare: .double() makes a number of a string.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._try_filter(jsonpath, text[]) IS 'internal: refuses a filter, or warns of it, that cannot judge the latest events';
-- What all ways of giving a configuration have in common.
CREATE OR REPLACE FUNCTION odoo_events._check_config(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF c.url IS NULL AND (c.format <> 'structured' OR c.handshake OR c.dry_run OR c.header_names <> '{}'
       OR num_nonnulls(c.schedule, c.rate_limit, c.retry_schedule, c.expire_after, c.tls, c.success_statuses) > 0) THEN
    RAISE EXCEPTION 'a subscription without a URL takes no argument about requests' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'format, handshake, dry_run, headers, schedule, rate_limit, retry_schedule, expire_after, tls and success_statuses are such; its consumer calls fetch().',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL);', c.name);
  END IF;
  IF c.name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' THEN
    RAISE EXCEPTION 'argument "name" is not a usable name of a subscription' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Up to 63 letters, digits, "_", "." and "-", beginning with a letter or digit.';
  END IF;
  IF array_position(c.allow_networks, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "allow_networks" contains a null' USING ERRCODE = 'null_value_not_allowed',
      HINT = 'allow_networks => ''{10.0.0.0/8}''';
  END IF;
  IF array_position(c.companies, NULL) IS NOT NULL OR array_position(c.warehouses, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" contains a null', CASE WHEN array_position(c.companies, NULL) IS NOT NULL THEN 'companies' ELSE 'warehouses' END
      USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave the null out; shared_rows says whether events without a company are wanted.';
  END IF;
  IF 0 > ANY (c.companies) OR 0 > ANY (c.warehouses) THEN
    RAISE EXCEPTION 'argument "%" names a negative id', CASE WHEN 0 > ANY (c.companies) THEN 'companies' ELSE 'warehouses' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Ids in Odoo are positive numbers.';
  END IF;
  IF c.url ~ '#' THEN
    RAISE EXCEPTION 'argument "url" has a fragment' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'What follows "#" is never sent: leave it out, or write %23.';
  END IF;
  IF c.format NOT IN ('structured', 'binary', 'batch', 'standard') THEN
    RAISE EXCEPTION 'argument "format" is "%"', c.format USING ERRCODE = 'invalid_parameter_value',
      HINT = 'structured: a CloudEvent per request; binary: its attributes as ce-* headers; batch: up to batch_size CloudEvents; standard: {type, timestamp, data}.';
  END IF;
  IF c.payload NOT IN ('full', 'thin') THEN
    RAISE EXCEPTION 'argument "payload" is "%"', c.payload USING ERRCODE = 'invalid_parameter_value',
      HINT = 'full: all of an event; thin: what it is about, without facts.';
  END IF;
  IF cardinality(c.clearance) = 0 OR NOT c.clearance <@ '{public,internal,confidential,personal}' THEN
    RAISE EXCEPTION 'argument "clearance" is %', c.clearance USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name classes of public, internal, confidential (prices, costs) and personal (people, addresses); fields of the others are left out.';
  END IF;
  IF c.signature NOT IN ('hmac', 'ed25519') THEN
    RAISE EXCEPTION 'argument "signature" is "%"', c.signature USING ERRCODE = 'invalid_parameter_value',
      HINT = 'hmac: both sides share a secret (v1); ed25519: the receiver verifies with a public key (v1a).';
  END IF;
  IF c.ordering NOT IN ('key', 'none', 'strict') THEN
    RAISE EXCEPTION 'argument "ordering" is "%"', c.ordering USING ERRCODE = 'invalid_parameter_value',
      HINT = 'key: in order per document; none: as it comes; strict: one after another.';
  END IF;
  IF c.batch_size NOT BETWEEN 1 AND 1000 THEN
    RAISE EXCEPTION 'argument "batch_size" is %', c.batch_size USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 1000.';
  END IF;
  IF c.batch_size > 1 AND c.format <> 'batch' THEN
    RAISE EXCEPTION 'argument "batch_size" needs format => ''batch''' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'format => ''batch''';
  END IF;
  IF c.batch_wait < interval '0' OR c.batch_wait > interval '1 hour' THEN
    RAISE EXCEPTION 'argument "batch_wait" is %', c.batch_wait USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 0 to 1 hour.';
  END IF;
  IF c.max_in_flight NOT BETWEEN 1 AND 256 THEN
    RAISE EXCEPTION 'argument "max_in_flight" is %', c.max_in_flight USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 256.';
  END IF;
  IF c.timeout < interval '1 ms' OR c.timeout > interval '1 hour' THEN
    RAISE EXCEPTION 'argument "timeout" is %', c.timeout USING ERRCODE = 'invalid_parameter_value', HINT = 'Give more than 0, up to 1 hour.';
  END IF;
  IF c.rate_limit NOT BETWEEN 0.001 AND 100000 THEN
    RAISE EXCEPTION 'argument "rate_limit" is %', c.rate_limit USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give requests per second, 0.001 to 100000; 0 for no limit.';
  END IF;
  IF c.rate_burst IS NOT NULL AND c.rate_limit IS NULL THEN
    RAISE EXCEPTION 'argument "rate_burst" needs rate_limit' USING ERRCODE = 'invalid_parameter_value', HINT = 'rate_limit => 10';
  END IF;
  IF c.rate_burst NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'argument "rate_burst" is %', c.rate_burst USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the requests that may start at once after a pause, 1 to 100000.';
  END IF;
  IF c.priority NOT BETWEEN 1 AND 9 THEN
    RAISE EXCEPTION 'argument "priority" is %', c.priority USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 (first) to 9.';
  END IF;
  IF c.expire_after NOT BETWEEN interval '1 second' AND interval '10 years' THEN
    RAISE EXCEPTION 'argument "expire_after" is %', c.expire_after USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give 1 second to 10 years; 0 for never.';
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.success_statuses) s
              WHERE s IS NULL OR s NOT BETWEEN 300 AND 499 OR s IN (401, 407, 408, 410, 425, 429)) THEN
    RAISE EXCEPTION 'argument "success_statuses" is %', c.success_statuses USING ERRCODE = 'invalid_parameter_value',
      DETAIL = '2xx always acknowledges; 401, 407, 408, 410, 425, 429 and 5xx say that the endpoint did not take the event.',
      HINT = 'Give statuses from 300 to 499 by which the receiver says that it has the event: success_statuses => ''{409}''';
  END IF;
  IF c.schedule IS NOT NULL THEN
    PERFORM odoo_events._schedule_next(c.schedule, now());
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.retry_schedule) r WHERE r IS NULL OR r < interval '0' OR r > interval '30 days')
     OR cardinality(c.retry_schedule) > 100 THEN
    RAISE EXCEPTION 'argument "retry_schedule" has an unusable interval' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give up to 100 delays from 0 to 30 days, one before each retry: retry_schedule => ''{5s,1min,10min}''';
  END IF;
END $$;
-- Where a new subscription begins: the cursor before its first event.
CREATE OR REPLACE FUNCTION odoo_events._start_cursor(start_from text) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last int8 := odoo_events._last_position();
  first int8;
  moment timestamptz;
BEGIN
  IF start_from IS NULL THEN
    RAISE EXCEPTION 'argument "start_from" is null' USING ERRCODE = 'null_value_not_allowed',
      HINT = 'Give now, earliest, a position of the outbox, or a time such as 2026-01-31 08:00+01.';
  ELSIF start_from = 'now' THEN
    RETURN last;
  END IF;
  SELECT min(o.position) INTO first FROM odoo_events.outbox_all o;
  first := COALESCE(first, last + 1);
  IF start_from = 'earliest' THEN
    RETURN first - 1;
  ELSIF start_from ~ '^[0-9]{1,18}$' THEN
    IF start_from::int8 < first OR start_from::int8 > last + 1 THEN
      RAISE EXCEPTION 'argument "start_from" is position %, which is not in the outbox', start_from USING ERRCODE = 'invalid_parameter_value',
        HINT = format('It holds the positions %s to %s.', first, last);
    END IF;
    RETURN start_from::int8 - 1;
  END IF;
  BEGIN
    moment := start_from::timestamptz;
  EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'argument "start_from" is "%"', start_from USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give now, earliest, a position of the outbox, or a time such as 2026-01-31 08:00+01.';
  END;
  IF moment > clock_timestamp() THEN
    RAISE WARNING 'argument "start_from" is %, which is in the future: the subscription begins now', moment
      USING HINT = 'pause() lets it wait.';
  END IF;
  RETURN COALESCE((SELECT min(o.position) FROM odoo_events.outbox_all o WHERE o.recordedtime >= moment) - 1, last);
END $$;
-- The functions that take secrets are C wrappers of the same name without the underscore: they keep the statement out of the
-- server's log when it fails, and hand all arguments over as one object.  So an argument is added in three places: a column
-- of subscription_config of the same name and type, a line in each of the two signatures, and its check in _check_config().

-- A configuration with what is given put in place of what was; all of it checked.
CREATE OR REPLACE FUNCTION odoo_events._configure(was odoo_events.subscription_config, args jsonb) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := jsonb_populate_record(was, args - '{headers,auth,tls}'::text[]);
  missing text;
BEGIN
  c.companies := NULLIF(c.companies, '{}');
  c.warehouses := NULLIF(c.warehouses, '{}');
  c.success_statuses := NULLIF(c.success_statuses, '{}');
  c.allow_networks := COALESCE(c.allow_networks, '{}');
  c.schedule := NULLIF(c.schedule, '');
  c.rate_limit := NULLIF(c.rate_limit, 0);
  c.rate_burst := NULLIF(c.rate_burst, 0);
  c.expire_after := NULLIF(c.expire_after, '0');
  IF cardinality(c.retry_schedule) = 1 AND c.retry_schedule[1] IS NULL THEN
    c.retry_schedule := NULL;           -- '{null}': the default again
  END IF;
  SELECT a.key INTO missing
    FROM jsonb_each(args) a
         JOIN pg_attribute t ON t.attrelid = 'odoo_events.subscription_config'::regclass AND t.attname = a.key
   WHERE t.attnotnull AND to_jsonb(c) -> a.key = 'null' ORDER BY t.attnum LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" is null', missing USING ERRCODE = 'null_value_not_allowed',
      HINT = CASE missing WHEN 'name' THEN 'Give the subscription a name.' ELSE 'Leave it out for its default.' END;
  END IF;
  IF args ? 'headers' THEN
    c.header_names := odoo_events._header_names(COALESCE(NULLIF(args -> 'headers', 'null'), '{}'));
  END IF;
  PERFORM odoo_events._check_config(c);
  IF args ? 'auth' THEN
    c.auth := odoo_events._auth_public(NULLIF(args -> 'auth', 'null'));
    c.auth_expires_at := odoo_events._token_expiry(args #>> '{auth,token}');
  END IF;
  IF c.auth IS NOT NULL AND 'authorization' = ANY (lower(c.header_names::text)::text[]) THEN
    RAISE EXCEPTION 'arguments "auth" and "headers" both set Authorization' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'headers => ''{}'' leaves it to auth, auth => ''{}'' to headers.';
  END IF;
  IF args ? 'tls' THEN
    c.tls := odoo_events._tls_public(NULLIF(args -> 'tls', 'null'));
    c.tls_expires_at := odoo_events._check_tls(args #>> '{tls,ca}', args #>> '{tls,cert}', args #>> '{tls,key}');
  END IF;
  IF c.tls IS NOT NULL AND c.url !~* '^https:' THEN
    RAISE EXCEPTION 'argument "tls" needs an https URL' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give an https URL, or tls => ''{}''.';
  END IF;
  IF args ? 'types' THEN
    c.types_like := odoo_events._types_like(c.types);
  END IF;
  IF c.filter IS NOT NULL AND args ?| '{filter,types}' THEN
    PERFORM odoo_events._check_predicate(c.filter);
    PERFORM odoo_events._check_filter_names(c.filter, c.types, c.types_like);
    PERFORM odoo_events._try_filter(c.filter, c.types_like);
  END IF;
  -- last: a name that cannot be resolved now is only worth a warning where all else is right
  PERFORM odoo_events._check_url(c.url, c.allow_networks);
  IF c.auth ->> 'type' = 'oauth2' THEN
    PERFORM odoo_events._check_url(c.auth ->> 'token_url', c.allow_networks, 'auth.token_url');
  END IF;
  RETURN c;
END $$;
CREATE FUNCTION odoo_events.subscribe(
  name           text,
  url            text,
  types          text[]     DEFAULT '{*}',
  filter         jsonpath   DEFAULT NULL,
  companies      int4[]     DEFAULT NULL,
  warehouses     int4[]     DEFAULT NULL,
  format         text       DEFAULT 'structured',
  payload        text       DEFAULT 'full',
  clearance      text[]     DEFAULT '{public,internal}',
  ordering       text       DEFAULT 'key',
  batch_size     int4       DEFAULT 1,
  batch_wait     interval   DEFAULT '0',
  schedule       text       DEFAULT NULL,
  max_in_flight  int4       DEFAULT 16,
  rate_limit     numeric    DEFAULT NULL,
  rate_burst     int4       DEFAULT NULL,
  priority       int4       DEFAULT 5,
  timeout        interval   DEFAULT '15s',
  retry_schedule interval[] DEFAULT NULL,
  expire_after   interval   DEFAULT NULL,
  headers        jsonb      DEFAULT '{}',
  auth           jsonb      DEFAULT NULL,
  tls            jsonb      DEFAULT NULL,
  signature      text       DEFAULT 'hmac',
  secret         text       DEFAULT NULL,
  handshake      boolean    DEFAULT false,
  allow_networks cidr[]     DEFAULT '{}',
  dry_run        boolean    DEFAULT false,
  start_from     text       DEFAULT 'now',
  owner          text       DEFAULT NULL,
  contact        text       DEFAULT NULL,
  or_replace     boolean    DEFAULT false,
  shared_rows    boolean    DEFAULT true,
  success_statuses int4[]   DEFAULT NULL
) RETURNS text
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.subscribe IS
'sends events to a webhook from now on (or start_from); answers the signing secret, which is shown once (of ed25519 the public key)';
CREATE FUNCTION odoo_events.alter_subscription(
  name           text,
  url            text       DEFAULT NULL,
  types          text[]     DEFAULT NULL,
  filter         jsonpath   DEFAULT NULL,
  companies      int4[]     DEFAULT NULL,
  warehouses     int4[]     DEFAULT NULL,
  format         text       DEFAULT NULL,
  payload        text       DEFAULT NULL,
  clearance      text[]     DEFAULT NULL,
  ordering       text       DEFAULT NULL,
  batch_size     int4       DEFAULT NULL,
  batch_wait     interval   DEFAULT NULL,
  schedule       text       DEFAULT NULL,
  max_in_flight  int4       DEFAULT NULL,
  rate_limit     numeric    DEFAULT NULL,
  rate_burst     int4       DEFAULT NULL,
  priority       int4       DEFAULT NULL,
  timeout        interval   DEFAULT NULL,
  retry_schedule interval[] DEFAULT NULL,
  expire_after   interval   DEFAULT NULL,
  headers        jsonb      DEFAULT NULL,
  auth           jsonb      DEFAULT NULL,
  tls            jsonb      DEFAULT NULL,
  signature      text       DEFAULT NULL,
  secret         text       DEFAULT NULL,
  handshake      boolean    DEFAULT NULL,
  allow_networks cidr[]     DEFAULT NULL,
  dry_run        boolean    DEFAULT NULL,
  owner          text       DEFAULT NULL,
  contact        text       DEFAULT NULL,
  shared_rows    boolean    DEFAULT NULL,
  success_statuses int4[]   DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.alter_subscription IS
'changes a subscription; what is null stays as it is, ''{}'' empties companies, warehouses, auth, tls and success_statuses; filter => ''true'' lets all pass';
CREATE OR REPLACE FUNCTION odoo_events.ping(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._platform_event('odoo.platform.subscription.pinged.v1', c.name, '{}');
  IF NOT odoo_events._preloaded() THEN
    RAISE WARNING 'the ping is not sent: the library is not in shared_preload_libraries' USING HINT = 'SELECT * FROM odoo_events.health();';
  ELSIF NOT (SELECT a.armed FROM odoo_events._identity() a) THEN
    RAISE WARNING 'the ping is not sent: nothing is delivered from this database' USING HINT = 'SELECT * FROM odoo_events.health();';
  ELSIF c.state <> 'active' THEN
    RAISE WARNING 'the ping waits: subscription "%" is %', c.name, c.state USING HINT = format('SELECT odoo_events.resume(%L);', c.name);
  ELSIF c.url IS NULL THEN
    RAISE NOTICE 'the ping is not sent: the consumer of subscription "%" gets it by fetch() if its types match', c.name;
  END IF;
  PERFORM odoo_events._audit('ping', c.name);
END $$;
CREATE OR REPLACE FUNCTION odoo_events.skip(name text, ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  found_positions int8[];
BEGIN
  SELECT array_agg(w.position) INTO found_positions
    FROM odoo_events.waiting w WHERE w.subscription = c.name AND w.state = 'retry' AND w.event_id = ANY (ids);
  IF cardinality(ids) = 0 THEN
    RETURN 0;
  ELSIF found_positions IS NULL OR cardinality(found_positions) <> (SELECT count(DISTINCT i) FROM unnest(ids) i) THEN
    RAISE EXCEPTION 'argument "ids" names an event that subscription "%" is not retrying', name USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT event_id FROM odoo_events.waiting WHERE state = ''retry'' lists them.';
  END IF;
  INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'skip', found_positions, session_user);
  PERFORM odoo_events._audit('skip', c.name, NULL, jsonb_build_object('ids', ids));
  PERFORM odoo_events._wake('config');
  RETURN cardinality(found_positions);
END $$;
-- The events of a replay after a position, as the worker reads them: what the selectors and the subscription itself let through.  Without
-- selectors they are what fetch() answers.  filtered => false leaves the filter to the worker, which bounds its time over all events;
-- unjudged: why the filter cannot say whether it lets the event pass.
CREATE FUNCTION odoo_events._replay_events(job odoo_events.replay_job, after_position int8, max_events int4, filtered boolean DEFAULT true)
RETURNS TABLE ("position" int8, id uuid, type text, subject text, partitionkey text, company_id int4, warehouse_id int4, event text, classes text,
               "time" timestamptz, unjudged text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.id = job.subscription_id;
  RETURN QUERY
  SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, x.event, x.classes, x."time", x.verdict
    FROM (SELECT d.position, d.event_id AS id, d.type, d.subject, d.partitionkey, d.company_id, d.warehouse_id, d.event, d.classes,
                 (odoo_events._legible(d.event) ->> 'time')::timestamptz AS "time", NULL AS verdict
            FROM odoo_events.dead d
           WHERE job.dead_letters AND d.subscription_id = c.id AND d.position > after_position AND d.position <= job.to_position
          UNION ALL
          SELECT o.position, o.id, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, o.event, o.classes, o."time", v.verdict
            FROM odoo_events.outbox_all o
                 CROSS JOIN LATERAL (SELECT CASE WHEN filtered THEN odoo_events._filter_verdict(odoo_events._company_event(o.event, o.classes, c.companies), c.filter) END AS verdict OFFSET 0) v
           WHERE NOT job.dead_letters AND o.position > after_position AND o.position <= job.to_position
             AND o.type LIKE ANY (c.types_like)
             AND CASE WHEN o.type = 'odoo.platform.subscription.pinged.v1' THEN o.subject = 'subscription/' || c.name
                      WHEN o.type ~ '^odoo[.]platform[.](subscription|event)[.]'      -- only by name, as match.c has it
                      THEN EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND o.type LIKE t) ELSE true END
             AND (c.companies IS NULL OR COALESCE(o.company_id = ANY (c.companies), c.shared_rows))
             AND (c.warehouses IS NULL OR o.warehouse_id = ANY (c.warehouses))
             AND (v.verdict IS NULL OR v.verdict NOT IN ('false', 'unknown'))) x
   WHERE x.position >= job.from_position
     AND (job.since IS NULL OR x."time" >= job.since) AND (job.until IS NULL OR x."time" < job.until)
     AND (job.types_like IS NULL OR x.type LIKE ANY (job.types_like))
     AND (job.keys IS NULL OR x.partitionkey = ANY (job.keys))
     AND (job.subject IS NULL OR x.subject = job.subject)
     AND (job.ids IS NULL OR x.id = ANY (job.ids))
   ORDER BY x.position
   LIMIT max_events;
END $$;
COMMENT ON FUNCTION odoo_events._replay_events(odoo_events.replay_job, int8, int4, boolean) IS 'internal: the next events of a replay';
CREATE OR REPLACE FUNCTION odoo_events.replay(name text, from_position int8 DEFAULT NULL, to_position int8 DEFAULT NULL,
  since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, types text[] DEFAULT NULL, keys text[] DEFAULT NULL,
  subject text DEFAULT NULL, ids uuid[] DEFAULT NULL, dead_letters boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  job odoo_events.replay_job;
  slow int8;
  unjudged text;
BEGIN
  IF c.url IS NULL THEN
    RAISE EXCEPTION 'subscription "%" is fetched, nothing is sent to it', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL, start_from => %L);', name || '-again', COALESCE(from_position::text, 'earliest'));
  END IF;
  IF NOT dead_letters AND num_nonnulls(from_position, to_position, since, until, types, keys, subject, ids) = 0 THEN
    RAISE EXCEPTION 'nothing says what to replay' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give from_position, since, types, keys, subject, ids or dead_letters => true; from_position => 0 means all.';
  END IF;
  IF from_position < 0 THEN
    RAISE EXCEPTION 'argument "from_position" is %', from_position USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Positions of the outbox begin with 1; from_position => 0 means all.';
  END IF;
  IF from_position > to_position OR since >= until THEN
    RAISE EXCEPTION 'the range to replay is empty' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'from_position must not be after to_position, since must be before until.';
  END IF;
  job.subscription_id := c.id;
  job.from_position := COALESCE(from_position, 0);
  job.to_position := COALESCE(to_position, 9223372036854775807);
  IF NOT dead_letters THEN
    -- what is not delivered for the first time yet need not be sent again
    job.to_position := LEAST(job.to_position, COALESCE((SELECT p.cursor FROM odoo_events.progress p
                                WHERE p.subscription_id = c.id ORDER BY p.n DESC LIMIT 1), 0));
  END IF;
  job.since := since; job.until := until; job.keys := keys; job.subject := subject; job.ids := ids;
  job.types_like := CASE WHEN types IS NOT NULL THEN odoo_events._types_like(types) END;
  job.dead_letters := dead_letters;
  SELECT count(*) FILTER (WHERE e.unjudged IS NULL), min(e.position) - 1, max(e.position), count(*) FILTER (WHERE odoo_events._took_too_long(e.unjudged)), max(e.unjudged)
    INTO job.matched, job.cursor, job.to_position, slow, unjudged
    FROM odoo_events._replay_events(job, -1, NULL) e;
  PERFORM odoo_events._check_filter_cost(name, slow, unjudged);
  IF job.matched = 0 THEN
    RAISE NOTICE 'no event that subscription "%" has had is selected', name
      USING HINT = 'Only what is in the outbox, or in its dead letters, and passes its types and its filter can be sent again.';
  END IF;
  IF NOT dry_run AND job.matched > 0 THEN
    INSERT INTO odoo_events.replay_job (subscription_id, from_position, to_position, since, until, types_like, keys, subject, ids,
        dead_letters, matched, cursor, created_by, created_at)
    VALUES (c.id, job.from_position, job.to_position, since, until, job.types_like, keys, subject, ids,
        dead_letters, job.matched, job.cursor, session_user, clock_timestamp()) RETURNING id INTO job.id;
    PERFORM odoo_events._audit('replay', c.name, NULL, jsonb_strip_nulls(jsonb_build_object('replay', job.id, 'events', job.matched,
      'from_position', job.from_position, 'to_position', job.to_position, 'since', since, 'until', until, 'types', types, 'keys', keys,
      'subject', subject, 'ids', ids, 'dead_letters', dead_letters)));
    PERFORM odoo_events._wake('config');
  END IF;
  RETURN job.matched;
END $$;
-- deliver, fifth part: how subscriptions go, and what they still need.

CREATE OR REPLACE VIEW odoo_events.subscription AS
SELECT c.name,
       c.url,
       c.types,
       c.filter,
       c.companies,
       c.warehouses,
       c.format,
       c.payload,
       c.clearance,
       c.ordering,
       c.batch_size,
       c.batch_wait,
       c.schedule,
       c.max_in_flight,
       c.rate_limit,
       c.rate_burst,
       c.priority,
       c.timeout,
       c.retry_schedule,
       c.expire_after,
       c.header_names,
       c.auth,
       c.tls,
       c.signature,
       c.handshake,
       c.allow_networks,
       c.dry_run,
       c.owner,
       c.contact,
       c.state,
       c.state_reason,
       c.state_since,
       c.created_at,
       c.shared_rows,
       c.success_statuses
  FROM odoo_events.subscription_config c;
-- asked_at: nothing is sent before.  Of an open breaker it is the time of the probe; what waits for a retry follows as soon as the endpoint is
-- back, whenever that retry would have been.  Retry-After holds everything back in the same way, but ends no retry's own delay.
CREATE OR REPLACE VIEW odoo_events.subscription_progress AS
SELECT c.id AS subscription_id, c.name, c.types_like, p.n, p.at, p.cursor, p.in_flight, p.batches, p.requests, p.delivered, p.failed,
       p.filter_errors, p.breaker, p.not_before, p.last_status, p.last_error, p.last_success_at, p.failing_since, p.p50, p.p95, p.outcomes, p.gate, p.fired_at, p.probe_ms,
       pg_catalog.translate(pg_catalog.jsonb_path_query_array(p.batches, '$[*].positions[*]')::text, '[]', '{}')::int8[] AS batched,
       p.openings, CASE WHEN p.breaker = 'open' OR p.not_before > now() THEN p.not_before END AS asked_at,
       p.filter_error_at, p.filter_error_position, p.filter_passed, p.filter_refused
  FROM odoo_events.subscription_config c
       CROSS JOIN LATERAL (SELECT * FROM odoo_events.progress x WHERE x.subscription_id = c.id ORDER BY x.n DESC LIMIT 1) p
UNION ALL
SELECT c.id, c.name, c.types_like, NULL, k.at, k.position, '{}', '[]', 0, k.acked, 0,
       0, 'closed', NULL, NULL, NULL, k.at, NULL, NULL, NULL, '{}', NULL, NULL, 0, '{}', '{}', NULL, NULL, NULL, 0, 0
  FROM odoo_events.pull_cursor k JOIN odoo_events.subscription_config c ON c.id = k.subscription_id;
-- Events behind a held key, and the held one itself.
CREATE OR REPLACE VIEW odoo_events.held_event AS
SELECT h.subscription_id, h.position AS held_position, h.attempts, h.first_at, CASE p.breaker WHEN 'open' THEN p.asked_at ELSE GREATEST(h.next_attempt_at, p.asked_at) END AS next_attempt_at, h.last_error, o.position, o.id, o.type,
       o.subject, o.partitionkey, o.recordedtime
  FROM odoo_events.subscription_progress p
       JOIN odoo_events.held h ON h.subscription_id = p.subscription_id
       CROSS JOIN LATERAL (
         SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.recordedtime FROM odoo_events.outbox_all x
          WHERE h.mode = 'key' AND x.partitionkey = h.key AND x.position >= h.position
            AND x.position <= LEAST(p.cursor, COALESCE(h.upto, p.cursor))
            AND (x.position = h.position OR x.type LIKE ANY (p.types_like))
         UNION ALL
         SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.recordedtime FROM odoo_events.outbox_all x
          WHERE h.mode <> 'key' AND x.position = h.position) o;
-- Estimated to be a few rows, whatever their number: the planner would have the plan of a thousand subscriptions compiled, which takes
-- ten times as long as to run it.
CREATE OR REPLACE VIEW odoo_events.subscription_status AS
SELECT c.name,
       CASE WHEN c.state = 'active' AND c.url IS NOT NULL AND s.subscription_id IS NULL THEN 'disabled'
            WHEN c.state = 'active' AND u.unarmed IS NOT NULL THEN 'unarmed'
            WHEN c.state = 'active' AND v.lost IS NOT NULL THEN 'overrun'
            WHEN c.state = 'active' AND c.dry_run THEN 'dry_run'
            WHEN c.state = 'active' AND p.breaker <> 'closed' THEN 'breaker_open' ELSE c.state END AS state,
       CASE WHEN c.state = 'active' AND c.url IS NOT NULL AND s.subscription_id IS NULL
            THEN 'has no secret here: SELECT odoo_events.set_secret(' || quote_literal(c.name) || ')'
            WHEN c.state = 'active' AND u.unarmed IS NOT NULL THEN u.unarmed
            WHEN c.state = 'active' AND v.lost IS NOT NULL THEN v.lost
            WHEN c.state = 'active' AND p.breaker <> 'closed' THEN p.last_error ELSE c.state_reason END AS state_reason,
       c.state_since,
       p.cursor AS position,
       LEAST(p.cursor, w.least_waiting - 1) AS acked_position,
       GREATEST(l.last_position - p.cursor, 0) + cardinality(p.in_flight) + cardinality(p.batched) + h.parked AS lag_events,
       now() - (SELECT min(o.recordedtime) FROM odoo_events.outbox_all o
                 WHERE o.position = LEAST(CASE WHEN p.cursor < l.last_position THEN p.cursor + 1 END, w.least_waiting)) AS oldest_pending_age,
       p.requests AS in_flight, h.parked, h.blocked_keys,
       (SELECT count(*) FROM odoo_events.dead d WHERE d.subscription_id = c.id) AS dead_letters,
       p.delivered AS delivered_total, p.failed AS failed_total, p.filter_errors AS filter_errors_total, p.breaker,
       CASE p.breaker WHEN 'open' THEN p.asked_at
            ELSE GREATEST(p.asked_at, LEAST(h.next_attempt_at,
                   CASE WHEN p.cursor < l.last_position THEN odoo_events._schedule_next(c.schedule, COALESCE(p.fired_at, c.state_since)) END,
                   (SELECT min(timestamptz '2000-01-01 00:00Z' + (b ->> 'next')::int8 * interval '1 us') FROM jsonb_array_elements(p.batches) b
                     WHERE (b ->> 'attempts')::int4 > 0))) END AS next_attempt_at,
       p.last_status, p.last_error, p.last_success_at, p.p50, p.p95,
       LEAST(CASE WHEN c.overlap_until > now() THEN c.overlap_until END, c.auth_expires_at, c.tls_expires_at) AS expires_at
  FROM odoo_events.subscription_config c
       LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id
       LEFT JOIN LATERAL (SELECT 'lost positions ' || string_agg(o.first_position || ' to ' || o.last_position, ', ' ORDER BY o.id)
                                 || ' because the outbox was full' AS lost
                            FROM odoo_events.overrun o WHERE o.subscription_id = c.id) v ON true
       LEFT JOIN LATERAL (SELECT (SELECT w.unarmed FROM odoo_events._worker() w)) u ON true
       LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id
       CROSS JOIN LATERAL (SELECT count(*) AS parked, count(DISTINCT e.partitionkey) FILTER (WHERE e.attempts > 0) AS blocked_keys,
                                  min(e.next_attempt_at) FILTER (WHERE e.attempts > 0) AS next_attempt_at, min(e.position) AS least_held
                             FROM odoo_events.held_event e WHERE e.subscription_id = c.id) h
       CROSS JOIN LATERAL (SELECT LEAST(h.least_held, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS least_waiting) w
       CROSS JOIN LATERAL (SELECT COALESCE((SELECT k.last_position FROM odoo_events.publish_cursor k ORDER BY k.n DESC LIMIT 1), 0)
                                  AS last_position) l
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x));
CREATE OR REPLACE VIEW odoo_events.waiting AS
SELECT p.name AS subscription, w.id AS event_id, w.position, w.type, w.subject, w.partitionkey,
       CASE WHEN w.batch_attempts > 0 THEN 'retry' WHEN w.position > w.head AND NOT w.position = ANY (p.batched) THEN 'behind'
            ELSE 'in_flight' END AS state,
       w.batch_attempts AS attempts, CASE WHEN w.next_attempt_at IS NOT NULL
            THEN CASE p.breaker WHEN 'open' THEN p.asked_at ELSE GREATEST(w.next_attempt_at, p.asked_at) END END AS next_attempt_at,
       CASE WHEN w.position > w.head AND NOT w.position = ANY (p.batched)
            THEN (SELECT x.id FROM odoo_events.outbox_all x WHERE x.position = w.head) END AS behind_event_id,
       w.recordedtime AS since, CASE WHEN w.batch_attempts > 0 THEN p.last_error END AS last_error
  FROM odoo_events.subscription_progress p
       JOIN odoo_events.subscription_config c ON c.id = p.subscription_id
       CROSS JOIN LATERAL (
         SELECT i.position, i.batch_attempts, i.next_attempt_at, o.id, o.type, o.subject, o.partitionkey, o.recordedtime,
                CASE c.ordering WHEN 'key' THEN pg_catalog.first_value(i.position) OVER (PARTITION BY o.partitionkey ORDER BY i.position)
                                WHEN 'strict' THEN pg_catalog.first_value(i.position) OVER (ORDER BY i.position) END AS head
           FROM (SELECT f AS position, 0 AS batch_attempts, NULL::timestamptz AS next_attempt_at FROM unnest(p.in_flight) f
                 UNION ALL
                 SELECT e, (b ->> 'attempts')::int4,
                        CASE WHEN (b ->> 'attempts')::int4 > 0 THEN timestamptz '2000-01-01 00:00Z' + (b ->> 'next')::int8 * interval '1 us' END
                   FROM unnest(ARRAY(SELECT jsonb_array_elements(p.batches))) b,
                        unnest(pg_catalog.translate((b -> 'positions')::text, '[]', '{}')::int8[]) e) i
                CROSS JOIN LATERAL (SELECT x.id, x.type, x.subject, x.partitionkey, x.recordedtime FROM odoo_events.outbox_all x
                                     WHERE x.position = i.position LIMIT 1) o) w
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x))
UNION ALL
SELECT c.name, e.id, e.position, e.type, e.subject, e.partitionkey,
       CASE WHEN e.position > e.held_position OR e.attempts = 0 THEN 'behind' ELSE 'retry' END,
       CASE WHEN e.position > e.held_position THEN 0 ELSE e.attempts END,
       CASE WHEN e.position = e.held_position AND e.attempts > 0 THEN e.next_attempt_at END,
       CASE WHEN e.position > e.held_position
            THEN (SELECT o.id FROM odoo_events.outbox_all o WHERE o.position = e.held_position) END,
       e.recordedtime, CASE WHEN e.position = e.held_position THEN e.last_error END
  FROM odoo_events.held_event e JOIN odoo_events.subscription_config c ON c.id = e.subscription_id
 WHERE c.id = ANY (ARRAY(SELECT x.id FROM odoo_events.subscription_config x));
-- deliver, sixth part: consumers that fetch, because nothing can be sent to them.

CREATE FUNCTION odoo_events._filter_verdict(event text, filter jsonpath) RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_filter_verdict';
COMMENT ON FUNCTION odoo_events._filter_verdict(text, jsonpath) IS
'internal: as the worker filters: null where the event passes, "false" or "unknown" where it does not, else why that cannot be said; what took too long several times in a statement is not tried again in it';
CREATE FUNCTION odoo_events._took_too_long(verdict text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT verdict ~ '^the filter could not be judged: it took more than [0-9]+ ms of processor time'
$$;
COMMENT ON FUNCTION odoo_events._took_too_long(text) IS 'internal: whether this is why a filter could not be judged';
CREATE FUNCTION odoo_events._check_filter_cost(name text, slow int8, verdict text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF slow > 2 THEN
    RAISE EXCEPTION 'the filter of subscription "%" takes too long', name USING ERRCODE = 'statement_too_complex', DETAIL = verdict || '.',
      HINT = format('SELECT odoo_events.alter_subscription(%L, filter => ...);  -- or raise odoo_events.filter_timeout', name);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_filter_cost(text, int8, text) IS 'internal: raises where a filter took too long for several events';
-- An event as its consumer gets it, or why that cannot be made.
CREATE FUNCTION odoo_events._pull_rendered(c odoo_events.subscription_config, frozen text, classes text, OUT event json, OUT failure text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  event := odoo_events._rendered(frozen, classes, c.payload, c.clearance);
EXCEPTION WHEN OTHERS THEN
  IF SQLSTATE ~ '^(40|53|57|58)' THEN     -- says nothing about the event
    RAISE;
  END IF;
  failure := 'the event could not be rendered: ' || SQLERRM;
END $$;
COMMENT ON FUNCTION odoo_events._pull_rendered(odoo_events.subscription_config, text, text) IS 'internal: an event as fetch() answers it, or why it cannot';
-- What cannot be judged or rendered for a pull subscription is a dead letter, as it is where events are sent.  fetch() comes by here until its
-- consumer has acknowledged what lies behind.
CREATE FUNCTION odoo_events._pull_unjudged(c odoo_events.subscription_config, "position" int8, reason text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.dead (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, attempts, first_at, last_at, last_error, event, classes)
SELECT c.id, o.id, o.position, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, 0, clock_timestamp(), clock_timestamp(), reason, o.event, o.classes
  FROM odoo_events.outbox_all o WHERE o.position = $2
ON CONFLICT (subscription_id, event_id) DO NOTHING
$$;
COMMENT ON FUNCTION odoo_events._pull_unjudged(odoo_events.subscription_config, int8, text) IS 'internal: makes a dead letter of an event that cannot be judged or rendered for a consumer';
CREATE FUNCTION odoo_events._company_event(event text, classes text, companies int4[]) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_company_event';
COMMENT ON FUNCTION odoo_events._company_event(text, text, int4[]) IS
'internal: an event as a subscription of these companies may see it; null where it tells of other companies'' values only';
CREATE OR REPLACE FUNCTION odoo_events.fetch(name text, max int DEFAULT 100) RETURNS TABLE ("position" int8, id uuid, event json)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  k odoo_events.pull_cursor := odoo_events._pull(name);
  c odoo_events.subscription_config;
  job odoo_events.replay_job;
  r record;
  after int8 := k.position;
  reason text;
  last int8;
  n int := 0;
  got int;
  wanted int;
  slow int := 0;
BEGIN
  IF max IS NULL OR max NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'argument "max" is %', max USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 10000.';
  END IF;
  IF odoo_events._pull_held(k) THEN
    RAISE EXCEPTION 'subscription "%" is being fetched by another session', name USING ERRCODE = 'object_in_use',
      DETAIL = format('Process %s has what lies between the positions %s and %s until %s, or until it acknowledges it.', k.holder, k.position, k.fetched, k.held_until),
      HINT = format('SELECT pg_catalog.pg_sleep_until(%L); SELECT * FROM odoo_events.fetch(%L);  -- consumers at the same time need subscriptions of their own',
                    k.held_until, name);
  END IF;
  SELECT s.* INTO c FROM odoo_events.subscription_config s WHERE s.id = k.subscription_id;
  job.subscription_id := c.id; job.from_position := 0; job.dead_letters := false;
  job.to_position := LEAST(odoo_events._last_position(), k.position + 200000);
  LOOP
    wanted := max - n;
    got := 0;
    FOR r IN SELECT o.* FROM odoo_events._replay_events(job, after, wanted) o LOOP
      got := got + 1;
      after := r.position;
      reason := r.unjudged;
      IF reason IS NULL THEN
        SELECT x.event, x.failure INTO event, reason FROM odoo_events._pull_rendered(c, odoo_events._company_event(r.event, r.classes, c.companies), r.classes) x;
      END IF;
      IF reason IS NOT NULL THEN
        slow := slow + odoo_events._took_too_long(reason)::int;
        PERFORM odoo_events._check_filter_cost(name, slow, reason);
        PERFORM odoo_events._pull_unjudged(c, r.position, reason);
        CONTINUE;
      END IF;
      n := n + 1;
      "position" := r.position; id := r.id; last := r.position;
      RETURN NEXT;
    END LOOP;
    EXIT WHEN got < wanted OR n = max;
  END LOOP;
  IF n = max THEN
    job.to_position := last;
  END IF;
  IF n > 0 THEN
    UPDATE odoo_events.pull_cursor p
       SET fetched = GREATEST(p.fetched, last), scanned = CASE WHEN last >= p.fetched THEN GREATEST(p.scanned, job.to_position) ELSE p.scanned END,
           holder = pg_backend_pid(), holder_since = a.backend_start, held_until = clock_timestamp() + c.timeout
      FROM pg_stat_get_activity(pg_backend_pid()) a WHERE p.subscription_id = c.id;
  ELSIF job.to_position > k.position OR k.holder IS NOT NULL THEN
    -- nothing here is for it: that needs no acknowledgement
    UPDATE odoo_events.pull_cursor p SET position = job.to_position, fetched = job.to_position, scanned = job.to_position, at = now(), holder = NULL
     WHERE p.subscription_id = c.id;
  END IF;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.arm() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me record;
BEGIN
  SELECT * INTO me FROM odoo_events._identity();
  IF me.neutralized IS NULL THEN
    RAISE EXCEPTION 'Odoo''s parameters cannot be read now: %', me.reason
      USING ERRCODE = 'lock_not_available', HINT = 'Try again when the module upgrade or whatever else holds the lock has ended.';
  END IF;
  IF me.neutralized THEN
    RAISE EXCEPTION 'database "%" is neutralized', current_database()
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Odoo''s parameter database.is_neutralized marks a copy for tests; remove it first if this is production.';
  END IF;
  INSERT INTO odoo_events.arming_state (system_identifier, database_oid, database_uuid, armed_by, armed_at)
  SELECT me.system_identifier, d.oid, me.database_uuid, session_user, clock_timestamp()
    FROM pg_database d WHERE d.datname = current_database()
  ON CONFLICT (only_row) DO UPDATE
     SET system_identifier = EXCLUDED.system_identifier, database_oid = EXCLUDED.database_oid,
         database_uuid = EXCLUDED.database_uuid, disarmed = false,
         armed_by = EXCLUDED.armed_by, armed_at = EXCLUDED.armed_at;
  PERFORM odoo_events._wake('config');
END $$;
CREATE FUNCTION odoo_events._worker_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_build_info', 'gauge', jsonb_build_object('version', odoo_events.version(), 'postgresql', current_setting('server_version')),
       1::float8, 'Version of the library and of PostgreSQL.'
UNION ALL
SELECT v.name, v.kind, '{}'::jsonb, v.value::float8, v.help
  FROM (SELECT w.*, s.publish_lag FROM odoo_events._worker() w, odoo_events.worker_status s) w,
       LATERAL (VALUES
         ('odoo_events_worker_up', 'gauge', (w.pid IS NOT NULL)::int::numeric, 'Whether this database''s worker runs.'),
         ('odoo_events_worker_restarts_total', 'counter', COALESCE(w.restarts, 0), 'Starts of the worker after its first, since the server started.'),
         ('odoo_events_publish_lag_seconds', 'gauge', COALESCE(extract(epoch FROM w.publish_lag), 0),
          'How long ago all that was committed had been published.'),
         ('odoo_events_in_flight', 'gauge', odoo_events._requests_in_flight(), 'Requests to endpoints that are open.'),
         ('odoo_events_armed', 'gauge', (SELECT a.armed::int FROM odoo_events.arming a), 'Whether this database may send.'),
         ('odoo_events_journal_pending', 'gauge', odoo_events._journal_pending(), 'Captured changes that are not published yet, counted up to 100000.'),
         ('odoo_events_journal_bytes', 'gauge', (SELECT sum(pg_table_size(c.oid)) FROM pg_class c
            WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relname ~ '^journal_[0-9]+$'), 'Size of the journal.'),
         ('odoo_events_outbox_position', 'counter', odoo_events._last_position(), 'Position of the last event published.'),
         ('odoo_events_outbox_bytes', 'gauge', (SELECT sum(pg_table_size(c.oid)) FROM pg_class c
            WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relname ~ '^outbox_[0-9]+$'), 'Size of the outbox.'),
         ('odoo_events_quarantined', 'gauge', (SELECT count(*) FROM odoo_events.quarantined), 'Changes that could not become events.'),
         ('odoo_events_slot_retained_bytes', 'gauge', (SELECT COALESCE(sum(pg_wal_lsn_diff(
              CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn)), 0)
            FROM pg_replication_slots s WHERE s.plugin = 'odoo_events' AND s.database = current_database()),
          'WAL that replication slots of odoo_events keep.')
       ) v(name, kind, value, help)
 WHERE v.name <> 'odoo_events_worker_up' OR NOT pg_is_in_recovery()        -- a standby has no worker, and nothing is down there
$$;
COMMENT ON FUNCTION odoo_events._worker_metrics() IS 'internal: the metrics of the worker and of what is kept';
CREATE FUNCTION odoo_events._capture_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_captured_total', 'counter', jsonb_build_object('entity', COALESCE(e.entity, st.rule), 'source', CASE WHEN EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = st.rule AND w.state = 'wal') THEN 'wal' ELSE 'trigger' END), st.captured::float8,
       'Changed rows written to the journal, since the server started.'
  FROM odoo_events._rule_stats() st LEFT JOIN LATERAL (SELECT e.entity FROM odoo_events.entity e WHERE e.rules[1] = st.rule ORDER BY e.entity LIMIT 1) e ON true
UNION ALL
SELECT 'odoo_events_capture_errors_total', 'counter', jsonb_build_object('entity', COALESCE(e.entity, st.rule), 'reason', 'not_written'), st.errors::float8,
       'Changed rows that could not be written to the journal, since the server started; capture_error has the reasons.'
  FROM odoo_events._rule_stats() st LEFT JOIN LATERAL (SELECT e.entity FROM odoo_events.entity e WHERE e.rules[1] = st.rule ORDER BY e.entity LIMIT 1) e ON true
$$;
COMMENT ON FUNCTION odoo_events._capture_metrics() IS 'internal: the metrics of each capture rule';
CREATE FUNCTION odoo_events._type_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_published_total', 'counter', jsonb_build_object('type', t.type), t.published::float8,
       'Events published, since the server started.'
  FROM odoo_events._type_stats() t ORDER BY t.type
$$;
COMMENT ON FUNCTION odoo_events._type_metrics() IS 'internal: the metrics of each type';
-- A family whose tables are locked is left out: a scrape neither waits nor fails.
CREATE OR REPLACE FUNCTION odoo_events.metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' ROWS 1000 AS $$
DECLARE
  family text;
BEGIN
  FOREACH family IN ARRAY ARRAY['worker', 'capture', 'type', 'histogram', 'subscription'] LOOP
    BEGIN
      RETURN QUERY EXECUTE format('SELECT * FROM odoo_events._%s_metrics()', family);
    EXCEPTION WHEN lock_not_available THEN
      RAISE DEBUG 'the metrics of family "%" are left out: their tables are locked', family;
    END;
  END LOOP;
END $$;
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
            FROM odoo_events.subscription_status s WHERE s.lag_events > 0 OR s.dead_letters > 0);
EXCEPTION WHEN OTHERS THEN
  RETURN '';
END $$;
COMMENT ON FUNCTION odoo_events._undelivered() IS 'internal: what DROP EXTENSION would lose, empty if nothing';
-- pg_dump leaves out the rights that an extension's script has given.  Rights that a DBA gave are the DBA's own also after an
-- update that makes a function anew, so the last step of an update gives them as if it were no part of the script.
CREATE FUNCTION odoo_events._give_right(statement text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_give_right';
COMMENT ON FUNCTION odoo_events._give_right(text) IS 'internal: runs a GRANT or REVOKE during an update as the DBA''s own, so that dumps carry it';
-- observe: what a human should look at.

-- capture: what is captured, and drift between what is wanted and what is there.
CREATE OR REPLACE VIEW odoo_events.capture_status AS
SELECT s.entity, CASE WHEN s.relid <> 0 THEN (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = s.relid) END AS relation,
       s.mode, s.mode IS NOT NULL AND (s.triggers = 2 OR COALESCE(s.wal, '') IN ('wal', 'both')) AS attached, s.missing_columns, st.last_change_at,
       COALESCE(st.captured, 0) AS captured, COALESCE(st.errors, 0) AS errors,
       CASE WHEN s.relid = 0 THEN 'this database has no table for rule ' || s.rule
            WHEN s.mode IS NULL AND odoo_events._nothing_enabled(s.entity) THEN pg_catalog.format('none of its events is enabled; then: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.mode IS NULL THEN pg_catalog.format('not attached: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.wal = 'waiting' THEN 'triggers capture until the reader of the WAL is ready'
            WHEN s.triggers < 2 AND s.wal IS DISTINCT FROM 'wal' THEN pg_catalog.format('trigger missing or disabled: SELECT odoo_events.attach(%L);', '{' || s.entity || '}')
            WHEN s.missing_columns IS NOT NULL THEN 'some columns do not exist here: what depends on them is not reported'
       END AS note,
       CASE WHEN s.wal IS NOT NULL THEN slot.retained END AS retained_bytes, CASE WHEN s.wal IS NOT NULL THEN slot.lag END AS lag_bytes
  FROM (SELECT e.entity, u.n, r.rule, r.builtin, CASE WHEN a.entity IS NOT NULL THEN COALESCE(w.want, 'trigger') END AS mode, w.state AS wal, COALESCE(x.relid, 0) AS relid,
               pg_catalog.first_value(x.relid) OVER (PARTITION BY e.entity ORDER BY u.n) AS main,
               odoo_events._missing_columns(x.relid, ARRAY(SELECT c FROM pg_catalog.unnest(r.significant || r.carried) c
                                                            WHERE pg_catalog.split_part(c, '=', 1) <> ALL (r.optional))) AS missing_columns,
               (SELECT pg_catalog.count(*) FROM odoo_events._capture_trigger t
                 WHERE t.relid = x.relid AND t.rule = r.rule AND t.tgenabled IN ('O', 'A')) AS triggers
          FROM odoo_events.entity e
          CROSS JOIN LATERAL pg_catalog.unnest(e.rules) WITH ORDINALITY u(rule, n)
          JOIN odoo_events.capture_rule r ON r.rule = u.rule
          CROSS JOIN LATERAL odoo_events._captured_table(r.tables, r.builtin) x(relid)
          LEFT JOIN odoo_events.wal_rule w ON w.rule = r.rule
          LEFT JOIN odoo_events.attached a ON a.entity = e.entity) s
  LEFT JOIN odoo_events._rule_stats() st ON st.rule = s.rule
  LEFT JOIN odoo_events._wal_state() slot ON true
 WHERE (s.mode IS NOT NULL OR s.main IS NOT NULL)
   AND NOT (s.relid = 0 AND s.builtin AND s.n > 1 AND s.main <> 0)     -- a part that this version of Odoo, or this choice of modules, has not
 ORDER BY s.entity, s.n;
COMMENT ON VIEW odoo_events.capture_status IS
'per entity and table: whether it is captured, what is missing (trigger dropped or disabled, columns, a table that came later), and what '
'was captured since the server started; errors counts changes that could not be written, see capture_error; retained_bytes: WAL that the slot of capture '
'from the WAL keeps, lag_bytes: of it still to be read';
-- Triggers of capture that nothing needs: no attached entity does, or they are on a table that is not Odoo's (an older version took
-- the first table of that name, whoever it belonged to).  A table of the right owner keeps its triggers when it is renamed.
CREATE OR REPLACE VIEW odoo_events._idle_trigger AS
SELECT c.*, w.rule IS NOT NULL AS foreign_table
  FROM odoo_events._capture_trigger c
  JOIN pg_catalog.pg_class t ON t.oid = c.relid
  LEFT JOIN odoo_events.capture_rule w ON w.rule = c.rule AND c.relid IS DISTINCT FROM odoo_events._captured_table(w.tables, w.builtin)
   AND NOT odoo_events._is_trusted_owner(t.relowner, w.builtin)
   AND (NOT w.builtin OR odoo_events._odoo_schema() IS NOT NULL)        -- else a database that was given to another role would lose all triggers
 WHERE w.rule IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity o ON o.entity = a.entity WHERE c.rule = ANY (o.rules));
COMMENT ON VIEW odoo_events._idle_trigger IS 'internal: triggers of capture that are not needed';
-- Health: one small function per thing that can be wrong; health() puts them together.  Each answers one row at
-- least, "ok" where nothing is wrong.  Every hint can be executed as it stands: test/t/082_health.pl does.

CREATE OR REPLACE FUNCTION odoo_events._health_worker(max_lag interval) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
  wanted text := current_setting('odoo_events.databases', true);
  not_named boolean := wanted <> '' AND NOT current_database() = ANY (SELECT btrim(d, ' "') FROM unnest(string_to_array(wanted, ',')) d);
BEGIN
  "check" := 'worker';
  SELECT s.*, x.last_error_at INTO w FROM odoo_events.worker_status s, odoo_events._worker() x;
  IF pg_is_in_recovery() THEN
    status := CASE WHEN odoo_events._preloaded() THEN 'ok' ELSE 'critical' END;
    detail := CASE WHEN odoo_events._preloaded() THEN 'a standby has no worker; it starts with the promotion'
                   ELSE 'this standby does not preload the library: after a promotion nothing would be published or delivered' END;
    hint := CASE WHEN NOT odoo_events._preloaded() THEN odoo_events.preload_line() || '  -- on the standby; then restart it' END;
  ELSIF NOT odoo_events._preloaded() THEN
    status := 'critical';
    detail := 'the library is not in shared_preload_libraries: nothing is published or delivered';
    hint := odoo_events.preload_line() || '  -- then restart the server';
  ELSIF w.pid IS NULL THEN
    status := 'critical';
    detail := format('no worker runs: %s%s', CASE WHEN not_named THEN 'odoo_events.databases does not name this database' ELSE COALESCE(w.state, 'this database is not known to the launcher yet') END,
                     ': ' || w.last_error);
    hint := CASE WHEN w.last_error ~ 'cannot log in'
                 THEN format('ALTER ROLE %s LOGIN;', (SELECT d.datdba::regrole FROM pg_database d WHERE d.datname = current_database()))
                 WHEN w.last_error ~ 'max_worker_processes'
                 THEN format('ALTER SYSTEM SET max_worker_processes = %s;  -- then restart the server',
                             current_setting('max_worker_processes')::int + 8)
                 WHEN not_named
                 THEN format('ALTER SYSTEM SET odoo_events.databases = %L; SELECT pg_catalog.pg_reload_conf();', wanted || ', ' || current_database())
                 ELSE 'SELECT * FROM odoo_events.worker_status;' END;
  ELSIF w.last_error_at > clock_timestamp() - interval '90 seconds' THEN
    status := 'critical';
    detail := format('a step of the worker fails: %s', w.last_error);
    hint := 'SELECT * FROM odoo_events.worker_status;  -- and the server''s log';
  ELSIF w.publish_lag > max_lag THEN
    status := 'warn';
    detail := format('publishing lags by %s', w.publish_lag);
    hint := 'SELECT * FROM odoo_events.worker_status;';
  ELSE
    status := 'ok';
    detail := w.state;
  END IF;
  RETURN NEXT;
END $$;
-- A database that finds no room in shared memory has no worker, and nothing of its own to say so.
CREATE FUNCTION odoo_events._limits(OUT databases int4, OUT max_databases int4, OUT refused int4, OUT max_rules int4, OUT rules_full boolean)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_limits';
COMMENT ON FUNCTION odoo_events._limits() IS 'internal: room in shared memory for databases and rules; nulls where the library is not preloaded';
CREATE FUNCTION odoo_events._health_limits() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'limits', 'critical', format('all %s places for databases are taken: %s more databases have no worker, if they have the extension', l.max_databases, l.refused),
       format('ALTER SYSTEM SET odoo_events.max_databases = %s;  -- then restart the server', l.databases + l.refused + 16)
  FROM odoo_events._limits() l WHERE l.refused > 0
UNION ALL
SELECT 'limits', 'warn', format('more than %s tables are captured: the others are not counted in capture_status and metrics()', l.max_rules),
       format('ALTER SYSTEM SET odoo_events.max_rules = %s;  -- then restart the server', GREATEST(2 * l.max_rules, (SELECT count(*) FROM odoo_events.capture_rule)))
  FROM odoo_events._limits() l WHERE l.rules_full
$$;
COMMENT ON FUNCTION odoo_events._health_limits() IS 'internal: is there room in shared memory for all databases and rules; no rows where there is';
CREATE OR REPLACE FUNCTION odoo_events._health_arming() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'arming', CASE WHEN i.armed THEN 'ok' ELSE 'critical' END,
       CASE WHEN i.armed THEN 'armed' ELSE 'nothing is delivered: ' || i.reason END,
       CASE WHEN i.armed THEN NULL
            WHEN i.neutralized IS NULL THEN 'SELECT * FROM odoo_events.arming;  -- again when ir_config_parameter can be read'
            WHEN i.neutralized THEN 'SELECT * FROM odoo_events.arming;  -- right for a copy; production has no parameter database.is_neutralized'
            ELSE 'SELECT odoo_events.arm();  -- only if this is production' END
  FROM odoo_events._identity() i
$$;
-- Event types that cannot come because a captured table lacks columns that they depend on, and who subscribes to them.
CREATE FUNCTION odoo_events._blind_types() RETURNS TABLE (entity text, relation text, missing text[], types text[], subscribed_by text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.entity, x.relation, x.missing_columns, x.types,
       (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM odoo_events.subscription s
         WHERE EXISTS (SELECT 1 FROM unnest(s.types) p, unnest(x.types) t WHERE t LIKE replace(replace(p, '_', '\_'), '*', '%')))
  FROM (SELECT c.entity, c.relation, c.missing_columns, array_agg(DISTINCT d.type ORDER BY d.type) AS types
          FROM odoo_events.capture_status c
          JOIN odoo_events.entity e ON e.entity = c.entity
          JOIN odoo_events.event_def d ON d.entity = c.entity AND d.enabled AND d.emit
         WHERE c.missing_columns IS NOT NULL AND c.mode IS NOT NULL
           AND (d.occasion IN ('milestone', 'cancelled', 'open', 'changed') AND e.state_column = ANY (c.missing_columns)
                AND (SELECT odoo_events._captured_table(r.tables, r.builtin) FROM odoo_events.capture_rule r WHERE r.rule = e.rule) = to_regclass(c.relation)
                OR EXISTS (SELECT 1 FROM unnest(c.missing_columns) m
                            WHERE strpos(d.condition::text, '."' || m || '"') > 0 OR m = ANY (SELECT split_part(w, '@', 1) FROM unnest(d.watches) w)))
         GROUP BY c.entity, c.relation, c.missing_columns) x
$$;
COMMENT ON FUNCTION odoo_events._blind_types() IS 'internal: event types that depend on columns that a captured table lacks';
CREATE OR REPLACE FUNCTION odoo_events._health_capture() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH bad AS MATERIALIZED (
  SELECT c.entity, c.relation, c.note FROM odoo_events.capture_status c JOIN odoo_events.attached t ON t.entity = c.entity WHERE NOT c.attached)
SELECT 'capture', 'critical', COALESCE(n.detail, CASE WHEN p.possible THEN 'no entity is attached: nothing is captured' ELSE 'Odoo has no table that events are made of: none of its apps that the catalog knows is installed' END),
       COALESCE(n.hint, CASE WHEN p.possible THEN 'SELECT * FROM odoo_events.attach();'
                             ELSE 'SELECT DISTINCT unnest(tables) FROM odoo_events.capture_rule ORDER BY 1;  -- one of these tables comes with an app of Odoo''s' END)
  FROM odoo_events._no_odoo() n,
       (SELECT EXISTS (SELECT 1 FROM odoo_events.capture_rule r WHERE odoo_events._captured_table(r.tables, r.builtin) IS NOT NULL) AS possible) p
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.attached)
UNION ALL
SELECT 'capture', 'critical', n.detail || ': what is attached is not captured', n.hint FROM odoo_events._no_odoo() n
 WHERE n.detail IS NOT NULL AND EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity WHERE e.builtin)
UNION ALL
SELECT 'capture', 'warn', format('%s has triggers of capture, but is not a table of Odoo''s', t.relation), 'SELECT * FROM odoo_events.attach(''{}'');  -- drops them'
  FROM odoo_events._idle_trigger t WHERE t.foreign_table AND NOT t.truncates
UNION ALL
SELECT 'capture', 'critical', format('%s: %s is not captured%s', b.entity, b.relation, ': ' || b.note), format('SELECT * FROM odoo_events.attach(%L);', ARRAY[b.entity])
  FROM bad b WHERE b.relation IS NOT NULL
UNION ALL
SELECT 'capture', 'warn', format('%s: %s came after attach() and is not captured yet: the worker attaches it within a minute', u.entity, u.relid::regclass),
       format('SELECT * FROM odoo_events.attach(%L);', ARRAY[u.entity])
  FROM odoo_events._unattached() u
UNION ALL
SELECT 'capture', 'warn', format('the logical replication of subscription %s changes %s, and none of that is captured: the triggers do not fire for it', s.names, s.relations),
       format('SELECT * FROM odoo_events.attach(%L, always => true);  -- unless the publisher of these tables sends the events itself', s.entities)
  FROM (SELECT string_agg(DISTINCT u.subname, ', ') AS names, string_agg(DISTINCT t.relation, ', ') AS relations,
               (SELECT array_agg(a.entity ORDER BY a.entity) FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity WHERE e.rules && array_agg(t.rule)) AS entities
          FROM pg_subscription u JOIN pg_subscription_rel r ON r.srsubid = u.oid JOIN odoo_events._capture_trigger t ON t.relid = r.srrelid AND NOT t.truncates AND t.tgenabled <> 'A'
         WHERE u.subenabled AND u.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) s
 WHERE s.names IS NOT NULL
UNION ALL
SELECT 'capture', CASE WHEN b.subscribed_by IS NULL THEN 'warn' ELSE 'critical' END,
       format('%s: %s lacks %s: %s cannot come%s', b.entity, b.relation, array_to_string(b.missing, ', '), array_to_string(b.types, ', '), '; subscribed by ' || b.subscribed_by),
       format('SELECT * FROM odoo_events.capture_status WHERE entity = %L;  -- who took the column away? it is captured again as soon as it is back', b.entity)
  FROM odoo_events._blind_types() b
UNION ALL
SELECT 'capture', 'critical', 'odoo_events.capture is off in the server''s configuration: nothing is captured',
       'ALTER SYSTEM SET odoo_events.capture = on; SELECT pg_catalog.pg_reload_conf();'
  FROM pg_settings g WHERE g.name = 'odoo_events.capture' AND g.reset_val = 'off'
UNION ALL
SELECT 'capture', 'warn', format('%s changes (%s) were left out by odoo_events.capture = off, last by %s at %s', sum((a.new ->> 'changes')::int8),
         string_agg(DISTINCT a.object, ', '), (array_agg(a.who ORDER BY a.id DESC))[1], max(a.at)),
       'SELECT * FROM odoo_events.reconcile();  -- what no event tells of; with repair => true it is told'
  FROM odoo_events.audit a WHERE a.what = 'leave out' AND a.at > now() - interval '1 day' HAVING count(*) > 0
UNION ALL
SELECT 'capture', 'ok', string_agg(t.entity, ', ' ORDER BY t.entity), NULL
  FROM odoo_events.attached t HAVING count(*) > 0 AND NOT EXISTS (SELECT 1 FROM bad b WHERE b.relation IS NOT NULL)
$$;
CREATE OR REPLACE FUNCTION odoo_events._health_gaps() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'gaps', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'critical' END,
       CASE WHEN count(*) = 0 THEN 'no change was missed'
            ELSE format('%s changes could not be captured between %s and %s', sum(e.changes), min(e.since), max(e.at)) END,
       CASE WHEN count(*) > 0 THEN 'SELECT * FROM odoo_events.capture_error;' END
  FROM odoo_events.capture_error e
$$;
-- Releases of PostgreSQL from 15.19 on load only output plugins that a setting names.
CREATE OR REPLACE FUNCTION odoo_events._health_plugin() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'output plugin', CASE WHEN p.allowed THEN 'ok' ELSE 'critical' END,
       CASE WHEN p.allowed THEN format('%s replication slots', p.slots)
            ELSE 'output_plugin_libraries does not name odoo_events: its replication slots cannot be read, and keep WAL' END,
       CASE WHEN NOT p.allowed THEN odoo_events.preload_line('output_plugin_libraries') || ' SELECT pg_catalog.pg_reload_conf();' END
  FROM (SELECT count(*) AS slots, s.setting,
               s.setting IS NULL OR 'odoo_events' = ANY (SELECT btrim(l, ' "') FROM unnest(string_to_array(s.setting, ',')) l) AS allowed
          FROM (SELECT current_setting('output_plugin_libraries', true) AS setting) s, pg_replication_slots r
         WHERE r.plugin = 'odoo_events' AND r.database = current_database() GROUP BY s.setting) p
$$;
CREATE OR REPLACE FUNCTION odoo_events._health_subscriptions() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'subscriptions', 'warn', 'nobody subscribes', 'SELECT odoo_events.subscribe(''wms'', ''https://wms.example.com/hooks/odoo'');'
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config)
UNION ALL
SELECT 'subscription ' || s.name, v.status, v.detail, v.hint
  FROM (SELECT g.*, c.url, c.state_reason, c.state_since, c.overlap_until, LEAST(c.auth_expires_at, c.tls_expires_at) AS expires_at, p.last_status, p.last_error, p.failing_since, p.openings, p.filter_passed, p.filter_refused, p.filter_errors, p.filter_error_at, p.filter_error_position,
               EXISTS (SELECT 1 FROM odoo_events.subscription_secret x WHERE x.subscription_id = g.id) AS has_secret,
               (SELECT count(*) FROM odoo_events.dead d WHERE d.subscription_id = g.id) AS dead,
               clock_timestamp() - (SELECT o.recordedtime FROM odoo_events.outbox_all o WHERE o.position >= g.oldest ORDER BY o.position LIMIT 1) AS age
          FROM odoo_events._subscription_gauge g JOIN odoo_events.subscription_config c ON c.id = g.id
               LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = g.id) s
       CROSS JOIN LATERAL odoo_events._endpoint_trouble(s.name, s.url, s.last_status, s.last_error) t
       CROSS JOIN LATERAL (
         SELECT 1 AS n, 'critical' AS status, 'has no secret here: secrets are in no backup' AS detail, format('SELECT odoo_events.set_secret(%L);', s.name) AS hint
          WHERE NOT s.has_secret AND s.url IS NOT NULL
         UNION ALL SELECT 1, 'critical', format('has lost the positions %s to %s: the outbox was full', o.first, o.last),
                format('SELECT odoo_events.resume(%L);  -- takes note of it', s.name)
           FROM (SELECT min(x.first_position) AS first, max(x.last_position) AS last FROM odoo_events.overrun x WHERE x.subscription_id = s.id) o
          WHERE o.first IS NOT NULL
         UNION ALL SELECT 2, 'critical', format('disabled since %s: %s', s.state_since, s.state_reason),
                format('SELECT odoo_events.resume(%L);  -- once %s', s.name,
                       CASE WHEN s.state_reason LIKE 'its filter took%' THEN 'alter_subscription(filter => ...) has given it a cheaper filter' ELSE 'the endpoint wants events again' END)
          WHERE s.state = 'disabled'
         UNION ALL SELECT 3, 'critical', t.detail, t.hint
          WHERE s.state = 'breaker_open' OR (s.lag > 0 AND s.failing_since IS NOT NULL AND s.last_status BETWEEN 400 AND 499 AND s.last_status NOT IN (408, 429))
         UNION ALL SELECT 4, 'warn', t.detail, t.hint WHERE s.state = 'active' AND s.lag > 0 AND s.failing_since IS NOT NULL AND s.last_error <> ''
         UNION ALL SELECT 5, CASE WHEN s.expires_at < now() THEN 'critical' ELSE 'warn' END,
                format('its certificate or token %s %s', CASE WHEN s.expires_at < now() THEN 'has expired' ELSE 'expires' END, s.expires_at),
                format('SELECT name, expires_at FROM odoo_events.subscription_status WHERE name = %L;  -- alter_subscription(%L, tls => ...) or auth => ... gives a new one', s.name, s.name)
          WHERE s.expires_at < now() + interval '14 days'
         UNION ALL SELECT 6, 'warn', format('its old secret ends %s', s.overlap_until),
                format('SELECT name, expires_at FROM odoo_events.subscription_status WHERE name = %L;  -- until then the receiver needs the new secret', s.name)
          WHERE s.overlap_until BETWEEN now() AND now() + interval '6 hours'
         UNION ALL SELECT 6.2, 'warn', format('its endpoint comes and goes: the breaker opened %s times within an hour', o.n),
                format('SELECT at, status, error FROM odoo_events.attempt WHERE subscription = %L AND COALESCE(status, 0) NOT BETWEEN 200 AND 299 ORDER BY at DESC LIMIT 20;', s.name)
           FROM (SELECT count(*) AS n FROM unnest(s.openings) x WHERE x > now() - interval '1 hour') o WHERE o.n >= 3
         UNION ALL SELECT 6.4, 'warn', format('its filter could not judge %s events, the latest is %s: %s', d.n, d.subject, d.last_error),
                format('SELECT odoo_events.replay(%L, dead_letters => true);  -- sends them without asking the filter; discard() drops them', s.name)
           FROM (SELECT count(*) OVER () AS n, x.subject, x.last_error FROM odoo_events.dead x
                  WHERE x.subscription_id = s.id AND x.last_error LIKE 'the filter could not be judged: %' ORDER BY x.position DESC LIMIT 1) d
         UNION ALL SELECT 6.6, 'warn', format('its filter has let none of %s events pass', s.filter_refused),
                format('SELECT filter, types FROM odoo_events.subscription WHERE name = %L;  -- alter_subscription(%L, filter => ...) gives it another', s.name, s.name)
          WHERE s.filter_passed = 0 AND s.filter_refused >= 20 AND s.delivered = 0
         UNION ALL SELECT 6.8, 'warn', format('its filter was neither true nor false for %s events, the latest at position %s', s.filter_errors, s.filter_error_position),
                format('SELECT * FROM odoo_events.trace(event_id => (SELECT o.id FROM odoo_events.outbox o WHERE o.position = %s));', s.filter_error_position)
          WHERE s.filter_error_at > now() - interval '1 hour'
         UNION ALL SELECT 7, 'warn', format('%s dead letters', s.dead), format('SELECT odoo_events.replay(%L, dead_letters => true);', s.name) WHERE s.dead > 0
         UNION ALL SELECT 8, 'warn', format('paused since %s, %s events wait', s.state_since, s.lag), format('SELECT odoo_events.resume(%L);', s.name)
          WHERE s.state = 'paused' AND s.lag > 0 AND s.state_since < clock_timestamp() - interval '1 day'
         UNION ALL SELECT 9, 'warn', format('%s events behind, the oldest by %s', s.lag, s.age),
                CASE WHEN s.url IS NULL
                     THEN format('SELECT position, lag_events, last_success_at FROM odoo_events.subscription_status WHERE name = %L;  -- its consumer has to call fetch() and ack()', s.name)
                     ELSE format('SELECT * FROM odoo_events.waiting WHERE subscription = %L ORDER BY position LIMIT 20;', s.name) END
          WHERE s.state = 'active' AND s.age > interval '15 minutes'
         UNION ALL SELECT 10, 'ok', format('%s, %s events behind', s.state, s.lag), NULL
         ORDER BY n LIMIT 1) v
$$;
-- What the worker separates is one where the database's owner is a superuser.
-- Somebody who writes into Odoo what events told him is told of that, and so on.  Each round is a transaction of its own.
CREATE FUNCTION odoo_events._health_loops(at_least int, period interval) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'loops', 'warn', format('%s has had %s events %s within %s s, each of another transaction: does a receiver write back what it is told?', x.partitionkey, x.n, x.type, extract(epoch FROM period)::int),
       format('SELECT position, "time", event::json ->> ''authid'' AS authid FROM odoo_events.outbox WHERE partitionkey = %L ORDER BY position DESC LIMIT 20;  -- then docs/receivers.md, "A receiver that writes back"', x.partitionkey)
  FROM (SELECT o.partitionkey, o.type, count(DISTINCT o.odootx) AS n
          FROM odoo_events.outbox o
         WHERE o.position > (SELECT max(m.position) FROM odoo_events.outbox m) - 2000 AND o.recordedtime > clock_timestamp() - period AND o.record_id IS NOT NULL
         GROUP BY o.partitionkey, o.type) x
 WHERE x.n >= at_least ORDER BY x.n DESC LIMIT 3
$$;
COMMENT ON FUNCTION odoo_events._health_loops(int, interval) IS 'internal: does something change the same document again and again';
-- Null where the table is locked, by a module upgrade for example: monitoring does not wait for it.
CREATE FUNCTION odoo_events._table_bytes(relid oid) RETURNS int8
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_table_bytes';
COMMENT ON FUNCTION odoo_events._table_bytes(oid) IS 'internal: size of a table''s rows; null where it is locked or gone';
-- Lines of documents are read by the column that names the document.  Odoo indexes most of these columns, to 16 not all; a small
-- table (8 MB) is read whole as fast.
CREATE OR REPLACE FUNCTION odoo_events._health_indexes(least_bytes int8) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'indexes', 'warn', format('%I.%I (%s) is read for %s by %I, without an index', n.nspname, c.relname, pg_size_pretty(min(z.bytes)), string_agg(DISTINCT l.entity, ', '), a.attname),
       format('CREATE INDEX CONCURRENTLY ON %I.%I (%I) WHERE %I IS NOT NULL;', n.nspname, c.relname, a.attname, a.attname)
  FROM (SELECT p.entity, x.relid, column_name
          FROM odoo_events.part p
          JOIN odoo_events.attached t ON t.entity = p.entity
          JOIN odoo_events.capture_rule r ON r.rule = p.rule
         CROSS JOIN LATERAL odoo_events._captured_table(r.tables, r.builtin) x(relid)
         CROSS JOIN LATERAL unnest(p.parent) column_name
         WHERE NOT p.tx_only AND column_name NOT LIKE '<%') l
  JOIN pg_class c ON c.oid = l.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = l.column_name AND a.attnum > 0 AND NOT a.attisdropped
 CROSS JOIN LATERAL odoo_events._table_bytes(c.oid) z(bytes)
 WHERE z.bytes >= least_bytes
   AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum)
 GROUP BY n.nspname, c.relname, c.oid, a.attname
$$;
-- No check waits for a lock for long, and none hides another: what holds the lock may be the very thing that is to be found.
CREATE OR REPLACE FUNCTION odoo_events.health(OUT "check" text, OUT status text, OUT detail text, OUT hint text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' AS $$
DECLARE
  one text;
BEGIN
  FOREACH one IN ARRAY ARRAY[
    $c$worker('1 minute')$c$,
    'version()',
    'limits()',
    'arming()',
    'capture()',
    'gaps()',
    'quarantine()',
    'journal(268435456)',
    'plugin()',
    'wal()',
    'subscriptions()',
    $c$loops(30, '1 minute')$c$,
    'owner()',
    'outbox()',
    'indexes(8388608)'] LOOP
    BEGIN
      RETURN QUERY EXECUTE format('SELECT h."check", h.status, h.detail, h.hint FROM odoo_events._health_%s h ORDER BY h."check", h.detail', one);
    EXCEPTION WHEN lock_not_available THEN
      RETURN QUERY VALUES (split_part(one, '(', 1), 'warn', 'cannot be looked at: its tables are locked by another session',
        'SELECT pid, mode, relation::regclass FROM pg_catalog.pg_locks WHERE granted AND mode ~ ''Exclusive'' ORDER BY pid;');
    END;
  END LOOP;
END $$;
-- lineage: the whole way of a document, and why there was no event.

-- Why a subscription does not want an event; null where it does.  As deliver/queue/filter.c decides.
CREATE FUNCTION odoo_events._unwanted(c odoo_events.subscription_config, type text, subject text, company_id int4, warehouse_id int4, event text, classes text)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN type = 'odoo.platform.subscription.pinged.v1' THEN CASE WHEN subject <> 'subscription/' || c.name THEN 'a ping of another' END
            WHEN NOT type LIKE ANY (c.types_like)
              OR type ~ '^odoo[.]platform[.](subscription|event)[.]' AND NOT EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND type LIKE t)
            THEN format('its types are %s', c.types)
            WHEN c.companies IS NOT NULL AND NOT COALESCE(company_id = ANY (c.companies), c.shared_rows)
            THEN format('its companies are %s%s', c.companies, CASE WHEN company_id IS NULL THEN ', without what companies share' END)
            WHEN c.warehouses IS NOT NULL AND NOT COALESCE(warehouse_id = ANY (c.warehouses), false) THEN format('its warehouses are %s', c.warehouses)
            WHEN odoo_events._company_event(event, classes, c.companies) IS NULL THEN 'it tells of values of other companies only'
            ELSE (SELECT CASE WHEN v IN ('false', 'unknown') THEN format('its filter is %s: %s', v, c.filter) ELSE v END
                    FROM odoo_events._filter_verdict(odoo_events._company_event(event, classes, c.companies), c.filter) v)
       END
$$;
COMMENT ON FUNCTION odoo_events._unwanted(odoo_events.subscription_config, text, text, int4, int4, text, text) IS
'internal: why a subscription does not want an event, null where it does';
-- What became of an event at one subscription.
CREATE OR REPLACE FUNCTION odoo_events._settled(c odoo_events.subscription_config, event_id uuid, "position" int8, recordedtime timestamptz,
                                     OUT step text, OUT at timestamptz, OUT detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
BEGIN
  SELECT * INTO w FROM odoo_events.waiting x WHERE x.subscription = c.name AND x.event_id = _settled.event_id;
  IF FOUND THEN
    step := w.state;
    at := w.next_attempt_at;
    detail := concat_ws(', ', w.attempts || ' attempts', 'behind ' || w.behind_event_id, w.last_error);
    RETURN;
  END IF;
  SELECT * INTO w FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = _settled.event_id;
  IF FOUND THEN
    step := 'dead letter';
    at := w.last_at;
    detail := format('after %s attempts: %s', w.attempts, COALESCE(w.last_error, w.last_status::text));
    RETURN;
  END IF;
  IF _settled.position > COALESCE((SELECT p.cursor FROM odoo_events.subscription_progress p WHERE p.subscription_id = c.id), 0) THEN
    step := 'not reached';
    detail := (SELECT concat_ws(': ', s.state, s.state_reason) FROM odoo_events.subscription_status s WHERE s.name = c.name);
    RETURN;
  END IF;
  SELECT max(a.at + a.duration) INTO at FROM odoo_events.attempt a
   WHERE a.subscription = c.name AND (a.status BETWEEN 200 AND 299 OR a.status = ANY (c.success_statuses))
     AND (a.event_id = _settled.event_id OR a.event_id IS NULL AND _settled.position BETWEEN a.first_position AND a.last_position);
  step := CASE WHEN at IS NOT NULL THEN 'acknowledged' WHEN c.created_at > recordedtime THEN 'before its start' ELSE 'settled' END;
  detail := CASE step WHEN 'settled' THEN 'no attempt is kept' WHEN 'before its start' THEN 'subscribed at ' || c.created_at END;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.trace(key text DEFAULT NULL, subject text DEFAULT NULL, event_id uuid DEFAULT NULL)
RETURNS TABLE (at timestamptz, step text, "position" int8, type text, subscription text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  o     record;
  c     odoo_events.subscription_config;
  named text[];                         -- the records that have had this subject
BEGIN
  IF num_nonnulls(trace.key, trace.subject, trace.event_id) = 0 THEN
    RAISE EXCEPTION 'nothing says what to trace' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.trace(key => ''manufacturing_order:1'');';
  END IF;
  SELECT array_agg(DISTINCT x.entity || ':' || x.record_id) INTO named FROM odoo_events.outbox_all x WHERE x.subject = trace.subject AND x.record_id IS NOT NULL;
  FOR o IN SELECT x.* FROM odoo_events.outbox_all x
            WHERE (trace.key IS NULL OR x.partitionkey = trace.key) AND (trace.subject IS NULL OR x.subject = trace.subject OR x.entity || ':' || x.record_id = ANY (named))
              AND (trace.event_id IS NULL OR x.id = trace.event_id) ORDER BY x.position
  LOOP
    RETURN QUERY VALUES (o."time", 'committed', o.position, o.type, NULL::text, format('%s %s, transaction %s', o.entity, o.record_id, o.odootx)),
                        (o.recordedtime, 'published', o.position, o.type, NULL, format('%s, id %s', o.subject, o.id));
    FOR c IN SELECT * FROM odoo_events.subscription_config s ORDER BY s.name
    LOOP
      RETURN QUERY SELECT NULL::timestamptz, 'not wanted', o.position, o.type, c.name, u
                     FROM odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) u WHERE u IS NOT NULL;
      CONTINUE WHEN FOUND;
      RETURN QUERY SELECT a.at, 'attempt ' || a.attempt, o.position, o.type, c.name,
                          concat_ws(' ', a.status, a.error, 'after ' || extract(epoch FROM a.duration) || ' s')
                     FROM odoo_events.attempt a
                    WHERE a.subscription = c.name
                      AND (a.event_id = o.id OR a.event_id IS NULL AND o.position BETWEEN a.first_position AND a.last_position)
                    ORDER BY a.at;
      RETURN QUERY SELECT s.at, s.step, o.position, o.type, c.name, s.detail
                     FROM odoo_events._settled(c, o.id, o.position, o.recordedtime) s;
    END LOOP;
  END LOOP;
  -- a document that was renamed meanwhile, by the part of the subject that is its name
  RETURN QUERY SELECT l."time", 'renamed', l.position, l.type, NULL::text, format('%s %s is now %s', l.entity, l.record_id, l.subject)
                 FROM (SELECT DISTINCT ON (x.entity, x.record_id) x.* FROM odoo_events.outbox_all x WHERE x.entity || ':' || x.record_id = ANY (named) ORDER BY x.entity, x.record_id, x.position DESC) l
                WHERE substr(l.subject, strpos(l.subject, '/')) <> substr(trace.subject, strpos(trace.subject, '/')) ORDER BY l.position;
  RETURN QUERY SELECT q.at, 'quarantined', NULL::int8, NULL::text, NULL::text, format('%s %s, change %s: %s', q.entity, q.record_id, q.change_id, q.reason)
                 FROM odoo_events.quarantined q WHERE q.key = trace.key ORDER BY q.change_id;
  -- what waits for the publisher: by the record that the key names
  RETURN QUERY SELECT j.at, 'waits to be published', NULL::int8, NULL::text, NULL::text, format('%s of %s %s, transaction %s', j.op, j.rule, j.record_id, j.xid)
                 FROM odoo_events.journal j
                WHERE trace.key ~ '^[a-z_]+:[0-9]{1,18}$' AND j.record_id = split_part(trace.key, ':', 2)::int8
                  AND j.rule = (SELECT e.rule FROM odoo_events.entity e WHERE e.entity = split_part(trace.key, ':', 1))
                  AND NOT odoo_events._is_published(j.xid, j.id)
                ORDER BY j.id;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.explain(entity text, record_id bigint) RETURNS TABLE (step text, verdict text, detail text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  e      odoo_events.entity;
  last   record;
  o      record;
  told   record;
  here   boolean;
  fields jsonb;
BEGIN
  PERFORM odoo_events._check_entities(ARRAY[explain.entity]);
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = explain.entity;
  RETURN QUERY SELECT 'capture'::text, CASE WHEN s.attached THEN 'attached' WHEN s.relation IS NULL THEN 'no table' ELSE 'not attached' END, concat_ws(': ', s.relation, s.note)
                 FROM odoo_events.capture_status s WHERE s.entity = e.entity;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('capture', 'no table', format('this database has no table for %s', e.entity));
  END IF;
  RETURN QUERY SELECT 'capture'::text, 'gap'::text, format('%s changes of %s could not be captured at %s: %s', g.changes, g.rule, g.at, g.reason)
                 FROM odoo_events.capture_gap g WHERE g.rule = ANY (e.rules) ORDER BY g.at;
  -- the last change of the record, or of a row that belongs to it, that the journal still holds
  SELECT j.xid, j.id, j.at, j.op, j.rule INTO last FROM odoo_events.journal j
   WHERE j.rule = e.rule AND j.record_id = explain.record_id
      OR EXISTS (SELECT 1 FROM odoo_events.part p, unnest(p.parent) c, unnest(ARRAY[j.old, j.new]) t
                  WHERE p.entity = e.entity AND p.within IS NULL AND p.rule = j.rule
                    AND (t LIKE '%"' || c || '":' || explain.record_id || ',%' OR t LIKE '%"' || c || '":' || explain.record_id || '}'))
   ORDER BY j.id DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN QUERY VALUES ('journal', 'no net change', format('none of %s %s in the journal%s; only these columns count: %s', e.entity, explain.record_id,
                         (SELECT ', which begins at ' || min(j.at) FROM odoo_events.journal j),
                         (SELECT array_to_string(r.significant, ', ') FROM odoo_events.capture_rule r WHERE r.rule = e.rule)));
    -- what happened is forgotten: what the rules say to the row as it is, against what its last event told
    SELECT t.* INTO told FROM odoo_events._told(e) t WHERE t.record_id = explain.record_id;
    fields := odoo_events._plain_fields(e.entity);
    SELECT true, odoo_events._differing(fields, told.image, r.image, false)
                 || CASE WHEN r.state <> told.state THEN jsonb_build_object(e.state_column, told.state) ELSE '{}' END AS other
      INTO here, fields FROM odoo_events._odoo_rows(e.entity, ARRAY(SELECT jsonb_object_keys(fields))) r WHERE r.id = explain.record_id;
    IF here IS NULL THEN
      RETURN QUERY VALUES ('row', 'no row', format('the table of %s has no row %s', e.entity, explain.record_id));
    ELSIF told.record_id IS NOT NULL AND fields IS NULL THEN
      RETURN QUERY VALUES ('row', 'as told', 'every column that an event carries as it stands is as the last event says');
    ELSE
      RETURN QUERY VALUES ('row', CASE WHEN told.record_id IS NULL THEN 'never told' ELSE 'other than told' END,
        CASE WHEN told.record_id IS NULL THEN 'had it been made now as it is:' ELSE format('had it just become what it is, by %s:', (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(fields) k)) END);
      RETURN QUERY SELECT x.step, CASE x.verdict WHEN 'event' THEN 'would be an event' ELSE x.verdict END, x.detail
                     FROM odoo_events._would_tell(e.entity, ARRAY[explain.record_id], ARRAY[e.rule], ARRAY[explain.record_id],
                                                  ARRAY[CASE WHEN told.record_id IS NULL THEN 'I' ELSE 'U' END], ARRAY[fields::text], true) x;
    END IF;
  ELSE
    RETURN QUERY SELECT 'journal', CASE WHEN odoo_events._is_published(last.xid, min(j.id)) THEN 'published' ELSE 'waits to be published' END,
                        format('%s %s at %s in transaction %s', last.rule, CASE last.op WHEN 'I' THEN 'inserted' WHEN 'D' THEN 'deleted' ELSE 'updated' END,
                               last.at, last.xid)
                   FROM odoo_events.journal j WHERE j.xid = last.xid;
    RETURN QUERY SELECT x.step, x.verdict, x.detail FROM odoo_events._explain_change(e.entity, explain.record_id, last.xid) x;
  END IF;
  RETURN QUERY SELECT 'quarantine'::text, 'quarantined'::text, format('change %s: %s', q.change_id, q.reason)
                 FROM odoo_events.quarantined q
                WHERE q.key = e.entity || ':' || explain.record_id OR q.rule = e.rule AND q.record_id = explain.record_id ORDER BY q.change_id;
  RETURN QUERY SELECT d.type, 'disabled'::text, format('SELECT odoo_events.enable_event(%L);', d.type)
                 FROM odoo_events.event_def d WHERE d.entity = e.entity GROUP BY d.type HAVING NOT bool_or(d.enabled) ORDER BY d.type;
  FOR o IN SELECT x.* FROM odoo_events.outbox_all x WHERE x.entity = COALESCE(e.label, e.entity) AND x.record_id = explain.record_id ORDER BY x.position DESC LIMIT 10
  LOOP
    RETURN QUERY VALUES ('outbox', 'event', format('%s at position %s, %s', o.type, o.position, o."time"));
    RETURN QUERY SELECT 'subscription ' || c.name, 'filtered'::text, format('%s at position %s: %s', o.type, o.position, u)
                   FROM odoo_events.subscription_config c, odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event, o.classes) u
                  WHERE u IS NOT NULL ORDER BY c.name;
  END LOOP;
  -- how far back this answers
  RETURN QUERY SELECT 'reach'::text, 'changes'::text, COALESCE('what a transaction changed is known since ' || min(j.at), 'no change is known: the journal is empty') FROM odoo_events.journal j;
  RETURN QUERY SELECT 'reach'::text, 'events'::text, COALESCE('events are known since ' || min(x.recordedtime) || ', position ' || min(x.position), 'no event is known: the outbox is empty')
                 FROM odoo_events.outbox_all x;
END $$;
-- contract: what receivers may rely on, as JSON Schema and AsyncAPI, made from the catalog and the columns that this database has.
--
-- Schemas are open: members may be added to an event without a new version.  Any member of data may be absent, because a subscription
-- may not see it or this Odoo has no such column, but for the id of an object.  "base" is where definitions stand.

-- What a column's values look like in an event.
CREATE OR REPLACE FUNCTION odoo_events._type_json(typ oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE
       WHEN b.typcategory = 'A' THEN jsonb '{"type": "array"}'
       WHEN b.oid = 'bool'::regtype THEN jsonb '{"type": "boolean"}'
       WHEN b.oid IN ('int2'::regtype, 'int4'::regtype, 'oid'::regtype) THEN jsonb '{"type": "integer"}'
       WHEN b.oid = 'int8'::regtype THEN jsonb '{"type": ["integer", "string"]}'
       -- a string where a double would lose a digit
       WHEN b.oid IN ('numeric'::regtype, 'float4'::regtype, 'float8'::regtype) THEN jsonb '{"type": ["number", "string"]}'
       -- years before 0 and after 9999 have a sign, as ISO 8601 writes them, and there are infinities
       WHEN b.oid = 'date'::regtype
       THEN jsonb '{"type": "string", "anyOf": [{"format": "date"}, {"pattern": "^(-?infinity|[+-][0-9]{4,}-[0-9]{2}-[0-9]{2})$"}]}'
       WHEN b.oid IN ('timestamp'::regtype, 'timestamptz'::regtype)
       THEN jsonb '{"type": "string", "anyOf": [{"format": "date-time"}, {"pattern": "^(-?infinity|[+-][0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z)$"}]}'
       WHEN b.typtype = 'c' THEN jsonb '{"type": "object"}'
       WHEN b.oid IN ('json'::regtype, 'jsonb'::regtype) THEN jsonb '{}'
       ELSE jsonb '{"type": "string"}' END
  FROM pg_type b
 WHERE b.oid = (WITH RECURSIVE base AS (SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.oid = typ
                                         UNION ALL SELECT t.oid, t.typbasetype FROM base x JOIN pg_type t ON t.oid = x.typbasetype)
                SELECT x.oid FROM base x WHERE x.typbasetype = 0)
$$;
-- The first of "names" that the first of "tables" has; null where there is none.
CREATE FUNCTION odoo_events._column_json(tables text[], builtin boolean, names text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN a.attnotnull THEN x.t WHEN NOT x.t ? 'type' THEN x.t
            WHEN jsonb_typeof(x.t -> 'type') = 'array' THEN jsonb_set(x.t, '{type}', (x.t -> 'type') || jsonb '["null"]')
            ELSE jsonb_set(x.t, '{type}', jsonb_build_array(x.t -> 'type', 'null')) END
  FROM unnest(names) WITH ORDINALITY n(name, i)
  JOIN pg_attribute a ON a.attrelid = odoo_events._captured_table(tables, builtin) AND a.attname::text = n.name AND a.attnum > 0 AND NOT a.attisdropped
  CROSS JOIN LATERAL (SELECT odoo_events._type_json(a.atttypid) AS t) x
 ORDER BY n.i LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._column_json(text[], boolean, text[]) IS 'internal: JSON Schema of the first of these columns that this database has';
-- An id: a string where a table has bigint ids and a double would round it.
CREATE FUNCTION odoo_events._id_json(tables text[], builtin boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(odoo_events._without_null(odoo_events._column_json(tables, builtin, '{id}')), '{"type": "integer"}')
$$;
COMMENT ON FUNCTION odoo_events._id_json(text[], boolean) IS 'internal: JSON Schema of the ids of the first of these tables that there is';
-- A row that an event names: its id, and the business keys that it has.
CREATE OR REPLACE FUNCTION odoo_events._reference_json(reference text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('type', 'object', 'required', jsonb '["id"]', 'properties',
         jsonb_build_object('id', odoo_events._id_json(r.tables, r.builtin)) || COALESCE((
           SELECT jsonb_object_agg(f.field, COALESCE((
                    SELECT CASE WHEN x.t = '{}' THEN jsonb '{"type": "string"}' ELSE odoo_events._without_null(x.t) END
                      FROM unnest(f.paths) WITH ORDINALITY p(path, n)
                      CROSS JOIN LATERAL (SELECT CASE WHEN p.path LIKE '%^%' THEN jsonb '{"type": "integer"}'
                        WHEN p.path LIKE '%>%' THEN odoo_events._column_json(ARRAY[split_part(split_part(p.path, '>', 2), '.', 1)], r.builtin, ARRAY[split_part(p.path, '.', 2)])
                        ELSE odoo_events._column_json(r.tables, r.builtin, ARRAY[p.path]) END AS t) x
                     WHERE x.t IS NOT NULL ORDER BY p.n LIMIT 1), '{}'))
             FROM odoo_events.reference_field f WHERE f.reference = r.reference AND f.shown), '{}'))
  FROM odoo_events.reference r WHERE r.reference = _reference_json.reference
$$;
-- One source of a field; null where this database does not have it.
CREATE OR REPLACE FUNCTION odoo_events._source_json(source text, rule text, reference text, base text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  path text[] := string_to_array(split_part(source, '@', 1), '.');
  r    odoo_events.capture_rule;
  ref  text;
  t    jsonb;
BEGIN
  IF source LIKE 'sum(%' THEN
    RETURN '{"type": ["number", "string"]}';
  ELSIF source LIKE 'many(%' THEN
    RETURN jsonb_build_object('type', 'array', 'items', COALESCE('{"$ref": "' || base || 'ref_' || reference || '"}', '{"type": "integer"}')::jsonb);
  END IF;
  SELECT * INTO r FROM odoo_events.capture_rule c WHERE c.rule = _source_json.rule;
  SELECT l.reference INTO ref FROM odoo_events.link l WHERE l.rule = r.rule AND l.column_name = path[1];
  t := odoo_events._column_json(r.tables, r.builtin, (SELECT string_to_array(s, '=') FROM unnest(r.significant || r.carried) s WHERE split_part(s, '=', 1) = path[1] LIMIT 1));
  IF t IS NULL THEN
    RETURN NULL;
  END IF;
  FOR i IN 2 .. cardinality(path) LOOP
    SELECT f.target, (odoo_events._reference_json(f.reference) -> 'properties' -> f.field) INTO ref, t
      FROM odoo_events.reference_field f WHERE f.reference = ref AND f.field = path[i];
  END LOOP;
  IF ref IS NOT NULL THEN
    RETURN jsonb_build_object('anyOf', jsonb_build_array(jsonb_build_object('$ref', base || 'ref_' || ref), jsonb '{"type": "null"}'));
  END IF;
  RETURN t;
END $$;
CREATE OR REPLACE FUNCTION odoo_events._field_json(f odoo_events.field, rule text, entity text, base text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e     odoo_events.entity;
  found jsonb;
BEGIN
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = _field_json.entity;
  IF f.sources[1] LIKE '#%' THEN
    RETURN CASE f.sources[1]
      WHEN '#kind' THEN jsonb_build_object('enum', (SELECT jsonb_agg(DISTINCT k.kind) FROM odoo_events.entity_kind k WHERE k.entity = e.entity))
      WHEN '#purpose' THEN jsonb_build_object('enum', (SELECT jsonb_agg(DISTINCT k.purpose) FROM odoo_events.entity_kind k WHERE k.entity = e.entity AND k.purpose IS NOT NULL))
      WHEN '#reservation' THEN jsonb '{"enum": ["full", "partial", "none"]}'
      WHEN '#earlier' THEN jsonb '{"const": true}'
      WHEN '#document' THEN jsonb '{"type": "object", "required": ["entity", "id"], "properties": {"entity": {"type": "string"}, "id": {"type": "integer"}, "name": {"type": "string"}}}'
      ELSE '{}' END;
  END IF;
  SELECT jsonb_agg(DISTINCT s.t) INTO found
    FROM unnest(f.sources) WITH ORDINALITY u(source, n), LATERAL (SELECT odoo_events._source_json(u.source, rule, f.reference, base) AS t) s
   WHERE s.t IS NOT NULL;
  found := CASE COALESCE(jsonb_array_length(found), 0) WHEN 0 THEN jsonb '{}' WHEN 1 THEN found -> 0 ELSE jsonb_build_object('anyOf', found) END;
  -- the states that the catalog knows; another Odoo module may add more
  IF f.owner = e.entity AND f.sources = ARRAY[e.state_column] THEN
    found := found || COALESCE((SELECT jsonb_build_object('examples', jsonb_agg(DISTINCT s)) FROM (
        SELECT unnest(e.draft_states || e.open_states || e.cancelled_states) AS s
        UNION SELECT unnest(m.states) FROM odoo_events.milestone m WHERE m.entity = e.entity) x
      HAVING count(*) > 0), '{}');
  END IF;
  RETURN found;
END $$;
-- The lines of a document that are this part, with those inside them.
CREATE OR REPLACE FUNCTION odoo_events._part_json(p odoo_events.part, base text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('type', 'object', 'required', jsonb '["part", "id"]', 'properties',
         jsonb_build_object('part', jsonb_build_object('const', p.part), 'id', (SELECT odoo_events._id_json(r.tables, r.builtin) FROM odoo_events.capture_rule r WHERE r.rule = p.rule))
         || COALESCE((SELECT jsonb_object_agg(f.field, odoo_events._field_json(f, p.rule, p.entity, base)) FROM odoo_events.field f WHERE f.owner = p.owner), '{}')
         || COALESCE((SELECT jsonb_build_object('lines', jsonb_build_object('type', 'array', 'items',
                               CASE count(*) WHEN 1 THEN (jsonb_agg(odoo_events._part_json(i, base)) -> 0) ELSE jsonb_build_object('anyOf', jsonb_agg(odoo_events._part_json(i, base))) END))
                        FROM odoo_events.part i WHERE i.entity = p.entity AND i.within = p.owner HAVING count(*) > 0), '{}'))
$$;
-- Everything that events about an entity are made of, by name of the definition.
CREATE OR REPLACE FUNCTION odoo_events._entity_definitions(entity text, base text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e    odoo_events.entity;
  defs jsonb;
  ids  jsonb[];                       -- of its rules, its own first
BEGIN
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = _entity_definitions.entity;
  ids := ARRAY(SELECT odoo_events._id_json(r.tables, r.builtin) FROM odoo_events.capture_rule r WHERE r.rule = e.rule OR r.rule = ANY (e.rules) ORDER BY r.rule <> e.rule);
  defs := jsonb_build_object(
    e.entity, jsonb_build_object('type', 'object', 'required', jsonb '["id"]', 'properties', jsonb_build_object('id', ids[1])
      || COALESCE((SELECT jsonb_object_agg(f.field, odoo_events._field_json(f, e.rule, e.entity, base)) FROM odoo_events.field f WHERE f.owner = e.entity), '{}')
      || odoo_events._extra_json(e.entity) || odoo_events._sum_json(e)),
    'data_' || e.entity, jsonb_build_object('type', 'object', 'required', jsonb_build_array(COALESCE(e.label, e.entity)), 'properties',
      jsonb_build_object(COALESCE(e.label, e.entity), jsonb_build_object('$ref', base || e.entity), 'deleted', jsonb '{"const": true, "description": "in a snapshot: the row is gone"}',
        'lines_read_at', jsonb '{"type": "string", "format": "date-time"}',
        'redacted', jsonb '{"type": "array", "items": {"type": "string"}}',
        'truncated', jsonb '{"type": "array", "items": {"type": "string"}, "description": "members that are cut, as entity or part and field"}')
      || CASE WHEN e.state_column IS NULL THEN '{}' ELSE
         jsonb '{"transition": {"type": "object", "required": ["from", "to"], "properties": {"from": {"type": ["string", "null"]}, "to": {"type": ["string", "null"]}}}}' END
      || jsonb_build_object('changes', jsonb_build_object('type', 'array', 'items', jsonb_build_object('type', 'object',
           'required', jsonb '["part", "id", "op", "fields"]', 'properties', jsonb_build_object(
             'part', jsonb_build_object('type', 'string', 'examples', jsonb_build_array(COALESCE(e.label, e.entity)) || COALESCE((SELECT jsonb_agg(p.part ORDER BY p.position) FROM odoo_events.part p WHERE p.entity = e.entity), '[]')),
             'id', COALESCE((SELECT i FROM unnest(ids) i ORDER BY length(i::text) DESC LIMIT 1), '{"type": "integer"}'), 'op', jsonb '{"enum": ["added", "removed", "changed"]}',
             'fields', jsonb '{"type": "object", "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2}}'))))
      || COALESCE((SELECT jsonb_build_object('lines', jsonb_build_object('type', 'array', 'items', CASE count(*) WHEN 1 THEN jsonb_agg(odoo_events._part_json(p, base)) -> 0
                           ELSE jsonb_build_object('anyOf', jsonb_agg(odoo_events._part_json(p, base) ORDER BY p.position)) END))
                     FROM odoo_events.part p WHERE p.entity = e.entity AND p.within IS NULL HAVING count(*) > 0), '{}')));
  RETURN defs || COALESCE((SELECT jsonb_object_agg('ref_' || r.reference, odoo_events._reference_json(r.reference)) FROM odoo_events.reference r
                            WHERE position('"' || base || 'ref_' || r.reference || '"' IN defs::text) > 0), '{}');
END $$;
-- The attributes of every event.
CREATE OR REPLACE FUNCTION odoo_events._envelope_json() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb '{
  "type": "object",
  "required": ["specversion", "id", "source", "type", "subject", "time", "recordedtime", "datacontenttype", "dataschema", "partitionkey", "sequence", "dataclassification", "odootx", "data"],
  "properties": {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "format": "uuid", "description": "the same for ever: across retries, replays and subscriptions"},
    "source": {"type": "string", "format": "uri-reference", "minLength": 1},
    "type": {"type": "string"},
    "subject": {"type": "string", "minLength": 1, "description": "a label for humans; may change, never a key"},
    "time": {"type": "string", "format": "date-time", "description": "just before the commit"},
    "recordedtime": {"type": "string", "format": "date-time", "description": "when the event was published"},
    "datacontenttype": {"const": "application/json"},
    "dataschema": {"type": "string", "format": "uri"},
    "partitionkey": {"type": "string", "minLength": 1, "description": "the document: events of one key arrive in order"},
    "sequence": {"type": "string", "pattern": "^[0-9]{20}$", "description": "position in the outbox, without gaps per source"},
    "correlationid": {"type": "string", "description": "the business process that it belongs to"},
    "causationid": {"type": "string", "description": "the event that caused it"},
    "traceparent": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    "tracestate": {"type": "string"},
    "authtype": {"enum": ["app_user", "system"]},
    "authid": {"type": "string", "pattern": "^[0-9]+$", "description": "Odoo''s user id"},
    "dataclassification": {"enum": ["public", "internal", "confidential", "personal"]},
    "odoocompany": {"type": "integer"},
    "odoomodel": {"type": "string"},
    "odoorecordid": {"type": ["integer", "string"], "description": "a string beyond 2147483647, which is the largest integer of CloudEvents"},
    "odootx": {"type": "string", "pattern": "^[0-9]+$"},
    "data": {"type": "object"}
  }}'
$$;
-- What a condition looks at in a row that is named by rows of these rules: only what never changes, since by the time the event is published it
-- may be another.
CREATE OR REPLACE FUNCTION odoo_events._check_reference(place text, rules text[], col text, member text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known text[] := (SELECT array_agg(l.reference) FROM odoo_events.link l JOIN odoo_events.reference_field f ON f.reference = l.reference
                    WHERE l.rule = ANY (rules) AND l.column_name = col AND f.field = member);
BEGIN
  IF known IS NULL THEN
    RAISE EXCEPTION 'argument "condition" looks at %, which the catalog does not read', concat_ws('.', place, col, member)
      USING ERRCODE = 'undefined_column', HINT = format('References: %s.', COALESCE((SELECT string_agg(format('%s.%s.%s', place, l.column_name, f.field), ', ' ORDER BY l.column_name, f.position)
         FROM odoo_events.link l JOIN odoo_events.reference_field f ON f.reference = l.reference WHERE l.rule = ANY (rules)), 'none'));
  ELSIF EXISTS (SELECT 1 FROM odoo_events.reference r WHERE r.reference = ANY (known) AND NOT r.builtin)
     OR EXISTS (SELECT 1 FROM odoo_events.reference_field f JOIN odoo_events.reference r ON r.reference = f.reference
                  JOIN odoo_events.capture_rule c ON odoo_events._captured_table(c.tables, c.builtin) = odoo_events._captured_table(r.tables, r.builtin)
                  JOIN unnest(c.significant || c.carried) s ON split_part(s, '=', 1) = ANY (f.paths)
                 WHERE f.reference = ANY (known) AND f.field = member) THEN
    RAISE EXCEPTION 'argument "condition" looks at %, which may have changed by the time the event is published', concat_ws('.', place, col, member)
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask what the same transaction did to that row, for example ''exists($tx.*.* ? (@.new.state == "done"))'', or define the event on that row''s entity.';
  END IF;
END $$;
-- Does capture write a value of this type as JSON?  What it would have to call functions of the database for is null.
CREATE FUNCTION odoo_events._type_is_seen(type oid) RETURNS boolean
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN t.typtype = 'd' THEN odoo_events._type_is_seen(t.typbasetype)
            WHEN t.typelem <> 0 AND t.typoutput = 'array_out'::regproc THEN odoo_events._type_is_seen(t.typelem)
            ELSE t.typtype IN ('e', 'c') OR t.oid < 16384 END
  FROM pg_type t WHERE t.oid = type
$$;
COMMENT ON FUNCTION odoo_events._type_is_seen(oid) IS 'internal: whether events and conditions have the values of a type';
-- May a condition look at a column of these rules, and, where it names a member of it, into it?
CREATE FUNCTION odoo_events._check_looked_at(place text, rules text[], col text, member text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a record;
BEGIN
  SELECT format_type(t.atttypid, t.atttypmod) AS type, odoo_events._type_is_seen(t.atttypid) AS seen,
         b.typname IN ('json', 'jsonb') OR b.typtype = 'c' OR b.typcategory = 'A' AS inside
    INTO a
    FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) spec, pg_attribute t JOIN pg_type x ON x.oid = t.atttypid
    JOIN pg_type b ON b.oid = CASE x.typtype WHEN 'd' THEN x.typbasetype ELSE x.oid END
   WHERE r.rule = ANY (rules) AND split_part(spec, '=', 1) = col
     AND t.attrelid = odoo_events._captured_table(r.tables, r.builtin) AND t.attname = ANY (string_to_array(spec, '=')) AND NOT t.attisdropped
   ORDER BY odoo_events._type_is_seen(t.atttypid) DESC, inside DESC LIMIT 1;
  IF NOT a.seen THEN
    RAISE EXCEPTION 'argument "condition" looks at %.%, whose type % is not captured', place, col, a.type
      USING ERRCODE = 'datatype_mismatch', HINT = 'Compare a column of a built-in type, json, jsonb, or an array of these; such a column is always null here.';
  ELSIF member IS NOT NULL AND NOT a.inside THEN
    RAISE EXCEPTION 'argument "condition" looks at %.%.%, but a value of type % has no members', place, col, member, a.type
      USING ERRCODE = 'datatype_mismatch', HINT = format('Compare the value itself, for example ''%s.%s == ...''; only json and jsonb have members.', place, col);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_looked_at(text, text[], text, text) IS 'internal: raises an error for a column that a condition cannot look at or into';
-- What a condition may look at; raises an error for anything else.
CREATE OR REPLACE FUNCTION odoo_events._check_condition(condition text, e odoo_events.entity) RETURNS jsonpath
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  path   jsonpath;
  known  text[] := (SELECT array_agg(split_part(c, '=', 1)) || '{id}' FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) c WHERE r.rule = e.rule);
  m      text[];
  parts  text[];
  image  text;
  reason text;
BEGIN
  BEGIN
    path := condition::jsonpath;
    PERFORM jsonb_path_match('{}', path, '{"tx": {}, "marked": {}}', false);
  EXCEPTION
    WHEN singleton_sql_json_item_required THEN
      RAISE EXCEPTION 'argument "condition" is no predicate: %', condition
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Compare something, for example ''$.new.state == "done"''.';
    WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
      RAISE EXCEPTION 'argument "condition" is not a jsonpath that can be used: %', reason
        USING ERRCODE = 'invalid_parameter_value', HINT = 'For example ''$.old.state != "done" && $.new.state == "done"''.';
  END;
  -- the image of jsonpath quotes every name; here without other strings
  image := regexp_replace(path::text, '([.$]"(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*"', '\1', 'g');
  -- a whole that is looked through has in it what may not be looked at, or not what is sought
  reason := COALESCE(substring(regexp_replace(image, '([.$]")[^"]*"', '\1"', 'g') FROM '\$(?!\.?")'), substring(image FROM '(\$\."(?:old|new)")(?:\.(?!")|\[)'));
  IF reason IS NOT NULL THEN
    RAISE EXCEPTION 'argument "condition" looks at % as a whole', replace(reason, '"', '')
      USING ERRCODE = 'invalid_parameter_value', HINT = format('Name what is compared: %s.', (SELECT string_agg('$.new.' || c, ', ') FROM unnest(known) c));
  END IF;
  FOR m IN SELECT regexp_matches(f[2], '@\."([^"]+)"', 'g') || f[1] FROM regexp_matches(image, '\$\."(old|new)"\?\(([^()]*)\)', 'g') f LOOP
    IF m[1] <> ALL (known) THEN
      RAISE EXCEPTION 'argument "condition" looks at $.%.%, but "%" is no captured column of entity "%"', m[2], m[1], m[1], e.entity
        USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(known, ', '));
    END IF;
  END LOOP;
  -- members of "$"
  FOR m IN SELECT regexp_matches(image, '\$\."([^"]+)"(?:\."([^"]+)")?(?:\."([^"]+)")?', 'g') LOOP
    IF m[1] = 'rows' THEN
      RAISE EXCEPTION 'argument "condition" looks at $.rows, which is what other rows are when the event is published'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Use $.parts.<part>[*]: what the transaction changed in the rows that belong to it.';
    ELSIF m[1] IN ('old', 'new') AND m[2] IS NOT NULL AND m[2] <> ALL (known) THEN
      RAISE EXCEPTION 'argument "condition" looks at $.%.%, but "%" is no captured column of entity "%"', m[1], m[2], m[2], e.entity
        USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(known, ', '));
    ELSIF m[1] IN ('old', 'new') THEN
      PERFORM odoo_events._check_looked_at('$.' || m[1], ARRAY[e.rule], m[2], m[3]);
    ELSIF m[1] = 'refs' THEN
      PERFORM odoo_events._check_reference('$.refs', ARRAY[e.rule], m[2], m[3]);
    ELSIF m[1] = 'parts' AND NOT EXISTS (SELECT 1 FROM odoo_events.part p WHERE p.entity = e.entity AND p.part = m[2]) THEN
      RAISE EXCEPTION 'argument "condition" looks at $.parts.%, but entity "%" has no such part', m[2], e.entity
        USING ERRCODE = 'undefined_object', HINT = format('Parts: %s.', COALESCE((SELECT string_agg(p.part, ', ' ORDER BY p.position) FROM odoo_events.part p WHERE p.entity = e.entity), 'none'));
    ELSIF m[1] NOT IN ('old', 'new', 'parts') THEN
      RAISE EXCEPTION 'argument "condition" looks at $.%, which there is not', m[1]
        USING ERRCODE = 'undefined_object', HINT = 'There are $.old, $.new, $.refs, $.parts and $tx.';
    END IF;
  END LOOP;
  -- rows of the transaction: those of lines, and, where $tx is looked at, any
  parts := ARRAY(SELECT r.rule FROM odoo_events.capture_rule r WHERE image LIKE '%$"tx"%'
                  UNION SELECT p.rule FROM odoo_events.part p WHERE p.entity = e.entity);
  FOR m IN SELECT regexp_matches(image, '(?<!\$)\."(old|new)"\."([^"]+)"(?:\."([^"]+)")?', 'g') LOOP
    IF m[2] <> 'id' AND NOT EXISTS (SELECT 1 FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) c WHERE r.rule = ANY (parts) AND split_part(c, '=', 1) = m[2]) THEN
      RAISE EXCEPTION 'argument "condition" looks at @.%.%, but no row that it can mean has a captured column "%"', m[1], m[2], m[2]
        USING ERRCODE = 'undefined_column', HINT = format('Columns of the lines of "%s": %s.', e.entity, COALESCE((SELECT string_agg(DISTINCT split_part(c, '=', 1), ', ')
           FROM odoo_events.part p JOIN odoo_events.capture_rule r ON r.rule = p.rule, unnest(r.significant || r.carried) c WHERE p.entity = e.entity), 'none'));
    END IF;
    PERFORM odoo_events._check_looked_at('@.' || m[1], parts, m[2], m[3]);
  END LOOP;
  -- lines name rows, too
  FOR m IN SELECT regexp_matches(image, '(?<!\$|"old"|"new")\."refs"(?:\."([^"]+)")?(?:\."([^"]+)")?', 'g') LOOP
    PERFORM odoo_events._check_reference('@.refs', (SELECT array_agg(p.rule) FROM odoo_events.part p WHERE p.entity = e.entity), m[1], m[2]);
  END LOOP;
  RETURN path;
END $$;
CREATE OR REPLACE FUNCTION odoo_events.define_event(type text, entity text, condition text DEFAULT NULL, occasion text DEFAULT 'updated', states text[] DEFAULT NULL,
  kind text DEFAULT NULL, description text DEFAULT NULL, with_lines boolean DEFAULT false, with_changes boolean DEFAULT false, rank int DEFAULT 55,
  classification text DEFAULT 'internal', owner text DEFAULT NULL, deprecated boolean DEFAULT false, or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  e     odoo_events.entity;
  path  jsonpath;
  state text;
  words text[] := string_to_array(type, '.');
  def   jsonb;
BEGIN
  IF type IS NULL OR entity IS NULL THEN
    RAISE EXCEPTION 'arguments "type" and "entity" must not be null' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  PERFORM odoo_events._check_type(type);
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = entity;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'entity "%" in argument "entity" is not in the catalog', entity
      USING ERRCODE = 'undefined_object', HINT = format('SELECT odoo_events.define_entity(%L, %L);', entity, entity);
  END IF;
  IF kind IS NOT NULL AND NOT EXISTS (SELECT 1 FROM odoo_events.entity_kind k WHERE k.entity = entity AND k.kind = kind) THEN
    RAISE EXCEPTION 'argument "kind" cannot be "%"', kind
      USING ERRCODE = 'invalid_parameter_value', HINT = format('Kinds of %s: %s.', entity, COALESCE((SELECT string_agg(DISTINCT k.kind, ', ') FROM odoo_events.entity_kind k WHERE k.entity = entity), 'none'));
  END IF;
  IF words[cardinality(words) - 2] NOT IN (entity, COALESCE(kind, entity)) THEN
    words[cardinality(words) - 2] := COALESCE(kind, entity);
    RAISE EXCEPTION 'type "%" does not name its entity', type
      USING ERRCODE = 'invalid_parameter_value', HINT = format('Use %s.', array_to_string(words, '.'));
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.type = type) AND NOT or_replace THEN
    RAISE EXCEPTION 'event type "%" exists', type USING ERRCODE = 'duplicate_object', HINT = 'Use or_replace => true, or the next version of the type.';
  END IF;
  IF occasion IS NULL OR occasion NOT IN ('inserted', 'updated', 'deleted', 'open', 'cancelled', 'touched', 'changed') THEN
    RAISE EXCEPTION 'argument "occasion" cannot be "%"', occasion
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Occasions are inserted, updated, deleted, open, cancelled, touched and changed; for a state that is reached give states.';
  END IF;
  IF e.state_column IS NULL AND (states IS NOT NULL OR occasion IN ('open', 'cancelled')) THEN
    RAISE EXCEPTION 'entity "%" has no state', entity
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Name its state_column in define_entity, or use occasion => ''updated'' with a condition.';
  END IF;
  IF states IS NOT NULL AND (occasion <> 'updated' OR cardinality(states) = 0 OR array_position(states, NULL) IS NOT NULL) THEN
    RAISE EXCEPTION 'argument "states" is a list of states that are reached, without another occasion'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Use states => ''{done}'' and leave occasion out.';
  END IF;
  PERFORM odoo_events._check_class('classification', classification);
  IF rank NOT BETWEEN 0 AND 1000 OR rank IS NULL THEN
    RAISE EXCEPTION 'argument "rank" must be between 0 and 1000' USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out.';
  END IF;
  IF condition IS NOT NULL THEN
    path := odoo_events._check_condition(condition, e);
  END IF;
  def := jsonb_strip_nulls(jsonb_build_object('type', type, 'variant', 1, 'entity', entity, 'kind', kind, 'occasion', occasion, 'condition', path::text, 'rank', rank,
           'with_lines', with_lines, 'with_changes', with_changes, 'classification', classification, 'owner', COALESCE(owner, session_user), 'deprecated', deprecated,
           'description', COALESCE(description, type), 'enabled', true, 'builtin', false));
  IF states IS NOT NULL THEN
    state := (SELECT string_agg(format('$.new.%s == %s', to_json(e.state_column), to_json(s)), ' || ') FROM unnest(states) s);
    def := jsonb_build_array(
      def || jsonb_build_object('occasion', 'inserted', 'condition', concat_ws(' && ', '(' || state || ')', '(' || path::text || ')')),
      def || jsonb_build_object('variant', 2, 'condition', concat_ws(' && ', '(' || state || ')', '!(' || replace(state, '$.new.', '$.old.') || ')', '(' || path::text || ')')));
  ELSE
    def := jsonb_build_array(def);
  END IF;
  PERFORM odoo_events._define('event', type, jsonb_build_object('event_def', def)
    -- what the condition looks at counts, also where the catalog only carries it along
    || CASE WHEN path IS NULL THEN '{}' ELSE jsonb_build_object('more_columns', jsonb_build_object(e.rule,
         ARRAY(SELECT DISTINCT m[2] FROM regexp_matches(path::text, '\$\."(old|new)"\."([^"]+)"', 'g') m WHERE m[2] <> 'id'))) END);
  -- the DBA's own table is captured from its first event on; so is one of the catalog's that was left alone because all its events are off
  PERFORM odoo_events._attach(ARRAY[entity], 'trigger') WHERE NOT e.builtin;
  PERFORM odoo_events._attach(ARRAY[entity], u.mode, u.always) FROM odoo_events._unattached() u WHERE u.entity = entity AND e.builtin;
END $$;
-- The table that a definition names; raises an error for what cannot be captured.
CREATE OR REPLACE FUNCTION odoo_events._own_table(relation text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relid oid := odoo_events._captured_table(ARRAY[relation], false);
BEGIN
  IF relid IS NULL THEN
    RAISE EXCEPTION 'table "%" in argument "relation" does not exist', relation
      USING ERRCODE = 'undefined_table', HINT = 'Give the name of a table without its schema: Odoo''s model x.y is table x_y; views cannot be captured.';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = relid AND a.attname = 'id' AND NOT a.attisdropped AND a.atttypid IN ('int4'::regtype, 'int8'::regtype)) THEN
    RAISE EXCEPTION 'table "%" in argument "relation" has no integer column "id"', relation
      USING ERRCODE = 'invalid_table_definition', HINT = 'Capture knows rows by their integer id, as Odoo does: a relation table cannot be captured, the table of its model can.';
  END IF;
  RETURN relid;
END $$;
-- What the catalog, or an earlier definition, calls the rows of a table.
CREATE OR REPLACE FUNCTION odoo_events._reference_of(relid oid) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'SELECT r.reference FROM odoo_events.reference r WHERE odoo_events._captured_table(r.tables, r.builtin) = relid ORDER BY NOT r.builtin, r.reference LIMIT 1';
-- The rows of the catalog that both entities and parts consist of.  owner: of the fields; more: columns that count beside them.
CREATE OR REPLACE FUNCTION odoo_events._own_rows(relation text, relid oid, owner text, fields text[], more text[], classification jsonb, OUT rule text, OUT rows jsonb)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k      record;
  own    jsonb;
  links  jsonb := '[]';
  person text[] := '{}';                        -- columns that name people
BEGIN
  -- a table that is captured already keeps its rule: there is one pair of triggers per table
  SELECT r.rule INTO rule FROM odoo_events.capture_rule r WHERE odoo_events._captured_table(r.tables, r.builtin) = relid AND r.builtin ORDER BY r.rule LIMIT 1;
  IF FOUND THEN
    rows := jsonb_build_object('more_columns', jsonb_build_object(rule, ARRAY(SELECT DISTINCT x FROM unnest(fields || more) x WHERE x IS NOT NULL)));
  ELSE
    rule := odoo_events._own_name(relation);
    rows := jsonb_build_object('capture_rule', jsonb_build_array(jsonb_build_object('rule', rule, 'tables', ARRAY[relation],
      'significant', ARRAY(SELECT DISTINCT x FROM unnest(fields || more) x WHERE x IS NOT NULL ORDER BY x),
      'carried', ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = relid AND a.attname IN ('company_id', 'warehouse_id', 'write_uid', 'create_uid') AND NOT a.attisdropped))));
  END IF;
  rows := rows || '{"reference": [], "reference_field": []}';
  FOR k IN SELECT f.column_name, f.target, odoo_events._reference_of(f.target) AS reference, c.relname FROM odoo_events._foreign_keys(relid) f JOIN pg_class c ON c.oid = f.target
            WHERE f.column_name = ANY (fields || more) ORDER BY f.column_name
  LOOP
    IF k.reference IS NULL OR k.reference = odoo_events._own_name(k.relname) THEN
      own := odoo_events._own_reference(k.target);
      rows := rows || jsonb_build_object('reference', rows -> 'reference' || (own -> 'reference'), 'reference_field', rows -> 'reference_field' || (own -> 'reference_field'));
      k.reference := own -> 'reference' -> 0 ->> 'reference';
    END IF;
    IF k.reference IN ('partner', 'user') OR k.relname ~ '(partner|user|employee|applicant|candidate|contact)' THEN
      person := person || k.column_name;
    END IF;
    IF rule = odoo_events._own_name(relation) OR NOT EXISTS (SELECT 1 FROM odoo_events.link x WHERE x.rule = _own_rows.rule AND x.column_name = k.column_name) THEN
      links := links || jsonb_build_object('rule', rule, 'column_name', k.column_name, 'reference', k.reference);
    END IF;
  END LOOP;
  rows := rows || jsonb_build_object('link', links, 'field', (
    SELECT COALESCE(jsonb_agg(jsonb_build_object('owner', owner, 'position', f.n, 'field', regexp_replace(f.name, '_id$', ''), 'sources', ARRAY[f.name], 'builtin', false,
             'classification', COALESCE(classification ->> f.name, CASE WHEN f.name = ANY (person) THEN 'personal' ELSE 'internal' END))), '[]')
      FROM unnest(fields) WITH ORDINALITY f(name, n)));
END $$;
CREATE FUNCTION odoo_events._odoo_lines_of(entity text, columns text[], documents int8[], OUT document int8, OUT part text, OUT rule text, OUT id int8, OUT image jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_lines_of';
COMMENT ON FUNCTION odoo_events._odoo_lines_of(text, text[], int8[]) IS 'internal: the lines of some documents of an entity, read as the database''s owner';
-- The state in which an entity's lines are still compared, because an event tells of what is corrected then; null: there is none.
CREATE FUNCTION odoo_events._corrected_state(entity text) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT min(split_part(w, '@', 2)) FROM odoo_events.event_def d, unnest(d.watches) w WHERE d.entity = $1 AND d.enabled AND w LIKE '%@%'
$$;
COMMENT ON FUNCTION odoo_events._corrected_state(text) IS 'internal: the state of which an entity''s corrections are told';
-- What an event told of columns that have another value by now: {column: what it told}; null: they agree.  absent: a member that the
-- event lacks was null.
CREATE OR REPLACE FUNCTION odoo_events._differing(fields jsonb, told jsonb, image jsonb, absent boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_object_agg(x.col, x.was)
  FROM (SELECT f.key AS col, image -> f.key AS is_now,
               COALESCE(CASE WHEN jsonb_typeof(told -> f.value) = 'object' AND told -> f.value ? 'id' AND jsonb_typeof(image -> f.key) <> 'object' THEN told -> f.value -> 'id' ELSE told -> f.value END, 'null') AS was
          FROM jsonb_each_text(fields) f WHERE image ? f.key AND (absent OR told ? f.value)) x
 -- a translated text is one of several, times have their zone in the event, long numbers are strings there; a value per company is compared
 -- whole, what an event of one company lacks of it is no event (publish/odoo/shown_values.c)
 WHERE jsonb_typeof(x.is_now) <> 'array' AND (jsonb_typeof(x.is_now) <> 'object' OR jsonb_typeof(x.was) <> 'string') AND x.was <> x.is_now AND rtrim(x.was #>> '{}', 'Z') IS DISTINCT FROM (x.is_now #>> '{}')
$$;
-- Several entities may have one name in events, and their records the same ids: the valuation of a move and that of a landed cost.
CREATE FUNCTION odoo_events._told_of(e odoo_events.entity, event text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT NOT EXISTS (SELECT 1 FROM odoo_events.entity x WHERE COALESCE(x.label, x.entity) = COALESCE(e.label, e.entity) AND x.model <> e.model)
    OR strpos(event, '"odoomodel":"' || e.model || '"') > 0
$$;
COMMENT ON FUNCTION odoo_events._told_of(odoo_events.entity, text) IS 'internal: whether an event under the name of an entity is about this one';
-- What an entity's last events told, one row per record.
CREATE OR REPLACE FUNCTION odoo_events._told(e odoo_events.entity) RETURNS TABLE (record_id int8, state text, gone boolean, image jsonb, lines jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT l.record_id, COALESCE(l.image ->> e.state_column, l.event -> 'data' -> 'transition' ->> 'to', l.image ->> 'state', w.state), l.gone, l.image, w.lines
  FROM (SELECT x.record_id, v.event, v.event -> 'data' -> COALESCE(e.label, e.entity) AS image,
               x.type LIKE '%.deleted.v_' OR (v.event -> 'data' ->> 'deleted') IS NOT NULL AS gone
          FROM (SELECT DISTINCT ON (o.record_id) o.record_id, o.type, o.event
                  FROM odoo_events.outbox_all o WHERE o.entity = COALESCE(e.label, e.entity) AND o.record_id IS NOT NULL AND odoo_events._told_of(e, o.event) ORDER BY o.record_id, o.position DESC) x
               CROSS JOIN LATERAL (SELECT odoo_events._legible(x.event) AS event OFFSET 0) v) l
  -- an event that only its lines made does not carry the state
  LEFT JOIN (SELECT x.record_id, (array_agg(x.lines ORDER BY x.position DESC) FILTER (WHERE x.lines IS NOT NULL))[1] AS lines,
                    (array_agg(x.state ORDER BY x.position DESC) FILTER (WHERE x.state IS NOT NULL))[1] AS state
               FROM (SELECT o.record_id, o.position, v.event -> 'data' -> 'lines' AS lines,
                            COALESCE(v.event -> 'data' -> COALESCE(e.label, e.entity) ->> e.state_column, v.event -> 'data' -> 'transition' ->> 'to') AS state
                       FROM odoo_events.outbox_all o CROSS JOIN LATERAL (SELECT odoo_events._legible(o.event) AS event OFFSET 0) v
                      WHERE o.entity = COALESCE(e.label, e.entity) AND o.record_id IS NOT NULL AND odoo_events._told_of(e, o.event)) x
              GROUP BY x.record_id) w ON w.record_id = l.record_id
$$;
-- The changes of the lines of a document since its last event, as arguments of _would_tell().
CREATE OR REPLACE FUNCTION odoo_events._line_changes(e odoo_events.entity, document int8, told jsonb, there jsonb, OUT rule text, OUT id int8, OUT op text, OUT old text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.rule, x.id, CASE WHEN x.was IS NULL THEN 'I' WHEN x.image IS NULL THEN 'D' ELSE 'U' END,
       CASE WHEN x.was IS NULL THEN NULL
            WHEN x.image IS NULL THEN (odoo_events._differing(x.fields, x.was, (SELECT jsonb_object_agg(k, '"?"'::jsonb) FROM jsonb_object_keys(x.fields) k), true)
                                       || jsonb_build_object(x.parent, document)
                                       || COALESCE((SELECT jsonb_build_object(x.state_column, c) FROM odoo_events._corrected_state(e.entity) c WHERE c IS NOT NULL), '{}'))::text
            ELSE odoo_events._differing(x.fields, x.was, x.image, true)::text END
  -- a row may be one of several parts by what it is: it is told of as one of them
  FROM (SELECT COALESCE(t.rule, n.rule) AS rule, COALESCE(t.id, n.id) AS id, t.line AS was, n.image, t.parent, t.state_column, t.fields
          FROM (SELECT p.rule, (l ->> 'id')::int8 AS id, l AS line, p.parent[1] AS parent, p.state_column, odoo_events._plain_fields(p.owner) AS fields FROM jsonb_array_elements(told) l
                  JOIN odoo_events.part p ON p.entity = e.entity AND p.part = l ->> 'part' AND p.within IS NULL AND NOT p.tx_only
                   AND (p.counted OR odoo_events._corrected_state(e.entity) IS NOT NULL)) t
          FULL JOIN (SELECT DISTINCT ON (l ->> 'rule', l ->> 'id') l ->> 'rule' AS rule, (l ->> 'id')::int8 AS id, l -> 'image' AS image FROM jsonb_array_elements(there) l
                      ORDER BY l ->> 'rule', l ->> 'id') n ON n.rule = t.rule AND n.id = t.id) x
 WHERE x.was IS NULL OR x.image IS NULL OR odoo_events._differing(x.fields, x.was, x.image, true) IS NOT NULL
$$;
COMMENT ON TYPE odoo_events._candidate IS 'internal: a record that may not be as its last event says; op and old: the change as _would_tell() takes it; doubt: it may have changed while capture failed; row_id: of its row, where that is the row of another thing';
-- Records whose row is not what their last event says, at first sight.
CREATE OR REPLACE FUNCTION odoo_events._candidates(e odoo_events.entity, since timestamptz, gap_at timestamptz) RETURNS SETOF odoo_events._candidate
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fields  constant jsonb := odoo_events._plain_fields(e.entity);
  columns constant text[] := ARRAY(SELECT jsonb_object_keys(fields)) || e.id_column;
  corrected constant text := odoo_events._corrected_state(e.entity);
  inside  constant text[] := ARRAY(SELECT DISTINCT k FROM odoo_events.part p, jsonb_object_keys(odoo_events._plain_fields(p.owner)) k WHERE p.entity = e.entity);
BEGIN
  RETURN QUERY
  WITH told AS MATERIALIZED (SELECT * FROM odoo_events._told(e)),
  -- the row of a payment's entry, for example, tells which payment it is about; most entries are about none
  there AS MATERIALIZED (SELECT CASE WHEN e.id_column IS NULL THEN r.id ELSE (r.image ->> e.id_column)::int8 END AS id, r.id AS row_id, r.state, r.created, r.written, r.image
                           FROM odoo_events._odoo_rows(e.entity, columns) r WHERE e.id_column IS NULL OR r.image ->> e.id_column IS NOT NULL),
  line AS MATERIALIZED (SELECT l.document, jsonb_agg(jsonb_build_object('rule', l.rule, 'id', l.id, 'image', l.image)) AS lines 
             FROM (SELECT l.* FROM odoo_events._odoo_lines(e.entity, inside) l
                   UNION ALL
                   SELECT l.* FROM odoo_events._odoo_lines_of(e.entity, inside, ARRAY(SELECT t.record_id FROM told t WHERE NOT t.gone AND t.lines IS NOT NULL AND t.state = corrected)) l
                    WHERE corrected IS NOT NULL) l GROUP BY l.document),
  x AS (SELECT COALESCE(r.id, t.record_id) AS id, COALESCE(r.row_id, t.record_id) AS row_id, r.id IS NOT NULL AS here, r.state AS is_now, t.state AS was, t.record_id IS NOT NULL AS told, t.gone, r.created, t.lines AS told_lines, l.lines,
               odoo_events._differing(fields, t.image, r.image, false) AS other, CASE WHEN r.state <> t.state THEN jsonb_build_object(e.state_column, t.state) END AS other_state,
               COALESCE(r.written >= gap_at - interval '1 hour' OR gap_at IS NOT NULL AND r.state = ANY (e.open_states), false) AS doubt
          FROM there r FULL JOIN told t ON t.record_id = r.id LEFT JOIN line l ON l.document = r.id)
  SELECT x.id, x.is_now, x.was,
         CASE WHEN NOT x.here THEN 'the row is gone, and no event told'
              WHEN NOT x.told THEN 'no event tells of it'
              WHEN x.gone THEN 'it is there, the last event says that it is gone'
              WHEN x.other_state IS NOT NULL THEN 'another state than that of the last event'
              WHEN x.other IS NOT NULL THEN 'other values than those of the last event: ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(x.other) k)
              ELSE 'other lines than those of the last event' END,
         CASE WHEN NOT x.here OR x.gone THEN NULL WHEN NOT x.told THEN 'I' ELSE 'U' END,
         CASE WHEN x.other IS NULL THEN x.other_state ELSE x.other || COALESCE(x.other_state, '{}') END,
         x.told_lines, COALESCE(x.lines, '[]'), x.doubt, x.row_id
    FROM x
   WHERE CASE WHEN NOT x.here THEN NOT x.gone AND (x.was IS NULL OR x.was <> ALL (e.draft_states || e.cancelled_states))
                   AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.enabled AND d.emit AND d.occasion = 'deleted')
              WHEN NOT x.told THEN x.created >= since
              ELSE x.gone OR x.other IS NOT NULL OR x.other_state IS NOT NULL OR x.told_lines IS NOT NULL AND (x.lines IS NOT NULL OR x.was = corrected) OR x.doubt END;
END $$;
-- Of some candidates those that are differences.  tip: position up to which the events were read that they were compared with.
CREATE FUNCTION odoo_events._judge(e odoo_events.entity, candidates odoo_events._candidate[], tip int8) RETURNS TABLE (record_id int8, odoo_state text, last_event_state text, note text, row_id int8)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  w       record;
  failed  text;
  tells   int8[];
  pending int8[];
BEGIN
  SELECT array_agg(x.doc) AS docs, array_agg(x.rule) AS rules, array_agg(x.id) AS ids, array_agg(x.op) AS ops, array_agg(x.old) AS olds INTO w
    FROM (SELECT c.record_id AS doc, e.rule AS rule, c.row_id AS id, c.op, c.old::text AS old FROM unnest(candidates) c WHERE c.op = 'I' OR c.op = 'U' AND c.old IS NOT NULL
          UNION ALL
          SELECT c.record_id, l.rule, l.id, l.op, l.old FROM unnest(candidates) c, odoo_events._line_changes(e, c.record_id, c.told_lines, c.lines) l WHERE c.op = 'U' AND c.told_lines IS NOT NULL
          ORDER BY 1) x;
  SELECT array_agg(t.record_id) FILTER (WHERE t.verdict = 'event'), max(t.detail) FILTER (WHERE t.verdict = 'error') INTO tells, failed
    FROM odoo_events._would_tell(e.entity, w.docs, w.rules, w.ids, w.ops, w.olds, false) t;
  IF failed IS NOT NULL THEN
    -- the others are compared without the one that fails
    IF cardinality(candidates) > 1 THEN
      RETURN QUERY SELECT j.* FROM odoo_events._judge(e, candidates[:cardinality(candidates) / 2], tip) j;
      RETURN QUERY SELECT j.* FROM odoo_events._judge(e, candidates[cardinality(candidates) / 2 + 1:], tip) j;
    ELSE
      RETURN QUERY SELECT c.record_id, c.odoo_state, c.last_event_state, 'cannot be compared with its events: ' || failed FROM unnest(candidates) c;
    END IF;
    RETURN;
  END IF;
  -- after the rows were read: whatever changed them meanwhile is seen here
  PERFORM odoo_events._wal_wait(e.rules);
  pending := odoo_events._pending(e);
  RETURN QUERY
  SELECT c.record_id, c.odoo_state, c.last_event_state, CASE WHEN c.op IS NULL OR c.record_id = ANY (tells) THEN c.note ELSE 'may have changed while capture failed' END, c.row_id
    FROM unnest(candidates) c
   WHERE (c.op IS NULL OR c.record_id = ANY (tells) OR c.doubt) AND c.row_id <> ALL (pending)
     AND NOT EXISTS (SELECT 1 FROM odoo_events.outbox_all o WHERE o.position > tip AND o.entity = COALESCE(e.label, e.entity) AND o.record_id = c.record_id)
   ORDER BY c.record_id;
END $$;
COMMENT ON FUNCTION odoo_events._judge(odoo_events.entity, odoo_events._candidate[], int8) IS 'internal: of records that do not agree at first sight those that are a difference';
-- The differences of one entity, in pieces of bounded size: what is kept of all of them lies in files.
CREATE OR REPLACE FUNCTION odoo_events._differences(e odoo_events.entity, since timestamptz, gap_at timestamptz, repair boolean)
RETURNS TABLE (record_id int8, odoo_state text, last_event_state text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_hashagg = off AS $$
#variable_conflict use_column
DECLARE
  tip   constant int8 := COALESCE((SELECT max(o.position) FROM odoo_events.outbox_all o), 0);
  piece record;
  d     record;
  ids   int8[];
BEGIN
  FOR piece IN SELECT array_agg(c.c) AS candidates
                 FROM (SELECT x AS c, (row_number() OVER (ORDER BY x.record_id) - 1) / 500 AS n FROM odoo_events._candidates(e, since, gap_at) x) c GROUP BY c.n ORDER BY c.n
  LOOP
    ids := '{}';
    FOR d IN SELECT * FROM odoo_events._judge(e, piece.candidates, tip) LOOP
      ids := ids || d.row_id;
      RETURN QUERY VALUES (d.record_id, d.odoo_state, d.last_event_state, d.note || CASE WHEN repair THEN ': snapshot sent' ELSE '' END);
    END LOOP;
    IF repair THEN
      PERFORM odoo_events._snapshot(e.rule, e.entity, ids);
    END IF;
  END LOOP;
END $$;
CREATE OR REPLACE FUNCTION odoo_events._reconcile(only_entity text, since timestamptz, repair boolean)
RETURNS TABLE (entity text, record_id int8, odoo_state text, last_event_state text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  e       odoo_events.entity;
  oldest  timestamptz;
  gap_at  timestamptz;
  began   timestamptz := clock_timestamp();
  checked text[] := '{}';
BEGIN
  IF only_entity IS NOT NULL THEN
    PERFORM odoo_events._check_entities(ARRAY[only_entity]);
    IF NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = only_entity) THEN
      RAISE EXCEPTION 'entity "%" is not attached', only_entity
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT * FROM odoo_events.attach(%L);', ARRAY[only_entity]);
    END IF;
  END IF;
  SELECT min(o.recordedtime) INTO oldest FROM odoo_events.outbox_all o;
  FOR e IN SELECT x.* FROM odoo_events.entity x JOIN odoo_events.attached a ON a.entity = x.entity
            WHERE (only_entity IS NULL OR x.entity = only_entity) AND x.sum_query IS NULL ORDER BY x.entity
  LOOP
    SELECT min(g.at) INTO gap_at FROM odoo_events.capture_gap g WHERE g.rule = ANY (e.rules) AND (_reconcile.since IS NULL OR g.at >= _reconcile.since);
    BEGIN
      RETURN QUERY SELECT e.entity, d.record_id, d.odoo_state, d.last_event_state, d.note
                   FROM odoo_events._differences(e, COALESCE(_reconcile.since, GREATEST((SELECT a.at FROM odoo_events.attached a WHERE a.entity = e.entity), oldest)), gap_at, _reconcile.repair) d;
    EXCEPTION WHEN OTHERS THEN
      -- of one entity that is all there is to say; of all of them the others are looked at
      IF only_entity IS NOT NULL OR SQLSTATE ~ '^(25|40|53|57|58)' THEN
        RAISE;
      END IF;
      RETURN QUERY VALUES (e.entity, NULL::int8, NULL::text, NULL::text, 'cannot be compared with its events: ' || SQLERRM);
      CONTINUE;
    END;
    -- a table that is nothing but a part is listed with the entities that it is a part of
    RETURN QUERY SELECT e.entity, d.record_id, NULL::text, NULL::text,
                        format('rule %s, transaction %s: triggers have %s, the WAL has %s', d.rule, d.xid, COALESCE(d.trigger, 'nothing'), COALESCE(d.wal, 'nothing'))
                   FROM odoo_events.capture_difference d
                  WHERE d.rule = ANY (e.rules) AND (_reconcile.since IS NULL OR d.at >= _reconcile.since)
                    AND (d.rule = e.rule OR NOT EXISTS (SELECT 1 FROM odoo_events.entity x JOIN odoo_events.attached a ON a.entity = x.entity WHERE x.rule = d.rule)) ORDER BY d.at, d.record_id;
    checked := checked || e.entity;
  END LOOP;
  checked := checked || ARRAY(SELECT x.entity FROM odoo_events.entity x WHERE x.sum_query IS NOT NULL);
  IF _reconcile.repair THEN
    -- a gap is dealt with once every entity that its table is captured for has been looked at
    DELETE FROM odoo_events.capture_gap g
     WHERE g.at < began AND (_reconcile.since IS NULL OR g.at >= _reconcile.since)
       AND NOT EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity x ON x.entity = a.entity WHERE g.rule = ANY (x.rules) AND a.entity <> ALL (checked));
    DELETE FROM odoo_events.capture_difference d
     WHERE d.at < began AND (_reconcile.since IS NULL OR d.at >= _reconcile.since)
       AND EXISTS (SELECT 1 FROM odoo_events.entity x WHERE d.rule = ANY (x.rules) AND x.entity = ANY (checked));
    PERFORM odoo_events._audit('reconcile', COALESCE(only_entity, 'all'));
  END IF;
END $$;
SELECT odoo_events._clear_catalog();
-- catalog_reference: rows that events name, and what is read of each.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('product', '{product_product}'), ('unit', '{uom_uom}'), ('lot', '{stock_lot,stock_production_lot}'), ('location', '{stock_location}'),
('partner', '{res_partner}'), ('company', '{res_company}'), ('warehouse', '{stock_warehouse}'), ('picking_type', '{stock_picking_type}'),
('user', '{res_users}'), ('package', '{stock_package,stock_quant_package}'), ('carrier', '{delivery_carrier}'), ('transfer_batch', '{stock_picking_batch}'),
('transfer', '{stock_picking}'), ('manufacturing_order', '{mrp_production}'), ('bill_of_materials', '{mrp_bom}'), ('work_center', '{mrp_workcenter}'),
('work_order', '{mrp_workorder}'), ('stock_move', '{stock_move}'), ('sales_order', '{sale_order}'), ('sales_order_line', '{sale_order_line}'),
('purchase_order', '{purchase_order}'), ('purchase_order_line', '{purchase_order_line}'), ('scrap', '{stock_scrap}'), ('unbuild_order', '{mrp_unbuild}'),
('repair_order', '{repair_order}'), ('loss', '{mrp_workcenter_productivity_loss}'), ('stock_move_line', '{stock_move_line}'), ('scrap_reason', '{stock_scrap_reason_tag}'), ('procurement_group', '{procurement_group}');

INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('product', 1, 'sku', '{default_code}', true, NULL), ('product', 2, 'barcode', '{barcode}', true, NULL),
('product', 3, 'name', '{product_tmpl_id>product_template.name}', true, NULL), ('product', 4, 'tracking', '{product_tmpl_id>product_template.tracking}', true, NULL),
('unit', 1, 'name', '{name}', true, NULL),
('lot', 1, 'name', '{name}', true, NULL), ('lot', 2, 'expiry', '{expiration_date}', true, NULL),
('location', 1, 'name', '{complete_name}', true, NULL), ('location', 2, 'barcode', '{barcode}', true, NULL), ('location', 3, 'usage', '{usage}', true, NULL),
('location', 4, 'warehouse_id', '{warehouse_id,parent_path^stock_warehouse.view_location_id}', false, 'warehouse'),
('partner', 1, 'ref', '{ref}', true, NULL), ('partner', 2, 'name', '{name}', true, NULL),
('company', 1, 'name', '{name}', true, NULL),
('warehouse', 1, 'code', '{code}', true, NULL), ('warehouse', 2, 'name', '{name}', true, NULL),
('location', 5, 'quality_of', '{parent_path^stock_warehouse.wh_qc_stock_loc_id}', false, 'warehouse'),
('picking_type', 1, 'name', '{name}', true, NULL), ('picking_type', 2, 'code', '{code}', true, NULL),
('picking_type', 3, 'warehouse_id', '{warehouse_id}', false, 'warehouse'),
('picking_type', 4, 'pick_type_id', '{warehouse_id>stock_warehouse.pick_type_id}', false, NULL),
('picking_type', 5, 'pack_type_id', '{warehouse_id>stock_warehouse.pack_type_id}', false, NULL),
('picking_type', 6, 'pbm_type_id', '{warehouse_id>stock_warehouse.pbm_type_id}', false, NULL),
('picking_type', 7, 'sam_type_id', '{warehouse_id>stock_warehouse.sam_type_id}', false, NULL),
('picking_type', 8, 'qc_type_id', '{warehouse_id>stock_warehouse.qc_type_id}', false, NULL),
('picking_type', 9, 'store_type_id', '{warehouse_id>stock_warehouse.store_type_id}', false, NULL),
('picking_type', 10, 'resupply_type_id', '{warehouse_id>stock_warehouse.subcontracting_resupply_type_id}', false, NULL),
('user', 1, 'login', '{login}', true, NULL),
('package', 1, 'name', '{name}', true, NULL),
('carrier', 1, 'name', '{name}', true, NULL),
('transfer_batch', 1, 'name', '{name}', true, NULL),
('transfer', 1, 'name', '{name}', true, NULL),
('manufacturing_order', 1, 'name', '{name}', true, NULL), ('manufacturing_order', 2, 'product_id', '{product_id}', false, 'product'),
('manufacturing_order', 3, 'picking_type_id', '{picking_type_id}', false, 'picking_type'), ('manufacturing_order', 4, 'company_id', '{company_id}', false, 'company'),
('manufacturing_order', 5, 'sale_line_id', '{sale_line_id}', false, 'sales_order_line'),
('manufacturing_order', 6, 'production_group_id', '{production_group_id}', false, NULL), ('manufacturing_order', 7, 'procurement_group_id', '{procurement_group_id}', false, 'procurement_group'),
('bill_of_materials', 1, 'code', '{code}', true, NULL),
('work_center', 1, 'code', '{code}', true, NULL), ('work_center', 2, 'name', '{resource_id>resource_resource.name,name}', true, NULL),
('work_order', 1, 'name', '{name}', true, NULL),
('stock_move', 1, 'picking_id', '{picking_id}', false, 'transfer'),
('stock_move', 2, 'raw_material_production_id', '{raw_material_production_id}', false, 'manufacturing_order'),
('stock_move', 3, 'production_id', '{production_id}', false, 'manufacturing_order'),
('stock_move', 4, 'product_id', '{product_id}', false, 'product'), ('stock_move', 5, 'scrap_id', '{scrap_id}', false, NULL),
('stock_move', 6, 'scrapped', '{scrapped}', false, NULL),
('sales_order', 1, 'name', '{name}', true, NULL), ('sales_order', 2, 'customer_reference', '{client_order_ref}', true, NULL),
('sales_order_line', 1, 'order_id', '{order_id}', false, 'sales_order'),
('purchase_order', 1, 'name', '{name}', true, NULL), ('purchase_order', 2, 'vendor_reference', '{partner_ref}', true, NULL),
('purchase_order_line', 1, 'order_id', '{order_id}', false, 'purchase_order'),
('scrap', 1, 'name', '{name}', true, NULL),
('unbuild_order', 1, 'name', '{name}', true, NULL), ('unbuild_order', 2, 'mo_id', '{mo_id}', false, 'manufacturing_order'),
('repair_order', 1, 'name', '{name}', true, NULL),
('loss', 1, 'name', '{name}', true, NULL), ('loss', 2, 'type', '{loss_id>mrp_workcenter_productivity_loss_type.loss_type,loss_type}', true, NULL),
('scrap_reason', 1, 'name', '{name}', true, NULL),
('procurement_group', 1, 'name', '{name}', true, NULL), ('procurement_group', 2, 'sale_id', '{sale_id}', false, 'sales_order'),
('transfer', 3, 'backorder_id', '{backorder_id}', false, 'transfer'), ('transfer', 4, 'group_id', '{group_id}', false, 'procurement_group'),
('stock_move', 7, 'sale_line_id', '{sale_line_id}', false, 'sales_order_line'), ('stock_move', 8, 'purchase_line_id', '{purchase_line_id}', false, 'purchase_order_line'),
('transfer', 2, 'sale_id', '{sale_id}', false, 'sales_order'),
('stock_move_line', 1, 'lot', '{lot_id>stock_lot.name,lot_id>stock_production_lot.name}', true, NULL);
-- catalog_stock: stock and logistics.

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('stock_picking', '{stock_picking}',
 '{state,scheduled_date,date_deadline,partner_id,owner_id,carrier_id,carrier_tracking_ref,has_deadline_issue,location_id,location_dest_id,picking_type_id,backorder_id,return_id,name}',
 '{origin,move_type,priority,company_id,user_id,date_done,weight,sale_id,batch_id,group_id,create_uid,write_uid}'),
('stock_move', '{stock_move}',
 '{state,product_id,product_uom,product_uom_qty,quantity,value,location_id,location_dest_id,partner_id,picking_id,raw_material_production_id,production_id,repair_line_type,date,date_deadline}',
 '{reference,origin,company_id,picking_type_id,warehouse_id,picked,scrap_id,scrapped,is_inventory,inventory_name,origin_returned_move_id,unbuild_id,consume_unbuild_id,repair_id,sale_line_id,purchase_line_id,bom_line_id,byproduct_id,workorder_id,operation_id,group_id,procure_method,create_uid,write_uid}'),
('stock_move_line', '{stock_move_line}',
 '{state,quantity,qty_done,product_uom_qty=reserved_uom_qty,product_id,lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id,move_id,picking_id}',
 '{product_uom_id,company_id,production_id,workorder_id,expiration_date,write_uid}'),
('stock_picking_batch', '{stock_picking_batch}', '{state}', '{name,description,scheduled_date,picking_type_id,user_id,company_id,is_wave,create_uid,write_uid}'),
('stock_scrap', '{stock_scrap}', '{state}',
 '{name,origin,product_id,product_uom_id,scrap_qty,lot_id,package_id,owner_id,location_id,scrap_location_id,picking_id,production_id,workorder_id,date_done,company_id,create_uid,write_uid}'),
('stock_lot', '{stock_lot,stock_production_lot}', '{name,ref,expiration_date,use_date,removal_date,alert_date}', '{product_id,company_id,create_uid,write_uid}'),
('stock_package', '{stock_package,stock_quant_package}', '{name}', '{location_id,parent_package_id,company_id,create_uid,write_uid}'),
('stock_quant', '{stock_quant}', '{quantity,reserved_quantity}', '{product_id,location_id,lot_id,package_id,owner_id,company_id,write_uid}'),
('ir_attachment', '{ir_attachment}', '{res_model,res_id,res_field}', '{name,mimetype,file_size,create_uid}');

-- Odoo writes attachments all the time (assets, pictures, mails): only those of documents.
UPDATE odoo_events.capture_rule SET row_filter = '{res_model=stock.picking}' WHERE rule = 'ir_attachment';

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('stock_picking', 'partner_id', 'partner'), ('stock_picking', 'owner_id', 'partner'), ('stock_picking', 'carrier_id', 'carrier'),
('stock_picking', 'location_id', 'location'), ('stock_picking', 'location_dest_id', 'location'), ('stock_picking', 'picking_type_id', 'picking_type'),
('stock_picking', 'backorder_id', 'transfer'), ('stock_picking', 'return_id', 'transfer'), ('stock_picking', 'company_id', 'company'),
('stock_picking', 'user_id', 'user'), ('stock_picking', 'write_uid', 'user'), ('stock_picking', 'sale_id', 'sales_order'), ('stock_picking', 'batch_id', 'transfer_batch'),
('stock_move', 'product_id', 'product'), ('stock_move', 'product_uom', 'unit'), ('stock_move', 'location_id', 'location'),
('stock_move', 'location_dest_id', 'location'), ('stock_move', 'partner_id', 'partner'), ('stock_move', 'picking_id', 'transfer'),
('stock_move', 'raw_material_production_id', 'manufacturing_order'), ('stock_move', 'production_id', 'manufacturing_order'),
('stock_move', 'company_id', 'company'), ('stock_move', 'picking_type_id', 'picking_type'), ('stock_move', 'warehouse_id', 'warehouse'),
('stock_move', 'scrap_id', 'scrap'), ('stock_move', 'unbuild_id', 'unbuild_order'), ('stock_move', 'consume_unbuild_id', 'unbuild_order'),
('stock_move', 'repair_id', 'repair_order'), ('stock_move', 'sale_line_id', 'sales_order_line'), ('stock_move', 'purchase_line_id', 'purchase_order_line'),
('stock_move', 'workorder_id', 'work_order'), ('stock_move', 'write_uid', 'user'), ('stock_move', 'origin_returned_move_id', 'stock_move'), ('stock_move', 'group_id', 'procurement_group'),
('stock_picking', 'group_id', 'procurement_group'),
('stock_move_line', 'product_id', 'product'), ('stock_move_line', 'product_uom_id', 'unit'), ('stock_move_line', 'lot_id', 'lot'),
('stock_move_line', 'package_id', 'package'), ('stock_move_line', 'result_package_id', 'package'), ('stock_move_line', 'owner_id', 'partner'),
('stock_move_line', 'location_id', 'location'), ('stock_move_line', 'location_dest_id', 'location'), ('stock_move_line', 'move_id', 'stock_move'),
('stock_move_line', 'picking_id', 'transfer'), ('stock_move_line', 'production_id', 'manufacturing_order'),
('stock_picking_batch', 'picking_type_id', 'picking_type'), ('stock_picking_batch', 'user_id', 'user'), ('stock_picking_batch', 'company_id', 'company'),
('stock_picking_batch', 'write_uid', 'user'),
('stock_scrap', 'product_id', 'product'), ('stock_scrap', 'product_uom_id', 'unit'), ('stock_scrap', 'lot_id', 'lot'), ('stock_scrap', 'package_id', 'package'),
('stock_scrap', 'owner_id', 'partner'), ('stock_scrap', 'location_id', 'location'), ('stock_scrap', 'scrap_location_id', 'location'),
('stock_scrap', 'picking_id', 'transfer'), ('stock_scrap', 'production_id', 'manufacturing_order'), ('stock_scrap', 'workorder_id', 'work_order'),
('stock_scrap', 'company_id', 'company'), ('stock_scrap', 'write_uid', 'user'),
('stock_lot', 'product_id', 'product'), ('stock_lot', 'company_id', 'company'), ('stock_lot', 'write_uid', 'user'),
('stock_package', 'location_id', 'location'), ('stock_package', 'parent_package_id', 'package'), ('stock_package', 'company_id', 'company'), ('stock_package', 'write_uid', 'user'),
('stock_quant', 'product_id', 'product'), ('stock_quant', 'location_id', 'location'), ('stock_quant', 'lot_id', 'lot'), ('stock_quant', 'package_id', 'package'),
('stock_quant', 'owner_id', 'partner'), ('stock_quant', 'company_id', 'company'), ('stock_quant', 'write_uid', 'user'),
('ir_attachment', 'create_uid', 'user');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                one_event, change_columns, keys, warehouse, correlation) VALUES
('stock_move', 'inventory', 'stock.move', 'stock_move', '{stock_move,stock_move_line}', NULL, 'state', '{draft}',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{quantity}',
 '{transfer=picking_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,repair_order=repair_id}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}',
 '{sales_order=sale_line_id.order_id,purchase_order=purchase_line_id.order_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id}'),
('transfer', 'logistics', 'stock.picking', 'stock_picking', '{stock_picking,stock_move,stock_move_line,ir_attachment}', 'name', 'state', '{draft}',
 '{waiting,confirmed,assigned}', '{cancel}', false, '{name,partner_id,owner_id,carrier_id,location_id,location_dest_id,scheduled_date,date_deadline}', '{}',
 '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_id}'),
('transfer_batch', 'logistics', 'stock.picking.batch', 'stock_picking_batch', '{stock_picking_batch,stock_picking}', 'name', 'state', '{draft}', '{in_progress}', '{cancel}',
 false, '{}', '{}', '{picking_type_id.warehouse_id}', '{}'),
('scrap', 'inventory', 'stock.scrap', 'stock_scrap', '{stock_scrap}', 'name', 'state', '{draft}', '{}', '{}',
 false, '{}', '{transfer=picking_id,manufacturing_order=production_id}', '{location_id.warehouse_id}', '{sales_order=picking_id.sale_id,manufacturing_order=production_id}'),
('lot', 'inventory', 'stock.lot', 'stock_lot', '{stock_lot,stock_move_line}', 'name', NULL, '{}', '{}', '{}', false, '{name,ref,expiration_date,use_date,removal_date,alert_date}', '{}', '{}', '{}'),
('package', 'inventory', 'stock.package', 'stock_package', '{stock_package}', 'name', NULL, '{}', '{}', '{}', false, '{}', '{}', '{location_id.warehouse_id}', '{}'),
('stock_level', 'inventory', 'stock.quant', 'stock_quant', '{stock_quant}', NULL, NULL, '{}', '{}', '{}', false, '{quantity,reserved_quantity}', '{}', '{location_id.warehouse_id}', '{}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('stock_move', 1, 'confirmed', '{waiting,confirmed}', true), ('stock_move', 2, 'partially_reserved', '{partially_available}', false),
('stock_move', 3, 'reserved', '{assigned}', false), ('stock_move', 4, 'done', '{done}', true),
('transfer', 1, 'created', '{draft}', true), ('transfer', 2, 'confirmed', '{waiting,confirmed}', true), ('transfer', 3, 'ready', '{assigned}', false), ('transfer', 4, 'done', '{done}', true),
('transfer_batch', 1, 'started', '{in_progress}', false), ('transfer_batch', 2, 'completed', '{done}', true), ('scrap', 1, 'posted', '{done}', true);

INSERT INTO odoo_events.entity_kind (entity, precedence, kind, purpose, condition) VALUES
('transfer', 1, 'vendor_return', NULL, '$.refs.location_dest_id.usage == "supplier"'),
('transfer', 2, 'customer_return', NULL, '$.refs.location_id.usage == "customer"'),
('transfer', 3, 'dropship', NULL, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"'),
('transfer', 4, 'shipment', NULL, '$.refs.picking_type_id.code == "outgoing"'),
('transfer', 5, 'receipt', NULL, '$.refs.picking_type_id.code == "incoming"'),
('transfer', 6, 'pick', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pick_type_id'),
('transfer', 7, 'pick', 'production', '$.new.picking_type_id == $.refs.picking_type_id.pbm_type_id'),
('transfer', 8, 'pack', NULL, '$.new.picking_type_id == $.refs.picking_type_id.pack_type_id'),
('transfer', 9, 'transfer', 'quality', '$.new.picking_type_id == $.refs.picking_type_id.qc_type_id'),
('transfer', 10, 'transfer', 'put_away', '$.new.picking_type_id == $.refs.picking_type_id.store_type_id || $.new.picking_type_id == $.refs.picking_type_id.sam_type_id'),
('transfer', 11, 'transfer', 'resupply', '$.new.picking_type_id == $.refs.picking_type_id.resupply_type_id'),
('transfer', 12, 'transfer', 'internal', NULL);

-- The ledger of movements: one event per done move, the first that matches.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, with_lines, emit, extra, description)
SELECT 'odoo.inventory.stock_move.' || d.verb || '.v1', d.variant, 'stock_move', 'milestone', 'done', 'done', d.precedence, d.condition::jsonpath, 60, true,
       d.verb <> 'counted', d.extra::jsonb, d.description
  FROM (VALUES
  (1, 'scrapped', 1, '$.new.scrap_id != null || $.new.scrapped == true', NULL, 'goods were scrapped'),
  (2, 'unbuilt', 1, '$.new.unbuild_id != null || $.new.consume_unbuild_id != null', NULL, 'a product was taken apart, or a component came out of it'),
  (3, 'used_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "add"', NULL, 'a part went into a repair'),
  (4, 'removed_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "remove"', NULL, 'a part was taken out and thrown away'),
  (5, 'recovered_in_repair', 1, '$.new.repair_id != null && $.new.repair_line_type == "recycle"', NULL, 'a part was taken out and kept'),
  (6, 'repaired', 1, '$.new.repair_id != null', NULL, 'the repaired product itself'),
  (7, 'consumed', 1, '$.new.raw_material_production_id != null', NULL, 'a component was consumed by a manufacturing order'),
  (8, 'produced', 1, '$.new.production_id != null && $.new.product_id == $.refs.production_id.product_id', NULL, 'a manufacturing order produced its product'),
  (9, 'byproduct_produced', 1, '$.new.production_id != null', NULL, 'a manufacturing order produced a by-product'),
  (10, 'counted', 1, '$.new.is_inventory == true && $.new.product_uom_qty == 0', NULL, 'a count that equals the stock: no event'),
  (11, 'relocated', 1, '$.new.is_inventory == true && $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage == "internal"', NULL, 'stock was moved by its quant or lot'),
  (12, 'adjusted', 1, '($.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_id.usage == "inventory") && $.refs.location_id.usage == "inventory"', '{"direction":"gain"}', 'a count found more'),
  (13, 'adjusted', 2, '$.new.is_inventory == true || !exists($.new.is_inventory) && $.new.picking_id == null && $.refs.location_dest_id.usage == "inventory"', '{"direction":"loss"}', 'a count found less'),
  (14, 'returned', 1, '$.new.origin_returned_move_id != null || $.refs.location_id.usage == "customer" && $.refs.location_dest_id.usage == "internal" || $.refs.location_id.usage == "internal" && $.refs.location_dest_id.usage == "supplier"', NULL, 'goods came back, or went back to the vendor'),
  (15, 'received', 1, '$.refs.location_id.usage == "supplier" && ($.refs.location_dest_id.usage == "internal" || $.refs.location_dest_id.usage == "transit") || $.refs.picking_type_id.code == "incoming"', NULL, 'goods arrived from a vendor'),
  (16, 'shipped', 1, '($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit") && $.refs.location_dest_id.usage == "customer"', NULL, 'goods left for a customer'),
  (17, 'dropshipped', 1, '$.refs.location_id.usage == "supplier" && $.refs.location_dest_id.usage == "customer"', NULL, 'goods went from the vendor to the customer'),
  (18, 'issued', 1, '$.refs.location_id.usage == "internal" && ($.refs.location_dest_id.usage == "production" || $.refs.location_dest_id.usage == "inventory")', NULL, 'goods were issued for own use'),
  (19, 'recovered', 1, '($.refs.location_id.usage == "production" || $.refs.location_id.usage == "inventory") && $.refs.location_dest_id.usage == "internal"', NULL, 'goods came back from own use'),
  (20, 'transferred', 1, NULL, NULL, 'goods moved inside')
  ) AS d (precedence, verb, variant, condition, extra, description);

INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, condition, rank, with_lines, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.stock_move.confirmed.v1', 'stock_move', 'milestone', 'confirmed', NULL, 60, false, false, false, false, 'a move left draft'),
('odoo.inventory.stock_move.partially_reserved.v1', 'stock_move', 'milestone', 'partially_reserved', NULL, 60, true, false, false, false, 'less than the demand is reserved, or a short quantity was typed'),
('odoo.inventory.stock_move.reserved.v1', 'stock_move', 'milestone', 'reserved', NULL, 60, true, false, false, false, 'the whole demand is reserved'),
('odoo.inventory.stock_move.unreserved.v1', 'stock_move', 'updated', NULL, '($.old.state == "assigned" || $.old.state == "partially_available") && ($.new.state == "confirmed" || $.new.state == "waiting")', 60, true, false, false, false, 'a reservation was given back'),
('odoo.inventory.stock_move.cancelled.v1', 'stock_move', 'cancelled', NULL, NULL, 60, false, false, false, false, 'a move was cancelled'),
('odoo.inventory.stock_move.deleted.v1', 'stock_move', 'deleted', NULL, NULL, 60, false, false, false, false, 'a move was deleted');

-- After a move was done: its quantity, which to Odoo 16 is that of its lines alone, or what, and where, its lines say; a line that comes or goes then.
INSERT INTO odoo_events.event_def (type, entity, occasion, condition, watches, rank, with_lines, with_changes, description) VALUES
('odoo.inventory.stock_move.corrected.v1', 'stock_move', 'touched',
 '!exists($.old ? (@.state != "done")) && !exists($.new ? (@.state != "done")) && (exists($.old) || exists($.parts.detail[*]))',
 '{quantity@done,qty_done@done,lot_id@done,package_id@done,result_package_id@done,owner_id@done,location_id@done,location_dest_id@done}', 60, true, true,
 'the quantity, lot, package, owner or place of what a done move moved was corrected');

-- Transfers: the type names the kind.
INSERT INTO odoo_events.event_def (type, variant, entity, kind, occasion, milestone, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, key, description)
SELECT 'odoo.logistics.' || k.kind || '.' || d.verb || '.v1', d.variant, 'transfer', k.kind, d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.covers::text[],
       d.lines, d.changes, d.enabled, d.enabled, d.key, d.description
  FROM (VALUES ('vendor_return', 'dispatched'), ('customer_return', 'received'), ('dropship', 'dispatched'), ('shipment', 'dispatched'),
               ('receipt', 'received'), ('pick', 'completed'), ('pack', 'completed'), ('transfer', 'completed')) AS k (kind, last),
LATERAL (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, false, NULL, 'a transfer was made'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, true, NULL, 'a transfer left draft'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, true, NULL, 'what an open transfer moves, or where to, was changed'),
  ('rescheduled', 1, 'open', NULL, '$.old.scheduled_date != $.new.scheduled_date || $.old.date_deadline != $.new.date_deadline', 31, '{scheduled_date,date_deadline,date}', true, true, true, NULL, 'the date of an open transfer moved'),
  ('carrier_assigned', 1, 'updated', NULL, '$.old.carrier_id != $.new.carrier_id && $.new.carrier_id != null', 32, '{carrier_id}', false, true, true, NULL, 'a carrier was chosen'),
  ('tracking_assigned', 1, 'updated', NULL, '$.old.carrier_tracking_ref != $.new.carrier_tracking_ref && $.new.carrier_tracking_ref != null', 33, '{}', false, false, true, NULL, 'the carrier''s tracking reference is known'),
  ('delayed', 1, 'open', NULL, '$.new.has_deadline_issue == true && !($.old.has_deadline_issue == true)', 34, '{}', false, false, true, NULL, 'it will miss its deadline'),
  ('on_schedule_again', 1, 'open', NULL, '$.old.has_deadline_issue == true && !($.new.has_deadline_issue == true)', 34, '{}', false, false, true, NULL, 'it will meet its deadline again'),
  ('label_attached', 1, 'touched', NULL, 'exists($.parts.attachment[*] ? (!exists(@.old) && @.new.name like_regex "^Label" && !(@.new.res_field != null)))', 35, '{}', false, false, true, NULL, 'the carrier''s label is there'),
  ('delivery_proven', 1, 'touched', NULL, 'exists($.parts.attachment[*] ? (!exists(@.old) && @.new.res_field == "signature"))', 85, '{}', false, false, true, NULL, 'somebody signed for the goods'),
  ('ready', 1, 'milestone', 'ready', NULL, 40, '{*}', true, true, true, NULL, 'goods are reserved, wholly or in part: it can be worked on'),
  ('unreserved', 1, 'updated', NULL, '$.old.state == "assigned" && ($.new.state == "confirmed" || $.new.state == "waiting")', 41, '{*}', true, true, true, NULL, 'the reservation was given back: stop'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a transfer was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a transfer was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  (k.last, 1, 'milestone', 'done', NULL, 80, '{*}', true, true, true, NULL, 'the transfer was validated'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_id != null && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'transfer=backorder_id', 'the rest goes with another transfer')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description);
UPDATE odoo_events.event_def SET watches = '{res_id}' WHERE entity = 'transfer' AND occasion = 'touched';

-- A batch that Odoo made by itself comes in the transaction that makes or moves its transfers.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, with_lines, extra, description) VALUES
('odoo.logistics.transfer_batch.started.v1', 1, 'transfer_batch', 'milestone', 'started', 'started', 1,
 'exists($tx.stock_picking.* ? (@.new.batch_id == $.new.id && (!exists(@.old) || @.old.state != @.new.state))) && !exists($.old)', 50, true, '{"auto":true}', 'transfers are worked on together'),
('odoo.logistics.transfer_batch.started.v1', 2, 'transfer_batch', 'milestone', 'started', 'started', 2, NULL, 50, true, '{"auto":false}', 'transfers are worked on together'),
('odoo.logistics.transfer_batch.completed.v1', 1, 'transfer_batch', 'milestone', 'completed', NULL, 1, NULL, 80, true, NULL, 'all transfers of a batch are done'),
('odoo.logistics.transfer_batch.cancelled.v1', 1, 'transfer_batch', 'cancelled', NULL, NULL, 1, NULL, 80, true, NULL, 'a batch was cancelled');

-- On hold: in the quality control location of a warehouse, or where the DBA marked it.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, condition, rank, with_lines, with_changes, enabled, on_by_default, description)
SELECT 'odoo.inventory.lot.' || d.verb || '.v1', d.variant, 'lot', d.occasion,
       pg_catalog.format('exists($.parts.movement[*] ? (@.new.state == "done" && !(@.old.state == "done") && %s(@.refs.location_dest_id.quality_of != null || @.new.location_dest_id == $marked.hold[*]) && %s(@.refs.location_id.quality_of != null || @.new.location_id == $marked.hold[*])%s))',
                         d.to_hold, d.from_hold, d.more)::jsonpath, 66, true, false, true, true, d.description
  FROM (VALUES
  ('held', 1, 'touched', '', '!', '', 'goods of the lot came to where they are on hold'),
  ('held', 2, 'inserted', '', '!', '', 'goods of the lot came to where they are on hold'),
  ('released', 1, 'touched', '!', '', ' && @.refs.location_dest_id.usage != "inventory" && @.refs.location_dest_id.usage != "supplier"', 'goods of the lot left the place where they were on hold')
  ) AS d (verb, variant, occasion, to_hold, from_hold, more, description);
UPDATE odoo_events.event_def SET watches = '{state}' WHERE entity = 'lot' AND occasion = 'touched';
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, condition, rank, with_changes, enabled, on_by_default, description) VALUES
('odoo.inventory.lot.created.v1', 1, 'lot', 'inserted', NULL, 10, false, true, true, 'a lot or serial number was made'),
('odoo.inventory.lot.changed.v1', 1, 'lot', 'updated', NULL, 30, true, false, false, 'name, reference or dates of a lot were changed'),
('odoo.inventory.package.created.v1', 1, 'package', 'inserted', NULL, 10, false, true, true, 'a package was made'),
('odoo.inventory.scrap.posted.v1', 1, 'scrap', 'milestone', NULL, 61, false, true, true, 'goods were scrapped');
UPDATE odoo_events.event_def SET milestone = 'posted' WHERE type = 'odoo.inventory.scrap.posted.v1';

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, choice, precedence, condition, rank, with_changes, enabled, on_by_default, description)
SELECT 'odoo.inventory.stock_level.' || d.verb || '.v1', d.variant, 'stock_level', d.occasion, 'level', d.precedence,
       ('($.refs.location_id.usage == "internal" || $.refs.location_id.usage == "transit")' || d.condition)::jsonpath, 60, true, false, false, d.description
  FROM (VALUES
  ('removed', 1, 'deleted', 1, '', 'nothing of the product is left there, and nothing is expected to be'),
  ('went_negative', 1, 'inserted', 2, ' && $.new.quantity < 0', 'more was taken than was there'),
  ('went_negative', 2, 'updated', 2, ' && $.new.quantity < 0 && $.old.quantity >= 0', 'more was taken than was there'),
  ('depleted', 1, 'updated', 3, ' && $.new.quantity == 0 && $.old.quantity > 0', 'nothing of the product is left there'),
  ('changed', 1, 'inserted', 4, '', 'quantity or reserved quantity at a location'),
  ('changed', 2, 'updated', 4, '', 'quantity or reserved quantity at a location')
  ) AS d (verb, variant, occasion, precedence, condition, description);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, condition, counted, tx_only) VALUES
('transfer', 'attachment', 3, 'ir_attachment', '{res_id}', 'line.attachment', '$.new.res_model == "stock.picking"', false, true),
('transfer_batch', 'transfer', 1, 'stock_picking', '{batch_id}', 'line.transfer', NULL, false, false),
('lot', 'movement', 1, 'stock_move_line', '{lot_id}', 'line.movement', '$.new.state == "done"', false, true);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('stock_move', 'detail', 1, 'stock_move_line', '{move_id}', NULL, 'line.detail', NULL, '{}', '{}', false, '{}', '{}'),
('transfer', 'move', 1, 'stock_move', '{picking_id}', NULL, 'line.move', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id,partner_id}', '{date,date_deadline}'),
('transfer', 'detail', 2, 'stock_move_line', '{move_id}', 'line.move', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', false,
 '{lot_id,lot_name,package_id,result_package_id,owner_id,location_id,location_dest_id}', '{}');

INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('transfer', 1, 'name', '{name}', 'internal'), ('transfer', 2, 'kind', '{#kind}', 'internal'), ('transfer', 3, 'purpose', '{#purpose}', 'internal'),
('transfer', 4, 'state', '{state}', 'internal'), ('transfer', 5, 'reservation', '{#reservation}', 'internal'), ('transfer', 6, 'priority', '{priority}', 'internal'),
('transfer', 7, 'move_type', '{move_type}', 'internal'), ('transfer', 8, 'origin', '{origin}', 'internal'), ('transfer', 9, 'scheduled_date', '{scheduled_date}', 'internal'),
('transfer', 10, 'date_deadline', '{date_deadline}', 'internal'), ('transfer', 11, 'date_done', '{date_done}', 'internal'),
('transfer', 12, 'picking_type', '{picking_type_id}', 'internal'), ('transfer', 13, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('transfer', 14, 'company', '{company_id}', 'internal'), ('transfer', 15, 'from', '{location_id}', 'internal'), ('transfer', 16, 'to', '{location_dest_id}', 'internal'),
('transfer', 17, 'partner', '{partner_id}', 'personal'), ('transfer', 18, 'owner', '{owner_id}', 'personal'), ('transfer', 19, 'user', '{user_id}', 'personal'),
('transfer', 20, 'backorder_of', '{backorder_id}', 'internal'), ('transfer', 21, 'return_of', '{return_id}', 'internal'), ('transfer', 22, 'batch', '{batch_id}', 'internal'),
('transfer', 23, 'carrier', '{carrier_id}', 'internal'), ('transfer', 24, 'tracking', '{carrier_tracking_ref}', 'internal'), ('transfer', 25, 'weight', '{weight}', 'internal'),
('transfer', 26, 'sales_order', '{sale_id}', 'internal'), ('transfer', 27, 'has_deadline_issue', '{has_deadline_issue}', 'internal'),
('line.move', 1, 'product', '{product_id}', 'internal'), ('line.move', 2, 'state', '{state}', 'internal'), ('line.move', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.move', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.move', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.move', 6, 'unit', '{product_uom}', 'internal'), ('line.move', 7, 'from', '{location_id}', 'internal'), ('line.move', 8, 'to', '{location_dest_id}', 'internal'),
('line.move', 9, 'date', '{date}', 'internal'), ('line.move', 10, 'date_deadline', '{date_deadline}', 'internal'), ('line.move', 11, 'partner', '{partner_id}', 'personal'),
('line.move', 12, 'sales_order_line', '{sale_line_id}', 'internal'), ('line.move', 13, 'purchase_order_line', '{purchase_line_id}', 'internal'), ('line.move', 14, 'earlier', '{#earlier}', 'internal'),
('line.detail', 1, 'quantity', '{quantity,qty_done}', 'internal'), ('line.detail', 2, 'reserved', '{product_uom_qty}', 'internal'), ('line.detail', 3, 'unit', '{product_uom_id}', 'internal'),
('line.detail', 4, 'lot', '{lot_id}', 'internal'), ('line.detail', 5, 'lot_name', '{lot_name}', 'internal'), ('line.detail', 6, 'package', '{package_id}', 'internal'),
('line.detail', 7, 'result_package', '{result_package_id}', 'internal'), ('line.detail', 8, 'owner', '{owner_id}', 'personal'),
('line.detail', 9, 'from', '{location_id}', 'internal'), ('line.detail', 10, 'to', '{location_dest_id}', 'internal'),
('stock_move', 1, 'reference', '{reference}', 'internal'), ('stock_move', 2, 'state', '{state}', 'internal'), ('stock_move', 3, 'product', '{product_id}', 'internal'),
('stock_move', 4, 'demand', '{product_uom_qty}', 'internal'), ('stock_move', 5, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'),
('stock_move', 6, 'quantity', '{quantity@done,sum(detail.qty_done)}', 'internal'), ('stock_move', 7, 'unit', '{product_uom}', 'internal'),
('stock_move', 8, 'from', '{location_id}', 'internal'), ('stock_move', 9, 'to', '{location_dest_id}', 'internal'), ('stock_move', 10, 'document', '{#document}', 'internal'),
('stock_move', 11, 'origin', '{origin}', 'internal'), ('stock_move', 12, 'date', '{date}', 'internal'), ('stock_move', 13, 'picking_type', '{picking_type_id}', 'internal'),
('stock_move', 14, 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'),
('stock_move', 15, 'company', '{company_id}', 'internal'), ('stock_move', 16, 'partner', '{partner_id}', 'personal'), ('stock_move', 17, 'scrap', '{scrap_id}', 'internal'),
('stock_move', 18, 'unbuild_order', '{unbuild_id,consume_unbuild_id}', 'internal'), ('stock_move', 19, 'repair_order', '{repair_id}', 'internal'),
('stock_move', 20, 'work_order', '{workorder_id}', 'internal'), ('stock_move', 21, 'sales_order_line', '{sale_line_id}', 'internal'),
('stock_move', 22, 'purchase_order_line', '{purchase_line_id}', 'internal'), ('stock_move', 23, 'reason', '{inventory_name}', 'internal'),
('stock_move', 24, 'return_of', '{origin_returned_move_id}', 'internal'),
('line.attachment', 1, 'name', '{name}', 'internal'), ('line.attachment', 2, 'field', '{res_field}', 'internal'), ('line.attachment', 3, 'mimetype', '{mimetype}', 'internal'),
('line.attachment', 4, 'size', '{file_size}', 'internal'),
('line.transfer', 1, 'name', '{name}', 'internal'), ('line.transfer', 2, 'state', '{state}', 'internal'), ('line.transfer', 3, 'origin', '{origin}', 'internal'),
('line.transfer', 4, 'scheduled_date', '{scheduled_date}', 'internal'), ('line.transfer', 5, 'partner', '{partner_id}', 'personal'),
('line.movement', 1, 'product', '{product_id}', 'internal'), ('line.movement', 2, 'quantity', '{quantity,qty_done}', 'internal'), ('line.movement', 3, 'unit', '{product_uom_id}', 'internal'),
('line.movement', 4, 'from', '{location_id}', 'internal'), ('line.movement', 5, 'to', '{location_dest_id}', 'internal'), ('line.movement', 6, 'package', '{result_package_id}', 'internal'),
('line.movement', 7, 'transfer', '{picking_id}', 'internal'), ('line.movement', 8, 'owner', '{owner_id}', 'personal'),
('transfer_batch', 1, 'name', '{name}', 'internal'), ('transfer_batch', 2, 'state', '{state}', 'internal'), ('transfer_batch', 3, 'description', '{description}', 'internal'),
('transfer_batch', 4, 'scheduled_date', '{scheduled_date}', 'internal'), ('transfer_batch', 5, 'picking_type', '{picking_type_id}', 'internal'),
('transfer_batch', 6, 'warehouse', '{picking_type_id.warehouse_id}', 'internal'), ('transfer_batch', 7, 'wave', '{is_wave}', 'internal'),
('transfer_batch', 8, 'user', '{user_id}', 'personal'), ('transfer_batch', 9, 'company', '{company_id}', 'internal'),
('scrap', 1, 'name', '{name}', 'internal'), ('scrap', 2, 'state', '{state}', 'internal'), ('scrap', 3, 'document', '{#document}', 'internal'), ('scrap', 4, 'product', '{product_id}', 'internal'),
('scrap', 5, 'quantity', '{scrap_qty}', 'internal'), ('scrap', 6, 'unit', '{product_uom_id}', 'internal'), ('scrap', 7, 'lot', '{lot_id}', 'internal'),
('scrap', 8, 'package', '{package_id}', 'internal'), ('scrap', 9, 'owner', '{owner_id}', 'personal'), ('scrap', 10, 'from', '{location_id}', 'internal'),
('scrap', 11, 'to', '{scrap_location_id}', 'internal'), ('scrap', 12, 'work_order', '{workorder_id}', 'internal'), ('scrap', 13, 'origin', '{origin}', 'internal'),
('scrap', 14, 'date_done', '{date_done}', 'internal'), ('scrap', 15, 'company', '{company_id}', 'internal'),
('lot', 1, 'name', '{name}', 'internal'), ('lot', 2, 'ref', '{ref}', 'internal'), ('lot', 3, 'product', '{product_id}', 'internal'), ('lot', 4, 'expiry', '{expiration_date}', 'internal'),
('lot', 5, 'use_date', '{use_date}', 'internal'), ('lot', 6, 'removal_date', '{removal_date}', 'internal'), ('lot', 7, 'alert_date', '{alert_date}', 'internal'),
('lot', 8, 'company', '{company_id}', 'internal'),
('package', 1, 'name', '{name}', 'internal'), ('package', 2, 'location', '{location_id}', 'internal'), ('package', 3, 'parent', '{parent_package_id}', 'internal'), ('package', 4, 'company', '{company_id}', 'internal'),
('stock_level', 1, 'product', '{product_id}', 'internal'), ('stock_level', 2, 'location', '{location_id}', 'internal'), ('stock_level', 3, 'lot', '{lot_id}', 'internal'),
('stock_level', 4, 'package', '{package_id}', 'internal'), ('stock_level', 5, 'owner', '{owner_id}', 'personal'), ('stock_level', 6, 'quantity', '{quantity}', 'internal'),
('stock_level', 7, 'reserved', '{reserved_quantity}', 'internal'), ('stock_level', 8, 'warehouse', '{location_id.warehouse_id}', 'internal'), ('stock_level', 9, 'company', '{company_id}', 'internal');
INSERT INTO odoo_events.field (owner, position, field, sources, reference) VALUES
('scrap', 16, 'reasons', '{many(stock_scrap_stock_scrap_reason_tag_rel.stock_scrap_id=stock_scrap_reason_tag_id)}', 'scrap_reason');

-- What is there, free, coming and going of a product in a warehouse: locations inside it that are its own stock.
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, secondary, warehouse, subject, sum_by, sum_query) VALUES
('availability', 'inventory', 'stock.quant', 'stock_quant', '{stock_quant}', true, '{location_id.warehouse_id}', '{product_id.sku,location_id.warehouse_id.code}',
 '{product_id,location_id.warehouse_id}', $q$
SELECT p.product, p.warehouse, q.on_hand, q.reserved, q.on_hand - q.reserved AS free, m.incoming, m.outgoing, clock_timestamp() AS asof
  FROM unnest($1, $2) p(product, warehouse)
  JOIN {stock_warehouse} w ON w.id = p.warehouse
  JOIN {stock_location} v ON v.id = w.view_location_id
 CROSS JOIN LATERAL (SELECT COALESCE(sum(q.quantity::numeric), 0) AS on_hand, COALESCE(sum(q.reserved_quantity::numeric), 0) AS reserved
                       FROM {stock_quant} q JOIN {stock_location} l ON l.id = q.location_id
                      WHERE q.product_id = p.product AND l.usage = 'internal' AND starts_with(l.parent_path, v.parent_path)) q
 CROSS JOIN LATERAL (SELECT COALESCE(sum(x.qty) FILTER (WHERE x.into_it AND NOT x.out_of_it), 0) AS incoming, COALESCE(sum(x.qty) FILTER (WHERE x.out_of_it AND NOT x.into_it), 0) AS outgoing
                       FROM (SELECT m.product_qty::numeric AS qty, f.usage = 'internal' AND starts_with(f.parent_path, v.parent_path) AS out_of_it,
                                    t.usage = 'internal' AND starts_with(t.parent_path, v.parent_path) AS into_it
                               FROM {stock_move} m JOIN {stock_location} f ON f.id = m.location_id JOIN {stock_location} t ON t.id = m.location_dest_id
                              WHERE m.product_id = p.product AND m.state IN ('waiting', 'confirmed', 'partially_available', 'assigned')) x) m$q$);
INSERT INTO odoo_events.event_def (type, entity, occasion, rank, enabled, on_by_default, description) VALUES
('odoo.inventory.availability.changed.v1', 'availability', 'summed', 66, false, false, 'what is there and free of a product in a warehouse, when published');
INSERT INTO odoo_events.field (owner, position, field, sources) VALUES
('availability', 1, 'product', '{product_id}'), ('availability', 2, 'warehouse', '{location_id.warehouse_id}');
-- catalog_manufacturing: manufacturing orders and the shop floor.

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('mrp_production', '{mrp_production}',
 '{state,reservation_state,product_id,product_qty,qty_producing,bom_id,lot_producing_id,location_src_id,location_dest_id,date_start,date_planned_start,date_deadline,name}',
 '{origin,priority,product_uom_id,picking_type_id,date_finished,date_planned_finished,company_id,user_id,backorder_sequence,production_group_id,procurement_group_id,orderpoint_id,sale_line_id,is_planned,subcontractor_id,create_uid,write_uid}'),
('mrp_workorder', '{mrp_workorder}',
 '{state,production_availability,workcenter_id,operation_id,production_id,date_start,date_planned_start,qty_produced}',
 '{name,sequence,duration_expected,duration,date_finished,date_planned_finished,create_uid,write_uid}'),
('mrp_workcenter', '{mrp_workcenter}', '{working_state}', '{name,code,resource_id,active,company_id,write_uid}'),
('mrp_workcenter_productivity', '{mrp_workcenter_productivity}', '{date_start,date_end,workcenter_id,workorder_id,loss_id}',
 '{description,duration,user_id,company_id,create_uid,write_uid,create_date,write_date}'),
('mrp_unbuild', '{mrp_unbuild}', '{state}',
 '{name,product_id,product_qty,product_uom_id,bom_id,mo_id,lot_id,location_id,location_dest_id,company_id,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('mrp_production', 'product_id', 'product'), ('mrp_production', 'product_uom_id', 'unit'), ('mrp_production', 'bom_id', 'bill_of_materials'),
('mrp_production', 'lot_producing_id', 'lot'), ('mrp_production', 'location_src_id', 'location'), ('mrp_production', 'location_dest_id', 'location'),
('mrp_production', 'picking_type_id', 'picking_type'), ('mrp_production', 'company_id', 'company'), ('mrp_production', 'user_id', 'user'),
('mrp_production', 'write_uid', 'user'), ('mrp_production', 'procurement_group_id', 'procurement_group'), ('mrp_production', 'sale_line_id', 'sales_order_line'), ('mrp_production', 'subcontractor_id', 'partner'),
('mrp_workorder', 'workcenter_id', 'work_center'), ('mrp_workorder', 'production_id', 'manufacturing_order'), ('mrp_workorder', 'write_uid', 'user'),
('mrp_workcenter', 'company_id', 'company'), ('mrp_workcenter', 'write_uid', 'user'),
('mrp_workcenter_productivity', 'workcenter_id', 'work_center'), ('mrp_workcenter_productivity', 'workorder_id', 'work_order'),
('mrp_workcenter_productivity', 'loss_id', 'loss'), ('mrp_workcenter_productivity', 'user_id', 'user'), ('mrp_workcenter_productivity', 'company_id', 'company'),
('mrp_unbuild', 'product_id', 'product'), ('mrp_unbuild', 'product_uom_id', 'unit'), ('mrp_unbuild', 'bom_id', 'bill_of_materials'),
('mrp_unbuild', 'mo_id', 'manufacturing_order'), ('mrp_unbuild', 'lot_id', 'lot'), ('mrp_unbuild', 'location_id', 'location'),
('mrp_unbuild', 'location_dest_id', 'location'), ('mrp_unbuild', 'company_id', 'company'), ('mrp_unbuild', 'write_uid', 'user');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                one_event, change_columns, keys, warehouse, correlation) VALUES
('manufacturing_order', 'manufacturing', 'mrp.production', 'mrp_production', '{mrp_production,stock_move,stock_move_line,mrp_workorder,mrp_workcenter_productivity}', 'name', 'state', '{draft}',
 '{confirmed,planned,progress,to_close}', '{cancel}', false,
 '{name,product_qty,bom_id,lot_producing_id,location_src_id,location_dest_id,date_planned_start,date_deadline}', '{}',
 '{picking_type_id.warehouse_id,location_dest_id.warehouse_id}', '{sales_order=sale_line_id.order_id,manufacturing_order=id}'),
('work_order', 'manufacturing', 'mrp.workorder', 'mrp_workorder', '{mrp_workorder,mrp_workcenter_productivity}', NULL, 'state', '{}',
 '{pending,waiting,ready,blocked,progress}', '{cancel}', false, '{}', '{manufacturing_order=production_id}',
 '{production_id.picking_type_id.warehouse_id}', '{sales_order=production_id.sale_line_id.order_id,manufacturing_order=production_id}'),
('work_center', 'manufacturing', 'mrp.workcenter', 'mrp_workcenter', '{mrp_workcenter,mrp_workcenter_productivity}', 'name', 'working_state', '{}', '{}', '{}',
 false, '{}', '{}', '{}', '{}'),
('unbuild_order', 'manufacturing', 'mrp.unbuild', 'mrp_unbuild', '{mrp_unbuild,stock_move,stock_move_line}', 'name', 'state', '{draft}', '{}', '{}',
 false, '{}', '{manufacturing_order=mo_id}', '{location_dest_id.warehouse_id,location_id.warehouse_id}',
 '{sales_order=mo_id.sale_line_id.order_id,manufacturing_order=mo_id}');
UPDATE odoo_events.entity SET company = '{production_id.company_id}' WHERE entity = 'work_order';

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('manufacturing_order', 1, 'created', '{draft}', true), ('manufacturing_order', 2, 'confirmed', '{confirmed,planned}', true), ('manufacturing_order', 3, 'started', '{progress}', false),
('manufacturing_order', 4, 'ready_to_close', '{to_close}', false), ('manufacturing_order', 5, 'completed', '{done}', true),
('work_order', 1, 'started', '{progress}', false), ('work_order', 2, 'completed', '{done}', true),
('unbuild_order', 1, 'completed', '{done}', true);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, key, description)
SELECT 'odoo.manufacturing.manufacturing_order.' || d.verb || '.v1', d.variant, 'manufacturing_order', d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.covers::text[],
       d.lines, d.changes, d.enabled, d.enabled, d.key, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, false, NULL, 'a manufacturing order was made'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, true, NULL, 'a manufacturing order was released'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, true, NULL, 'components, operations or outputs of an open order were changed'),
  ('rescheduled', 1, 'open', NULL, '$.old.date_deadline != $.new.date_deadline || $.old.state == $.new.state && $.old.date_planned_start != $.new.date_planned_start || !exists($.new.date_planned_start) && $.new.state == "confirmed" && $.old.state == "confirmed" && $.old.date_start != $.new.date_start', 31, '{date_planned_start,date_start,date_deadline,date}', true, true, true, NULL, 'the dates of an open order moved'),
  ('quantity_changed', 1, 'open', NULL, '$.old.product_qty != $.new.product_qty', 32, '{product_qty,product_uom_qty,name}', true, true, true, NULL, 'the quantity to produce was changed'),
  ('components_available', 1, 'open', NULL, '$.old.reservation_state != "assigned" && $.new.reservation_state == "assigned"', 40, '{}', true, false, true, NULL, 'all components are reserved'),
  ('components_short', 1, 'open', NULL, '$.old.reservation_state != "confirmed" && $.new.reservation_state == "confirmed"', 40, '{}', true, false, true, NULL, 'components are missing'),
  ('started', 1, 'milestone', 'started', NULL, 50, '{*}', false, true, true, NULL, 'work on it began'),
  ('ready_to_close', 1, 'milestone', 'ready_to_close', NULL, 51, '{*}', false, true, true, NULL, 'all is produced, the order can be closed'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 80, '{*}', true, true, true, NULL, 'a manufacturing order was cancelled'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 80, '{*}', false, false, true, NULL, 'a manufacturing order was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 80, '{*}', false, false, false, NULL, 'a draft was deleted'),
  ('completed', 1, 'milestone', 'completed', NULL, 80, '{*}', true, true, true, NULL, 'the order is done: what was consumed and produced'),
  ('backordered', 1, 'inserted', NULL, '$.new.backorder_sequence > 1 && $.new.state != "draft" && $.new.state != "cancel"', 90, '{}', false, false, true, 'manufacturing_order=tx:production_group_id=procurement_group_id', 'the rest goes with another order')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, changes, enabled, key, description);

-- Paused: no other time entry was open then.  Of those that the transaction left alone, one was that was made before it and has not
-- ended; or has been written since and ended later.  What was not written since is as it was: an end that lies in the future, or after
-- a back-dated one, is one.  The beginning of a transaction is what write_date says, to the microsecond; ends are cut to seconds.
-- A work order's state says nothing while its order is a draft: then "production_availability", which follows the order's
-- reservation, is null.  So either makes it ready, or blocked.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, with_lines, enabled, on_by_default, description)
SELECT 'odoo.manufacturing.work_order.' || d.verb || '.v1', d.variant, 'work_order', d.occasion, d.milestone, d.condition::jsonpath, d.rank, d.lines, true, true, d.description
  FROM (VALUES
  ('ready', 1, 'inserted', NULL, '$.new.state == "ready" && $.new.production_availability != null', 70, false, 'it can be started'),
  ('ready', 2, 'updated', NULL, '$.new.state == "ready" && $.new.production_availability != null && !($.old.state == "ready" && $.old.production_availability != null)', 70, false, 'it can be started'),
  ('blocked', 1, 'inserted', NULL, '($.new.state == "blocked" || $.new.state == "pending" || $.new.state == "waiting") && $.new.production_availability != null', 70, false, 'it waits for another one, or for components'),
  ('blocked', 2, 'updated', NULL, '($.new.state == "blocked" || $.new.state == "pending" || $.new.state == "waiting") && $.new.production_availability != null && !(($.old.state == "blocked" || $.old.state == "pending" || $.old.state == "waiting") && $.old.production_availability != null)', 70, false, 'it waits for another one, or for components'),
  ('started', 1, 'milestone', 'started', NULL, 71, false, 'somebody began to work on it'),
  ('resumed', 1, 'touched', NULL, 'exists($.parts.time[*] ? (!exists(@.old) && @.new.date_end == null)) && !exists($.new ? (@.state != "progress")) && !exists($.old ? (@.state != "progress"))', 72, false, 'somebody began to work on it again'),
  ('progressed', 1, 'updated', NULL, '$.new.qty_produced > $.old.qty_produced', 73, false, 'more of it is produced'),
  ('paused', 1, 'touched', NULL, 'exists($.parts.time[*] ? (@.old.date_end == null && @.new.date_end != null)) && !exists($.new ? (@.state != $.old.state)) && !exists($.parts.time[*] ? (@.new.date_end == null)) && !exists($.rows.time[*] ? (@.create_date < $.parts.time[*].new.write_date && (@.date_end == null || @.write_date > $.parts.time[*].new.write_date && (@.date_end > $.parts.time[*].new.write_date || @.date_end == $.parts.time[*].new.date_end))))', 74, false, 'nobody works on it any more, and it is not finished'),
  ('completed', 1, 'milestone', 'completed', NULL, 75, true, 'it is finished'),
  ('cancelled', 1, 'cancelled', NULL, '$.old.production_availability != null', 75, false, 'it was cancelled')
  ) AS d (verb, variant, occasion, milestone, condition, rank, lines, description);
UPDATE odoo_events.event_def SET watches = '{date_end,workorder_id}' WHERE entity = 'work_order' AND occasion = 'touched';

INSERT INTO odoo_events.event_def (type, entity, occasion, milestone, condition, rank, with_lines, description) VALUES
('odoo.manufacturing.work_center.blocked.v1', 'work_center', 'updated', NULL, '$.new.working_state == "blocked" && $.old.working_state != "blocked"', 40, true, 'the machine is down'),
('odoo.manufacturing.work_center.unblocked.v1', 'work_center', 'updated', NULL, '$.new.working_state != "blocked" && $.old.working_state == "blocked"', 41, true, 'the machine is up again'),
('odoo.manufacturing.unbuild_order.completed.v1', 'unbuild_order', 'milestone', 'completed', NULL, 65, true, 'a product was taken apart: what it was, and what came out of it');

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, counted, tx_only) VALUES
('work_order', 'time', 1, 'mrp_workcenter_productivity', '{workorder_id}', NULL, 'line.time', false, false),
('work_center', 'stop', 1, 'mrp_workcenter_productivity', '{workcenter_id}', NULL, 'line.time', false, true),
('manufacturing_order', 'time', 7, 'mrp_workcenter_productivity', '{workorder_id}', 'line.operation', 'line.time', false, false),
('unbuild_order', 'move', 1, 'stock_move', '{unbuild_id,consume_unbuild_id}', NULL, 'line.component', false, true),
('unbuild_order', 'detail', 2, 'stock_move_line', '{move_id}', 'line.component', 'line.detail', false, true);

INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('manufacturing_order', 'component', 1, 'stock_move', '{raw_material_production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true)',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'product', 2, 'stock_move', '{production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true) && $.new.product_id == $.refs.production_id.product_id',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'byproduct', 3, 'stock_move', '{production_id}', NULL, 'line.component', '!($.new.scrap_id != null) && !($.new.scrapped == true) && $.new.product_id != $.refs.production_id.product_id',
 '{waiting,confirmed,partially_available,assigned}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,location_id,location_dest_id}', '{}'),
('manufacturing_order', 'scrap', 4, 'stock_move', '{raw_material_production_id,production_id}', NULL, 'line.component', '$.new.scrap_id != null || $.new.scrapped == true',
 '{}', '{cancel}', false, '{}', '{}'),
('manufacturing_order', 'operation', 5, 'mrp_workorder', '{production_id}', NULL, 'line.operation', NULL,
 '{pending,waiting,ready,blocked,progress}', '{cancel}', true, '{workcenter_id,operation_id}', '{date_start,date_planned_start}'),
('manufacturing_order', 'detail', 6, 'stock_move_line', '{move_id}', 'line.component', 'line.component_detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', false,
 '{package_id,result_package_id,owner_id}', '{}');

INSERT INTO odoo_events.field (owner, position, field, sources, classification) VALUES
('line.component', 1, 'product', '{product_id}', 'internal'), ('line.component', 2, 'state', '{state}', 'internal'), ('line.component', 3, 'demand', '{product_uom_qty}', 'internal'),
('line.component', 4, 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'), ('line.component', 5, 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'),
('line.component', 6, 'unit', '{product_uom}', 'internal'), ('line.component', 7, 'from', '{location_id}', 'internal'), ('line.component', 8, 'to', '{location_dest_id}', 'internal'),
('line.component', 9, 'work_order', '{workorder_id}', 'internal'),
('line.operation', 1, 'name', '{name}', 'internal'), ('line.operation', 2, 'state', '{state}', 'internal'), ('line.operation', 3, 'work_center', '{workcenter_id}', 'internal'),
('line.operation', 4, 'sequence', '{sequence}', 'internal'), ('line.operation', 5, 'planned_start', '{date_planned_start}', 'internal'),
('line.operation', 6, 'date_start', '{date_start}', 'internal'), ('line.operation', 7, 'date_finished', '{date_finished}', 'internal'),
('line.operation', 8, 'expected_minutes', '{duration_expected}', 'internal'), ('line.operation', 9, 'minutes', '{duration}', 'internal'), ('line.operation', 10, 'produced', '{qty_produced}', 'internal'),
('line.time', 1, 'loss', '{loss_id}', 'internal'), ('line.time', 2, 'reason', '{description}', 'internal'), ('line.time', 3, 'start', '{date_start}', 'internal'),
('line.time', 4, 'end', '{date_end}', 'internal'), ('line.time', 5, 'minutes', '{duration}', 'internal'), ('line.time', 6, 'work_order', '{workorder_id}', 'internal'),
('line.time', 7, 'work_center', '{workcenter_id}', 'internal'), ('line.time', 8, 'user', '{user_id}', 'personal'),
('work_order', 1, 'name', '{name}', 'internal'), ('work_order', 2, 'state', '{state}', 'internal'), ('work_order', 3, 'document', '{#document}', 'internal'),
('work_order', 4, 'product', '{production_id.product_id}', 'internal'), ('work_order', 5, 'work_center', '{workcenter_id}', 'internal'),
('work_order', 6, 'sequence', '{sequence}', 'internal'), ('work_order', 7, 'produced', '{qty_produced}', 'internal'),
('work_order', 8, 'expected_minutes', '{duration_expected}', 'internal'), ('work_order', 9, 'minutes', '{duration}', 'internal'),
('work_order', 10, 'planned_start', '{date_planned_start,date_start}', 'internal'), ('work_order', 11, 'planned_finish', '{date_planned_finished,date_finished}', 'internal'),
('work_order', 12, 'date_start', '{date_start}', 'internal'), ('work_order', 13, 'date_finished', '{date_finished}', 'internal'),
('work_center', 1, 'name', '{name}', 'internal'), ('work_center', 2, 'code', '{code}', 'internal'), ('work_center', 3, 'working_state', '{working_state}', 'internal'),
('work_center', 4, 'company', '{company_id}', 'internal'),
('unbuild_order', 1, 'name', '{name}', 'internal'), ('unbuild_order', 2, 'state', '{state}', 'internal'), ('unbuild_order', 3, 'document', '{#document}', 'internal'),
('unbuild_order', 4, 'product', '{product_id}', 'internal'), ('unbuild_order', 5, 'quantity', '{product_qty}', 'internal'), ('unbuild_order', 6, 'unit', '{product_uom_id}', 'internal'),
('unbuild_order', 7, 'lot', '{lot_id}', 'internal'), ('unbuild_order', 8, 'bill_of_materials', '{bom_id}', 'internal'), ('unbuild_order', 9, 'from', '{location_id}', 'internal'),
('unbuild_order', 10, 'to', '{location_dest_id}', 'internal'), ('unbuild_order', 11, 'company', '{company_id}', 'internal'),
('manufacturing_order', 1, 'name', '{name}', 'internal'), ('manufacturing_order', 2, 'state', '{state}', 'internal'), ('manufacturing_order', 3, 'reservation_state', '{reservation_state}', 'internal'),
('manufacturing_order', 4, 'product', '{product_id}', 'internal'), ('manufacturing_order', 5, 'quantity', '{product_qty}', 'internal'),
('manufacturing_order', 6, 'quantity_producing', '{qty_producing}', 'internal'), ('manufacturing_order', 7, 'unit', '{product_uom_id}', 'internal'),
('manufacturing_order', 8, 'bill_of_materials', '{bom_id}', 'internal'), ('manufacturing_order', 9, 'lot', '{lot_producing_id}', 'internal'),
('manufacturing_order', 10, 'priority', '{priority}', 'internal'), ('manufacturing_order', 11, 'origin', '{origin}', 'internal'),
('manufacturing_order', 12, 'planned_start', '{date_planned_start,date_start}', 'internal'), ('manufacturing_order', 13, 'planned_finish', '{date_planned_finished,date_finished}', 'internal'),
('manufacturing_order', 14, 'date_start', '{date_start}', 'internal'), ('manufacturing_order', 15, 'date_finished', '{date_finished}', 'internal'),
('manufacturing_order', 16, 'date_deadline', '{date_deadline}', 'internal'), ('manufacturing_order', 17, 'from', '{location_src_id}', 'internal'),
('manufacturing_order', 18, 'to', '{location_dest_id}', 'internal'), ('manufacturing_order', 19, 'picking_type', '{picking_type_id}', 'internal'),
('manufacturing_order', 20, 'warehouse', '{picking_type_id.warehouse_id,location_dest_id.warehouse_id}', 'internal'), ('manufacturing_order', 21, 'company', '{company_id}', 'internal'),
('manufacturing_order', 22, 'user', '{user_id}', 'personal'), ('manufacturing_order', 23, 'subcontractor', '{subcontractor_id}', 'personal'),
('manufacturing_order', 24, 'backorder_sequence', '{backorder_sequence}', 'internal');

INSERT INTO odoo_events.field (owner, position, field, sources, reference) VALUES
('manufacturing_order', 25, 'lots', '{many(mrp_production_stock_lot_rel.mrp_production_id=stock_lot_id)}', 'lot'),
('line.operation', 11, 'blocked_by', '{many(mrp_workorder_dependencies_rel.workorder_id=blocked_by_id)}', 'work_order'),
-- Which consumed lot went into which produced one: the line of the product, which stands in the same event.  Odoo's columns are
-- the other way round than their names: "consume_line_id" is the line of the product.
('line.component_detail', 11, 'went_into', '{many(stock_move_line_consume_rel.produce_line_id=consume_line_id)}', 'stock_move_line');
INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT 'line.component_detail', f.position, f.field, f.sources, f.classification FROM odoo_events.field f WHERE f.owner = 'line.detail';
-- catalog_trade: purchases and sales.

INSERT INTO odoo_events.reference (reference, tables) VALUES ('currency', '{res_currency}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES ('currency', 1, 'code', '{name}');

-- Amounts are significant because a line's price or quantity is a change of its order: then the order's state is known.
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('purchase_order', '{purchase_order}',
 '{state,partner_id,partner_ref,dest_address_id,picking_type_id,date_planned,receipt_status,acknowledged,mail_reminder_confirmed,mail_reception_confirmed,locked,amount_total,name}',
 '{origin,priority,currency_id,amount_untaxed,amount_tax,date_order,date_approve,effective_date,user_id,company_id,create_uid,write_uid,write_date}'),
('purchase_order_line', '{purchase_order_line}',
 '{order_id,state,product_id,product_qty,product_uom_id=product_uom,price_unit,date_planned,qty_received}',
 '{name,sequence,display_type,is_downpayment,discount,price_subtotal,qty_invoiced,sale_line_id,company_id,write_uid,write_date}'),
('sale_order', '{sale_order}',
 '{state,partner_id,partner_shipping_id,client_order_ref,commitment_date,carrier_id,warehouse_id,picking_policy,delivery_status,locked,amount_total,name}',
 '{origin,currency_id,amount_untaxed,amount_tax,date_order,effective_date,user_id,company_id,create_uid,write_uid,write_date}'),
('sale_order_line', '{sale_order_line}',
 '{order_id,state,product_id,product_uom_qty,product_uom_id=product_uom,price_unit,qty_delivered}',
 '{name,sequence,display_type,is_delivery,is_downpayment,discount,price_subtotal,qty_invoiced,customer_lead,company_id,write_uid,write_date}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('purchase_order', 'id', 'purchase_order'), ('purchase_order', 'partner_id', 'partner'), ('purchase_order', 'dest_address_id', 'partner'), ('purchase_order', 'picking_type_id', 'picking_type'),
('purchase_order', 'currency_id', 'currency'), ('purchase_order', 'user_id', 'user'), ('purchase_order', 'company_id', 'company'), ('purchase_order', 'write_uid', 'user'),
('purchase_order_line', 'order_id', 'purchase_order'), ('purchase_order_line', 'product_id', 'product'), ('purchase_order_line', 'product_uom_id', 'unit'),
('purchase_order_line', 'sale_line_id', 'sales_order_line'), ('purchase_order_line', 'company_id', 'company'),
('sale_order', 'id', 'sales_order'), ('sale_order', 'partner_id', 'partner'), ('sale_order', 'partner_shipping_id', 'partner'), ('sale_order', 'carrier_id', 'carrier'),
('sale_order', 'warehouse_id', 'warehouse'), ('sale_order', 'currency_id', 'currency'), ('sale_order', 'user_id', 'user'), ('sale_order', 'company_id', 'company'),
('sale_order', 'write_uid', 'user'),
('sale_order_line', 'order_id', 'sales_order'), ('sale_order_line', 'product_id', 'product'), ('sale_order_line', 'product_uom_id', 'unit'),
('sale_order_line', 'company_id', 'company');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                change_columns, warehouse, correlation) VALUES
('purchase_order', 'procurement', 'purchase.order', 'purchase_order', '{purchase_order,purchase_order_line,stock_move}', 'name', 'state', '{draft}', '{purchase,done}', '{cancel}',
 '{name,partner_id,partner_ref,dest_address_id,picking_type_id,date_planned}', '{picking_type_id.warehouse_id}', '{purchase_order=id}'),
('sales_order', 'sales', 'sale.order', 'sale_order', '{sale_order,sale_order_line}', 'name', 'state', '{draft}', '{sale,done}', '{cancel}',
 '{name,partner_id,partner_shipping_id,client_order_ref,commitment_date,carrier_id,warehouse_id,picking_policy}', '{warehouse_id}', '{sales_order=id}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('purchase_order', 1, 'created', '{draft}', true), ('purchase_order', 2, 'sent', '{sent}', false), ('purchase_order', 3, 'approval_requested', '{"to approve"}', false),
('purchase_order', 4, 'confirmed', '{purchase,done}', true),
('sales_order', 1, 'created', '{draft}', true), ('sales_order', 2, 'sent', '{sent}', false), ('sales_order', 3, 'confirmed', '{sale,done}', true);

-- A line of 14 to 17 knows its order's state; where it does not, an order that only its lines show is as open as its row was then,
-- and "rescheduled" takes the receipt that moves with it for a sign.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, schedule_columns) VALUES
('purchase_order', 'line', 1, 'purchase_order_line', '{order_id}', NULL, 'line.purchase', '!($.new.display_type != null) && !($.new.is_downpayment == true)', '{purchase,done,*}', '{cancel}', true,
 '{product_id,product_qty,product_uom_id,price_unit}', '{date_planned}'),
('purchase_order', 'move', 2, 'stock_move', '{purchase_line_id}', 'line.purchase', 'line.receipt', '!($.new.scrap_id != null) && !($.new.scrapped == true)', '{}', '{}', false, '{}', '{}'),
('sales_order', 'line', 1, 'sale_order_line', '{order_id}', NULL, 'line.sale', '!($.new.display_type != null) && !($.new.is_delivery == true) && !($.new.is_downpayment == true)',
 '{sale,done}', '{cancel}', true, '{product_id,product_uom_qty,product_uom_id,price_unit}', '{}'),
('sales_order', 'charge', 2, 'sale_order_line', '{order_id}', NULL, 'line.charge', '!($.new.display_type != null) && ($.new.is_delivery == true || $.new.is_downpayment == true)',
 '{sale,done}', '{cancel}', true, '{product_id,product_uom_qty,price_unit}', '{}');

-- covers *: the milestone carries all changes of its transaction.  Of "receipt" the first that holds is told.  Where lines say
-- that all has come, those that the transaction left alone must not have been written since (write_date is when a transaction
-- began): a publisher that lags must not tell what came later.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, watches, rank, covers, with_lines, with_changes, enabled, on_by_default,
                                   epcis_bizstep, epcis_disposition, description)
SELECT pg_catalog.format('odoo.procurement.purchase_order.%s.v1', d.verb), d.variant, 'purchase_order', d.occasion, d.milestone, d.choice, d.precedence, d.condition::jsonpath,
       CASE WHEN d.occasion OPERATOR(pg_catalog.=) 'touched' AND d.verb OPERATOR(pg_catalog.=) ANY ('{received,partially_received}') THEN '{qty_received}'::text[] ELSE '{}' END,
       d.rank, d.covers::text[], d.lines, d.lines, d.enabled, d.enabled, d.bizstep, d.disposition, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 1, NULL, 10, '{*}', false, false, NULL, NULL, 'a request for quotation was made'),
  ('sent', 1, 'milestone', 'sent', NULL, 1, NULL, 11, '{*}', false, false, NULL, NULL, 'the request went to the vendor'),
  ('approval_requested', 1, 'milestone', 'approval_requested', NULL, 1, NULL, 12, '{*}', true, true, NULL, NULL, 'its amount needs an approval'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 1, NULL, 20, '{*}', true, true, NULL, NULL, 'goods were ordered'),
  ('changed', 1, 'changed', NULL, NULL, 1, NULL, 30, '{}', true, true, NULL, NULL, 'what is ordered, where to or for how much was changed'),
  ('rescheduled', 1, 'touched', NULL, NULL, 1,
   '($.old.state == "purchase" || $.old.state == "done") && ($.new.state == "purchase" || $.new.state == "done")
    && ($.old.date_planned != $.new.date_planned || exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned)))
    || !exists($.new.state) && exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned && (@.new.state == "purchase" || @.new.state == "done")))
    || !exists($.new.state) && exists($.parts.line[*] ? (@.old.date_planned != @.new.date_planned && !exists(@.new.state)))
    && exists($.parts.move[*] ? (@.old.date_deadline != @.new.date_deadline || @.old.date != @.new.date))',
   31, '{date_planned}', true, true, NULL, NULL, 'the date on which goods are expected moved'),
  ('acknowledged', 1, 'touched', NULL, NULL, 1,
   '($.new.acknowledged == true && !($.old.acknowledged == true) || $.new.mail_reminder_confirmed == true && !($.old.mail_reminder_confirmed == true)
     || $.new.mail_reception_confirmed == true && !($.old.mail_reception_confirmed == true))
    && !exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))',
   40, '{}', false, true, NULL, NULL, 'the vendor acknowledged it; Odoo setting the mark itself on a receipt is none'),
  ('received', 1, 'touched', NULL, 'receipt', 1,
   '$.new.receipt_status == "full" && !($.old.receipt_status == "full") && exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived'),
  ('received', 3, 'touched', NULL, 'receipt', 3,
   'exists($.parts.line[*] ? (@.old.qty_received < @.old.product_qty && @.new.qty_received >= @.new.product_qty)) && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))
    && !($.new.receipt_status == "pending" || $.new.receipt_status == "partial")
    && !exists($.rows.line[*] ? (@.display_type == null && !(@.is_downpayment == true) && @.qty_received < @.product_qty)) && !($.since == true)',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, by its lines (where Odoo keeps no receipt status: to 15)'),
  ('received', 4, 'inserted', NULL, 'receipt', 3,
   '!exists($.new.receipt_status) && exists($.parts.line[*] ? (@.new.qty_received > 0)) && !exists($.parts.line[*] ? (@.new.qty_received < @.new.product_qty))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, by its lines (to 15), in the transaction that ordered it'),
  ('received', 2, 'inserted', NULL, 'receipt', 1,
   '$.new.receipt_status == "full" && exists($.parts.line[*] ? (@.new.qty_received > 0))',
   80, '{}', true, true, 'receiving', 'in_progress', 'all that was ordered has arrived, in the transaction that ordered it'),
  ('closed_short', 1, 'touched', NULL, 'receipt', 2, '$.new.receipt_status == "full" && $.old.receipt_status != "full"',
   80, '{}', true, true, NULL, NULL, 'what is missing will not come: its backorder was cancelled'),
  ('partially_received', 1, 'touched', NULL, 'receipt', 4, 'exists($.parts.line[*] ? (@.new.qty_received > 0 && !(@.new.qty_received <= @.old.qty_received)))',
   80, '{}', true, true, 'receiving', 'in_progress', 'some of what was ordered has arrived'),
  ('partially_received', 2, 'inserted', NULL, 'receipt', 4, 'exists($.parts.line[*] ? (@.new.qty_received > 0))',
   80, '{}', true, true, 'receiving', 'in_progress', 'some of what was ordered has arrived, in the transaction that ordered it'),
  ('locked', 1, 'updated', NULL, NULL, 1, '$.new.locked == true && !($.old.locked == true) || $.old.state == "purchase" && $.new.state == "done"',
   81, '{}', false, true, NULL, NULL, 'it can no longer be changed'),
  ('unlocked', 1, 'updated', NULL, NULL, 1, '$.old.locked == true && !($.new.locked == true) || $.old.state == "done" && $.new.state == "purchase"',
   81, '{}', false, true, NULL, NULL, 'it can be changed again'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 1, NULL, 82, '{*}', true, true, NULL, NULL, 'an order was cancelled, or its approval refused'),
  ('reopened', 1, 'updated', NULL, NULL, 1, '$.old.state == "cancel" && $.new.state != "cancel"', 15, '{*}', false, true, NULL, NULL, 'a cancelled order is a request for quotation again'),
  ('deleted', 1, 'deleted', NULL, NULL, 1, '$.old.state != null && $.old.state != "draft"', 82, '{*}', false, true, NULL, NULL, 'an order that was no draft was deleted'),
  ('deleted', 2, 'deleted', NULL, NULL, 1, '$.old.state == null || $.old.state == "draft"', 82, '{*}', false, false, NULL, NULL, 'a draft was deleted')
  ) AS d (verb, variant, occasion, milestone, choice, precedence, condition, rank, covers, lines, enabled, bizstep, disposition, description);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, watches, rank, covers, with_lines, with_changes, enabled, on_by_default, epcis_bizstep, epcis_disposition, description)
SELECT pg_catalog.format('odoo.sales.sales_order.%s.v1', d.verb), d.variant, 'sales_order', d.occasion, d.milestone, d.condition::jsonpath,
       CASE WHEN d.occasion OPERATOR(pg_catalog.=) 'touched' THEN '{qty_delivered}'::text[] ELSE '{}' END, d.rank,
       d.covers::text[], d.lines, d.lines, d.enabled, d.enabled, d.bizstep, d.disposition, d.description
  FROM (VALUES
  ('created', 1, 'milestone', 'created', NULL, 10, '{*}', false, false, NULL, NULL, 'a quotation was made'),
  ('sent', 1, 'milestone', 'sent', NULL, 11, '{*}', false, false, NULL, NULL, 'the quotation went to the customer'),
  ('confirmed', 1, 'milestone', 'confirmed', NULL, 20, '{*}', true, true, NULL, NULL, 'a customer ordered goods'),
  ('changed', 1, 'changed', NULL, NULL, 30, '{}', true, true, NULL, NULL, 'what is ordered, where to, when or for how much was changed'),
  ('delivery_progressed', 1, 'touched', NULL, 'exists($.parts.line[*] ? ((@.new.state == "sale" || @.new.state == "done") && @.new.qty_delivered > 0 && !(@.new.qty_delivered <= @.old.qty_delivered)))',
   80, '{}', true, true, 'shipping', 'in_transit', 'more of it is delivered; complete says whether all is, where the transaction alone tells'),
  ('delivery_progressed', 2, 'inserted', NULL, 'exists($.parts.line[*] ? ((@.new.state == "sale" || @.new.state == "done") && @.new.qty_delivered > 0))',
   80, '{}', true, true, 'shipping', 'in_transit', 'some of it is delivered, in the transaction that ordered it'),
  ('locked', 1, 'updated', NULL, '$.new.locked == true && !($.old.locked == true) || $.old.state == "sale" && $.new.state == "done"', 81, '{}', false, true, NULL, NULL, 'it can no longer be changed'),
  ('unlocked', 1, 'updated', NULL, '$.old.locked == true && !($.new.locked == true) || $.old.state == "done" && $.new.state == "sale"', 81, '{}', false, true, NULL, NULL, 'it can be changed again'),
  ('cancelled', 1, 'cancelled', NULL, NULL, 82, '{*}', true, true, NULL, NULL, 'an order was cancelled'),
  ('reopened', 1, 'updated', NULL, '$.old.state == "cancel" && $.new.state != "cancel"', 15, '{*}', false, true, NULL, NULL, 'a cancelled order is a quotation again'),
  ('deleted', 1, 'deleted', NULL, '$.old.state != null && $.old.state != "draft"', 82, '{*}', false, true, NULL, NULL, 'an order that was no draft was deleted'),
  ('deleted', 2, 'deleted', NULL, '$.old.state == null || $.old.state == "draft"', 82, '{*}', false, false, NULL, NULL, 'a quotation was deleted')
  ) AS d (verb, variant, occasion, milestone, condition, rank, covers, lines, enabled, bizstep, disposition, description);

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, pg_catalog.row_number() OVER (PARTITION BY f.owner ORDER BY f.n), f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'purchase_order', 'name', '{name}', 'internal'), (2, 'purchase_order', 'state', '{state}', 'internal'), (3, 'purchase_order', 'vendor', '{partner_id}', 'personal'),
  (4, 'purchase_order', 'vendor_reference', '{partner_ref}', 'internal'), (5, 'purchase_order', 'origin', '{origin}', 'internal'), (6, 'purchase_order', 'priority', '{priority}', 'internal'),
  (7, 'purchase_order', 'date_order', '{date_order}', 'internal'), (8, 'purchase_order', 'date_approve', '{date_approve}', 'internal'),
  (9, 'purchase_order', 'planned_date', '{date_planned}', 'internal'), (10, 'purchase_order', 'effective_date', '{effective_date}', 'internal'),
  (11, 'purchase_order', 'receipt_status', '{receipt_status}', 'internal'), (12, 'purchase_order', 'complete', '{#complete}', 'internal'),
  (13, 'purchase_order', 'acknowledged', '{acknowledged,mail_reception_confirmed}', 'internal'), (14, 'purchase_order', 'locked', '{locked}', 'internal'),
  (15, 'purchase_order', 'picking_type', '{picking_type_id}', 'internal'), (16, 'purchase_order', 'warehouse', '{picking_type_id.warehouse_id}', 'internal'),
  (17, 'purchase_order', 'ship_to', '{dest_address_id}', 'personal'), (18, 'purchase_order', 'buyer', '{user_id}', 'personal'), (19, 'purchase_order', 'company', '{company_id}', 'internal'),
  (20, 'purchase_order', 'currency', '{currency_id}', 'internal'), (21, 'purchase_order', 'amount_untaxed', '{amount_untaxed}', 'confidential'),
  (22, 'purchase_order', 'amount_tax', '{amount_tax}', 'confidential'), (23, 'purchase_order', 'amount_total', '{amount_total}', 'confidential'),
  (1, 'line.purchase', 'product', '{product_id}', 'internal'), (2, 'line.purchase', 'description', '{name}', 'internal'), (3, 'line.purchase', 'ordered', '{product_qty}', 'internal'),
  (4, 'line.purchase', 'received', '{qty_received}', 'internal'), (5, 'line.purchase', 'invoiced', '{qty_invoiced}', 'internal'), (6, 'line.purchase', 'unit', '{product_uom_id}', 'internal'),
  (7, 'line.purchase', 'planned_date', '{date_planned}', 'internal'), (8, 'line.purchase', 'sales_order_line', '{sale_line_id}', 'internal'),
  (9, 'line.purchase', 'price_unit', '{price_unit}', 'confidential'), (10, 'line.purchase', 'discount', '{discount}', 'confidential'), (11, 'line.purchase', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'line.receipt', 'transfer', '{picking_id}', 'internal'), (2, 'line.receipt', 'state', '{state}', 'internal'), (3, 'line.receipt', 'demand', '{product_uom_qty}', 'internal'),
  (4, 'line.receipt', 'quantity', '{quantity}', 'internal'), (5, 'line.receipt', 'unit', '{product_uom}', 'internal'), (6, 'line.receipt', 'to', '{location_dest_id}', 'internal'),
  (7, 'line.receipt', 'date_deadline', '{date_deadline}', 'internal'),
  (1, 'sales_order', 'name', '{name}', 'internal'), (2, 'sales_order', 'state', '{state}', 'internal'), (3, 'sales_order', 'customer', '{partner_id}', 'personal'),
  (4, 'sales_order', 'customer_reference', '{client_order_ref}', 'internal'), (5, 'sales_order', 'origin', '{origin}', 'internal'), (6, 'sales_order', 'date_order', '{date_order}', 'internal'),
  (7, 'sales_order', 'commitment_date', '{commitment_date}', 'internal'), (8, 'sales_order', 'effective_date', '{effective_date}', 'internal'),
  (9, 'sales_order', 'delivery_status', '{delivery_status}', 'internal'), (10, 'sales_order', 'complete', '{#complete}', 'internal'), (11, 'sales_order', 'locked', '{locked}', 'internal'),
  (12, 'sales_order', 'picking_policy', '{picking_policy}', 'internal'), (13, 'sales_order', 'carrier', '{carrier_id}', 'internal'), (14, 'sales_order', 'warehouse', '{warehouse_id}', 'internal'),
  (15, 'sales_order', 'ship_to', '{partner_shipping_id}', 'personal'), (16, 'sales_order', 'salesperson', '{user_id}', 'personal'), (17, 'sales_order', 'company', '{company_id}', 'internal'),
  (18, 'sales_order', 'currency', '{currency_id}', 'internal'), (19, 'sales_order', 'amount_untaxed', '{amount_untaxed}', 'confidential'),
  (20, 'sales_order', 'amount_tax', '{amount_tax}', 'confidential'), (21, 'sales_order', 'amount_total', '{amount_total}', 'confidential'),
  (1, 'line.sale', 'product', '{product_id}', 'internal'), (2, 'line.sale', 'description', '{name}', 'internal'), (3, 'line.sale', 'state', '{state}', 'internal'),
  (4, 'line.sale', 'ordered', '{product_uom_qty}', 'internal'), (5, 'line.sale', 'delivered', '{qty_delivered}', 'internal'), (6, 'line.sale', 'invoiced', '{qty_invoiced}', 'internal'),
  (7, 'line.sale', 'unit', '{product_uom_id}', 'internal'), (8, 'line.sale', 'lead_days', '{customer_lead}', 'internal'),
  (10, 'line.sale', 'price_unit', '{price_unit}', 'confidential'), (11, 'line.sale', 'discount', '{discount}', 'confidential'), (12, 'line.sale', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'line.charge', 'product', '{product_id}', 'internal'), (2, 'line.charge', 'description', '{name}', 'internal'), (3, 'line.charge', 'quantity', '{product_uom_qty}', 'internal'),
  (4, 'line.charge', 'unit', '{product_uom_id}', 'internal'), (5, 'line.charge', 'price_unit', '{price_unit}', 'confidential'), (6, 'line.charge', 'amount', '{price_subtotal}', 'confidential')
  ) AS f (n, owner, field, sources, classification);
-- catalog_maintenance: maintenance, repair, quality.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('equipment', '{maintenance_equipment}'), ('equipment_category', '{maintenance_equipment_category}'), ('maintenance_stage', '{maintenance_stage}'), ('maintenance_team', '{maintenance_team}'),
('maintenance_request', '{maintenance_request}'), ('quality_check', '{quality_check}'), ('quality_point', '{quality_point}'), ('quality_alert', '{quality_alert}'),
('quality_stage', '{quality_alert_stage}'), ('quality_reason', '{quality_reason}'), ('quality_team', '{quality_alert_team}');

INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES
('equipment', 1, 'name', '{name}'), ('equipment', 2, 'serial', '{serial_no}'), ('equipment_category', 1, 'name', '{name}'), ('maintenance_stage', 1, 'name', '{name}'), ('maintenance_stage', 2, 'done', '{done}'),
('maintenance_team', 1, 'name', '{name}'), ('maintenance_request', 1, 'name', '{name}'), ('quality_check', 1, 'name', '{name}'),
('quality_point', 1, 'name', '{name}'), ('quality_point', 2, 'title', '{title}'), ('quality_alert', 1, 'name', '{name}'), ('quality_stage', 1, 'name', '{name}'), ('quality_stage', 2, 'done', '{done}'),
('quality_reason', 1, 'name', '{name}'), ('quality_team', 1, 'name', '{name}');

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('maintenance_request', '{maintenance_request}',
 '{stage_id,maintenance_type,kanban_state,priority,equipment_id,user_id,maintenance_team_id,schedule_date,schedule_end,close_date,archive}',
 '{name,category_id,owner_user_id,request_date,duration,workcenter_id,production_id,workorder_id,company_id,create_uid,write_uid}'),
('maintenance_equipment', '{maintenance_equipment}', '{technician_user_id,owner_user_id,maintenance_team_id,scrap_date,active}',
 '{serial_no,model,category_id,assign_date,effective_date,warranty_date,location_id,workcenter_id,company_id,create_uid,write_uid}'),
('repair_order', '{repair_order}', '{state,product_id,product_qty,product_uom,lot_id,partner_id,location_id,schedule_date,user_id}',
 '{name,priority,under_warranty,picking_type_id,sale_order_id,sale_order_line_id,move_id,location_dest_id,parts_location_id,company_id,create_uid,write_uid}'),
('repair_line', '{repair_line}', '{state,type,product_id,product_uom_qty,product_uom,lot_id}', '{repair_id,location_id,location_dest_id,move_id,write_uid}'),
('quality_check', '{quality_check}', '{quality_state,user_id}',
 '{name,title,point_id,control_date,measure,product_id,lot_id,picking_id,production_id,workorder_id,team_id,alert_id,company_id,create_uid,write_uid}'),
('quality_alert', '{quality_alert}', '{stage_id,user_id,date_close,priority}',
 '{name,title,reason_id,date_assign,product_id,lot_id,picking_id,production_id,workorder_id,workcenter_id,partner_id,check_id,team_id,company_id,create_uid,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('maintenance_request', 'stage_id', 'maintenance_stage'), ('maintenance_request', 'equipment_id', 'equipment'), ('maintenance_request', 'category_id', 'equipment_category'),
('maintenance_request', 'maintenance_team_id', 'maintenance_team'), ('maintenance_request', 'user_id', 'user'), ('maintenance_request', 'owner_user_id', 'user'),
('maintenance_request', 'workcenter_id', 'work_center'), ('maintenance_request', 'production_id', 'manufacturing_order'), ('maintenance_request', 'workorder_id', 'work_order'),
('maintenance_request', 'company_id', 'company'), ('maintenance_request', 'write_uid', 'user'),
('maintenance_equipment', 'id', 'equipment'), ('maintenance_equipment', 'technician_user_id', 'user'), ('maintenance_equipment', 'owner_user_id', 'user'),
('maintenance_equipment', 'maintenance_team_id', 'maintenance_team'), ('maintenance_equipment', 'category_id', 'equipment_category'),
('maintenance_equipment', 'location_id', 'location'), ('maintenance_equipment', 'workcenter_id', 'work_center'), ('maintenance_equipment', 'company_id', 'company'),
('maintenance_equipment', 'write_uid', 'user'),
('repair_order', 'product_id', 'product'), ('repair_order', 'product_uom', 'unit'), ('repair_order', 'lot_id', 'lot'), ('repair_order', 'partner_id', 'partner'),
('repair_order', 'location_id', 'location'), ('repair_order', 'location_dest_id', 'location'), ('repair_order', 'parts_location_id', 'location'),
('repair_order', 'picking_type_id', 'picking_type'), ('repair_order', 'sale_order_id', 'sales_order'), ('repair_order', 'sale_order_line_id', 'sales_order_line'),
('repair_order', 'user_id', 'user'), ('repair_order', 'company_id', 'company'), ('repair_order', 'write_uid', 'user'),
('repair_line', 'product_id', 'product'), ('repair_line', 'product_uom', 'unit'), ('repair_line', 'lot_id', 'lot'), ('repair_line', 'repair_id', 'repair_order'),
('repair_line', 'location_id', 'location'), ('repair_line', 'location_dest_id', 'location'),
('quality_check', 'point_id', 'quality_point'), ('quality_check', 'product_id', 'product'), ('quality_check', 'lot_id', 'lot'), ('quality_check', 'picking_id', 'transfer'),
('quality_check', 'production_id', 'manufacturing_order'), ('quality_check', 'workorder_id', 'work_order'), ('quality_check', 'team_id', 'quality_team'),
('quality_check', 'alert_id', 'quality_alert'), ('quality_check', 'user_id', 'user'), ('quality_check', 'company_id', 'company'), ('quality_check', 'write_uid', 'user'),
('quality_alert', 'stage_id', 'quality_stage'), ('quality_alert', 'reason_id', 'quality_reason'), ('quality_alert', 'product_id', 'product'), ('quality_alert', 'lot_id', 'lot'),
('quality_alert', 'picking_id', 'transfer'), ('quality_alert', 'production_id', 'manufacturing_order'), ('quality_alert', 'workorder_id', 'work_order'),
('quality_alert', 'workcenter_id', 'work_center'), ('quality_alert', 'partner_id', 'partner'), ('quality_alert', 'check_id', 'quality_check'), ('quality_alert', 'team_id', 'quality_team'),
('quality_alert', 'user_id', 'user'), ('quality_alert', 'company_id', 'company'), ('quality_alert', 'write_uid', 'user');

-- What has stages instead of states has no state column: its milestones are conditions.
INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, state_column, draft_states, open_states, cancelled_states,
                                change_columns, warehouse, correlation) VALUES
('maintenance_request', 'maintenance', 'maintenance.request', 'maintenance_request', '{maintenance_request}', NULL, NULL, '{}', '{}', '{}',
 '{stage_id,kanban_state,priority,equipment_id,user_id,maintenance_team_id,schedule_date,schedule_end}', '{}', '{manufacturing_order=production_id}'),
('equipment', 'maintenance', 'maintenance.equipment', 'maintenance_equipment', '{maintenance_equipment}', NULL, NULL, '{}', '{}', '{}',
 '{technician_user_id,owner_user_id,maintenance_team_id,scrap_date}', '{location_id.warehouse_id}', '{}'),
('repair_order', 'repair', 'repair.order', 'repair_order', '{repair_order,stock_move,stock_move_line,repair_line}', 'name', 'state', '{draft}', '{confirmed,ready,under_repair}', '{cancel}',
 '{product_id,product_qty,lot_id,partner_id,location_id,schedule_date}', '{picking_type_id.warehouse_id,location_id.warehouse_id}', '{sales_order=sale_order_id,repair_order=id}'),
('quality_check', 'quality', 'quality.check', 'quality_check', '{quality_check}', 'name', 'quality_state', '{none}', '{none}', '{}', '{}', '{}', '{manufacturing_order=production_id}'),
('quality_alert', 'quality', 'quality.alert', 'quality_alert', '{quality_alert}', 'name', NULL, '{}', '{}', '{}', '{stage_id,user_id,priority}', '{}', '{manufacturing_order=production_id}');

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('repair_order', 1, 'confirmed', '{confirmed,ready}', true), ('repair_order', 2, 'started', '{under_repair}', false), ('repair_order', 3, 'completed', '{2binvoiced,done}', true),
('quality_check', 1, 'passed', '{pass}', false), ('quality_check', 2, 'failed', '{fail}', false);

-- Parts of a repair are moves; to 16 lines of their own.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, within, owner, condition, live_states, gone_states, counted, change_columns, tx_only) VALUES
('repair_order', 'part', 1, 'stock_move', '{repair_id}', NULL, 'line.repair', '$.new.repair_line_type != null', '{waiting,confirmed,partially_available,assigned}', '{cancel}', true,
 '{product_id,product_uom_qty,product_uom,repair_line_type}', false),
('repair_order', 'line', 2, 'repair_line', '{repair_id}', NULL, 'line.repair_line', NULL, '{confirmed}', '{cancel}', true, '{product_id,product_uom_qty,product_uom,lot_id,type}', false),
('repair_order', 'detail', 3, 'stock_move_line', '{move_id}', 'line.repair', 'line.detail', NULL, '{waiting,confirmed,partially_available,assigned}', '{}', false, '{lot_id}', false);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, choice, precedence, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, extra,
                                   epcis_disposition, description)
SELECT pg_catalog.format('odoo.%s.%s.%s.v1', e.domain, e.entity, d.verb), d.variant, e.entity, d.occasion, d.milestone, d.choice, d.precedence, d.condition::jsonpath, d.rank,
       '{*}', e.entity OPERATOR(pg_catalog.=) 'repair_order', d.changes, d.enabled, d.enabled, d.extra::jsonb, d.disposition, d.description
  FROM (VALUES
  ('maintenance_request', 'opened', 1, 'inserted', NULL, 'opened', 1, '$.new.maintenance_type == "corrective"', 10, false, true, '{"reason":"breakdown"}', 'damaged', 'something is broken: a corrective request'),
  ('maintenance_request', 'opened', 2, 'inserted', NULL, 'opened', 2, NULL, 10, false, true, '{"reason":"prevention"}', NULL, 'a preventive request, also the next one of a recurring request'),
  ('maintenance_request', 'scheduled', 1, 'updated', NULL, NULL, 1, '$.new.schedule_date != null && ($.old.schedule_date != $.new.schedule_date || $.old.schedule_end != $.new.schedule_end)', 20, true, true, NULL, NULL, 'a date was set or moved'),
  ('maintenance_request', 'scheduled', 2, 'inserted', NULL, NULL, 1, '$.new.schedule_date != null', 20, false, true, NULL, NULL, 'it was made with a date'),
  ('maintenance_request', 'assigned', 1, 'updated', NULL, NULL, 1, '$.new.user_id != null && $.old.user_id != $.new.user_id', 21, true, true, NULL, NULL, 'a technician got it'),
  ('maintenance_request', 'assigned', 2, 'inserted', NULL, NULL, 1, '$.new.user_id != null', 21, false, true, NULL, NULL, 'it was made with a technician'),
  ('maintenance_request', 'stage_changed', 1, 'updated', NULL, NULL, 1, '$.old.stage_id != $.new.stage_id', 30, true, true, NULL, NULL, 'it stands at another stage'),
  ('maintenance_request', 'blocked', 1, 'updated', NULL, NULL, 1, '$.old.kanban_state != "blocked" && $.new.kanban_state == "blocked"', 31, false, true, NULL, NULL, 'work on it cannot go on'),
  ('maintenance_request', 'unblocked', 1, 'updated', NULL, NULL, 1, '$.old.kanban_state == "blocked" && $.new.kanban_state != "blocked"', 31, false, true, NULL, NULL, 'work on it can go on; Odoo does it with every change of the stage'),
  ('maintenance_request', 'closed', 1, 'updated', NULL, NULL, 1, '$.old.close_date == null && $.new.close_date != null', 80, false, true, NULL, NULL, 'it reached a stage that is done'),
  ('maintenance_request', 'reopened', 1, 'updated', NULL, NULL, 1, '$.old.close_date != null && $.new.close_date == null', 40, false, true, NULL, NULL, 'it is not done after all'),
  ('maintenance_request', 'archived', 1, 'updated', NULL, NULL, 1, '!($.old.archive == true) && $.new.archive == true', 81, false, true, NULL, NULL, 'it was cancelled: put into the archive'),
  ('maintenance_request', 'restored', 1, 'updated', NULL, NULL, 1, '$.old.archive == true && !($.new.archive == true)', 16, false, true, NULL, NULL, 'it is back from the archive, at the first stage'),
  ('maintenance_request', 'deleted', 1, 'deleted', NULL, NULL, 1, NULL, 82, false, true, NULL, NULL, 'it was deleted'),
  ('equipment', 'created', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, false, NULL, 'active', 'a machine or tool was entered'),
  ('equipment', 'assigned', 1, 'updated', NULL, NULL, 1, '$.new.technician_user_id != null && $.old.technician_user_id != $.new.technician_user_id || $.new.owner_user_id != null && $.old.owner_user_id != $.new.owner_user_id', 20, true, true, NULL, NULL, 'it has another technician or owner'),
  ('equipment', 'scrapped', 1, 'updated', NULL, NULL, 1, '$.old.scrap_date == null && $.new.scrap_date != null', 80, true, true, NULL, 'inactive', 'it is out of use'),
  ('equipment', 'archived', 1, 'updated', NULL, NULL, 1, '$.old.active == true && $.new.active == false', 81, true, true, NULL, 'inactive', 'it was put into the archive'),
  ('equipment', 'restored', 1, 'updated', NULL, NULL, 1, '$.old.active == false && $.new.active == true', 16, true, true, NULL, 'active', 'it is back from the archive'),
  ('repair_order', 'confirmed', 1, 'milestone', 'confirmed', NULL, 1, NULL, 20, false, true, NULL, NULL, 'a repair was released'),
  ('repair_order', 'changed', 1, 'changed', NULL, NULL, 1, NULL, 30, true, true, NULL, NULL, 'what is repaired, or with which parts, was changed'),
  ('repair_order', 'started', 1, 'milestone', 'started', NULL, 1, NULL, 50, false, true, NULL, NULL, 'work on it began'),
  ('repair_order', 'completed', 1, 'milestone', 'completed', NULL, 1, NULL, 80, false, true, NULL, NULL, 'the product is repaired: what was put in and taken out'),
  ('repair_order', 'cancelled', 1, 'cancelled', NULL, NULL, 1, NULL, 80, false, true, NULL, NULL, 'a repair was cancelled'),
  ('repair_order', 'reopened', 1, 'updated', NULL, NULL, 1, '$.old.state == "cancel" && $.new.state != "cancel"', 15, false, true, NULL, NULL, 'a cancelled repair is a draft again'),
  ('quality_check', 'created', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, false, NULL, NULL, 'a check is to be done'),
  ('quality_check', 'passed', 1, 'milestone', 'passed', NULL, 1, NULL, 80, false, true, NULL, 'conformant', 'a check was passed'),
  ('quality_check', 'failed', 1, 'milestone', 'failed', NULL, 1, NULL, 80, false, true, NULL, 'non_conformant', 'a check failed'),
  ('quality_alert', 'opened', 1, 'inserted', NULL, NULL, 1, NULL, 10, false, true, NULL, 'non_conformant', 'a nonconformance was reported'),
  ('quality_alert', 'stage_changed', 1, 'updated', NULL, NULL, 1, '$.old.stage_id != $.new.stage_id', 30, true, true, NULL, NULL, 'it stands at another stage'),
  ('quality_alert', 'closed', 1, 'updated', NULL, NULL, 1, '$.old.date_close == null && $.new.date_close != null', 80, false, true, NULL, NULL, 'it is dealt with')
  ) AS d (entity, verb, variant, occasion, milestone, choice, precedence, condition, rank, changes, enabled, extra, disposition, description)
  JOIN odoo_events.entity e ON e.entity OPERATOR(pg_catalog.=) d.entity;

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'maintenance_request', 'name', '{name}', 'internal'), (2, 'maintenance_request', 'maintenance_type', '{maintenance_type}', 'internal'),
  (3, 'maintenance_request', 'stage', '{stage_id}', 'internal'), (4, 'maintenance_request', 'kanban_state', '{kanban_state}', 'internal'),
  (5, 'maintenance_request', 'priority', '{priority}', 'internal'), (6, 'maintenance_request', 'equipment', '{equipment_id}', 'internal'),
  (7, 'maintenance_request', 'category', '{category_id}', 'internal'), (8, 'maintenance_request', 'work_center', '{workcenter_id}', 'internal'),
  (9, 'maintenance_request', 'manufacturing_order', '{production_id}', 'internal'), (10, 'maintenance_request', 'work_order', '{workorder_id}', 'internal'),
  (11, 'maintenance_request', 'team', '{maintenance_team_id}', 'internal'), (12, 'maintenance_request', 'technician', '{user_id}', 'personal'),
  (13, 'maintenance_request', 'requested_by', '{owner_user_id}', 'personal'), (14, 'maintenance_request', 'request_date', '{request_date}', 'internal'),
  (15, 'maintenance_request', 'schedule_date', '{schedule_date}', 'internal'), (16, 'maintenance_request', 'schedule_end', '{schedule_end}', 'internal'),
  (17, 'maintenance_request', 'hours', '{duration}', 'internal'), (18, 'maintenance_request', 'close_date', '{close_date}', 'internal'),
  (19, 'maintenance_request', 'archived', '{archive}', 'internal'), (20, 'maintenance_request', 'company', '{company_id}', 'internal'),
  (1, 'equipment', 'name', '{id.name}', 'internal'), (2, 'equipment', 'serial', '{serial_no}', 'internal'), (3, 'equipment', 'model', '{model}', 'internal'),
  (4, 'equipment', 'category', '{category_id}', 'internal'), (5, 'equipment', 'work_center', '{workcenter_id}', 'internal'), (6, 'equipment', 'location', '{location_id}', 'internal'),
  (7, 'equipment', 'team', '{maintenance_team_id}', 'internal'), (8, 'equipment', 'technician', '{technician_user_id}', 'personal'), (9, 'equipment', 'owner', '{owner_user_id}', 'personal'),
  (10, 'equipment', 'assign_date', '{assign_date}', 'internal'), (11, 'equipment', 'effective_date', '{effective_date}', 'internal'),
  (12, 'equipment', 'warranty_date', '{warranty_date}', 'internal'), (13, 'equipment', 'scrap_date', '{scrap_date}', 'internal'), (14, 'equipment', 'active', '{active}', 'internal'),
  (15, 'equipment', 'company', '{company_id}', 'internal'),
  (1, 'repair_order', 'name', '{name}', 'internal'), (2, 'repair_order', 'state', '{state}', 'internal'), (3, 'repair_order', 'product', '{product_id}', 'internal'),
  (4, 'repair_order', 'quantity', '{product_qty}', 'internal'), (5, 'repair_order', 'unit', '{product_uom}', 'internal'), (6, 'repair_order', 'lot', '{lot_id}', 'internal'),
  (7, 'repair_order', 'priority', '{priority}', 'internal'), (8, 'repair_order', 'under_warranty', '{under_warranty}', 'internal'), (9, 'repair_order', 'schedule_date', '{schedule_date}', 'internal'),
  (10, 'repair_order', 'location', '{location_id}', 'internal'), (11, 'repair_order', 'picking_type', '{picking_type_id}', 'internal'),
  (12, 'repair_order', 'warehouse', '{picking_type_id.warehouse_id,location_id.warehouse_id}', 'internal'), (13, 'repair_order', 'sales_order', '{sale_order_id}', 'internal'),
  (14, 'repair_order', 'customer', '{partner_id}', 'personal'), (15, 'repair_order', 'technician', '{user_id}', 'personal'), (16, 'repair_order', 'company', '{company_id}', 'internal'),
  (1, 'line.repair', 'product', '{product_id}', 'internal'), (2, 'line.repair', 'kind', '{repair_line_type}', 'internal'), (3, 'line.repair', 'state', '{state}', 'internal'),
  (4, 'line.repair', 'demand', '{product_uom_qty}', 'internal'), (5, 'line.repair', 'reserved', '{quantity@!done,sum(detail.product_uom_qty)}', 'internal'),
  (6, 'line.repair', 'done', '{quantity@done,sum(detail.qty_done)}', 'internal'), (7, 'line.repair', 'unit', '{product_uom}', 'internal'),
  (8, 'line.repair', 'from', '{location_id}', 'internal'), (9, 'line.repair', 'to', '{location_dest_id}', 'internal'),
  (1, 'line.repair_line', 'product', '{product_id}', 'internal'), (2, 'line.repair_line', 'kind', '{type}', 'internal'), (3, 'line.repair_line', 'state', '{state}', 'internal'),
  (4, 'line.repair_line', 'demand', '{product_uom_qty}', 'internal'), (5, 'line.repair_line', 'done', '{product_uom_qty@done}', 'internal'),
  (6, 'line.repair_line', 'unit', '{product_uom}', 'internal'), (7, 'line.repair_line', 'lot', '{lot_id}', 'internal'),
  (8, 'line.repair_line', 'from', '{location_id}', 'internal'), (9, 'line.repair_line', 'to', '{location_dest_id}', 'internal'),
  (1, 'quality_check', 'name', '{name}', 'internal'), (2, 'quality_check', 'title', '{title}', 'internal'), (3, 'quality_check', 'state', '{quality_state}', 'internal'),
  (4, 'quality_check', 'point', '{point_id}', 'internal'), (5, 'quality_check', 'product', '{product_id}', 'internal'), (6, 'quality_check', 'lot', '{lot_id}', 'internal'),
  (7, 'quality_check', 'measure', '{measure}', 'internal'), (8, 'quality_check', 'control_date', '{control_date}', 'internal'), (9, 'quality_check', 'transfer', '{picking_id}', 'internal'),
  (10, 'quality_check', 'manufacturing_order', '{production_id}', 'internal'), (11, 'quality_check', 'work_order', '{workorder_id}', 'internal'),
  (12, 'quality_check', 'alert', '{alert_id}', 'internal'), (13, 'quality_check', 'team', '{team_id}', 'internal'), (14, 'quality_check', 'user', '{user_id}', 'personal'),
  (15, 'quality_check', 'company', '{company_id}', 'internal'),
  (1, 'quality_alert', 'name', '{name}', 'internal'), (2, 'quality_alert', 'title', '{title}', 'internal'), (3, 'quality_alert', 'stage', '{stage_id}', 'internal'),
  (4, 'quality_alert', 'reason', '{reason_id}', 'internal'), (5, 'quality_alert', 'priority', '{priority}', 'internal'), (6, 'quality_alert', 'product', '{product_id}', 'internal'),
  (7, 'quality_alert', 'lot', '{lot_id}', 'internal'), (8, 'quality_alert', 'check', '{check_id}', 'internal'), (9, 'quality_alert', 'transfer', '{picking_id}', 'internal'),
  (10, 'quality_alert', 'manufacturing_order', '{production_id}', 'internal'), (11, 'quality_alert', 'work_order', '{workorder_id}', 'internal'),
  (12, 'quality_alert', 'work_center', '{workcenter_id}', 'internal'), (13, 'quality_alert', 'vendor', '{partner_id}', 'personal'), (14, 'quality_alert', 'team', '{team_id}', 'internal'),
  (15, 'quality_alert', 'user', '{user_id}', 'personal'), (16, 'quality_alert', 'date_assign', '{date_assign}', 'internal'), (17, 'quality_alert', 'date_close', '{date_close}', 'internal'),
  (18, 'quality_alert', 'company', '{company_id}', 'internal')
  ) AS f (n, owner, field, sources, classification);
-- catalog_finance: invoices, payments, valuation, analytic entries.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('invoice', '{account_move}'), ('journal', '{account_journal}'), ('payment', '{account_payment}'), ('account', '{account_account}'), ('analytic_account', '{account_analytic_account}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown) VALUES
('invoice', 1, 'name', '{name}', true), ('journal', 1, 'code', '{code}', true), ('journal', 2, 'name', '{name}', true), ('journal', 3, 'company_id', '{company_id}', false), ('payment', 1, 'name', '{name}', true),
('payment', 2, 'payment_type', '{payment_type}', false), ('account', 1, 'name', '{name}', true), ('analytic_account', 1, 'code', '{code}', true), ('analytic_account', 2, 'name', '{name}', true);

-- A payment's own state exists from 18 on; before, its journal entry has it.
INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('account_move', '{account_move}', '{state,payment_state}',
 '{name,move_type,ref,payment_reference,invoice_origin,partner_id,invoice_date,invoice_date_due,date,currency_id,journal_id,reversed_entry_id,payment_id,amount_untaxed,amount_tax,amount_total,amount_residual,invoice_user_id,company_id,create_uid,write_uid}'),
('account_move_line', '{account_move_line}', '{move_id,parent_state,product_id,quantity,price_unit,discount,price_subtotal}',
 '{name,display_type,exclude_from_invoice_tab,product_uom_id,price_total,account_id,purchase_line_id,company_id,write_uid}'),
('account_payment', '{account_payment}', '{state}',
 '{name,payment_type,partner_type,partner_id,amount,currency_id,date,memo,payment_reference,journal_id,move_id,company_id,create_uid,write_uid}'),
('stock_valuation_layer', '{stock_valuation_layer}', '{value}', '{product_id,quantity,unit_cost,description,stock_move_id,company_id,create_uid,write_uid}'),
('stock_landed_cost', '{stock_landed_cost}', '{state}', '{name,date,amount_total,vendor_bill_id,account_move_id,account_journal_id,company_id,create_uid,write_uid}'),
('account_analytic_line', '{account_analytic_line}', '{amount}',
 '{name,date,unit_amount,product_uom_id,product_id,account_id,partner_id,user_id,ref,category,company_id,create_uid,write_uid}');

-- Of the lines of accounting those that say what is invoiced, not taxes, terms of payment and rounding; the second is that of Odoo to 15.
UPDATE odoo_events.capture_rule SET row_filter = '{display_type=product,exclude_from_invoice_tab=false}' WHERE rule = 'account_move_line';

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('account_move', 'partner_id', 'partner'), ('account_move', 'currency_id', 'currency'), ('account_move', 'journal_id', 'journal'), ('account_move', 'reversed_entry_id', 'invoice'),
('account_move', 'payment_id', 'payment'), ('account_move', 'invoice_user_id', 'user'), ('account_move', 'company_id', 'company'), ('account_move', 'write_uid', 'user'),
('account_move_line', 'move_id', 'invoice'), ('account_move_line', 'product_id', 'product'), ('account_move_line', 'product_uom_id', 'unit'), ('account_move_line', 'account_id', 'account'),
('account_move_line', 'purchase_line_id', 'purchase_order_line'), ('account_move_line', 'company_id', 'company'),
('account_payment', 'partner_id', 'partner'), ('account_payment', 'currency_id', 'currency'), ('account_payment', 'journal_id', 'journal'), ('account_payment', 'company_id', 'company'),
('account_payment', 'write_uid', 'user'),
('stock_valuation_layer', 'product_id', 'product'), ('stock_valuation_layer', 'stock_move_id', 'stock_move'), ('stock_valuation_layer', 'company_id', 'company'),
('stock_valuation_layer', 'write_uid', 'user'),
('stock_move', 'id', 'stock_move'), ('stock_landed_cost', 'vendor_bill_id', 'invoice'), ('stock_landed_cost', 'company_id', 'company'), ('stock_landed_cost', 'account_journal_id', 'journal'), ('stock_landed_cost', 'write_uid', 'user'),
('account_analytic_line', 'product_id', 'product'), ('account_analytic_line', 'product_uom_id', 'unit'), ('account_analytic_line', 'account_id', 'analytic_account'),
('account_analytic_line', 'partner_id', 'partner'), ('account_analytic_line', 'user_id', 'user'), ('account_analytic_line', 'company_id', 'company'), ('account_analytic_line', 'write_uid', 'user');

-- Three tables tell of valuation, two of payments: entities of their own with one label.
INSERT INTO odoo_events.entity (entity, label, domain, model, rule, rules, name_column, id_column, state_column, draft_states, open_states, cancelled_states, change_columns, keys, correlation, secondary) VALUES
('invoice', NULL, 'finance', 'account.move', 'account_move', '{account_move,account_move_line}', 'name', NULL, 'state', '{draft}', '{posted}', '{cancel}', '{}', '{}', '{}', false),
('payment', NULL, 'finance', 'account.payment', 'account_payment', '{account_payment}', 'name', NULL, 'state', '{draft}', '{in_process,paid}', '{canceled,rejected}', '{}', '{}', '{}', false),
('payment_entry', 'payment', 'finance', 'account.payment', 'account_move', '{account_move}', 'name', 'payment_id', 'state', '{draft}', '{posted}', '{cancel}', '{}', '{payment=payment_id}', '{}', true),
('valuation', NULL, 'finance', 'stock.valuation.layer', 'stock_valuation_layer', '{stock_valuation_layer}', NULL, NULL, NULL, '{}', '{}', '{}', '{}',
 '{transfer=stock_move_id.picking_id,manufacturing_order=stock_move_id.raw_material_production_id,manufacturing_order=stock_move_id.production_id}',
 '{manufacturing_order=stock_move_id.raw_material_production_id,manufacturing_order=stock_move_id.production_id}', false),
('valuation_of_move', 'valuation', 'finance', 'stock.move', 'stock_move', '{stock_move}', NULL, NULL, 'state', '{draft}', '{}', '{cancel}', '{value}',
 '{transfer=picking_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,repair_order=repair_id}',
 '{sales_order=sale_line_id.order_id,purchase_order=purchase_line_id.order_id,manufacturing_order=raw_material_production_id,manufacturing_order=production_id}', true),
('landed_cost', 'valuation', 'finance', 'stock.landed.cost', 'stock_landed_cost', '{stock_landed_cost}', 'name', NULL, 'state', '{draft}', '{}', '{cancel}', '{}', '{landed_cost=id}', '{}', false),
('analytic_entry', NULL, 'finance', 'account.analytic.line', 'account_analytic_line', '{account_analytic_line}', NULL, NULL, NULL, '{}', '{}', '{}', '{}', '{}', '{}', false);

-- To 17 a landed cost has its company by its journal.
UPDATE odoo_events.reference_field SET target = 'company' WHERE reference = 'journal' AND field = 'company_id';
UPDATE odoo_events.entity SET company = '{company_id,account_journal_id.company_id}' WHERE entity = 'landed_cost';

INSERT INTO odoo_events.milestone (entity, rung, milestone, states, gate) VALUES
('invoice', 1, 'posted', '{posted}', true), ('payment', 1, 'posted', '{in_process}', true), ('payment', 2, 'paid', '{paid}', true), ('payment_entry', 1, 'posted', '{posted}', true),
('valuation_of_move', 1, 'done', '{done}', true), ('landed_cost', 1, 'done', '{done}', true);

-- Product lines: the others are taxes, terms, counterparts.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, condition, state_column, live_states, gone_states, counted) VALUES
('invoice', 'line', 1, 'account_move_line', '{move_id}', 'line.invoice', '$.new.display_type == "product" || $.new.exclude_from_invoice_tab == false && $.new.display_type == null', 'parent_state', '{posted}', '{cancel}', false);

INSERT INTO odoo_events.event_def (type, variant, entity, occasion, milestone, condition, rank, with_lines, with_changes, enabled, on_by_default, extra, description)
SELECT pg_catalog.format('odoo.finance.%s.%s.v1', COALESCE(e.label, e.entity), d.verb), d.variant, d.entity, d.occasion, d.milestone, d.condition::jsonpath, d.rank,
       e.entity OPERATOR(pg_catalog.=) 'invoice' AND d.verb OPERATOR(pg_catalog.=) 'posted', d.changes, d.enabled, d.enabled, d.extra::jsonb, d.description
  FROM (VALUES
  ('invoice', 'reset_to_draft', 1, 'updated', NULL, '$.old.state == "posted" && $.new.state == "draft" && $.new.move_type != "entry"', 15, false, true, NULL, 'a posted invoice, bill or credit note can be changed again'),
  ('invoice', 'posted', 1, 'milestone', 'posted', '$.new.move_type != "entry"', 20, false, true, NULL, 'an invoice, bill or credit note was posted; type says which'),
  ('invoice', 'partially_paid', 1, 'updated', NULL, '$.old.payment_state != "partial" && $.new.payment_state == "partial" && $.new.move_type != "entry"', 50, false, true, NULL, 'a part of it is paid'),
  ('invoice', 'paid', 1, 'updated', NULL, '$.old.payment_state != "paid" && $.new.payment_state == "paid" && $.new.move_type != "entry"', 80, false, true, NULL, 'all of it is paid'),
  ('invoice', 'paid', 2, 'inserted', NULL, '$.new.payment_state == "paid" && $.new.state == "posted" && $.new.move_type != "entry"', 80, false, true, NULL, 'it was paid by the transaction that made it'),
  ('invoice', 'in_payment', 1, 'updated', NULL, '$.old.payment_state != "in_payment" && $.new.payment_state == "in_payment" && $.new.move_type != "entry"', 51, false, true, NULL, 'it is paid, the bank has not confirmed it yet'),
  ('invoice', 'unpaid', 1, 'updated', NULL, '($.old.payment_state == "paid" || $.old.payment_state == "in_payment" || $.old.payment_state == "partial" || $.old.payment_state == "reversed") && $.new.payment_state == "not_paid" && $.new.state == "posted" && $.new.move_type != "entry"', 52, false, true, NULL, 'what had paid it was taken back'),
  ('invoice', 'payment_blocked', 1, 'updated', NULL, '$.old.payment_state != "blocked" && $.new.payment_state == "blocked"', 53, false, true, NULL, 'it must not be paid for now'),
  ('invoice', 'payment_unblocked', 1, 'updated', NULL, '$.old.payment_state == "blocked" && $.new.payment_state != "blocked"', 53, false, true, NULL, 'it may be paid again'),
  ('invoice', 'reversed', 1, 'updated', NULL, '$.old.payment_state != "reversed" && $.new.payment_state == "reversed" && $.new.move_type != "entry"', 80, false, true, NULL, 'a credit note makes up for all of it'),
  ('invoice', 'cancelled', 1, 'cancelled', NULL, '$.new.move_type != "entry"', 82, false, true, NULL, 'a posted invoice was cancelled'),
  ('payment', 'posted', 1, 'milestone', 'posted', NULL, 20, false, true, NULL, 'money came in or went out'),
  ('payment', 'paid', 1, 'milestone', 'paid', NULL, 80, false, true, NULL, 'the money is there: reconciled with a statement, or with invoices where the account needs none'),
  ('payment', 'rejected', 1, 'updated', NULL, '$.old.state != "rejected" && $.new.state == "rejected"', 82, false, true, NULL, 'the bank refused it'),
  ('payment', 'cancelled', 1, 'cancelled', NULL, '$.new.state == "canceled"', 82, false, true, NULL, 'a posted payment was cancelled'),
  ('payment', 'reset_to_draft', 1, 'updated', NULL, '($.old.state == "in_process" || $.old.state == "paid" || $.old.state == "rejected") && $.new.state == "draft"', 15, false, true, NULL, 'a posted payment can be changed again'),
  ('payment_entry', 'posted', 2, 'milestone', 'posted', '$.new.payment_id != null', 20, false, true, NULL, 'to Odoo 17: the entry of a payment was posted'),
  ('payment_entry', 'cancelled', 2, 'cancelled', NULL, '$.new.payment_id != null', 82, false, true, NULL, 'to Odoo 17: the entry of a payment was cancelled'),
  ('payment_entry', 'reset_to_draft', 2, 'updated', NULL, '$.new.payment_id != null && $.old.state == "posted" && $.new.state == "draft"', 15, false, true, NULL, 'to Odoo 17: the entry of a payment can be changed again'),
  ('valuation', 'posted', 1, 'inserted', NULL, NULL, 61, false, true, '{"source":"valuation_layer"}', 'to Odoo 18: a valuation layer, the change of the stock''s value'),
  ('valuation_of_move', 'posted', 2, 'milestone', 'done', '$.new.value != null && $.new.value != 0', 61, false, true, '{"source":"stock_move"}', 'from Odoo 19: the value of a done move'),
  ('valuation_of_move', 'posted', 3, 'updated', NULL, '$.old.state == "done" && $.new.state == "done" && $.old.value != $.new.value', 61, true, true, '{"source":"stock_move"}', 'from Odoo 19: the value of a done move is another one, by a landed cost or a new cost price'),
  ('landed_cost', 'posted', 4, 'milestone', 'done', NULL, 80, false, true, '{"source":"landed_cost"}', 'a landed cost was spread over moves'),
  ('analytic_entry', 'posted', 1, 'inserted', NULL, NULL, 20, false, false, NULL, 'an amount was booked on an analytic account')
  ) AS d (entity, verb, variant, occasion, milestone, condition, rank, changes, enabled, extra, description)
  JOIN odoo_events.entity e ON e.entity OPERATOR(pg_catalog.=) d.entity;

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'invoice', 'name', '{name}', 'internal'), (2, 'invoice', 'type', '{move_type}', 'internal'), (3, 'invoice', 'state', '{state}', 'internal'),
  (4, 'invoice', 'payment_state', '{payment_state}', 'internal'), (5, 'invoice', 'partner', '{partner_id}', 'personal'), (6, 'invoice', 'reference', '{ref}', 'internal'),
  (7, 'invoice', 'payment_reference', '{payment_reference}', 'internal'), (8, 'invoice', 'origin', '{invoice_origin}', 'internal'), (9, 'invoice', 'reversal_of', '{reversed_entry_id}', 'internal'),
  (10, 'invoice', 'invoice_date', '{invoice_date}', 'internal'), (11, 'invoice', 'due_date', '{invoice_date_due}', 'internal'), (12, 'invoice', 'date', '{date}', 'internal'),
  (13, 'invoice', 'journal', '{journal_id}', 'internal'), (14, 'invoice', 'company', '{company_id}', 'internal'), (15, 'invoice', 'salesperson', '{invoice_user_id}', 'personal'),
  (16, 'invoice', 'currency', '{currency_id}', 'internal'), (17, 'invoice', 'amount_untaxed', '{amount_untaxed}', 'confidential'), (18, 'invoice', 'amount_tax', '{amount_tax}', 'confidential'),
  (19, 'invoice', 'amount_total', '{amount_total}', 'confidential'), (20, 'invoice', 'amount_residual', '{amount_residual}', 'confidential'),
  (1, 'line.invoice', 'product', '{product_id}', 'internal'), (2, 'line.invoice', 'description', '{name}', 'internal'), (3, 'line.invoice', 'quantity', '{quantity}', 'internal'),
  (4, 'line.invoice', 'unit', '{product_uom_id}', 'internal'), (5, 'line.invoice', 'account', '{account_id}', 'internal'), (6, 'line.invoice', 'purchase_order_line', '{purchase_line_id}', 'internal'),
  (7, 'line.invoice', 'price_unit', '{price_unit}', 'confidential'), (8, 'line.invoice', 'discount', '{discount}', 'confidential'), (9, 'line.invoice', 'amount', '{price_subtotal}', 'confidential'),
  (1, 'payment', 'name', '{name}', 'internal'), (2, 'payment', 'state', '{state}', 'internal'), (3, 'payment', 'payment_type', '{payment_type}', 'internal'),
  (4, 'payment', 'partner_type', '{partner_type}', 'internal'), (5, 'payment', 'partner', '{partner_id}', 'personal'), (6, 'payment', 'date', '{date}', 'internal'),
  (7, 'payment', 'memo', '{memo}', 'internal'), (8, 'payment', 'payment_reference', '{payment_reference}', 'internal'), (9, 'payment', 'journal', '{journal_id}', 'internal'),
  (10, 'payment', 'company', '{company_id}', 'internal'), (11, 'payment', 'currency', '{currency_id}', 'internal'), (12, 'payment', 'amount', '{amount}', 'confidential'),
  (1, 'payment_entry', 'name', '{name}', 'internal'), (2, 'payment_entry', 'state', '{state}', 'internal'), (3, 'payment_entry', 'payment_type', '{payment_id.payment_type}', 'internal'),
  (4, 'payment_entry', 'partner', '{partner_id}', 'personal'), (5, 'payment_entry', 'date', '{date}', 'internal'), (6, 'payment_entry', 'memo', '{ref}', 'internal'),
  (7, 'payment_entry', 'payment_reference', '{payment_reference}', 'internal'), (8, 'payment_entry', 'journal', '{journal_id}', 'internal'), (9, 'payment_entry', 'company', '{company_id}', 'internal'),
  (10, 'payment_entry', 'currency', '{currency_id}', 'internal'), (11, 'payment_entry', 'amount', '{amount_total}', 'confidential'),
  (1, 'valuation', 'product', '{product_id}', 'internal'), (2, 'valuation', 'quantity', '{quantity}', 'internal'), (3, 'valuation', 'value', '{value}', 'confidential'),
  (4, 'valuation', 'unit_cost', '{unit_cost}', 'confidential'), (5, 'valuation', 'description', '{description}', 'internal'), (6, 'valuation', 'stock_move', '{stock_move_id}', 'internal'),
  (7, 'valuation', 'document', '{#document}', 'internal'), (8, 'valuation', 'company', '{company_id}', 'internal'),
  (1, 'valuation_of_move', 'product', '{product_id}', 'internal'), (2, 'valuation_of_move', 'quantity', '{quantity}', 'internal'), (3, 'valuation_of_move', 'value', '{value}', 'confidential'),
  (4, 'valuation_of_move', 'unit', '{product_uom}', 'internal'), (5, 'valuation_of_move', 'description', '{reference}', 'internal'), (6, 'valuation_of_move', 'stock_move', '{id}', 'internal'),
  (7, 'valuation_of_move', 'document', '{#document}', 'internal'), (8, 'valuation_of_move', 'company', '{company_id}', 'internal'),
  (1, 'landed_cost', 'name', '{name}', 'internal'), (2, 'landed_cost', 'state', '{state}', 'internal'), (3, 'landed_cost', 'value', '{amount_total}', 'confidential'),
  (4, 'landed_cost', 'date', '{date}', 'internal'), (5, 'landed_cost', 'vendor_bill', '{vendor_bill_id}', 'internal'), (6, 'landed_cost', 'company', '{company_id,account_journal_id.company_id}', 'internal'),
  (1, 'analytic_entry', 'name', '{name}', 'internal'), (2, 'analytic_entry', 'date', '{date}', 'internal'), (3, 'analytic_entry', 'account', '{account_id}', 'internal'),
  (4, 'analytic_entry', 'quantity', '{unit_amount}', 'internal'), (5, 'analytic_entry', 'unit', '{product_uom_id}', 'internal'), (6, 'analytic_entry', 'product', '{product_id}', 'internal'),
  (7, 'analytic_entry', 'partner', '{partner_id}', 'personal'), (8, 'analytic_entry', 'user', '{user_id}', 'personal'), (9, 'analytic_entry', 'reference', '{ref}', 'internal'),
  (10, 'analytic_entry', 'category', '{category}', 'internal'), (11, 'analytic_entry', 'amount', '{amount}', 'confidential'), (12, 'analytic_entry', 'company', '{company_id}', 'internal')
  ) AS f (n, owner, field, sources, classification);
-- catalog_master: products, partners, bills of materials.  Off until enabled.

INSERT INTO odoo_events.reference (reference, tables) VALUES
('product_template', '{product_template}'), ('product_category', '{product_category}'), ('country', '{res_country}'), ('state', '{res_country_state}'), ('operation', '{mrp_routing_workcenter}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths) VALUES
('product_template', 1, 'sku', '{default_code}'), ('product_template', 2, 'name', '{name}'), ('product_template', 3, 'type', '{type}'),
('product_template', 4, 'is_storable', '{is_storable}'), ('product_template', 5, 'tracking', '{tracking}'),
('product_category', 1, 'name', '{complete_name,name}'), ('country', 1, 'code', '{code}'), ('country', 2, 'name', '{name}'), ('state', 1, 'code', '{code}'), ('state', 2, 'name', '{name}'),
('operation', 1, 'name', '{name}');
INSERT INTO odoo_events.reference_field (reference, position, field, paths, shown, target) VALUES
('product_template', 6, 'list_price', '{list_price}', false, NULL), ('product_template', 7, 'categ_id', '{categ_id}', false, 'product_category'), ('product_template', 8, 'uom_id', '{uom_id}', false, 'unit'),
('product_template', 9, 'company_id', '{company_id}', false, 'company');

INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried) VALUES
('product_product', '{product_product}', '{default_code,barcode,active,standard_price,weight,volume}', '{product_tmpl_id,create_uid,write_uid}'),
('product_template', '{product_template}', '{name,default_code,type,is_storable,tracking,use_expiration_date,categ_id,uom_id,list_price,sale_ok,purchase_ok,active,company_id}', '{write_uid}'),
('res_partner', '{res_partner}', '{name,ref,active,parent_id,type,is_company,vat,street,street2,zip,city,state_id,country_id,email,phone,mobile,lang}', '{company_id,create_uid,write_uid}'),
('mrp_bom', '{mrp_bom}', '{product_tmpl_id,product_id,product_qty,product_uom_id,type,code,active,picking_type_id,consumption,ready_to_produce}', '{company_id,sequence,create_uid,write_uid}'),
('mrp_bom_line', '{mrp_bom_line}', '{bom_id,product_id,product_qty,product_uom_id,operation_id}', '{sequence,write_uid}'),
('mrp_bom_byproduct', '{mrp_bom_byproduct}', '{bom_id,product_id,product_qty,product_uom_id,operation_id,cost_share}', '{write_uid}'),
('mrp_routing_workcenter', '{mrp_routing_workcenter}', '{bom_id,name,workcenter_id,time_mode,time_cycle_manual,active}', '{sequence,write_uid}');

INSERT INTO odoo_events.link (rule, column_name, reference) VALUES
('product_product', 'product_tmpl_id', 'product_template'), ('product_product', 'write_uid', 'user'),
('product_template', 'categ_id', 'product_category'), ('product_template', 'uom_id', 'unit'), ('product_template', 'company_id', 'company'),
('res_partner', 'parent_id', 'partner'), ('res_partner', 'state_id', 'state'), ('res_partner', 'country_id', 'country'), ('res_partner', 'company_id', 'company'), ('res_partner', 'write_uid', 'user'),
('mrp_bom', 'product_tmpl_id', 'product_template'), ('mrp_bom', 'product_id', 'product'), ('mrp_bom', 'product_uom_id', 'unit'), ('mrp_bom', 'picking_type_id', 'picking_type'),
('mrp_bom', 'company_id', 'company'), ('mrp_bom', 'write_uid', 'user'),
('mrp_bom_line', 'bom_id', 'bill_of_materials'), ('mrp_bom_line', 'product_id', 'product'), ('mrp_bom_line', 'product_uom_id', 'unit'), ('mrp_bom_line', 'operation_id', 'operation'),
('mrp_bom_byproduct', 'bom_id', 'bill_of_materials'), ('mrp_bom_byproduct', 'product_id', 'product'), ('mrp_bom_byproduct', 'product_uom_id', 'unit'), ('mrp_bom_byproduct', 'operation_id', 'operation'),
('mrp_routing_workcenter', 'bom_id', 'bill_of_materials'), ('mrp_routing_workcenter', 'workcenter_id', 'work_center');

INSERT INTO odoo_events.entity (entity, domain, model, rule, rules, name_column, change_columns, company, warehouse) VALUES
('product', 'master_data', 'product.product', 'product_product', '{product_product,product_template}', 'default_code', '{default_code,barcode,active,standard_price,weight,volume}',
 '{product_tmpl_id.company_id}', '{}'),
('partner', 'master_data', 'res.partner', 'res_partner', '{res_partner}', 'ref',
 '{name,ref,active,parent_id,type,is_company,vat,street,street2,zip,city,state_id,country_id,email,phone,mobile,lang}', '{company_id}', '{}'),
('bill_of_materials', 'master_data', 'mrp.bom', 'mrp_bom', '{mrp_bom,mrp_bom_line,mrp_bom_byproduct,mrp_routing_workcenter}', 'code',
 '{product_tmpl_id,product_id,product_qty,product_uom_id,type,code,active,picking_type_id,consumption,ready_to_produce}', '{company_id}', '{picking_type_id.warehouse_id}');

-- A template belongs to each of its variants: what changes there changes them.
INSERT INTO odoo_events.part (entity, part, position, rule, parent, owner, state_column, live_states, counted, change_columns) VALUES
('product', 'template', 1, 'product_template', '{<product_tmpl_id}', 'line.template', '-', '{*}', false,
 '{name,type,is_storable,tracking,use_expiration_date,categ_id,uom_id,list_price,sale_ok,purchase_ok,active,company_id}'),
('bill_of_materials', 'component', 1, 'mrp_bom_line', '{bom_id}', 'line.bom', '-', '{*}', true, '{product_id,product_qty,product_uom_id,operation_id}'),
('bill_of_materials', 'byproduct', 2, 'mrp_bom_byproduct', '{bom_id}', 'line.bom', '-', '{*}', true, '{product_id,product_qty,product_uom_id,operation_id,cost_share}'),
('bill_of_materials', 'operation', 3, 'mrp_routing_workcenter', '{bom_id}', 'line.bom_operation', '-', '{*}', true, '{name,workcenter_id,time_mode,time_cycle_manual,active}');

INSERT INTO odoo_events.event_def (type, entity, occasion, condition, rank, covers, with_lines, with_changes, enabled, on_by_default, description)
SELECT pg_catalog.format('odoo.master_data.%s.%s.v1', e.entity, d.verb), e.entity, d.occasion, d.condition::jsonpath, d.rank, d.covers::text[],
       e.entity OPERATOR(pg_catalog.=) 'bill_of_materials', d.verb OPERATOR(pg_catalog.<>) 'created', false, false, d.description
  FROM (VALUES ('created', 'inserted', NULL, 10, '{*}', 'it was entered'),
               ('changed', 'changed', NULL, 30, '{}', 'fields or parts of it were changed; also: it is out of the archive again'),
               ('archived', 'updated', '$.old.active == true && !($.new.active == true)', 80, '{*}', 'it is no longer in use'),
               ('deleted', 'deleted', NULL, 80, '{*}', 'it was deleted')) AS d (verb, occasion, condition, rank, covers, description)
 CROSS JOIN odoo_events.entity e
 WHERE e.domain OPERATOR(pg_catalog.=) 'master_data';

INSERT INTO odoo_events.field (owner, position, field, sources, classification)
SELECT f.owner, f.n, f.field, f.sources::text[], f.classification
  FROM (VALUES
  (1, 'product', 'sku', '{default_code}', 'internal'), (2, 'product', 'barcode', '{barcode}', 'internal'), (3, 'product', 'name', '{product_tmpl_id.name}', 'internal'),
  (4, 'product', 'type', '{product_tmpl_id.type}', 'internal'), (5, 'product', 'tracking', '{product_tmpl_id.tracking}', 'internal'), (6, 'product', 'category', '{product_tmpl_id.categ_id}', 'internal'),
  (7, 'product', 'unit', '{product_tmpl_id.uom_id}', 'internal'), (8, 'product', 'weight', '{weight}', 'internal'), (9, 'product', 'volume', '{volume}', 'internal'),
  (10, 'product', 'active', '{active}', 'internal'), (11, 'product', 'template', '{product_tmpl_id.id}', 'internal'), (12, 'product', 'standard_price', '{standard_price}', 'confidential'),
  (13, 'product', 'list_price', '{product_tmpl_id.list_price}', 'confidential'),
  (1, 'line.template', 'name', '{name}', 'internal'), (2, 'line.template', 'type', '{type}', 'internal'), (3, 'line.template', 'list_price', '{list_price}', 'confidential'),
  (4, 'line.template', 'category', '{categ_id}', 'internal'), (5, 'line.template', 'unit', '{uom_id}', 'internal'),
  (1, 'partner', 'name', '{name}', 'personal'), (2, 'partner', 'ref', '{ref}', 'internal'), (3, 'partner', 'is_company', '{is_company}', 'internal'), (4, 'partner', 'parent', '{parent_id}', 'personal'),
  (5, 'partner', 'type', '{type}', 'internal'), (6, 'partner', 'vat', '{vat}', 'personal'), (7, 'partner', 'street', '{street}', 'personal'), (8, 'partner', 'street2', '{street2}', 'personal'),
  (9, 'partner', 'zip', '{zip}', 'personal'), (10, 'partner', 'city', '{city}', 'personal'), (11, 'partner', 'state', '{state_id}', 'personal'), (12, 'partner', 'country', '{country_id}', 'personal'),
  (13, 'partner', 'email', '{email}', 'personal'), (14, 'partner', 'phone', '{phone}', 'personal'), (15, 'partner', 'mobile', '{mobile}', 'personal'), (16, 'partner', 'language', '{lang}', 'internal'),
  (17, 'partner', 'active', '{active}', 'internal'), (18, 'partner', 'company', '{company_id}', 'internal'),
  (1, 'bill_of_materials', 'code', '{code}', 'internal'), (2, 'bill_of_materials', 'type', '{type}', 'internal'), (3, 'bill_of_materials', 'template', '{product_tmpl_id}', 'internal'),
  (4, 'bill_of_materials', 'product', '{product_id}', 'internal'), (5, 'bill_of_materials', 'quantity', '{product_qty}', 'internal'), (6, 'bill_of_materials', 'unit', '{product_uom_id}', 'internal'),
  (7, 'bill_of_materials', 'consumption', '{consumption}', 'internal'), (8, 'bill_of_materials', 'ready_to_produce', '{ready_to_produce}', 'internal'),
  (9, 'bill_of_materials', 'picking_type', '{picking_type_id}', 'internal'), (10, 'bill_of_materials', 'active', '{active}', 'internal'), (11, 'bill_of_materials', 'company', '{company_id}', 'internal'),
  (1, 'line.bom', 'product', '{product_id}', 'internal'), (2, 'line.bom', 'quantity', '{product_qty}', 'internal'), (3, 'line.bom', 'unit', '{product_uom_id}', 'internal'),
  (4, 'line.bom', 'operation', '{operation_id}', 'internal'), (5, 'line.bom', 'sequence', '{sequence}', 'internal'), (6, 'line.bom', 'cost_share', '{cost_share}', 'confidential'),
  (1, 'line.bom_operation', 'name', '{name}', 'internal'), (2, 'line.bom_operation', 'work_center', '{workcenter_id}', 'internal'), (3, 'line.bom_operation', 'time_mode', '{time_mode}', 'internal'),
  (4, 'line.bom_operation', 'expected_minutes', '{time_cycle_manual}', 'internal'), (5, 'line.bom_operation', 'sequence', '{sequence}', 'internal'), (6, 'line.bom_operation', 'active', '{active}', 'internal')
  ) AS f (n, owner, field, sources, classification);
-- catalog_process: which order stands at the root of a chain, and the process as one story.

-- The sales order comes first, then the purchase order, then the manufacturing order: an order made to order belongs to what
-- ordered it.  To Odoo 18 procurement groups tie the chain together, in 19 references; where neither does, moves that follow one
-- another.  Backorders of a manufacturing order belong to the first of its group.
UPDATE odoo_events.entity SET correlation = '{sales_order=sale_line_id.order_id,sales_order=picking_id.sale_id,sales_order=raw_material_production_id.sale_line_id.order_id,
  sales_order=production_id.sale_line_id.order_id,sales_order=origin_returned_move_id.sale_line_id.order_id,sales_order=group_id.sale_id,
  sales_order=id~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id,
  purchase_order=purchase_line_id.order_id,purchase_order=origin_returned_move_id.purchase_line_id.order_id,
  purchase_order=id~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id,
  purchase_order=raw_material_production_id~stock_move.production_id=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=purchase_line_id~purchase_order_line.id=order_id,
  purchase_order=production_id~stock_move.production_id=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=purchase_line_id~purchase_order_line.id=order_id,
  manufacturing_order=raw_material_production_id.production_group_id~mrp_production.production_group_id=id<,
  manufacturing_order=production_id.production_group_id~mrp_production.production_group_id=id<,
  manufacturing_order=raw_material_production_id.procurement_group_id~mrp_production.procurement_group_id=id<,
  manufacturing_order=production_id.procurement_group_id~mrp_production.procurement_group_id=id<,
  manufacturing_order=raw_material_production_id,manufacturing_order=production_id,manufacturing_order=unbuild_id.mo_id,manufacturing_order=consume_unbuild_id.mo_id,
  manufacturing_order=id~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<,
  manufacturing_order=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=raw_material_production_id,
  manufacturing_order=id~stock_move_move_rel.move_dest_id=move_orig_id~stock_move.id=production_id,repair_order=repair_id}' WHERE entity = 'stock_move';
UPDATE odoo_events.entity SET correlation = '{sales_order=sale_id,sales_order=backorder_id.sale_id,sales_order=return_id.sale_id,sales_order=group_id.sale_id,
  sales_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_sale_rel.reference_id=sale_id,
  purchase_order=id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id,
  purchase_order=return_id~stock_move.picking_id=purchase_line_id~purchase_order_line.id=order_id,
  purchase_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_purchase_rel.reference_id=purchase_id,
  manufacturing_order=id~stock_move.picking_id=id~stock_reference_move_rel.move_id=reference_id~stock_reference_production_rel.reference_id=production_id<,
  manufacturing_order=id~stock_move.picking_id=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=raw_material_production_id,
  manufacturing_order=id~stock_move.picking_id=id~stock_move_move_rel.move_dest_id=move_orig_id~stock_move.id=production_id}' WHERE entity = 'transfer';
UPDATE odoo_events.entity SET correlation = (SELECT pg_catalog.string_to_array(pg_catalog.replace('sales_order=@sale_line_id.order_id,sales_order=@procurement_group_id.sale_id,'
  || 'sales_order=$~stock_reference_production_rel.production_id=reference_id~stock_reference_sale_rel.reference_id=sale_id,'
  || 'purchase_order=$~stock_move.production_id=id~stock_move_move_rel.move_orig_id=move_dest_id~stock_move.id=purchase_line_id~purchase_order_line.id=order_id,'
  || 'manufacturing_order=@production_group_id~mrp_production.production_group_id=id<,manufacturing_order=@procurement_group_id~mrp_production.procurement_group_id=id<,'
  || 'manufacturing_order=$', '@', CASE WHEN p.path = 'id' THEN '' ELSE p.path || '.' END), ','))
  FROM (VALUES ('manufacturing_order', 'id'), ('work_order', 'production_id'), ('unbuild_order', 'mo_id'), ('scrap', 'production_id')) AS p (entity, path)
 WHERE entity.entity OPERATOR(pg_catalog.=) p.entity;
UPDATE odoo_events.entity SET correlation = pg_catalog.string_to_array(pg_catalog.replace(pg_catalog.array_to_string(correlation, ','), '$', CASE entity
  WHEN 'manufacturing_order' THEN 'id' WHEN 'unbuild_order' THEN 'mo_id' ELSE 'production_id' END), ',')
 WHERE entity IN ('manufacturing_order', 'work_order', 'unbuild_order', 'scrap');
UPDATE odoo_events.entity SET correlation = pg_catalog.array_cat('{sales_order=picking_id.sale_id}', correlation) WHERE entity = 'scrap';
-- catalog_epcis: business step and disposition of EPCIS 2.0 (Core Business Vocabulary) that an event stands for.
UPDATE odoo_events.event_def d SET epcis_bizstep = v.bizstep, epcis_disposition = v.disposition
  FROM (VALUES
  ('inventory.stock_move.scrapped', 'destroying', 'destroyed'), ('inventory.scrap.posted', 'destroying', 'destroyed'),
  ('inventory.stock_move.unbuilt', 'disassembling', 'in_progress'), ('manufacturing.unbuild_order.completed', 'disassembling', 'in_progress'),
  ('inventory.stock_move.used_in_repair', 'installing', 'in_progress'), ('inventory.stock_move.removed_in_repair', 'removing', 'disposed'),
  ('inventory.stock_move.recovered_in_repair', 'removing', 'available'), ('inventory.stock_move.repaired', 'repairing', 'available'),
  ('inventory.stock_move.consumed', 'assembling', 'in_progress'), ('inventory.stock_move.produced', 'commissioning', 'active'),
  ('inventory.stock_move.byproduct_produced', 'commissioning', 'active'), ('inventory.stock_move.relocated', 'storing', 'available'),
  ('inventory.stock_move.adjusted', 'cycle_counting', NULL), ('inventory.stock_move.corrected', 'stock_taking', NULL),
  ('inventory.stock_move.returned', NULL, 'returned'), ('inventory.stock_move.received', 'receiving', 'in_progress'),
  ('inventory.stock_move.shipped', 'shipping', 'in_transit'), ('inventory.stock_move.dropshipped', 'shipping', 'in_transit'),
  ('inventory.stock_move.issued', 'dispensing', 'dispensed'), ('inventory.stock_move.recovered', 'stocking', 'available'),
  ('inventory.stock_move.transferred', 'storing', NULL), ('inventory.stock_move.reserved', 'reserving', 'reserved'),
  ('inventory.stock_move.partially_reserved', 'reserving', 'reserved'), ('inventory.stock_move.unreserved', NULL, 'available'),
  ('inventory.lot.created', 'commissioning', 'active'), ('inventory.lot.held', 'holding', 'non_sellable_other'), ('inventory.lot.released', 'inspecting', 'conformant'),
  ('inventory.package.created', 'commissioning', 'active'), ('inventory.stock_level.depleted', NULL, 'unavailable'),
  ('logistics.shipment.ready', 'staging_outbound', 'reserved'), ('logistics.shipment.dispatched', 'shipping', 'in_transit'),
  ('logistics.shipment.delivery_proven', 'accepting', NULL), ('logistics.dropship.dispatched', 'shipping', 'in_transit'),
  ('logistics.dropship.delivery_proven', 'accepting', NULL), ('logistics.vendor_return.dispatched', 'shipping', 'returned'),
  ('logistics.customer_return.received', 'receiving', 'returned'), ('logistics.receipt.received', 'receiving', 'in_progress'),
  ('logistics.pick.completed', 'picking', 'in_progress'), ('logistics.pack.completed', 'packing', 'in_progress'),
  ('logistics.transfer.completed', 'storing', NULL), ('logistics.transfer_batch.started', 'picking', 'in_progress'),
  ('logistics.transfer_batch.completed', 'picking', 'in_progress'), ('quality.quality_alert.closed', 'inspecting', NULL),
  ('manufacturing.manufacturing_order.started', 'assembling', 'in_progress'), ('manufacturing.manufacturing_order.completed', 'commissioning', 'active'),
  ('manufacturing.work_order.started', 'assembling', 'in_progress'), ('manufacturing.work_order.resumed', 'assembling', 'in_progress'),
  ('manufacturing.work_order.progressed', 'assembling', 'in_progress'), ('manufacturing.work_order.completed', 'assembling', 'in_progress'),
  ('repair.repair_order.started', 'repairing', 'in_progress'), ('repair.repair_order.completed', 'repairing', 'available'),
  ('quality.quality_check.passed', 'inspecting', 'conformant'), ('quality.quality_check.failed', 'inspecting', 'non_conformant'),
  ('maintenance.equipment.scrapped', 'decommissioning', 'inactive')
  ) AS v (type, bizstep, disposition)
 WHERE d.type OPERATOR(pg_catalog.=) pg_catalog.format('odoo.%s.v1', v.type);
-- catalog_versions: columns that only some versions of Odoo have, or some modules; capture_status does not miss them elsewhere.
UPDATE odoo_events.capture_rule SET optional = v.columns::text[]
  FROM (VALUES
  ('stock_picking', '{return_id,group_id,carrier_id,carrier_tracking_ref,weight,sale_id,batch_id}'),
  ('stock_move', '{quantity,picked,scrap_id,scrapped,is_inventory,inventory_name,repair_line_type,group_id,raw_material_production_id,production_id,unbuild_id,consume_unbuild_id,bom_line_id,byproduct_id,workorder_id,operation_id,repair_id,sale_line_id,purchase_line_id,value}'),
  ('stock_move_line', '{quantity,qty_done,product_uom_qty,production_id,workorder_id,expiration_date}'),
  ('stock_lot', '{expiration_date,use_date,removal_date,alert_date}'),
  ('stock_package', '{parent_package_id}'),
  ('stock_picking_batch', '{description,is_wave}'),
  ('stock_scrap', '{production_id,workorder_id}'),
  ('mrp_production', '{lot_producing_id,date_planned_start,date_planned_finished,production_group_id,procurement_group_id,sale_line_id,is_planned,subcontractor_id}'),
  ('mrp_workorder', '{date_planned_start,date_planned_finished,sequence}'),
  ('purchase_order', '{receipt_status,acknowledged,mail_reminder_confirmed,mail_reception_confirmed,locked,picking_type_id,dest_address_id,effective_date,priority}'),
  ('purchase_order_line', '{state,sale_line_id,is_downpayment,discount}'),
  ('sale_order', '{carrier_id,warehouse_id,picking_policy,delivery_status,locked,effective_date}'),
  ('sale_order_line', '{is_delivery,customer_lead}'),
  ('maintenance_request', '{schedule_end,workcenter_id,production_id,workorder_id}'),
  ('maintenance_equipment', '{location_id,workcenter_id}'),
  ('repair_order', '{priority,schedule_date,under_warranty,picking_type_id,sale_order_id,sale_order_line_id,location_dest_id,parts_location_id}'),
  ('quality_check', '{title,measure,control_date,picking_id,production_id,workorder_id,alert_id,lot_id}'),
  ('quality_alert', '{title,date_assign,picking_id,production_id,workorder_id,workcenter_id,check_id,lot_id}'),
  ('account_move', '{payment_id}'),
  ('account_move_line', '{exclude_from_invoice_tab,purchase_line_id}'),
  ('account_payment', '{name,state,date,memo,payment_reference,journal_id,company_id}'),
  ('stock_landed_cost', '{vendor_bill_id,company_id}'),
  ('account_analytic_line', '{product_id,category}'),
  ('product_product', '{standard_price}'),
  ('product_template', '{is_storable,tracking,use_expiration_date}'),
  ('res_partner', '{mobile}'),
  ('mrp_bom_byproduct', '{cost_share}'),
  ('mrp_routing_workcenter', '{active}')
  ) AS v (rule, columns)
 WHERE capture_rule.rule OPERATOR(pg_catalog.=) v.rule;
SELECT odoo_events._apply_definitions();
SELECT odoo_events.upgrade_rights(false);
-- grants: the one place where anything is given to anybody.  docs/security.md says who should get what else.
REVOKE ALL ON SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA odoo_events FROM PUBLIC;

-- What ALTER DEFAULT PRIVILEGES has given away while this script ran ("SELECT on all tables to the reporting role") is taken back, too.
DO $$
DECLARE
  g record;
BEGIN
  FOR g IN
    SELECT DISTINCT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, pg_catalog.format('odoo_events.%I', c.relname) AS name, a.grantee
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
     WHERE c.relnamespace = 'odoo_events'::regnamespace AND a.grantee <> c.relowner
    UNION
    SELECT 'FUNCTION', p.oid::regprocedure::text, a.grantee
      FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
     WHERE p.pronamespace = 'odoo_events'::regnamespace AND a.grantee <> p.proowner
    UNION
    SELECT 'SCHEMA', 'odoo_events', a.grantee
      FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
     WHERE n.nspname = 'odoo_events' AND a.grantee <> n.nspowner
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %I', g.kind, g.name, pg_catalog.pg_get_userbyid(g.grantee));
  END LOOP;
END $$;

-- Monitoring: status without payloads and secrets.  The functions are those that the views call.
GRANT USAGE ON SCHEMA odoo_events TO pg_monitor;
GRANT SELECT ON odoo_events.worker_status TO pg_monitor;
GRANT SELECT ON odoo_events.capture_status, odoo_events.capture_error, odoo_events.attached TO pg_monitor;
GRANT SELECT ON odoo_events.subscription_status, odoo_events.replay_status, odoo_events.storage, odoo_events.arming TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._identity() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._captured_table(text[], boolean), odoo_events._missing_columns(oid, text[]), odoo_events._rule_stats(), odoo_events._wal_state(),
  odoo_events._wal_slot() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._worker(), odoo_events.version(), odoo_events._schedule_next(text, timestamptz) TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events.health(), odoo_events.metrics(), odoo_events.metrics_text() TO pg_monitor;

-- The database's owner: Odoo's role dumps, restores and duplicates the database, and names the trigger functions when it
-- restores.  It sees configuration without secrets, and no payloads.
GRANT USAGE ON SCHEMA odoo_events TO pg_database_owner;
GRANT SELECT ON odoo_events.saved_config, odoo_events.subscription_id_seq TO pg_database_owner;
GRANT EXECUTE ON FUNCTION odoo_events.capture(), odoo_events.capture_truncate() TO pg_database_owner;
SELECT odoo_events.upgrade_rights(true);
DROP FUNCTION odoo_events.upgrade_rights(boolean);
DROP TABLE odoo_events.upgrade_right;
