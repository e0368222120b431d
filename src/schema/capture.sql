-- capture: rules, journal ring, gaps, and the functions that install triggers.

-- What the capture of one table notes.  The key is the name that stands in the trigger's argument, so that a renamed table
-- keeps its rule.  A column is written 'name', or 'name=alternative' where an Odoo version calls it otherwise: the value is
-- noted under the first name.  A net change is written to the journal if a column in "significant" differs (or the row came
-- or went); "carried" columns are noted beside them.
CREATE TABLE odoo_events.capture_rule (
    rule        text PRIMARY KEY,
    tables      text[] NOT NULL,                    -- first that exists is captured
    significant text[] NOT NULL,
    carried     text[] NOT NULL DEFAULT '{}',
    builtin     boolean NOT NULL DEFAULT true,
    optional    text[] NOT NULL DEFAULT '{}',       -- of these: only in some versions or with some modules, not missed elsewhere
    row_filter  text[] NOT NULL DEFAULT '{}'        -- 'column=value': of rows that have one of them before or after the transaction; none: of all rows
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.capture_rule IS 'per captured table: which columns matter, and which are noted beside them';

-- One row per record that a transaction changed, net of the transaction.  Written below SQL by capture/journal.c just before
-- commit: no default, no constraint but the primary key.  old: for U only the columns that differ, for D the whole row;
-- new: the whole row (watched columns).  op: I, U, D; T a truncated table; E a ready-made event (emit), whose "new" is
-- {"id","type","subject","key","correlation","data"}; S a snapshot asked for, whose "new" is the name of the entity.
CREATE SEQUENCE odoo_events.journal_id_seq CACHE 1;
COMMENT ON SEQUENCE odoo_events.journal_id_seq IS 'orders the journal within one reading; taken just before commit, while row locks are held';
DO $$
BEGIN
  FOR i IN 0..2 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.journal_%s (
        xid         xid8 NOT NULL,                  -- top-level transaction
        id          int8 NOT NULL,
        at          timestamptz NOT NULL,           -- clock just before commit (or prepare)
        rule        text NOT NULL,
        relid       oid NOT NULL,
        op          "char" NOT NULL,
        record_id   int8,
        old         text,
        new         text,
        traceparent text,
        source_xid  xid8,                           -- read from the WAL: Odoo's transaction, written by another
        PRIMARY KEY (xid, id)
      ) WITH (autovacuum_vacuum_scale_factor = 0.5)$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.journal_%s IS %L', i,
      'journal ring: net changes of committed transactions until they are published');
  END LOOP;
END $$;

CREATE VIEW odoo_events.journal AS
SELECT * FROM odoo_events.journal_0 UNION ALL SELECT * FROM odoo_events.journal_1 UNION ALL SELECT * FROM odoo_events.journal_2;
COMMENT ON VIEW odoo_events.journal IS 'internal: all members of the journal ring; what is published stays until its member is emptied';

-- Changes that a non-strict capture could not write; see capture_error.  Written below SQL like the journal.
CREATE TABLE odoo_events.capture_gap (
    xid     xid8 NOT NULL,
    rule    text NOT NULL,
    relid   oid NOT NULL,
    at      timestamptz NOT NULL,
    changes int8 NOT NULL,
    reason  text NOT NULL,
    since   timestamptz,                            -- when it began, at the earliest; null: at
    PRIMARY KEY (xid, rule, relid)
);
COMMENT ON TABLE odoo_events.capture_gap IS
'changes that could not be captured, per transaction and table; a row is deleted once the gap has been dealt with';

CREATE TABLE odoo_events.attached (
    entity text PRIMARY KEY,
    mode   text NOT NULL,
    at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    always boolean                                  -- whether triggers fire for logical replication, too; null: as somebody left them
);
COMMENT ON TABLE odoo_events.attached IS 'entities that are captured; written by attach() and detach()';

-- Only attached entities publish; but what was captured before a detach() and is not published yet still does.
CREATE TABLE odoo_events.detached (
    entity text PRIMARY KEY,
    before xid8 NOT NULL
);
COMMENT ON TABLE odoo_events.detached IS 'entities that were detached, and since which transaction';

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
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.attached
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('entity');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.attached
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('entity', 'attach', 'attach', 'detach', 'entity,at');

CREATE FUNCTION odoo_events.capture() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_capture';
COMMENT ON FUNCTION odoo_events.capture() IS
'row trigger of captured tables: notes the change, which goes to the journal just before commit; argument: name of the capture rule';

CREATE FUNCTION odoo_events.capture_truncate() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_capture_truncate';
COMMENT ON FUNCTION odoo_events.capture_truncate() IS 'TRUNCATE trigger of captured tables; argument: name of the capture rule';

-- Every backend reads its rules again when one has changed.
CREATE FUNCTION odoo_events._rule_changed() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_rule_changed';
COMMENT ON FUNCTION odoo_events._rule_changed() IS 'internal: makes every session read its capture rules again';
CREATE TRIGGER rule_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON odoo_events.capture_rule
  FOR EACH STATEMENT EXECUTE FUNCTION odoo_events._rule_changed();

CREATE FUNCTION odoo_events._rule_stats(OUT rule text, OUT captured int8, OUT errors int8, OUT last_change_at timestamptz,
                                        OUT unnoted int8, OUT unnoted_at timestamptz, OUT unnoted_relid oid)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_rule_stats';
COMMENT ON FUNCTION odoo_events._rule_stats() IS 'internal: per capture rule, what was captured since the server started';

CREATE VIEW odoo_events._capture_error AS
SELECT g.at, COALESCE((SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
                         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE c.oid = g.relid), g.rule) AS relation,
       g.changes, g.reason, COALESCE(g.since, g.at) AS since
  FROM (SELECT at, rule, relid, changes, reason, since FROM odoo_events.capture_gap
        UNION ALL
        SELECT s.unnoted_at, s.rule, s.unnoted_relid, s.unnoted, 'neither the journal nor capture_gap could be written; not written down yet', NULL
          FROM odoo_events._rule_stats() s WHERE s.unnoted > 0) g;
COMMENT ON VIEW odoo_events._capture_error IS 'internal: what capture_error shows';


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

-- Columns of a rule that the table lacks under every name.
CREATE FUNCTION odoo_events._missing_columns(relid oid, specs text[]) RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT array_agg(split_part(s.spec, '=', 1) ORDER BY s.n)
  FROM unnest(specs) WITH ORDINALITY s(spec, n)
 WHERE NOT EXISTS (SELECT 1 FROM pg_attribute a
                    WHERE a.attrelid = relid AND a.attnum > 0 AND NOT a.attisdropped
                      AND a.attname::text = ANY (string_to_array(s.spec, '=')))
$$;
COMMENT ON FUNCTION odoo_events._missing_columns(oid, text[]) IS 'internal: columns of a capture rule that a table does not have';

CREATE FUNCTION odoo_events._table_name(relid oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relid$$;
COMMENT ON FUNCTION odoo_events._table_name(oid) IS 'internal: qualified name of a table, null if it does not exist';

CREATE VIEW odoo_events._capture_trigger AS
SELECT t.oid, t.tgrelid AS relid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS relation, t.tgname, t.tgenabled,
       p.proname = 'capture_truncate' AS truncates, pg_catalog.split_part(pg_catalog.encode(t.tgargs, 'escape'), '\000', 1) AS rule
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE pn.nspname = 'odoo_events' AND p.proname IN ('capture', 'capture_truncate') AND t.tgparentid = 0;
COMMENT ON VIEW odoo_events._capture_trigger IS 'internal: the triggers that capture has on tables';

-- What ALTER TRIGGER ... DEPENDS ON EXTENSION does, without its lock on the extension, which an open attach() would hold.
CREATE FUNCTION odoo_events._trigger_depends(relid oid, name name) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_trigger_depends';
COMMENT ON FUNCTION odoo_events._trigger_depends(oid, name) IS 'internal: a trigger of capture is dropped with the extension';

-- Creates or mends the two triggers of a table.
CREATE FUNCTION odoo_events._capture_table(relid oid, rule text) RETURNS text
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
COMMENT ON FUNCTION odoo_events._capture_table(oid, text) IS 'internal: creates or mends the triggers of one table';

-- Raises for names that the catalog does not have.  "argument": what the caller's argument is called.
CREATE FUNCTION odoo_events._check_entities(entities text[], argument text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unknown text;
  owners text;
BEGIN
  IF cardinality(entities) = 0 THEN
    RAISE WARNING 'argument "%" is empty: nothing is done', argument USING HINT = 'Leave it out for all entities.';
  END IF;
  SELECT u INTO unknown FROM unnest(entities) u WHERE u IS NULL OR NOT EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = u) LIMIT 1;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- the name of a table instead
  SELECT string_agg(e.entity, ', ' ORDER BY e.entity) INTO owners
    FROM odoo_events.entity e JOIN odoo_events.capture_rule r ON r.rule = e.rules[1] WHERE unknown = ANY (r.tables);
  IF owners IS NULL THEN
    SELECT string_agg(e.entity, ', ' ORDER BY e.entity) INTO owners
      FROM odoo_events.entity e JOIN odoo_events.capture_rule r ON r.rule = ANY (e.rules) WHERE unknown = ANY (r.tables);
  END IF;
  RAISE EXCEPTION 'entity "%" in argument "%" is not in the catalog', unknown, argument
    USING ERRCODE = 'undefined_object',
          HINT = CASE WHEN owners IS NOT NULL THEN format('%s is a table of Odoo''s; what is told of it belongs to the entities: %s.', unknown, owners)
                      ELSE 'Known entities: ' || COALESCE((SELECT string_agg(e.entity, ', ' ORDER BY e.entity) FROM odoo_events.entity e), 'none') || '.' END;
END $$;
COMMENT ON FUNCTION odoo_events._check_entities(text[], text) IS 'internal: raises an error for an entity that is not in the catalog';

-- An entity that has events, all of them off.
CREATE FUNCTION odoo_events._nothing_enabled(entity text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'SELECT NOT bool_or(d.enabled) FROM odoo_events.event_def d WHERE d.entity = $1 AND d.emit';
COMMENT ON FUNCTION odoo_events._nothing_enabled(text) IS 'internal: does an entity have events, but none that is enabled';

CREATE FUNCTION odoo_events._drop_idle_triggers() RETURNS void
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
  PERFORM odoo_events._check_entities(entities, 'entities');
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


CREATE FUNCTION odoo_events.detach(entities text[] DEFAULT NULL)
RETURNS TABLE (entity text, relation text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  gone text[];
BEGIN
  PERFORM odoo_events._check_entities(entities, 'entities');
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
COMMENT ON FUNCTION odoo_events.detach(text[]) IS
'stops capturing the given entities (default: all): drops the triggers that no other entity needs, gives tables that were read from the WAL their replica identity back';

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
CREATE FUNCTION odoo_events._reattach() RETURNS int
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

-- Own events.  They are noted like changed rows and written just before commit, so they need no privilege on the journal.
CREATE FUNCTION odoo_events.emit(type text, subject text, data jsonb, key text DEFAULT NULL, correlation text DEFAULT NULL) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_checked_emit';
COMMENT ON FUNCTION odoo_events.emit(text, text, jsonb, text, text) IS
'an own event in this transaction: it exists if and only if the transaction commits; answers its id.  type: prefix.domain.entity.verb.v1 with a '
'prefix other than odoo; events of one key (default: the subject) stay in order; correlation: the process it belongs to';

CREATE FUNCTION odoo_events._emit(type text, subject text, data jsonb, key text DEFAULT NULL, correlation text DEFAULT NULL) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_emit_platform';
COMMENT ON FUNCTION odoo_events._emit(text, text, jsonb, text, text) IS 'internal: emit() for types of our own, odoo.platform.*';
