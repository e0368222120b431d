\echo Use "CREATE EXTENSION odoo_events" to load this file. \quit
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
                         AND t.relname IN ('attached', 'definition', 'marked', 'subscription_config'));
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
-- audit: who changed what.  Rows are added and never changed; what humans do is little, so they are kept for ever.

CREATE TABLE odoo_events.audit (
    id     int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL,
    who    text NOT NULL,               -- who logged in, whatever role was set then
    client inet,                        -- from where; null: from this machine
    what   text NOT NULL,
    object text,
    old    jsonb,                       -- of a change: only what differs
    new    jsonb
);
COMMENT ON TABLE odoo_events.audit IS 'what the view audit_log shows: insert only, in no dump';

CREATE FUNCTION odoo_events._audit_guard() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'rows of odoo_events.audit are never changed' USING ERRCODE = 'object_not_in_prerequisite_state',
    HINT = 'BEGIN; ALTER TABLE odoo_events.audit DISABLE TRIGGER guard; DELETE FROM odoo_events.audit'
           ' WHERE at < now() - interval ''10 years''; ALTER TABLE odoo_events.audit ENABLE TRIGGER guard; COMMIT;  -- for good';
END $$;
COMMENT ON FUNCTION odoo_events._audit_guard() IS 'internal: refuses to change what was audited';
CREATE TRIGGER guard BEFORE UPDATE OR DELETE OR TRUNCATE ON odoo_events.audit
  FOR EACH STATEMENT EXECUTE FUNCTION odoo_events._audit_guard();

CREATE FUNCTION odoo_events._audit(what text, object text, old jsonb DEFAULT NULL, new jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.audit (at, who, client, what, object, old, new)
  VALUES (clock_timestamp(),
          CASE WHEN (SELECT w.pid FROM odoo_events._worker() w) = pg_backend_pid() THEN 'odoo_events worker' ELSE session_user END,
          inet_client_addr(), what, object, old, new);
END $$;
COMMENT ON FUNCTION odoo_events._audit(text, text, jsonb, jsonb) IS
'internal: adds a line to audit_log; whoever calls it sees to it that there is no secret in it';

-- For a table of configuration without secrets.  Arguments: the column with the name of the object; what it is called to insert, to
-- update and to delete a row; columns that do not count.
CREATE FUNCTION odoo_events._audit_row() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ignored text[] := string_to_array(TG_ARGV[4], ',') || '{state_since,version,created_at}';
  was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  is_now jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  what text := CASE WHEN TG_OP = 'INSERT' AND pg_trigger_depth() > 1 THEN 'restore'     -- by saved_config
                    WHEN TG_OP = 'INSERT' THEN TG_ARGV[1] WHEN TG_OP = 'UPDATE' THEN TG_ARGV[2] ELSE TG_ARGV[3] END;
  object text := COALESCE(is_now, was) ->> TG_ARGV[0];
BEGIN
  IF TG_OP = 'UPDATE' THEN
    what := CASE WHEN what <> '' THEN what WHEN is_now -> 'disarmed' = 'true' THEN 'disarm' ELSE 'arm' END;
    IF was -> 'state_since' <> is_now -> 'state_since' THEN
      what := CASE is_now ->> 'state' WHEN 'paused' THEN 'pause' WHEN 'active' THEN 'resume' ELSE 'disable' END;
    END IF;
    SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, is_now -> o.key) INTO was, is_now
      FROM jsonb_each(was) o WHERE o.value IS DISTINCT FROM is_now -> o.key AND o.key <> ALL (ignored);
    IF was IS NULL AND what NOT IN ('resume', 'arm', 'disarm') THEN
      RETURN NULL;
    END IF;
  END IF;
  IF TG_OP <> 'UPDATE' THEN
    was := jsonb_strip_nulls(was - ignored);
    is_now := jsonb_strip_nulls(is_now - ignored);
  END IF;
  PERFORM odoo_events._audit(what, object, was, is_now);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._audit_row() IS
'internal: keeps audit_log in step with a configuration table; arguments: name column, words for insert, update, delete, columns that do not count';

CREATE VIEW odoo_events.audit_log AS
SELECT a.at, a.who, a.client, a.what, a.object, a.old, a.new FROM odoo_events.audit a ORDER BY a.id;
COMMENT ON VIEW odoo_events.audit_log IS
'who changed which configuration, replayed, skipped, discarded ..., when, from what to what; without secrets, kept for ever';
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
    PRIMARY KEY (xid, rule, relid)
);
COMMENT ON TABLE odoo_events.capture_gap IS
'changes that could not be captured, per transaction and table; a row is deleted once the gap has been dealt with';

CREATE TABLE odoo_events.attached (
    entity text PRIMARY KEY,
    mode   text NOT NULL,
    at     timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE odoo_events.attached IS 'entities that are captured; written by attach() and detach()';

-- Only attached entities publish; but what was captured before a detach() and is not published yet still does.
CREATE TABLE odoo_events.detached (
    entity text PRIMARY KEY,
    before xid8 NOT NULL
);
COMMENT ON TABLE odoo_events.detached IS 'entities that were detached, and since which transaction';

-- A dump carries what the DBA chose; the triggers are dumped with Odoo's tables.
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

CREATE VIEW odoo_events.capture_error AS
SELECT g.at, COALESCE((SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
                         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE c.oid = g.relid), g.rule) AS relation,
       g.changes, g.reason
  FROM (SELECT at, rule, relid, changes, reason FROM odoo_events.capture_gap
        UNION ALL
        SELECT s.unnoted_at, s.rule, s.unnoted_relid, s.unnoted, 'neither the journal nor capture_gap could be written; not written down yet'
          FROM odoo_events._rule_stats() s WHERE s.unnoted > 0) g;
COMMENT ON VIEW odoo_events.capture_error IS
'gaps: changes that capture could not write and that no event tells of; changes is the number of noted changes, at most so many rows';


-- The first of "tables" that exists; Odoo's own schema is public, but another will do.
CREATE FUNCTION odoo_events._captured_table(tables text[]) RETURNS oid
LANGUAGE sql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT c.oid
  FROM unnest(tables) WITH ORDINALITY t(name, n)
  JOIN pg_class c ON c.relname = t.name AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
  JOIN pg_namespace s ON s.oid = c.relnamespace
   AND s.nspname NOT IN ('odoo_events', 'information_schema') AND s.nspname !~ '^pg_'
 ORDER BY t.n, s.nspname <> 'public', s.nspname LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._captured_table(text[]) IS 'internal: oid of the table that a rule captures here, null if there is none';

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

-- Creates or mends the two triggers of a table.
CREATE FUNCTION odoo_events._capture_table(relid oid, rule text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rel  text := relid::regclass::text;           -- qualified: the search_path has pg_catalog only
  done text;
  want record;
  have record;
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
      EXECUTE format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION odoo_events', want.name, rel);
      done := 'triggers created';
    END IF;
    IF have.tgenabled IN ('D', 'R', 'A') THEN
      EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', rel, want.name);
      done := COALESCE(done, 'triggers enabled');
    END IF;
  END LOOP;
  RETURN COALESCE(done, 'already attached');
END $$;
COMMENT ON FUNCTION odoo_events._capture_table(oid, text) IS 'internal: creates or mends the triggers of one table';

-- Raises for names that the catalog does not have.
CREATE FUNCTION odoo_events._check_entities(entities text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unknown text;
BEGIN
  SELECT u INTO unknown FROM unnest(entities) u WHERE u IS NULL OR NOT EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = u) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'entity "%" in argument "entities" is not in the catalog', unknown
      USING ERRCODE = 'undefined_object',
            HINT = 'Known entities: ' || COALESCE((SELECT string_agg(e.entity, ', ' ORDER BY e.entity) FROM odoo_events.entity e), 'none') || '.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_entities(text[]) IS 'internal: raises an error for an entity that is not in the catalog';

-- An entity that has events, all of them off.
CREATE FUNCTION odoo_events._nothing_enabled(entity text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'SELECT NOT bool_or(d.enabled) FROM odoo_events.event_def d WHERE d.entity = $1 AND d.emit';
COMMENT ON FUNCTION odoo_events._nothing_enabled(text) IS 'internal: does an entity have events, but none that is enabled';

CREATE FUNCTION odoo_events._attach(entities text[], how text)
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
  IF how <> 'trigger' THEN
    PERFORM odoo_events._wal_check();
  END IF;
  -- whoever says how to capture them knows that they fell back
  UPDATE odoo_events.wal_fallback f SET entities = ARRAY(SELECT u FROM unnest(f.entities) u WHERE entities IS NOT NULL AND u <> ALL (entities));
  DELETE FROM odoo_events.wal_fallback f WHERE f.entities = '{}';
  FOR e IN SELECT d.entity, d.rules FROM odoo_events.entity d
            WHERE entities IS NULL OR d.entity = ANY (entities) ORDER BY d.entity LOOP
    IF NOT EXISTS (SELECT 1 FROM odoo_events.capture_rule c
                    WHERE c.rule = e.rules[1] AND odoo_events._captured_table(c.tables) IS NOT NULL) THEN
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
    INSERT INTO odoo_events.attached AS a (entity, mode) VALUES (e.entity, how)
      ON CONFLICT ON CONSTRAINT attached_pkey DO UPDATE SET mode = EXCLUDED.mode WHERE a.mode <> EXCLUDED.mode;
    FOR r IN SELECT c.rule, odoo_events._captured_table(c.tables) AS relid
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
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._attach(text[], text) IS 'internal: attach()';

CREATE FUNCTION odoo_events.attach(entities text[] DEFAULT NULL, mode text DEFAULT 'trigger',
  OUT entity text, OUT relation text, OUT mode text, OUT event_types text[], OUT note text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS 'SELECT a.entity, a.relation, a.mode, a.event_types, a.note FROM odoo_events._attach($1, $2) a';
COMMENT ON FUNCTION odoo_events.attach(text[], text) IS
'captures the given entities (default: all whose tables exist and of whose events any is enabled).  mode trigger: creates two triggers per table, which takes '
'ShareRowExclusiveLock on it for a moment: set lock_timeout and repeat where Odoo has long transactions.  wal: reads the WAL instead: once the reader is ready '
'the worker sets REPLICA IDENTITY FULL and drops the triggers, table by table; a table that several entities need is read from the WAL if one of them is.  '
'both: both ways, events by the triggers, differences in capture_difference.  Mends what is missing or disabled; can be repeated';

CREATE FUNCTION odoo_events._drop_idle_triggers() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.tgname, c.relid::regclass AS rel FROM odoo_events._capture_trigger c
            WHERE NOT EXISTS (SELECT 1 FROM odoo_events.attached a JOIN odoo_events.entity o ON o.entity = a.entity
                               WHERE c.rule = ANY (o.rules)) ORDER BY c.relation, c.tgname LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.rel);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._drop_idle_triggers() IS 'internal: drops the triggers that no attached entity needs';

CREATE FUNCTION odoo_events.detach(entities text[] DEFAULT NULL)
RETURNS TABLE (entity text, relation text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  gone text[];
BEGIN
  PERFORM odoo_events._check_entities(entities);
  WITH d AS (DELETE FROM odoo_events.attached a WHERE entities IS NULL OR a.entity = ANY (entities) RETURNING a.entity)
  SELECT array_agg(d.entity ORDER BY d.entity) INTO gone FROM d;
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
    SELECT g, pg_snapshot_xmax(pg_current_snapshot()) FROM unnest(gone) g
    ON CONFLICT ON CONSTRAINT detached_pkey DO UPDATE SET before = EXCLUDED.before;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.detach(text[]) IS
'stops capturing the given entities (default: all): drops the triggers that no other entity needs, gives tables that were read from the WAL their replica identity back';

-- A table of an attached entity that has no trigger: it was dropped and made again, or a module brought it.  What happened to it
-- meanwhile was not captured: a gap says so.  A trigger that somebody disabled stays so; a table that is in use is left for the next time.
CREATE FUNCTION odoo_events._reattach() RETURNS int
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r record;
  n int := 0;
BEGIN
  FOR r IN SELECT DISTINCT c.rule, x.relid
             FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity
             JOIN odoo_events.capture_rule c ON c.rule = ANY (e.rules)
             CROSS JOIN LATERAL odoo_events._captured_table(c.tables) x(relid)
            WHERE x.relid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = c.rule AND w.state = 'wal') AND (SELECT count(*) FROM odoo_events._capture_trigger t WHERE t.relid = x.relid AND t.rule = c.rule) < 2
  LOOP
    BEGIN
      EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE NOWAIT', r.relid::regclass);
      PERFORM odoo_events._capture_table(r.relid, r.rule);
      INSERT INTO odoo_events.capture_gap AS g (xid, rule, relid, at, changes, reason)
      VALUES (pg_current_xact_id(), r.rule, r.relid, clock_timestamp(), 0, 'the table was new, or had lost its trigger: attached again');
      n := n + 1;
      RAISE LOG 'odoo_events captures % again', r.relid::regclass;
    EXCEPTION
      WHEN lock_not_available OR undefined_table OR undefined_column OR duplicate_object THEN
        NULL;
    END;
  END LOOP;
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events._reattach() IS 'internal: makes the triggers that tables of attached entities lack; answers on how many tables';

-- Own events.  They are noted like changed rows and written just before commit, so they need no privilege on the journal.
CREATE FUNCTION odoo_events.emit(type text, subject text, data jsonb, key text DEFAULT NULL, correlation text DEFAULT NULL) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_emit';
COMMENT ON FUNCTION odoo_events.emit(text, text, jsonb, text, text) IS
'an own event in this transaction: it exists if and only if the transaction commits; answers its id.  type: prefix.domain.entity.verb.v1 with a '
'prefix other than odoo; events of one key (default: the subject) stay in order; correlation: the process it belongs to';

CREATE FUNCTION odoo_events._emit(type text, subject text, data jsonb, key text DEFAULT NULL, correlation text DEFAULT NULL) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_emit_platform';
COMMENT ON FUNCTION odoo_events._emit(text, text, jsonb, text, text) IS 'internal: emit() for types of our own, odoo.platform.*';
-- wal: capture from the WAL.  The worker calls _wal_step() again and again while anything here has rows; src/reader decodes and writes.
--
--   attach(mode => 'wal')   rule waits: triggers capture, the reader makes the slot
--   _wal_step               slot is there: REPLICA IDENTITY FULL is set, triggers go, the rule's state becomes "wal", in one transaction
--                           that holds the table's lock.  The output plugin reads wal_rule as of each change, so every change is captured
--                           by exactly one of the two
--   attach(mode => 'trigger'), detach(), or the safety valve: the same the other way round, and a drain: what is still to be read
--                           of the WAL is older than what triggers note from now on, so the publisher waits for it
--
-- The worker takes one table's lock per transaction, and waits 100 ms for it: so it is never part of a deadlock, and nobody waits longer
-- behind it.  It never asks for a stronger lock on a table than it has.

CREATE TABLE odoo_events.wal_rule (
    rule     text PRIMARY KEY,
    relid    oid NOT NULL,
    want     text NOT NULL CHECK (want IN ('wal', 'both')),
    state    text NOT NULL CHECK (state IN ('waiting', 'wal', 'both')),
    since    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    before   pg_snapshot                        -- both: transactions that it sees were captured by triggers alone
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.wal_rule IS 'capture rules that are, or are going to be, captured from the WAL; read by the output plugin as of each change';
CREATE TRIGGER rule_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON odoo_events.wal_rule
  FOR EACH STATEMENT EXECUTE FUNCTION odoo_events._rule_changed();

CREATE TABLE odoo_events.wal_identity (
    relid    oid PRIMARY KEY,
    rule     text NOT NULL,
    identity text NOT NULL                      -- DEFAULT, USING INDEX ..., NOTHING
);
COMMENT ON TABLE odoo_events.wal_identity IS 'replica identities that tables had before they were captured from the WAL, to be put back';

CREATE TABLE odoo_events.wal_drain (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    hold    boolean NOT NULL,                   -- the publisher waits: triggers have taken over
    rules   text[] NOT NULL,
    until   pg_lsn,                             -- of the WAL, once whoever began the drain has committed
    since   timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE odoo_events.wal_drain IS 'one row while WAL of rules that are no longer captured from it is still to be read';

CREATE TABLE odoo_events.wal_drain_id (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    next_id int8 NOT NULL
);
COMMENT ON TABLE odoo_events.wal_drain_id IS 'one row while the publisher waits: journal ids that were left free for what is still to be read';

CREATE TABLE odoo_events.wal_fallback (
    at       timestamptz PRIMARY KEY DEFAULT pg_catalog.clock_timestamp(),
    entities text[] NOT NULL,
    mode     text NOT NULL,
    reason   text NOT NULL
);
COMMENT ON TABLE odoo_events.wal_fallback IS 'capture that fell back from the WAL to triggers by itself; attach() takes note of it';

-- mode both
CREATE TABLE odoo_events.wal_change (
    xid       xid8 NOT NULL,
    rule      text NOT NULL,
    record_id int8 NOT NULL,
    op        "char" NOT NULL,
    digest    text NOT NULL,
    PRIMARY KEY (xid, rule, record_id, op)
);
COMMENT ON TABLE odoo_events.wal_change IS 'mode both: net changes as the WAL has them, until they are compared with those of the triggers';

CREATE TABLE odoo_events.wal_compare (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    done pg_snapshot NOT NULL,                  -- transactions that it sees are compared
    next pg_snapshot,
    upto pg_lsn                                 -- WAL that has to be read before "next" can be compared
);
COMMENT ON TABLE odoo_events.wal_compare IS 'mode both: one row, how far the two ways of capture are compared';

CREATE TABLE odoo_events.capture_difference (
    xid       xid8 NOT NULL,
    rule      text NOT NULL,
    record_id int8 NOT NULL,
    trigger   text,                             -- operation; null: not captured this way
    wal       text,
    at        timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (xid, rule, record_id)
);
COMMENT ON TABLE odoo_events.capture_difference IS
'mode both: net changes that triggers and the WAL do not have alike; reconcile() lists them, attach() in another mode forgets them';

CREATE FUNCTION odoo_events._change_digest(old text, new text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$SELECT md5(concat_ws('|', COALESCE(old, '-'), COALESCE(new, '-')))$$;
COMMENT ON FUNCTION odoo_events._change_digest(text, text) IS 'internal: what of a net change is compared';

CREATE FUNCTION odoo_events._wal_slot() RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$SELECT ('odoo_events_' || d.oid)::name FROM pg_database d WHERE d.datname = current_database()$$;
COMMENT ON FUNCTION odoo_events._wal_slot() IS 'internal: name of the slot, and of the replication origin, of this database';

CREATE FUNCTION odoo_events._wal_processes(OUT recorder_pid int4, OUT reader_pid int4, OUT reading boolean, OUT error text) RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_wal_processes';
COMMENT ON FUNCTION odoo_events._wal_processes() IS 'internal: the processes that capture from the WAL, and why one of them ended last';

-- The first id that a drain may use next; null where the publisher does not wait, 0 where nothing is wanted of the WAL any more.
CREATE FUNCTION odoo_events._wal_drain_id() RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN EXISTS (SELECT 1 FROM odoo_events.wal_drain) OR EXISTS (SELECT 1 FROM odoo_events.wal_rule) THEN (SELECT d.next_id FROM odoo_events.wal_drain_id d) ELSE 0 END
$$;
COMMENT ON FUNCTION odoo_events._wal_drain_id() IS 'internal: journal id for what a drain reads';

-- What the server must allow; raises with the mend.
CREATE FUNCTION odoo_events._wal_check() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  plugins text := current_setting('output_plugin_libraries', true);
BEGIN
  IF NOT odoo_events._preloaded() THEN
    RAISE EXCEPTION 'capture from the WAL needs the library in shared_preload_libraries'
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('ALTER SYSTEM SET shared_preload_libraries = %s;  -- then restart the server',
                          concat_ws(', ', NULLIF(current_setting('shared_preload_libraries'), ''), 'odoo_events'));
  END IF;
  IF current_setting('wal_level') <> 'logical' THEN
    RAISE EXCEPTION 'capture from the WAL needs wal_level "logical", not "%"', current_setting('wal_level')
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'ALTER SYSTEM SET wal_level = logical;  -- then restart the server';
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
COMMENT ON FUNCTION odoo_events._wal_check() IS 'internal: raises where the server does not allow capture from the WAL';

-- The tables whose replica identity counts: the table itself, or its leaves where it is partitioned.
CREATE FUNCTION odoo_events._wal_tables(relid oid) RETURNS TABLE (leaf oid, name text, identity text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT c.oid, c.oid::regclass::text,
       CASE c.relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
            ELSE (SELECT format('USING INDEX %I', i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                   WHERE x.indrelid = c.oid AND x.indisreplident) END
  FROM (SELECT relid AS oid WHERE NOT EXISTS (SELECT 1 FROM pg_partitioned_table p WHERE p.partrelid = relid)
        UNION ALL SELECT t.relid FROM pg_partition_tree(relid) t WHERE t.isleaf) t
  JOIN pg_class c ON c.oid = t.oid
$$;
COMMENT ON FUNCTION odoo_events._wal_tables(oid) IS 'internal: the tables of a captured table that have rows, with their replica identities';

-- Sets REPLICA IDENTITY FULL, and notes what was there.  The caller has locked the table.
CREATE FUNCTION odoo_events._wal_identity(relid oid, rule text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT w.* FROM odoo_events._wal_tables(relid) w WHERE w.identity IS DISTINCT FROM 'FULL' LOOP
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', t.name);
    INSERT INTO odoo_events.wal_identity (relid, rule, identity) VALUES (t.leaf, rule, COALESCE(t.identity, 'DEFAULT')) ON CONFLICT ON CONSTRAINT wal_identity_pkey DO NOTHING;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._wal_identity(oid, text) IS 'internal: makes the WAL hold whole old rows';

-- Puts the replica identity of a table back.  The caller has locked it.
CREATE FUNCTION odoo_events._wal_restore(relid oid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT w.name, i.identity FROM odoo_events.wal_identity i JOIN LATERAL odoo_events._wal_tables(i.relid) w ON w.leaf = i.relid
            WHERE i.relid = _wal_restore.relid AND w.identity = 'FULL' LOOP
    BEGIN
      EXECUTE format('ALTER TABLE %s REPLICA IDENTITY %s', t.name, t.identity);
    EXCEPTION WHEN undefined_object THEN
      EXECUTE format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', t.name);         -- the index has gone meanwhile
    END;
  END LOOP;
  DELETE FROM odoo_events.wal_identity i WHERE i.relid = _wal_restore.relid;
END $$;
COMMENT ON FUNCTION odoo_events._wal_restore(oid) IS 'internal: puts the replica identity of a table back';

-- A rule is to be captured from the WAL.  Until the reader is ready triggers do it.
CREATE FUNCTION odoo_events._wal_join(relid oid, rule text, want text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  have odoo_events.wal_rule;
BEGIN
  SELECT * INTO have FROM odoo_events.wal_rule w WHERE w.rule = _wal_join.rule;
  IF FOUND AND have.want = want THEN
    RETURN CASE have.state WHEN 'waiting' THEN 'triggers capture until the reader is ready' ELSE 'already attached' END;
  ELSIF FOUND AND have.state = 'wal' THEN
    RAISE EXCEPTION 'rule "%" is captured from the WAL: it cannot become "both" at once', rule
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('SELECT * FROM odoo_events.attach(%L, mode => ''trigger'');',
                          (SELECT array_agg(a.entity ORDER BY a.entity) FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity
                            WHERE _wal_join.rule = ANY (e.rules)));
  ELSIF FOUND THEN
    UPDATE odoo_events.wal_rule w SET want = _wal_join.want, state = 'waiting', since = now() WHERE w.rule = _wal_join.rule;
  ELSE
    PERFORM odoo_events._capture_table(relid, rule);
    INSERT INTO odoo_events.wal_rule (rule, relid, want, state) VALUES (rule, relid, want, 'waiting');
  END IF;
  RETURN 'triggers capture until the reader is ready';
END $$;
COMMENT ON FUNCTION odoo_events._wal_join(oid, text, text) IS 'internal: begins to capture a table from the WAL';

-- What is still to be read of the WAL is read, although nothing is captured from it any more; "triggers": they capture from now on.
CREATE FUNCTION odoo_events._wal_drain(rule text, triggers boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO odoo_events.wal_drain AS d (hold, rules) VALUES (triggers, ARRAY[rule])
    ON CONFLICT ON CONSTRAINT wal_drain_pkey DO UPDATE SET hold = d.hold OR EXCLUDED.hold, rules = d.rules || EXCLUDED.rules, until = NULL;
  -- a thousand million ids for what is older; the first million for whoever takes one at this moment
  IF triggers AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_drain_id) THEN
    INSERT INTO odoo_events.wal_drain_id (next_id) VALUES (nextval('odoo_events.journal_id_seq') + 1000000);
    PERFORM setval('odoo_events.journal_id_seq', (SELECT d.next_id + 1000000000 FROM odoo_events.wal_drain_id d));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._wal_drain(text, boolean) IS 'internal: begins a drain, or makes it go on';

-- A rule is no longer captured from the WAL; "triggers": by triggers instead, from this transaction on.  The replica identity is
-- put back here only where the lock for it is needed anyway, else by the worker.
CREATE FUNCTION odoo_events._wal_leave(rule text, triggers boolean) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  have odoo_events.wal_rule;
BEGIN
  SELECT * INTO have FROM odoo_events.wal_rule w WHERE w.rule = _wal_leave.rule;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  -- the lock first: from here on nobody else writes to the table until we commit
  IF NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = have.relid) THEN
    NULL;
  ELSIF triggers THEN
    PERFORM odoo_events._capture_table(have.relid, rule);
  ELSE
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', have.relid::regclass);
    PERFORM odoo_events._wal_restore(i.relid) FROM odoo_events.wal_identity i WHERE i.rule = _wal_leave.rule;
  END IF;
  DELETE FROM odoo_events.wal_rule w WHERE w.rule = _wal_leave.rule;
  IF have.state = 'wal' THEN
    PERFORM odoo_events._wal_drain(rule, triggers);
  END IF;
  RETURN CASE WHEN triggers THEN 'triggers capture again' ELSE 'no longer read from the WAL' END;
END $$;
COMMENT ON FUNCTION odoo_events._wal_leave(text, boolean) IS 'internal: ends capture of a table from the WAL';

-- How rules are to be captured, by the modes of the entities that need them: from the WAL if one of them wants that.
CREATE FUNCTION odoo_events._rule_modes() RETURNS TABLE (rule text, mode text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT u.rule, CASE WHEN bool_or(a.mode = 'wal') THEN 'wal' WHEN bool_or(a.mode = 'both') THEN 'both' ELSE 'trigger' END
  FROM odoo_events.attached a JOIN odoo_events.entity e ON e.entity = a.entity, unnest(e.rules) u(rule) GROUP BY u.rule
$$;
COMMENT ON FUNCTION odoo_events._rule_modes() IS 'internal: how the rules of attached entities are to be captured';

CREATE FUNCTION odoo_events._rule_mode(rule text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS 'SELECT m.mode FROM odoo_events._rule_modes() m WHERE m.rule = $1';
COMMENT ON FUNCTION odoo_events._rule_mode(text) IS 'internal: how a rule is to be captured; null: not at all';

-- Captures a table as its entities want; answers what was done.
CREATE FUNCTION odoo_events._capture_rule(relid oid, rule text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  want text := odoo_events._rule_mode(rule);
  done text;
BEGIN
  IF want IN ('wal', 'both') THEN
    RETURN odoo_events._wal_join(relid, rule, want);
  END IF;
  done := odoo_events._wal_leave(rule, true);
  -- which may be another table by now
  want := odoo_events._capture_table(relid, rule);
  RETURN COALESCE(done, want);
END $$;
COMMENT ON FUNCTION odoo_events._capture_rule(oid, text) IS 'internal: captures a table in the mode that its entities want';

-- What was to be read is read, or never will be: the publisher goes on.
CREATE FUNCTION odoo_events._wal_drained() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DELETE FROM odoo_events.wal_drain_id;
DELETE FROM odoo_events.wal_drain;
SELECT odoo_events._wake('changes')
$$;
COMMENT ON FUNCTION odoo_events._wal_drained() IS 'internal: ends a drain';

-- Capture goes back to triggers by itself: what it says and what is wanted from now on; tables follow, step by step.
CREATE FUNCTION odoo_events._wal_give_up(reason text, lost boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  back jsonb;
BEGIN
  WITH a AS (UPDATE odoo_events.attached t SET mode = 'trigger' FROM odoo_events.attached o
              WHERE o.entity = t.entity AND t.mode IN ('wal', 'both') RETURNING t.entity, o.mode)
  , m AS (SELECT a.mode, array_agg(a.entity ORDER BY a.entity) AS entities FROM a GROUP BY a.mode)
  , f AS (INSERT INTO odoo_events.wal_fallback (at, entities, mode, reason)
          SELECT clock_timestamp(), m.entities, m.mode, _wal_give_up.reason FROM m RETURNING *)
  SELECT jsonb_agg(jsonb_build_object('entities', f.entities, 'mode', f.mode)) INTO back FROM f;
  IF back IS NOT NULL THEN
    PERFORM odoo_events._emit('odoo.platform.capture.fell_back.v1', 'capture', jsonb_build_object('reason', reason, 'lost', lost, 'was', back));
    RAISE WARNING 'odoo_events captures by triggers again: %', reason;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._wal_give_up(text, boolean) IS 'internal: the safety valve; "lost": what is in the WAL cannot be read any more';

-- What is in the WAL of some rules will not be read: that is said, and the publisher goes on.
CREATE FUNCTION odoo_events._wal_gap(rules text[], reason text) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.capture_gap (xid, rule, relid, at, changes, reason)
SELECT pg_current_xact_id(), c.rule, COALESCE(odoo_events._captured_table(c.tables), 0), clock_timestamp(), 0, $2
  FROM odoo_events.capture_rule c WHERE c.rule = ANY ($1)
ON CONFLICT ON CONSTRAINT capture_gap_pkey DO NOTHING;
SELECT odoo_events._wal_drained()
$$;
COMMENT ON FUNCTION odoo_events._wal_gap(text[], text) IS 'internal: notes a gap of what cannot be read of the WAL';

-- Mode both: compares what both ways have of the transactions that both are through with.
CREATE FUNCTION odoo_events._wal_comparison(confirmed pg_lsn) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.wal_compare;
BEGIN
  SELECT * INTO c FROM odoo_events.wal_compare;
  IF c.upto <= confirmed THEN
    -- what was read before a rule's table was attached so, or is no longer
    DELETE FROM odoo_events.wal_change x
     WHERE NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule r WHERE r.rule = x.rule AND r.state = 'both' AND NOT pg_visible_in_snapshot(x.xid, r.before));
    INSERT INTO odoo_events.capture_difference (xid, rule, record_id, trigger, wal)
    SELECT COALESCE(t.xid, w.xid), COALESCE(t.rule, w.rule), COALESCE(t.record_id, w.record_id), string_agg(t.op, ''), string_agg(w.op::text, '')
      FROM (SELECT j.xid, j.rule, COALESCE(j.record_id, 0) AS record_id, j.op::text AS op, odoo_events._change_digest(j.old, j.new) AS digest
              FROM odoo_events.journal j JOIN odoo_events.wal_rule r ON r.rule = j.rule AND r.state = 'both'
             WHERE j.xid >= pg_snapshot_xmin(c.done) AND j.source_xid IS NULL AND j.op IN ('I', 'U', 'D', 'T')
               AND pg_visible_in_snapshot(j.xid, c.next) AND NOT pg_visible_in_snapshot(j.xid, c.done) AND NOT pg_visible_in_snapshot(j.xid, r.before)) t
      FULL JOIN (SELECT * FROM odoo_events.wal_change x WHERE pg_visible_in_snapshot(x.xid, c.next)) w
        ON w.xid = t.xid AND w.rule = t.rule AND w.record_id = t.record_id AND w.op::text = t.op
     WHERE t.digest IS DISTINCT FROM w.digest
     GROUP BY 1, 2, 3
    ON CONFLICT ON CONSTRAINT capture_difference_pkey DO NOTHING;
    DELETE FROM odoo_events.wal_change x WHERE pg_visible_in_snapshot(x.xid, c.next);
    UPDATE odoo_events.wal_compare SET done = c.next, next = NULL, upto = NULL;
  END IF;
  -- the position second: what the snapshot sees is before it
  UPDATE odoo_events.wal_compare SET next = pg_current_snapshot(), upto = pg_current_wal_insert_lsn() WHERE next IS NULL;
END $$;
COMMENT ON FUNCTION odoo_events._wal_comparison(pg_lsn) IS 'internal: mode both';

-- A rule that waited: the reader is there, so from here on the WAL has it.
CREATE FUNCTION odoo_events._wal_take_over(rule text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.wal_rule;
  t record;
BEGIN
  SELECT * INTO r FROM odoo_events.wal_rule w WHERE w.rule = _wal_take_over.rule;
  -- the strongest that is needed, at once
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', r.relid::regclass);
  PERFORM odoo_events._wal_identity(r.relid, r.rule);
  IF r.want = 'wal' THEN
    FOR t IN SELECT c.tgname, c.relid::regclass AS rel FROM odoo_events._capture_trigger c WHERE c.rule = r.rule LOOP
      EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.rel);
    END LOOP;
  ELSE
    INSERT INTO odoo_events.wal_compare (done) VALUES (pg_current_snapshot()) ON CONFLICT ON CONSTRAINT wal_compare_pkey DO NOTHING;
  END IF;
  UPDATE odoo_events.wal_rule w SET state = r.want, since = now(), before = CASE WHEN r.want = 'both' THEN pg_current_snapshot() END WHERE w.rule = r.rule;
END $$;
COMMENT ON FUNCTION odoo_events._wal_take_over(text) IS 'internal: triggers go, the WAL is read instead';

-- A table that lost its identity, was made again, or got a partition.
CREATE FUNCTION odoo_events._wal_mend(rule text, relid oid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relid::regclass);
  PERFORM odoo_events._wal_identity(relid, rule);
  UPDATE odoo_events.wal_rule w SET relid = _wal_mend.relid WHERE w.rule = _wal_mend.rule;
  INSERT INTO odoo_events.capture_gap AS g (xid, rule, relid, at, changes, reason)
  VALUES (pg_current_xact_id(), rule, relid, clock_timestamp(), 0, 'the table was new, or had lost its replica identity: set again')
  ON CONFLICT ON CONSTRAINT capture_gap_pkey DO NOTHING;
END $$;
COMMENT ON FUNCTION odoo_events._wal_mend(text, oid) IS 'internal: a replica identity that is no longer what it must be';

-- What is to be done that needs a table's lock.  "thorough": also what is rare and costs more to find.
CREATE FUNCTION odoo_events._wal_work(ready boolean, thorough boolean) RETURNS TABLE (what text, rule text, relid oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH m AS MATERIALIZED (SELECT * FROM odoo_events._rule_modes()),
w AS (SELECT r.*, COALESCE(m.mode, 'none') AS mode FROM odoo_events.wal_rule r LEFT JOIN m ON m.rule = r.rule)
SELECT CASE WHEN w.mode IN ('none', 'trigger') THEN 'leave' ELSE 'take over' END, w.rule, w.relid FROM w
 WHERE w.mode IN ('none', 'trigger') OR ready AND w.state = 'waiting' AND EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = w.relid)
UNION ALL
SELECT 'restore', i.rule, i.relid FROM odoo_events.wal_identity i WHERE NOT EXISTS (SELECT 1 FROM w WHERE w.rule = i.rule)
UNION ALL
SELECT 'mend', w.rule, x.relid FROM w JOIN odoo_events.capture_rule c ON c.rule = w.rule CROSS JOIN LATERAL odoo_events._captured_table(c.tables) x(relid)
 WHERE thorough AND w.mode IN ('wal', 'both') AND x.relid IS NOT NULL
   AND (x.relid <> w.relid OR w.state <> 'waiting' AND EXISTS (SELECT 1 FROM odoo_events._wal_tables(x.relid) t WHERE t.identity IS DISTINCT FROM 'FULL'))
UNION ALL
-- a restored dump, or a module that came later: _reattach() has made the triggers
SELECT 'join', c.rule, x.relid FROM m JOIN odoo_events.capture_rule c ON c.rule = m.rule CROSS JOIN LATERAL odoo_events._captured_table(c.tables) x(relid)
 WHERE thorough AND m.mode IN ('wal', 'both') AND NOT EXISTS (SELECT 1 FROM w WHERE w.rule = c.rule)
   AND (SELECT count(*) FROM odoo_events._capture_trigger t WHERE t.relid = x.relid AND t.rule = c.rule) = 2
 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION odoo_events._wal_work(boolean, boolean) IS 'internal: what the worker has to do for capture from the WAL that needs the lock of a table';

-- Does one thing of that list; false where the table is in use.
CREATE FUNCTION odoo_events._wal_do(what text, rule text, relid oid, lost boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was text := (SELECT w.state FROM odoo_events.wal_rule w WHERE w.rule = _wal_do.rule);
BEGIN
  IF what = 'leave' THEN
    PERFORM odoo_events._wal_leave(rule, odoo_events._rule_mode(rule) IS NOT NULL);
    IF lost AND was = 'wal' THEN
      PERFORM odoo_events._wal_gap(ARRAY[rule], 'the replication slot is lost, and with it what was to be read of the WAL');
    END IF;
  ELSIF what = 'take over' THEN
    PERFORM odoo_events._wal_take_over(rule);
  ELSIF what = 'mend' THEN
    PERFORM odoo_events._wal_mend(rule, relid);
  ELSIF what = 'join' THEN
    PERFORM odoo_events._wal_join(relid, rule, odoo_events._rule_mode(rule));
  ELSE
    IF EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = relid) THEN
      EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relid::regclass);
    END IF;
    PERFORM odoo_events._wal_restore(relid);
  END IF;
  RETURN true;
EXCEPTION WHEN lock_not_available OR undefined_table THEN
  RETURN false;
END $$;
COMMENT ON FUNCTION odoo_events._wal_do(text, text, oid, boolean) IS 'internal: one thing that _wal_work() names';

CREATE FUNCTION odoo_events._wal_state(OUT confirmed pg_lsn, OUT retained int8, OUT lag int8, OUT lost boolean, OUT active boolean) RETURNS record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT s.confirmed_flush_lsn, pg_wal_lsn_diff(p.lsn, s.restart_lsn)::int8, pg_wal_lsn_diff(p.lsn, s.confirmed_flush_lsn)::int8,
       s.wal_status IS NOT DISTINCT FROM 'lost', s.active
  FROM pg_replication_slots s, (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) p
 WHERE s.slot_name = odoo_events._wal_slot() AND s.database = current_database() AND s.plugin = 'odoo_events'
$$;
COMMENT ON FUNCTION odoo_events._wal_state() IS 'internal: the slot: bytes of WAL that it keeps, and that are still to be read; no row values where there is none';

-- Replication origins are the server's: they do not go with their database.
CREATE FUNCTION odoo_events._wal_drop_origins(own boolean) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT pg_replication_origin_drop(o.roname) FROM pg_replication_origin o
 WHERE o.roname ~ '^odoo_events_[0-9]+$'
   AND CASE WHEN o.roname = odoo_events._wal_slot()::text THEN own ELSE NOT EXISTS (SELECT 1 FROM pg_database d WHERE 'odoo_events_' || d.oid = o.roname) END
$$;
COMMENT ON FUNCTION odoo_events._wal_drop_origins(boolean) IS 'internal: drops the replication origins of databases that are gone, and this one''s, if it is not in use';

-- The slot and the origin go once nobody uses them: the origin first, since without the slot nobody would look for it.
CREATE FUNCTION odoo_events._wal_clear() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM odoo_events.wal_change;
  DELETE FROM odoo_events.wal_compare;
  IF EXISTS (SELECT 1 FROM odoo_events._wal_processes() p WHERE p.recorder_pid IS NULL AND p.reader_pid IS NULL) THEN
    PERFORM odoo_events._wal_drop_origins(true);
    PERFORM pg_drop_replication_slot(odoo_events._wal_slot());
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._wal_clear() IS 'internal: nothing is captured from the WAL any more';

-- One step of the worker.  "turn": which of several tables is tried; null: none now.  "run": the reader is to run; "again": milliseconds to
-- the next step, null: when something is attached; "progress": something was done, there may be more; "blocked": a table was in use.
CREATE FUNCTION odoo_events._wal_step(armed boolean, turn int4, thorough boolean, OUT run boolean, OUT again int4, OUT progress boolean, OUT blocked boolean) RETURNS record
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
  slot   record;
  ready  boolean := (SELECT p.reading FROM odoo_events._wal_processes() p);
  todo   record;
  lost   boolean;
  budget int8 := (SELECT s.setting::int8 * 1048576 FROM pg_settings s WHERE s.name = 'odoo_events.max_slot_wal');
BEGIN
  progress := false;
  blocked := false;
  SELECT * INTO slot FROM odoo_events._wal_state();
  IF NOT armed AND slot.active IS NULL THEN     -- a copy
    run := false;
    again := 5000;
    RETURN;
  END IF;
  run := EXISTS (SELECT 1 FROM odoo_events.wal_rule) OR EXISTS (SELECT 1 FROM odoo_events.wal_drain);
  lost := COALESCE(slot.lost, true) AND (slot.active IS NOT NULL OR EXISTS (SELECT 1 FROM odoo_events.wal_rule r WHERE r.state <> 'waiting')
                                         OR EXISTS (SELECT 1 FROM odoo_events.wal_drain));
  IF lost AND run THEN
    PERFORM odoo_events._wal_give_up('the replication slot is lost, and with it what was to be read of the WAL', true);
    PERFORM odoo_events._wal_gap(d.rules, 'the replication slot is lost, and with it what was to be read of the WAL') FROM odoo_events.wal_drain d;
  ELSIF slot.retained > budget AND EXISTS (SELECT 1 FROM odoo_events.wal_rule) THEN
    PERFORM odoo_events._wal_give_up(format('the replication slot kept %s of WAL, more than odoo_events.max_slot_wal', pg_size_pretty(slot.retained)), false);
  END IF;
  IF slot.retained > 2 * budget AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule) THEN
    PERFORM odoo_events._wal_gap(d.rules, 'the WAL could not be read in time: the replication slot was dropped') FROM odoo_events.wal_drain d;
  END IF;
  IF turn IS NOT NULL THEN
    SELECT x.* INTO todo FROM (SELECT w.*, row_number() OVER () - 1 AS i, count(*) OVER () AS n FROM odoo_events._wal_work(ready, thorough) w) x WHERE x.i = turn % x.n;
    IF FOUND THEN
      progress := odoo_events._wal_do(todo.what, todo.rule, todo.relid, lost);
      blocked := NOT progress;
    END IF;
  END IF;
  IF run AND NOT lost THEN
    PERFORM odoo_events._wal_comparison(slot.confirmed);
    -- of an earlier transaction: then all that it let through is before this position
    UPDATE odoo_events.wal_drain d SET until = pg_current_wal_insert_lsn() WHERE d.until IS NULL AND d.xmin IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid;
    IF EXISTS (SELECT 1 FROM odoo_events.wal_drain d WHERE d.until <= slot.confirmed) THEN
      PERFORM odoo_events._wal_drained();
    END IF;
  END IF;
  run := EXISTS (SELECT 1 FROM odoo_events.wal_rule) OR EXISTS (SELECT 1 FROM odoo_events.wal_drain);
  IF NOT run AND slot.active IS NOT NULL THEN
    PERFORM odoo_events._wal_clear();
  END IF;
  again := CASE WHEN EXISTS (SELECT 1 FROM odoo_events.wal_rule r WHERE r.state = 'waiting') OR EXISTS (SELECT 1 FROM odoo_events.wal_drain) OR NOT run AND slot.active IS NOT NULL THEN 200
                WHEN run OR EXISTS (SELECT 1 FROM odoo_events.wal_identity) THEN 1000
                WHEN EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.mode IN ('wal', 'both')) THEN 5000 END;
END $$;
COMMENT ON FUNCTION odoo_events._wal_step(boolean, int4, boolean) IS 'internal: one step of the worker for capture from the WAL';

CREATE FUNCTION odoo_events._wal_flush() RETURNS pg_lsn
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_wal_flush';
COMMENT ON FUNCTION odoo_events._wal_flush() IS 'internal: writes all WAL to disk; answers where it ends';

-- Until the journal has all that was committed to the tables of these rules; raises where that takes too long.
CREATE FUNCTION odoo_events._wal_wait(rules text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  until timestamptz := clock_timestamp() + interval '30 seconds';
  upto  pg_lsn;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = ANY (rules) AND w.state = 'wal') AND NOT EXISTS (SELECT 1 FROM odoo_events.wal_drain) THEN
    RETURN;
  END IF;
  upto := odoo_events._wal_flush();
  WHILE (SELECT s.confirmed < upto FROM odoo_events._wal_state() s) LOOP
    IF clock_timestamp() > until THEN
      RAISE EXCEPTION 'the WAL has not been read up to now'
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SELECT * FROM odoo_events.health();';
    END IF;
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._wal_wait(text[]) IS 'internal: waits until the WAL is read';
-- catalog: what can happen, as data.  Rows here say which tables are captured, which milestones their rows cross, which event
-- each is, and what it carries; publish/*.c knows none of the names.  Paths: "column", or "column.field.field ..." where the
-- column is a link and each field one of the reference's before it, whose target leads on.  The rows are in catalog_*.sql.

-- A thing that events are about.  keys: the document whose order its events follow, 'entity=path', first that has a value; its
-- own id otherwise.  warehouse and company likewise.  correlation: the order at the root of the chain; behind a path "~table.key=value"
-- leads on to other rows (those whose "key", which must be indexed, is the id so far; "value" is the next id); of several a single
-- one counts, with "<" at the end the lowest.  one_event: at most one milestone per transaction, the furthest.
CREATE TABLE odoo_events.entity (
    entity      text PRIMARY KEY,
    domain      text NOT NULL,
    model       text NOT NULL,
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    rules       text[] NOT NULL,                    -- all capture rules that its events need, its own first
    name_column text,
    state_column text,
    draft_states text[] NOT NULL DEFAULT '{}',
    open_states text[] NOT NULL DEFAULT '{}',
    cancelled_states text[] NOT NULL DEFAULT '{}',
    one_event   boolean NOT NULL DEFAULT false,
    change_columns text[] NOT NULL DEFAULT '{}',    -- own columns whose change makes "changed"
    keys        text[] NOT NULL DEFAULT '{}',
    company     text[] NOT NULL DEFAULT '{company_id}',
    warehouse   text[] NOT NULL DEFAULT '{}',
    correlation text[] NOT NULL DEFAULT '{}',
    actor       text[] NOT NULL DEFAULT '{write_uid}',
    subject     text[] NOT NULL DEFAULT '{}',       -- paths of names, where it is not the row's own
    sum_by      text[] NOT NULL DEFAULT '{}',       -- an entity that sums up rows: paths of the two ids it is per
    sum_query   text,                               -- ($1 int8[], $2 int8[]) -> both ids and the sums; {table} for tables
    secondary   boolean NOT NULL DEFAULT false,     -- its table's rows are primarily another entity's
    label       text,                               -- its name in events, where several entities are the same thing
    id_column   text,                               -- whose value is the id of the thing, where the row is another's
    builtin     boolean NOT NULL DEFAULT true
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.entity IS 'what events are about: table, states, ordering key';

-- Kinds of one entity that have types of their own (a transfer is a shipment, a receipt ...): first that matches.
CREATE TABLE odoo_events.entity_kind (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    precedence  int NOT NULL,
    kind        text NOT NULL,
    purpose     text,
    condition   jsonpath,
    PRIMARY KEY (entity, precedence)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.entity_kind IS 'kinds of an entity; the first whose condition holds names the type';

-- The ladder.  A gate is crossed by passing it, any other milestone is a state reached.
CREATE TABLE odoo_events.milestone (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    rung        int NOT NULL,
    milestone   text NOT NULL,
    states      text[] NOT NULL,
    gate        boolean NOT NULL,
    PRIMARY KEY (entity, rung),
    UNIQUE (entity, milestone)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.milestone IS 'ladder of an entity: gates are crossed by passing, the others are states reached';

-- occasion: milestone (of the ladder), cancelled, deleted, inserted, updated (there before and after), open (in an open state
-- before and after), changed (own or part changes of an open document that nothing else of the transaction covers), touched (the
-- row there before and after, and it or any of its parts changed: decided per document; where only parts changed there is
-- neither $.old nor $.new, and the row is read when published).
-- summed: rows that an entity sums up changed; once per publishing and sum, as it is when read.
-- condition: jsonpath over $.old, $.new: the row; $.refs.<link column>.<field>: only of what never changes; $.parts.<part>[*]:
-- {old, new, refs} of the transaction's net changes of the document's parts; $marked.<mark>[*]: ids in the table "marked"; $tx.<rule>.<id>: {old, new} of any captured row; and, for
-- "touched", $.rows.<part>[*]: rows of the parts that the transaction left alone as they are when published, so look only at
-- columns that are set once, or at $.since: whether one of them was written again since the transaction began (write_date).  Of the definitions of one "choice" the first that matches is taken.  emit false: the match says
-- that it is no event.
CREATE TABLE odoo_events.event_def (
    type        text NOT NULL,
    variant     int NOT NULL DEFAULT 1,
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    kind        text,
    occasion    text NOT NULL CHECK (occasion IN ('milestone', 'cancelled', 'deleted', 'inserted', 'updated', 'open', 'changed', 'touched', 'summed')),
    milestone   text,
    choice      text,
    precedence  int NOT NULL DEFAULT 1,
    condition   jsonpath,
    rank        int NOT NULL,                       -- order among the events of one key in one transaction
    watches     text[] NOT NULL DEFAULT '{}',       -- touched: only if one of these columns of a part changed
    key         text,                               -- other document, 'entity=column' or 'entity=tx:column[=column]'
    covers      text[] NOT NULL DEFAULT '{}',       -- changed columns that need no "changed" beside it; * for all
    with_lines  boolean NOT NULL DEFAULT false,
    with_changes boolean NOT NULL DEFAULT false,
    extra       jsonb,                              -- members for data.<entity>
    emit        boolean NOT NULL DEFAULT true,
    enabled     boolean NOT NULL DEFAULT true,
    on_by_default boolean NOT NULL DEFAULT true,
    classification text NOT NULL DEFAULT 'internal' CHECK (classification IN ('public', 'internal', 'confidential', 'personal')),
    epcis_bizstep text,
    epcis_disposition text,
    owner       text NOT NULL DEFAULT 'odoo_events',
    deprecated  boolean NOT NULL DEFAULT false,
    minor       int NOT NULL DEFAULT 0,
    description text NOT NULL,
    builtin     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (type, variant)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.event_def IS 'which net change is which event';

-- Rows of Odoo that mean something to this plant, by id: locations where goods are on hold ('hold').
CREATE TABLE odoo_events.marked (
    mark text NOT NULL CHECK (mark ~ '^[a-z_0-9]+$'),
    id   int8 NOT NULL,
    note text,
    PRIMARY KEY (mark, id)
);
COMMENT ON TABLE odoo_events.marked IS 'rows of Odoo that conditions know by a word, filled by the DBA: mark ''hold'': locations where goods are on hold';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.marked
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('mark', 'id');

-- Rows that belong to a document.  parent: columns that name it, or, for a part of a part ("within"), the containing row; or
-- '<column', the document's column that names the part (a template is a part of all its variants).  A
-- part counts while its state is one of live_states, or, with "*" among them, if it has no such column; gone_states say that it
-- left without being deleted.  A document that only such stateless parts show is as open as its own row was then, which is read, or
-- known from its next change in the journal.
CREATE TABLE odoo_events.part (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    part        text NOT NULL,
    position    int NOT NULL,
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    parent      text[] NOT NULL,
    within      text,                               -- owner of the fields whose lines contain it
    owner       text NOT NULL,                      -- of its fields
    condition   jsonpath,
    state_column text NOT NULL DEFAULT 'state',
    live_states text[] NOT NULL DEFAULT '{}',
    gone_states text[] NOT NULL DEFAULT '{}',
    counted     boolean NOT NULL DEFAULT true,      -- added and removed rows are changes
    change_columns text[] NOT NULL DEFAULT '{}',
    schedule_columns text[] NOT NULL DEFAULT '{}',  -- changes only while the state stays
    tx_only     boolean NOT NULL DEFAULT false,     -- as lines only those that the transaction changed
    builtin     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (entity, part)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.part IS 'rows that belong to a document';

-- What an event carries.  sources: first that the row has; path, 'column@state' and 'column@!state' (zero unless in that state),
-- 'sum(part.column)', 'many(table.key=value)' for a relation table (alone; an array of what "reference" names), '#word' for
-- what is computed (kind, purpose, document, reservation).
CREATE TABLE odoo_events.field (
    owner       text NOT NULL,
    position    int NOT NULL,
    field       text NOT NULL,
    sources     text[] NOT NULL CHECK (pg_catalog.cardinality(sources) > 0),
    classification text NOT NULL DEFAULT 'internal' CHECK (classification IN ('public', 'internal', 'confidential', 'personal')),
    reference   text,
    builtin     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (owner, field)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.field IS 'members of data.<entity> and of its lines';

-- Columns that are ids of other tables' rows.
CREATE TABLE odoo_events.link (
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    column_name text NOT NULL,
    reference   text NOT NULL,
    PRIMARY KEY (rule, column_name)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.link IS 'columns of captured tables that are ids of other rows';

CREATE TABLE odoo_events.reference (
    reference   text PRIMARY KEY,
    tables      text[] NOT NULL,                    -- first that exists
    builtin     boolean NOT NULL DEFAULT true
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.reference IS 'rows that events name: product, unit, lot, location ...';

-- path: 'column', 'column>table.column' (many2one), 'parent_path^table.column' (the row of "table" whose location "column" holds
-- contains this one).  shown: a member of the object in the event; the others are for conditions and paths.
CREATE TABLE odoo_events.reference_field (
    reference   text NOT NULL REFERENCES odoo_events.reference (reference),
    position    int NOT NULL,
    field       text NOT NULL,
    paths       text[] NOT NULL,                    -- first that exists
    shown       boolean NOT NULL DEFAULT true,
    target      text,                               -- the field is an id of this reference
    PRIMARY KEY (reference, field)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.reference_field IS 'what is read of a referred row';

-- One row per type, whatever the number of its definitions.
CREATE VIEW odoo_events.event_type AS
SELECT d.type, pg_catalog.min(COALESCE(e.label, d.entity)) AS entity, pg_catalog.string_agg(d.description, '; ' ORDER BY d.variant) AS description,
       pg_catalog.string_agg(pg_catalog.concat_ws(' ', d.occasion, d.milestone, d.condition::text), E'\n' ORDER BY d.variant) AS condition,
       (SELECT pg_catalog.array_agg(x.field ORDER BY x.position, x.field)
          FROM (SELECT f.field, pg_catalog.min(f.position) AS position FROM odoo_events.field f
                 WHERE f.owner OPERATOR(pg_catalog.=) ANY (pg_catalog.array_agg(d.entity)) GROUP BY f.field) x) AS fields,
       pg_catalog.min(d.owner) AS owner,
       (SELECT c.class FROM pg_catalog.unnest('{personal,confidential,internal,public}'::text[]) WITH ORDINALITY c (class, n)
         WHERE c.class OPERATOR(pg_catalog.=) ANY (pg_catalog.array_agg(d.classification)) ORDER BY c.n LIMIT 1) AS classification, pg_catalog.min(d.epcis_bizstep) AS epcis_bizstep,
       pg_catalog.min(d.epcis_disposition) AS epcis_disposition, pg_catalog.bool_or(d.enabled) AS enabled, pg_catalog.bool_or(d.on_by_default) AS on_by_default,
       pg_catalog.bool_and(d.deprecated) AS deprecated,
       COALESCE(pg_catalog.max(s.published), 0) AS emitted, pg_catalog.max(s.last_at) AS last_at
  FROM odoo_events.event_def d JOIN odoo_events.entity e ON e.entity OPERATOR(pg_catalog.=) d.entity
  LEFT JOIN odoo_events._type_stats() s ON s.type OPERATOR(pg_catalog.=) d.type
 WHERE d.emit
 GROUP BY d.type;
COMMENT ON VIEW odoo_events.event_type IS 'what can be emitted; emitted and last_at: since the server started';
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
 '{state,scheduled_date,date_deadline,partner_id,owner_id,carrier_id,carrier_tracking_ref,has_deadline_issue,location_id,location_dest_id,picking_type_id,backorder_id,return_id}',
 '{name,origin,move_type,priority,company_id,user_id,date_done,weight,sale_id,batch_id,group_id,create_uid,write_uid}'),
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
 '{waiting,confirmed,assigned}', '{cancel}', false, '{partner_id,owner_id,carrier_id,location_id,location_dest_id,scheduled_date,date_deadline}', '{}',
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
('odoo.inventory.stock_move.deleted.v1', 'stock_move', 'deleted', NULL, NULL, 60, false, false, false, false, 'a move was deleted'),
('odoo.inventory.stock_move.corrected.v1', 'stock_move', 'updated', NULL, '$.old.state == "done" && $.new.state == "done" && $.old.quantity != $.new.quantity', 60, true, true, true, true, 'the quantity of a done move was corrected');

-- To Odoo 16 the quantity of a move is that of its lines: a line that changes, comes or goes after the move was done.
INSERT INTO odoo_events.event_def (type, variant, entity, occasion, condition, watches, rank, with_lines, with_changes, description) VALUES
('odoo.inventory.stock_move.corrected.v1', 2, 'stock_move', 'touched',
 'exists($.parts.detail[*] ? (@.old.state == "done" && (!exists(@.new) || @.new.state == "done") || !exists(@.old) && @.new.state == "done")) && !exists($.old ? (@.state != "done"))',
 '{qty_done}', 60, true, true, 'the quantity of a done move was corrected');

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
('line.move', 12, 'sales_order_line', '{sale_line_id}', 'internal'), ('line.move', 13, 'purchase_order_line', '{purchase_line_id}', 'internal'),
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
 '{state,reservation_state,product_id,product_qty,qty_producing,bom_id,lot_producing_id,location_src_id,location_dest_id,date_start,date_planned_start,date_deadline}',
 '{name,origin,priority,product_uom_id,picking_type_id,date_finished,date_planned_finished,company_id,user_id,backorder_sequence,production_group_id,procurement_group_id,orderpoint_id,sale_line_id,is_planned,subcontractor_id,create_uid,write_uid}'),
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
 '{product_qty,bom_id,lot_producing_id,location_src_id,location_dest_id,date_planned_start,date_deadline}', '{}',
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
  ('quantity_changed', 1, 'open', NULL, '$.old.product_qty != $.new.product_qty', 32, '{product_qty,product_uom_qty}', true, true, true, NULL, 'the quantity to produce was changed'),
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
 '{state,partner_id,partner_ref,dest_address_id,picking_type_id,date_planned,receipt_status,acknowledged,mail_reminder_confirmed,mail_reception_confirmed,locked,amount_total}',
 '{name,origin,priority,currency_id,amount_untaxed,amount_tax,date_order,date_approve,effective_date,user_id,company_id,create_uid,write_uid,write_date}'),
('purchase_order_line', '{purchase_order_line}',
 '{order_id,state,product_id,product_qty,product_uom_id=product_uom,price_unit,date_planned,qty_received}',
 '{name,sequence,display_type,is_downpayment,discount,price_subtotal,qty_invoiced,sale_line_id,company_id,write_uid,write_date}'),
('sale_order', '{sale_order}',
 '{state,partner_id,partner_shipping_id,client_order_ref,commitment_date,carrier_id,warehouse_id,picking_policy,delivery_status,locked,amount_total}',
 '{name,origin,currency_id,amount_untaxed,amount_tax,date_order,effective_date,user_id,company_id,create_uid,write_uid,write_date}'),
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
 '{partner_id,partner_ref,dest_address_id,picking_type_id,date_planned}', '{picking_type_id.warehouse_id}', '{purchase_order=id}'),
('sales_order', 'sales', 'sale.order', 'sale_order', '{sale_order,sale_order_line}', 'name', 'state', '{draft}', '{sale,done}', '{cancel}',
 '{partner_id,partner_shipping_id,client_order_ref,commitment_date,carrier_id,warehouse_id,picking_policy}', '{warehouse_id}', '{sales_order=id}');

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
-- publish: the outbox ring, the publisher's cursor, quarantine.

-- The event log.  Rows are never updated; a member is emptied by TRUNCATE.  event is the frozen JSON text.
DO $$
BEGIN
  FOR i IN 0..7 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.outbox_%s (
        position      int8 NOT NULL PRIMARY KEY,
        id            uuid NOT NULL,
        type          text NOT NULL,
        subject       text NOT NULL,
        partitionkey  text NOT NULL,
        "time"        timestamptz NOT NULL,
        recordedtime  timestamptz NOT NULL,
        entity        text NOT NULL,
        record_id     int8,
        company_id    int4,
        warehouse_id  int4,
        correlationid text,
        causationid   text,
        odootx        xid8 NOT NULL,
        event         text NOT NULL,
        classes       text                          -- of its members, where not internal: 3:transfer.partner (publish/catalog/member_classes.c)
      )$f$, i);
    BEGIN
      -- not every server is built with it
      EXECUTE pg_catalog.format('ALTER TABLE odoo_events.outbox_%s ALTER COLUMN event SET COMPRESSION lz4', i);
    EXCEPTION WHEN feature_not_supported THEN
      NULL;
    END;
    EXECUTE pg_catalog.format('CREATE INDEX outbox_%1$s_key ON odoo_events.outbox_%1$s (partitionkey, position)', i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.outbox_%s IS %L', i,
      'outbox ring: the event log, read through the view outbox');
  END LOOP;
END $$;

CREATE VIEW odoo_events.outbox_all AS
            SELECT * FROM odoo_events.outbox_0 UNION ALL SELECT * FROM odoo_events.outbox_1
  UNION ALL SELECT * FROM odoo_events.outbox_2 UNION ALL SELECT * FROM odoo_events.outbox_3
  UNION ALL SELECT * FROM odoo_events.outbox_4 UNION ALL SELECT * FROM odoo_events.outbox_5
  UNION ALL SELECT * FROM odoo_events.outbox_6 UNION ALL SELECT * FROM odoo_events.outbox_7;
COMMENT ON VIEW odoo_events.outbox_all IS 'internal: all members of the outbox ring, bytes as text';

CREATE VIEW odoo_events.outbox AS
SELECT position, id, type, subject, partitionkey, "time", recordedtime, entity, record_id, company_id, warehouse_id,
       correlationid, causationid, odootx, event::json AS event
  FROM odoo_events.outbox_all;
COMMENT ON VIEW odoo_events.outbox IS 'the event log, by position; event is the text that is sent';

-- The name is what the root was called last; an order that has had no event of its own is known by its id.
CREATE VIEW odoo_events.process AS
SELECT o.correlationid, pg_catalog.split_part(o.correlationid, ':', 1) AS root_entity,
       COALESCE(r.name, pg_catalog.split_part(o.correlationid, ':', 2)) AS root_name,
       pg_catalog.regexp_replace(o.type, '^.*\.([^.]+\.[^.]+)\.v[0-9]+$', '\1') AS milestone, o.entity, o.record_id, o.position, o."time",
       o."time" OPERATOR(pg_catalog.-) pg_catalog.lag(o."time") OVER w AS since_previous,
       o."time" OPERATOR(pg_catalog.-) pg_catalog.first_value(o."time") OVER w AS since_root
  FROM odoo_events.outbox_all o
  LEFT JOIN (SELECT DISTINCT ON (x.entity, x.record_id) x.entity, x.record_id, pg_catalog.regexp_replace(x.subject, '^[^/]*/', '') AS name
               FROM odoo_events.outbox_all x WHERE x.correlationid IS NOT NULL ORDER BY x.entity, x.record_id, x.position DESC) r
    ON o.correlationid OPERATOR(pg_catalog.=) pg_catalog.concat(r.entity, ':', r.record_id)
 WHERE o.correlationid IS NOT NULL
WINDOW w AS (PARTITION BY o.correlationid ORDER BY o.position);
COMMENT ON VIEW odoo_events.process IS 'per order at the root of a chain: its milestones with times, order-to-ship and procure-to-stock as one story';

-- Insert-only, ring of two: the row with the greatest n holds.
DO $$
BEGIN
  FOR i IN 0..1 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.publish_cursor_%s (
        n             int8 PRIMARY KEY,
        system_identifier int8 NOT NULL,
        s1            pg_snapshot NOT NULL,         -- all before it is published
        s2            pg_snapshot,                  -- target of the reading in progress
        done_id       int8,                         -- in it: transactions whose first id is at or before are done
        slice_id      int8,                         -- in it: rows of the next transaction up to here are done
        last_position int8 NOT NULL,
        at            timestamptz NOT NULL
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.publish_cursor_%s IS %L', i,
      'publisher''s cursor: insert only, the greatest n holds');
  END LOOP;
END $$;
CREATE VIEW odoo_events.publish_cursor AS
SELECT * FROM odoo_events.publish_cursor_0 UNION ALL SELECT * FROM odoo_events.publish_cursor_1;
COMMENT ON VIEW odoo_events.publish_cursor IS 'internal: both members of the publisher''s cursor';

-- Position of the last event published; 0 before the first.
CREATE FUNCTION odoo_events._last_position() RETURNS int8
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'SELECT COALESCE((SELECT c.last_position FROM odoo_events.publish_cursor c ORDER BY c.n DESC LIMIT 1), 0)';
COMMENT ON FUNCTION odoo_events._last_position() IS 'internal: position of the last event published, 0 before the first';

-- Changes that could not become events, with their journal row.  requeued: the next cycle takes them again.
CREATE TABLE odoo_events.quarantined (
    change_id   int8 PRIMARY KEY,                   -- id of the journal row
    xid         xid8 NOT NULL,
    at          timestamptz NOT NULL,
    rule        text NOT NULL,
    relid       oid NOT NULL,
    op          "char" NOT NULL,
    record_id   int8,
    old         text,
    new         text,
    traceparent text,
    key         text NOT NULL,
    entity      text NOT NULL,
    reason      text NOT NULL,
    attempts    int NOT NULL,
    requeued    boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE odoo_events.quarantined IS 'changes that could not become events, and those that wait behind them';

CREATE VIEW odoo_events.quarantine AS
SELECT change_id, entity, record_id, at, reason, attempts FROM odoo_events.quarantined;
COMMENT ON VIEW odoo_events.quarantine IS 'changes that could not become events; later changes of the same key wait behind them';

CREATE FUNCTION odoo_events.requeue(ids bigint[] DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  UPDATE odoo_events.quarantined q SET requeued = true
   WHERE NOT q.requeued AND (requeue.ids IS NULL OR q.change_id = ANY (requeue.ids));
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM odoo_events._audit('requeue', NULL, NULL, jsonb_build_object('ids', ids, 'changes', n));
  PERFORM odoo_events._wake('changes');
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.requeue(bigint[]) IS 'publishes quarantined changes again, in their order; all where no ids are given';

CREATE FUNCTION odoo_events.drop_quarantined(ids bigint[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  DELETE FROM odoo_events.quarantined q WHERE q.change_id = ANY (drop_quarantined.ids);
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM odoo_events._audit('drop_quarantined', NULL, NULL, jsonb_build_object('ids', ids, 'changes', n));
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.drop_quarantined(bigint[]) IS 'gives quarantined changes up: they never become events';

CREATE FUNCTION odoo_events.publish(max_changes int DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_publish';
COMMENT ON FUNCTION odoo_events.publish(int) IS
'publishes what others committed, now, as the worker does; answers the number of events; about max_changes changed rows at most';
-- deliver: subscriptions, their secrets, what they still have to get, and what became of it.

-- Configuration.  In dumps (Odoo's backups), therefore without anything secret.
CREATE SEQUENCE odoo_events.subscription_id_seq AS int4;
COMMENT ON SEQUENCE odoo_events.subscription_id_seq IS 'numbers of subscriptions; never used twice';

CREATE TABLE odoo_events.subscription_config (
    id             int4 PRIMARY KEY DEFAULT pg_catalog.nextval('odoo_events.subscription_id_seq'),
    name           text NOT NULL UNIQUE,
    url            text,                        -- null: pulled by fetch()
    types          text[] NOT NULL,
    types_like     text[] NOT NULL,             -- the same as LIKE patterns
    filter         jsonpath,
    companies      int4[],
    warehouses     int4[],
    format         text NOT NULL,
    payload        text NOT NULL DEFAULT 'full',
    clearance      text[] NOT NULL DEFAULT '{public,internal}',
    ordering       text NOT NULL,
    batch_size     int4 NOT NULL,
    batch_wait     interval NOT NULL,
    max_in_flight  int4 NOT NULL,
    rate_limit     numeric,                     -- requests per second
    rate_burst     int4,
    priority       int4 NOT NULL DEFAULT 5,
    schedule       text,                        -- cron, UTC
    expire_after   interval,
    timeout        interval NOT NULL,
    retry_schedule interval[],
    header_names   text[] NOT NULL,             -- values are with the secret
    auth           jsonb,                       -- without its secrets
    auth_expires_at timestamptz,
    tls            jsonb,                       -- without its key
    tls_expires_at timestamptz,
    signature      text NOT NULL DEFAULT 'hmac',
    overlap_until  timestamptz,                 -- until then a previous secret signs too
    handshake      boolean NOT NULL DEFAULT false,
    allow_networks cidr[] NOT NULL,
    dry_run        boolean NOT NULL DEFAULT false,
    owner          text,
    contact        text,
    state          text NOT NULL DEFAULT 'active',
    state_reason   text,
    state_since    timestamptz NOT NULL,
    version        int8 NOT NULL DEFAULT 1,     -- grows with each change of configuration
    created_at     timestamptz NOT NULL
);
COMMENT ON TABLE odoo_events.subscription_config IS 'subscriptions: configuration without secrets; read it through the view subscription';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'subscribe', 'alter_subscription', 'unsubscribe', 'id,name,types_like,overlap_until,auth_expires_at,tls_expires_at');
SELECT pg_catalog.pg_extension_config_dump('odoo_events.subscription_id_seq', '');

-- Written by _store_secret() only, with rows that logical decoding does not see.
CREATE TABLE odoo_events.subscription_secret (
    subscription_id int4 PRIMARY KEY,
    secret          bytea NOT NULL,             -- hmac: the secret; ed25519: the seed
    signature       text NOT NULL,              -- what it is for
    previous        bytea[] NOT NULL,           -- rotated away, but still signing until previous_until
    previous_signature text[] NOT NULL,
    previous_until  timestamptz[] NOT NULL,
    header_values   text[] NOT NULL,
    auth            jsonb,                      -- all of the argument
    tls_key         text
);
-- No value of it becomes a statistic of the planner's, which dumps of statistics would carry.
ALTER TABLE odoo_events.subscription_secret ALTER COLUMN secret SET STATISTICS 0, ALTER COLUMN previous SET STATISTICS 0,
  ALTER COLUMN header_values SET STATISTICS 0, ALTER COLUMN auth SET STATISTICS 0, ALTER COLUMN tls_key SET STATISTICS 0;
COMMENT ON TABLE odoo_events.subscription_secret IS 'signing keys and values of headers; in no dump, readable by the extension''s owner only';

-- Insert only, ring of two: per subscription the row with the greatest n holds.  An event at or before cursor is settled unless
-- it is in in_flight or in a batch, or its key is held at a position at or before its own.
CREATE SEQUENCE odoo_events.progress_n_seq;
COMMENT ON SEQUENCE odoo_events.progress_n_seq IS 'orders the rows of progress';
DO $$
BEGIN
  FOR i IN 0..1 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.progress_%s (
        subscription_id int4 NOT NULL,
        n               int8 NOT NULL DEFAULT pg_catalog.nextval('odoo_events.progress_n_seq'),
        at              timestamptz NOT NULL,
        cursor          int8 NOT NULL,
        in_flight       int8[] NOT NULL DEFAULT '{}',
        batches         jsonb NOT NULL DEFAULT '[]',      -- id, positions, attempts, first, next (us since 2000)
        requests        int4 NOT NULL DEFAULT 0,          -- open when this was written
        delivered       int8 NOT NULL DEFAULT 0,
        failed          int8 NOT NULL DEFAULT 0,
        filter_errors   int8 NOT NULL DEFAULT 0,
        breaker         text NOT NULL DEFAULT 'closed',
        not_before      timestamptz,                      -- nothing starts until then: breaker, Retry-After
        last_status     int4,
        last_error      text,
        last_success_at timestamptz,
        failing_since   timestamptz,
        p50             float8,                           -- seconds, of the latest requests
        p95             float8,
        gate            int8,                             -- of a schedule: events up to here go
        fired_at        timestamptz,
        outcomes        int8[] NOT NULL DEFAULT '{}',     -- requests: delivered, rejected, failed, throttled, no_answer; retries
        probe_ms        int4 NOT NULL DEFAULT 0,          -- pause before the latest probe of an open breaker
        PRIMARY KEY (subscription_id, n)
      )$f$, i);
    BEGIN
      -- written ten times a second; not every server is built with it
      EXECUTE pg_catalog.format('ALTER TABLE odoo_events.progress_%s ALTER COLUMN in_flight SET COMPRESSION lz4, ALTER COLUMN batches SET COMPRESSION lz4', i);
    EXCEPTION WHEN feature_not_supported THEN
      NULL;
    END;
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.progress_%s IS %L', i,
      'progress of subscriptions: insert only, the greatest n of a subscription holds');
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.attempt_%s (
        n               int8 PRIMARY KEY,
        subscription_id int4 NOT NULL,
        event_id        uuid,
        batch_id        uuid,
        first_position  int8 NOT NULL,
        last_position   int8 NOT NULL,
        attempt         int4 NOT NULL,
        at              timestamptz NOT NULL,
        duration        float8 NOT NULL,
        status          int4,
        error           text,
        response        text
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.attempt_%s IS %L', i,
      'one row per request, kept for odoo_events.attempt_retention');
  END LOOP;
END $$;
CREATE VIEW odoo_events.progress AS
SELECT * FROM odoo_events.progress_0 UNION ALL SELECT * FROM odoo_events.progress_1;
COMMENT ON VIEW odoo_events.progress IS 'internal: both members of the progress ring';

-- Per key that waits: all its events from position on (mode key: up to upto, or the cursor; other modes: this one event).
CREATE TABLE odoo_events.held (
    subscription_id int4 NOT NULL,
    mode            text NOT NULL,
    key             text NOT NULL,
    position        int8 NOT NULL,
    upto            int8,
    attempts        int4 NOT NULL,
    first_at        timestamptz,
    next_attempt_at timestamptz,
    last_status     int4,
    last_error      text,
    PRIMARY KEY (subscription_id, mode, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE odoo_events.held IS 'keys that wait: for the retry of their first event, or behind it';

CREATE TABLE odoo_events.dead (
    subscription_id int4 NOT NULL,
    event_id        uuid NOT NULL,
    position        int8 NOT NULL,
    type            text NOT NULL,
    subject         text NOT NULL,
    partitionkey    text NOT NULL,
    company_id      int4,
    warehouse_id    int4,
    attempts        int4 NOT NULL,
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    last_status     int4,
    last_error      text,
    event           text NOT NULL,
    classes         text,
    PRIMARY KEY (subscription_id, event_id)
);
-- Where pull consumers are: all up to position is acknowledged, all up to fetched was handed out, all up to scanned was looked at.
CREATE TABLE odoo_events.pull_cursor (
    subscription_id int4 PRIMARY KEY,
    position        int8 NOT NULL,
    fetched         int8 NOT NULL,
    scanned         int8 NOT NULL,
    acked           int8 NOT NULL DEFAULT 0,
    at              timestamptz,
    holder          int4,                       -- process that has what was handed out and is not acknowledged
    holder_since    timestamptz,                -- its start: process ids are used again
    held_until      timestamptz,
    audited_by      text,                       -- of the latest line about ack() in audit
    audited_at      timestamptz,
    audited         int8
) WITH (fillfactor = 50);
COMMENT ON TABLE odoo_events.pull_cursor IS 'positions of consumers that fetch()';

-- What was dropped from a full outbox before a subscription had got it; resume() takes note of it and deletes the rows.
CREATE TABLE odoo_events.overrun (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    at              timestamptz NOT NULL,
    first_position  int8 NOT NULL,
    last_position   int8 NOT NULL
);
COMMENT ON TABLE odoo_events.overrun IS 'ranges that subscriptions have lost because the outbox was full';

CREATE INDEX dead_position ON odoo_events.dead (subscription_id, position);
COMMENT ON TABLE odoo_events.dead IS 'dead letters, with their own copy of the bytes';

CREATE TABLE odoo_events.replay_job (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    from_position   int8 NOT NULL,
    to_position     int8 NOT NULL,
    since           timestamptz,
    until           timestamptz,
    types_like      text[],
    keys            text[],
    subject         text,
    ids             uuid[],
    dead_letters    boolean NOT NULL,
    matched         int8 NOT NULL,
    cursor          int8 NOT NULL,              -- all at or before it is done
    sent            int8 NOT NULL DEFAULT 0,
    failed          int8 NOT NULL DEFAULT 0,
    state           text NOT NULL DEFAULT 'running',
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz
);
COMMENT ON TABLE odoo_events.replay_job IS 'replays and how far they are';

-- What operators ask the worker to do; it takes the rows away.
CREATE TABLE odoo_events.command (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    what            text NOT NULL,              -- retry_now, skip
    positions       int8[] NOT NULL,
    by              text NOT NULL
);
COMMENT ON TABLE odoo_events.command IS 'internal: orders of operators to the worker';

-- What delivery tells of itself, in the transaction in which it becomes so.
CREATE FUNCTION odoo_events._platform_event(type text, subscription text, data jsonb) RETURNS uuid
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._emit(type, 'subscription/' || subscription, jsonb_build_object('subscription', jsonb_build_object('name', subscription)) || data,
                         'subscription:' || subscription)
$$;
COMMENT ON FUNCTION odoo_events._platform_event(text, text, jsonb) IS
'internal: tells of a subscription by an event, once the transaction has committed';
-- deliver, second part: what is secret, and keys.

CREATE FUNCTION odoo_events._new_secret() RETURNS bytea
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_new_secret';
COMMENT ON FUNCTION odoo_events._new_secret() IS 'internal: 32 random bytes';

CREATE FUNCTION odoo_events._store_secret(secrets odoo_events.subscription_secret) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_store_secret';
COMMENT ON FUNCTION odoo_events._store_secret(odoo_events.subscription_secret) IS
'internal: writes a row of subscription_secret, replacing what was there, unseen by logical decoding';

CREATE FUNCTION odoo_events._public_key(secret bytea) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_public_key';
COMMENT ON FUNCTION odoo_events._public_key(bytea) IS 'internal: the public half of an ed25519 key';

-- The bytes of an argument "secret": of hmac the secret itself, of ed25519 the seed (with or without its public key behind it).
CREATE FUNCTION odoo_events._parse_secret(secret text, signature text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  prefix text := CASE WHEN signature = 'ed25519' THEN 'whsk_' ELSE 'whsec_' END;
  bytes bytea;
BEGIN
  BEGIN
    bytes := CASE WHEN starts_with(secret, prefix) THEN decode(substr(secret, length(prefix) + 1), 'base64') END;
  EXCEPTION WHEN invalid_parameter_value THEN
    bytes := NULL;
  END;
  IF signature = 'ed25519' THEN
    IF bytes IS NULL OR length(bytes) NOT IN (32, 64)
       OR (length(bytes) = 64 AND substr(bytes, 33) <> odoo_events._public_key(substr(bytes, 1, 32))) THEN
      RAISE EXCEPTION 'argument "secret" is not a Standard Webhooks private key'
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'With signature => ''ed25519'' it is whsk_ and the base64 of the 32 bytes of the key, or of them and its public key; leave it out to get a new one.';
    END IF;
    RETURN substr(bytes, 1, 32);
  END IF;
  IF bytes IS NULL OR length(bytes) NOT BETWEEN 24 AND 64 THEN
    RAISE EXCEPTION 'argument "secret" is not a Standard Webhooks secret'
      USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is whsec_ and the base64 of 24 to 64 random bytes; leave it out to get a new one.';
  END IF;
  RETURN bytes;
END $$;
COMMENT ON FUNCTION odoo_events._parse_secret(text, text) IS 'internal: whsec_... or whsk_... as bytes';

CREATE FUNCTION odoo_events._secret_text(s odoo_events.subscription_secret) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN s.signature = 'ed25519' THEN 'whpk_' || encode(odoo_events._public_key(s.secret), 'base64')
            ELSE 'whsec_' || replace(encode(s.secret, 'base64'), E'\n', '') END
$$;
COMMENT ON FUNCTION odoo_events._secret_text(odoo_events.subscription_secret) IS 'internal: what the receiver needs to verify with';

CREATE FUNCTION odoo_events._check_tls(ca text, cert text, key text) RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_tls';
COMMENT ON FUNCTION odoo_events._check_tls(text, text, text) IS 'internal: raises if certificates or key cannot be used; answers when the first expires';

-- The members that an argument may have, as text: all that must be there, and no others.
CREATE FUNCTION odoo_events._check_members(argument text, value jsonb, must text[], may text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wrong text;
BEGIN
  SELECT m INTO wrong FROM unnest(must) m WHERE NOT value ? m;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "%" lacks "%"', argument, wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = format('It has %s%s.', array_to_string(must, ', '), '; optional: ' || NULLIF(array_to_string(may, ', '), ''));
  END IF;
  SELECT e.key INTO wrong FROM jsonb_each(value) e WHERE e.key <> ALL (must || may);
  IF FOUND THEN
    RAISE EXCEPTION 'argument "%" has the unknown member "%"', argument, wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = format('Its members are %s.', array_to_string(must || may, ', '));
  END IF;
  SELECT e.key INTO wrong FROM jsonb_each(value) e WHERE jsonb_typeof(e.value) <> 'string' OR e.value = '""';
  IF FOUND THEN
    RAISE EXCEPTION 'member "%" of argument "%" is not a string, or empty', wrong, argument USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give a JSON string, or leave the member out if it is optional.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_members(text, jsonb, text[], text[]) IS 'internal: checks the members of an argument';

-- The argument auth checked, and without what is secret in it; null for none.
CREATE FUNCTION odoo_events._auth_public(auth jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind text;
BEGIN
  IF auth IS NULL OR auth = '{}' THEN
    RETURN NULL;
  END IF;
  kind := CASE WHEN jsonb_typeof(auth) = 'object' THEN auth ->> 'type' END;
  IF kind = 'basic' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,username,password}', '{}');
  ELSIF kind = 'bearer' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,token}', '{}');
  ELSIF kind = 'oauth2' THEN
    PERFORM odoo_events._check_members('auth', auth, '{type,token_url,client_id,client_secret}', '{scope,audience}');
  ELSE
    RAISE EXCEPTION 'argument "auth" has no usable "type"' USING ERRCODE = 'invalid_parameter_value',
      HINT = '{"type": "basic", "username": ..., "password": ...}, {"type": "bearer", "token": ...} or {"type": "oauth2", "token_url": ..., "client_id": ..., "client_secret": ...}';
  END IF;
  IF EXISTS (SELECT 1 FROM jsonb_each_text(auth) e WHERE e.value ~ '[\u0001-\u001f\u007f-\u009f]' OR length(e.value) > 16384)
     OR auth ->> 'username' ~ ':' OR auth ->> 'token' ~ '[^\u0021-\u007e]' THEN
    RAISE EXCEPTION 'argument "auth" has a member that cannot be sent' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'No control characters, no ":" in username, only visible ASCII in token.';
  END IF;
  RETURN auth - '{password,token,client_secret}'::text[];
END $$;
COMMENT ON FUNCTION odoo_events._auth_public(jsonb) IS 'internal: checks the argument auth; answers what of it is not secret';

CREATE FUNCTION odoo_events._tls_public(tls jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF tls IS NULL OR tls = '{}' THEN
    RETURN NULL;
  END IF;
  IF jsonb_typeof(tls) <> 'object' THEN
    RAISE EXCEPTION 'argument "tls" is not a JSON object' USING ERRCODE = 'invalid_parameter_value',
      HINT = '{"ca": ..., "cert": ..., "key": ..., "server_name": ...}, each of them optional; the first three are PEM texts.';
  END IF;
  PERFORM odoo_events._check_members('tls', tls, '{}', '{ca,cert,key,server_name}');
  IF tls ->> 'server_name' !~ '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$' THEN
    RAISE EXCEPTION 'member "server_name" of argument "tls" is not a host name' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the name in the endpoint''s certificate, such as wms.internal, without scheme and port.';
  END IF;
  RETURN tls - 'key';
END $$;
COMMENT ON FUNCTION odoo_events._tls_public(jsonb) IS 'internal: checks the argument tls; answers what of it is not secret';

-- When a bearer token expires, if it is a JSON Web Token that says so.
CREATE FUNCTION odoo_events._token_expiry(token text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  claims text := translate(split_part(token, '.', 2), '-_', '+/');
BEGIN
  IF claims = '' OR claims IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN to_timestamp((convert_from(decode(rpad(claims, (length(claims) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb ->> 'exp')::float8);
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._token_expiry(text) IS 'internal: the claim exp of a JSON Web Token';

-- What belongs to a configuration and is secret, changed by arguments.
CREATE FUNCTION odoo_events._configure_secret(was odoo_events.subscription_secret, c odoo_events.subscription_config, args jsonb)
RETURNS odoo_events.subscription_secret
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s odoo_events.subscription_secret := was;
BEGIN
  IF args ->> 'secret' IS NOT NULL THEN
    s.secret := odoo_events._parse_secret(args ->> 'secret', c.signature);
    s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
  ELSIF s.signature <> c.signature THEN
    RAISE EXCEPTION 'another "signature" needs another "secret"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give secret too, or use subscribe(..., or_replace => true), which makes one and answers it.';
  END IF;
  IF args ? 'headers' THEN
    s.header_values := ARRAY(SELECT e.value FROM jsonb_each_text(NULLIF(args -> 'headers', 'null')) e ORDER BY e.key);
  END IF;
  IF args ? 'auth' THEN
    s.auth := CASE WHEN c.auth IS NOT NULL THEN args -> 'auth' END;
  END IF;
  IF args ? 'tls' THEN
    s.tls_key := args #>> '{tls,key}';
  END IF;
  s.signature := c.signature;
  s.header_values := COALESCE(s.header_values, '{}');
  s.previous := COALESCE(s.previous, '{}');
  s.previous_signature := COALESCE(s.previous_signature, '{}');
  s.previous_until := COALESCE(s.previous_until, '{}');
  RETURN s;
END $$;
COMMENT ON FUNCTION odoo_events._configure_secret(odoo_events.subscription_secret, odoo_events.subscription_config, jsonb) IS
'internal: secrets changed by arguments';

CREATE FUNCTION odoo_events._lost_secrets(c odoo_events.subscription_config, s odoo_events.subscription_secret) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN cardinality(COALESCE(s.header_values, '{}')) <> cardinality(c.header_names) THEN '{headers}'::text[] ELSE '{}' END
    || CASE WHEN c.auth IS NOT NULL AND s.auth IS NULL THEN '{auth}'::text[] ELSE '{}' END
    || CASE WHEN c.tls ? 'cert' AND s.tls_key IS NULL THEN '{tls}'::text[] ELSE '{}' END
$$;
COMMENT ON FUNCTION odoo_events._lost_secrets(odoo_events.subscription_config, odoo_events.subscription_secret) IS
'internal: arguments whose secret part is not here, beside the signing secret; backups have none of them';

CREATE FUNCTION odoo_events._set_secret(args jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(args ->> 'name');
  s odoo_events.subscription_secret;
  lost text[];
BEGIN
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  lost := odoo_events._lost_secrets(c, s);
  IF lost <> '{}' THEN
    RAISE EXCEPTION 'subscription "%" lacks what is secret of its %', c.name, array_to_string(lost, ', ')
      USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'They are in no backup.',
            HINT = format('alter_subscription(name, secret => ..., %s) gives all.',
                          (SELECT string_agg(l || ' => ...', ', ') FROM unnest(lost) l));
  END IF;
  s := odoo_events._configure_secret(s, c, args);
  s.subscription_id := c.id;
  IF args ->> 'secret' IS NULL THEN
    s.secret := odoo_events._new_secret();
    s.previous := '{}'; s.previous_signature := '{}'; s.previous_until := '{}';
  END IF;
  c.overlap_until := NULL;
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._audit('set_secret', c.name);
  PERFORM odoo_events._save_subscription(c);
  RETURN odoo_events._secret_text(s);
END $$;
COMMENT ON FUNCTION odoo_events._set_secret(jsonb) IS 'internal: what set_secret() does';

CREATE FUNCTION odoo_events.set_secret(name text, secret text DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.set_secret(text, text) IS
'replaces the signing secret at once, by the given one or a new one, and answers it (of ed25519 the public key); needed after a restore, because secrets are in no backup';

CREATE FUNCTION odoo_events.rotate_secret(name text, overlap interval DEFAULT '24h') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  s odoo_events.subscription_secret;
  until timestamptz;
BEGIN
  IF overlap IS NULL OR overlap < interval '0' OR overlap > interval '90 days' THEN
    RAISE EXCEPTION 'argument "overlap" is %', COALESCE(overlap::text, 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 0 to 90 days.';
  END IF;
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" has no secret here', c.name
      USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Secrets are in no backup.',
            HINT = format('SELECT odoo_events.set_secret(%L);', c.name);
  END IF;
  until := clock_timestamp() + overlap;
  -- the newest first; of those that still hold, the last three
  SELECT COALESCE(array_agg(x.key ORDER BY x.n), '{}'), COALESCE(array_agg(x.kind ORDER BY x.n), '{}'), COALESCE(array_agg(x.ends ORDER BY x.n), '{}')
    INTO s.previous, s.previous_signature, s.previous_until
    FROM (SELECT o.key, o.kind, o.ends, o.n
            FROM unnest(s.secret || s.previous, s.signature || s.previous_signature, until || s.previous_until) WITH ORDINALITY o(key, kind, ends, n)
           WHERE o.ends > clock_timestamp() ORDER BY o.n LIMIT 3) x;
  s.secret := odoo_events._new_secret();
  c.overlap_until := (SELECT max(u) FROM unnest(s.previous_until) u);
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._audit('rotate_secret', c.name, NULL, jsonb_build_object('overlap', overlap));
  PERFORM odoo_events._save_subscription(c);
  RETURN odoo_events._secret_text(s);
END $$;
COMMENT ON FUNCTION odoo_events.rotate_secret(text, interval) IS
'a new signing secret beside the old one, which goes on signing for the overlap; answers the new one (of ed25519 the public key)';
-- deliver, third part: subscriptions as they are given and changed.

CREATE FUNCTION odoo_events._check_url(url text, allow_networks cidr[], argument text DEFAULT 'url') RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_url';
COMMENT ON FUNCTION odoo_events._check_url(text, cidr[], text) IS 'internal: raises if the URL may not be called';

-- The patterns of argument types, checked, as LIKE patterns.
CREATE FUNCTION odoo_events._types_like(types text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pattern text;
  likes text[] := '{}';
  known boolean;
BEGIN
  IF types IS NULL OR cardinality(types) = 0 OR array_position(types, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "types" is empty'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'types => ''{*}'' means all.';
  END IF;
  FOREACH pattern IN ARRAY types LOOP
    IF pattern !~ '^[a-z0-9_.*]+$' THEN
      RAISE EXCEPTION 'argument "types" has the unusable pattern "%"', pattern
        USING ERRCODE = 'invalid_parameter_value',
              HINT = 'Types consist of a-z, 0-9, "_" and "."; "*" stands for any of them, also none.';
    END IF;
    likes := likes || replace(replace(pattern, '_', '\_'), '*', '%');
    known := EXISTS (SELECT 1 FROM unnest(ARRAY['odoo.platform.subscription.pinged.v1', 'odoo.platform.subscription.disabled.v1',
                       'odoo.platform.subscription.overrun.v1', 'odoo.platform.event.dead_lettered.v1', 'odoo.platform.capture.fell_back.v1']) p WHERE p LIKE likes[cardinality(likes)]);
    IF NOT known AND to_regclass('odoo_events.event_type') IS NOT NULL THEN
      EXECUTE 'SELECT EXISTS (SELECT 1 FROM odoo_events.event_type t WHERE t.type LIKE $1)' INTO known USING likes[cardinality(likes)];
    END IF;
    IF NOT known THEN
      RAISE WARNING 'pattern "%" matches no event type that is known here', pattern
        USING HINT = 'SELECT type FROM odoo_events.event_type lists them; own events of emit() match all the same.';
    END IF;
  END LOOP;
  RETURN likes;
END $$;
COMMENT ON FUNCTION odoo_events._types_like(text[]) IS 'internal: checks type patterns';

CREATE FUNCTION odoo_events._schedule_next(schedule text, after timestamptz) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_schedule_next';
COMMENT ON FUNCTION odoo_events._schedule_next(text, timestamptz) IS 'internal: when a schedule fires next; raises if it is none';

CREATE FUNCTION odoo_events._header_names(headers jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  h record;
BEGIN
  IF jsonb_typeof(headers) <> 'object' THEN
    RAISE EXCEPTION 'argument "headers" is not a JSON object'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'headers => ''{"X-Api-Key": "..."}''';
  END IF;
  IF (SELECT count(*) > 20 OR sum(octet_length(e.value)) > 8192 FROM jsonb_each_text(headers) e) THEN
    RAISE EXCEPTION 'argument "headers" has more than 20 headers, or 8192 bytes' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Leave some out.';
  END IF;
  FOR h IN SELECT e.key, e.value, jsonb_typeof(headers -> e.key) AS kind FROM jsonb_each_text(headers) e LOOP
    IF h.key !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]{1,128}$' THEN
      RAISE EXCEPTION 'argument "headers" has an unusable name' USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Names of headers consist of letters, digits and "-".';
    END IF;
    IF h.key ~* '^(content-.*|host|connection|user-agent|webhook-.*|ce-.*|traceparent|tracestate|transfer-encoding|expect|te|trailer|upgrade|keep-alive|proxy-.*)$' THEN
      RAISE EXCEPTION 'argument "headers" sets the reserved header "%"', h.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'content-*, host, connection, user-agent, webhook-*, ce-*, traceparent and those of the transport are set by odoo_events.';
    END IF;
    IF h.kind <> 'string' OR h.value ~ '[^\u0020-\u007e\u0080-\uffff]' OR h.value ~ '[\u0080-\u009f]' OR h.value ~ '^\s|\s$' OR h.value = '' THEN
      RAISE EXCEPTION 'argument "headers" has an unusable value for "%"', h.key USING ERRCODE = 'invalid_parameter_value',
        HINT = 'A value is a JSON string without line breaks and other control characters, and not empty.';
    END IF;
  END LOOP;
  RETURN ARRAY(SELECT e.key FROM jsonb_each_text(headers) e ORDER BY e.key);
END $$;
COMMENT ON FUNCTION odoo_events._header_names(jsonb) IS 'internal: checks the argument headers; answers their names';

-- What all ways of giving a configuration have in common.
CREATE FUNCTION odoo_events._check_config(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF c.url IS NULL AND (c.format <> 'structured' OR c.handshake OR c.dry_run OR c.header_names <> '{}'
       OR num_nonnulls(c.schedule, c.rate_limit, c.retry_schedule, c.expire_after, c.tls) > 0) THEN
    RAISE EXCEPTION 'a subscription without a URL takes no argument about requests' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'format, handshake, dry_run, headers, schedule, rate_limit, retry_schedule, expire_after and tls are such; its consumer calls fetch().',
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
  PERFORM odoo_events._check_url(c.url, c.allow_networks);
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
  IF c.schedule IS NOT NULL THEN
    PERFORM odoo_events._schedule_next(c.schedule, now());
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(c.retry_schedule) r WHERE r IS NULL OR r < interval '0' OR r > interval '30 days')
     OR cardinality(c.retry_schedule) > 100 THEN
    RAISE EXCEPTION 'argument "retry_schedule" has an unusable interval' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give up to 100 delays from 0 to 30 days, one before each retry: retry_schedule => ''{5s,1min,10min}''';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_config(odoo_events.subscription_config) IS 'internal: refuses an unusable configuration';

CREATE FUNCTION odoo_events._subscription(name text) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = _subscription.name FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" does not exist', name USING ERRCODE = 'undefined_object',
      HINT = 'SELECT name FROM odoo_events.subscription lists them.';
  END IF;
  RETURN c;
END $$;
COMMENT ON FUNCTION odoo_events._subscription(text) IS 'internal: the configuration of that name, locked; raises if there is none';

-- Where a new subscription begins: the cursor before its first event.
CREATE FUNCTION odoo_events._start_cursor(start_from text) RETURNS int8
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
  RETURN COALESCE((SELECT min(o.position) FROM odoo_events.outbox_all o WHERE o.recordedtime >= moment) - 1, last);
END $$;
COMMENT ON FUNCTION odoo_events._start_cursor(text) IS 'internal: argument start_from as a position';

-- The functions that take secrets are C wrappers of the same name without the underscore: they keep the statement out of the
-- server's log when it fails, and hand all arguments over as one object.  So an argument is added in three places: a column
-- of subscription_config of the same name and type, a line in each of the two signatures, and its check in _check_config().

-- A configuration with what is given put in place of what was; all of it checked.
CREATE FUNCTION odoo_events._configure(was odoo_events.subscription_config, args jsonb) RETURNS odoo_events.subscription_config
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := jsonb_populate_record(was, args - '{headers,auth,tls}'::text[]);
  missing text;
BEGIN
  c.companies := NULLIF(c.companies, '{}');
  c.warehouses := NULLIF(c.warehouses, '{}');
  c.allow_networks := COALESCE(c.allow_networks, '{}');
  c.schedule := NULLIF(c.schedule, '');
  c.rate_limit := NULLIF(c.rate_limit, 0);
  c.rate_burst := NULLIF(c.rate_burst, 0);
  c.expire_after := NULLIF(c.expire_after, '0');
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
  IF c.auth ->> 'type' = 'oauth2' THEN
    PERFORM odoo_events._check_url(c.auth ->> 'token_url', c.allow_networks, 'auth.token_url');
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
  RETURN c;
END $$;
COMMENT ON FUNCTION odoo_events._configure(odoo_events.subscription_config, jsonb) IS 'internal: a configuration changed by arguments, checked';

CREATE FUNCTION odoo_events._same_way(was odoo_events.subscription_config, c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (was.url IS NULL) <> (c.url IS NULL) THEN
    RAISE EXCEPTION 'subscription "%" is % and stays so', c.name, CASE WHEN was.url IS NULL THEN 'fetched' ELSE 'sent to a URL' END
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'subscribe() another name, with start_from where this one is.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._same_way(odoo_events.subscription_config, odoo_events.subscription_config) IS
'internal: refuses to make a pull consumer of a webhook, or the other way round';

-- Writes a changed configuration: all columns, whatever there are.
CREATE FUNCTION odoo_events._save_subscription(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  c.version := c.version + 1;
  EXECUTE (SELECT format('UPDATE odoo_events.subscription_config SET (%s) = (SELECT ($1).*) WHERE id = ($1).id',
                         string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum))
             FROM pg_attribute a
            WHERE a.attrelid = 'odoo_events.subscription_config'::regclass AND a.attnum > 0 AND NOT a.attisdropped) USING c;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._save_subscription(odoo_events.subscription_config) IS 'internal: writes a changed configuration';

CREATE FUNCTION odoo_events._subscribe(args jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._configure(NULL, args);
  s odoo_events.subscription_secret := odoo_events._configure_secret(NULL, c, args);
  start int8 := odoo_events._start_cursor(args ->> 'start_from');
BEGIN
  IF (args -> 'or_replace')::boolean AND EXISTS (SELECT 1 FROM odoo_events.subscription_config x WHERE x.name = c.name) THEN
    RETURN odoo_events._replace(c, s);
  END IF;
  c.id := nextval('odoo_events.subscription_id_seq');
  c.state := 'active'; c.state_since := now(); c.created_at := now(); c.version := 1;
  INSERT INTO odoo_events.subscription_config SELECT (c).* ON CONFLICT (name) DO NOTHING;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'subscription "%" already exists', c.name USING ERRCODE = 'duplicate_object',
      HINT = 'or_replace => true replaces its configuration and keeps its place.';
  END IF;
  IF c.url IS NULL THEN
    INSERT INTO odoo_events.pull_cursor (subscription_id, position, fetched, scanned) VALUES (c.id, start, start, start);
    RETURN NULL;
  END IF;
  s.subscription_id := c.id;
  s.secret := COALESCE(s.secret, odoo_events._new_secret());
  PERFORM odoo_events._store_secret(s);
  INSERT INTO odoo_events.progress_0 (subscription_id, at, cursor) VALUES (c.id, clock_timestamp(), start);
  PERFORM odoo_events._wake('config');
  RETURN odoo_events._secret_text(s);
END $$;
COMMENT ON FUNCTION odoo_events._subscribe(jsonb) IS 'internal: what subscribe() does';

-- or_replace: keeps number, place, state, and the secret unless a new one is given.
CREATE FUNCTION odoo_events._replace(c odoo_events.subscription_config, s odoo_events.subscription_secret) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was odoo_events.subscription_config := odoo_events._subscription(c.name);
  old odoo_events.subscription_secret;
  keeps boolean;
BEGIN
  PERFORM odoo_events._same_way(was, c);
  c.id := was.id; c.version := was.version; c.created_at := was.created_at;
  c.state := was.state; c.state_reason := was.state_reason; c.state_since := was.state_since;
  s.subscription_id := c.id;
  SELECT * INTO old FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  keeps := s.secret IS NULL AND old.signature IS NOT DISTINCT FROM c.signature;
  IF keeps THEN
    s.secret := old.secret;
    s.previous := old.previous; s.previous_signature := old.previous_signature; s.previous_until := old.previous_until;
    c.overlap_until := was.overlap_until;
  ELSE
    s.secret := COALESCE(s.secret, odoo_events._new_secret());
  END IF;
  PERFORM odoo_events._store_secret(s);
  PERFORM odoo_events._save_subscription(c);
  IF c.url IS NULL THEN
    RETURN NULL;
  END IF;
  RAISE NOTICE 'subscription "%" keeps its place and %', c.name, CASE WHEN keeps THEN 'its secret' ELSE 'has a new secret' END;
  RETURN CASE WHEN NOT keeps THEN odoo_events._secret_text(s) END;
END $$;
COMMENT ON FUNCTION odoo_events._replace(odoo_events.subscription_config, odoo_events.subscription_secret) IS 'internal: subscribe() with or_replace';

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
  or_replace     boolean    DEFAULT false
) RETURNS text
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.subscribe IS
'sends events to a webhook from now on (or start_from); answers the signing secret, which is shown once (of ed25519 the public key)';

CREATE FUNCTION odoo_events._alter_subscription(args jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given jsonb;                          -- null leaves as it is
  was odoo_events.subscription_config := odoo_events._subscription(args ->> 'name');
  c odoo_events.subscription_config;
  s odoo_events.subscription_secret;
BEGIN
  SELECT jsonb_object_agg(a.key, a.value) INTO given FROM jsonb_each(args) a WHERE a.value <> 'null';
  c := odoo_events._configure(was, given);
  PERFORM odoo_events._same_way(was, c);
  SELECT * INTO s FROM odoo_events.subscription_secret x WHERE x.subscription_id = c.id;
  s := odoo_events._configure_secret(s, c, given);
  IF given ?| '{secret,signature,headers,auth,tls}' THEN
    IF s.secret IS NULL OR odoo_events._lost_secrets(c, s) <> '{}' THEN
      RAISE EXCEPTION 'subscription "%" has not all of its secrets here', c.name
        USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'They are in no backup.',
              HINT = format('Give in one call: %s.', array_to_string(
                CASE WHEN s.secret IS NULL THEN '{secret}'::text[] ELSE '{}' END || odoo_events._lost_secrets(c, s), ', '));
    END IF;
    s.subscription_id := c.id;
    PERFORM odoo_events._store_secret(s);
    PERFORM odoo_events._audit('set_secret', c.name, NULL, jsonb_build_object('secret', given ? 'secret', 'headers', to_jsonb(c.header_names)));
  END IF;
  IF given ? 'secret' THEN
    c.overlap_until := NULL;
  END IF;
  PERFORM odoo_events._save_subscription(c);
END $$;
COMMENT ON FUNCTION odoo_events._alter_subscription(jsonb) IS 'internal: what alter_subscription() does';

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
  contact        text       DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'oe_sql_guarded';
COMMENT ON FUNCTION odoo_events.alter_subscription IS
'changes a subscription; what is null stays as it is, ''{}'' empties companies, warehouses, auth and tls; filter => ''true'' lets all pass';
-- deliver, fourth part: what operators do with subscriptions, and replays.

CREATE FUNCTION odoo_events.unsubscribe(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  DELETE FROM odoo_events.subscription_config s WHERE s.id = c.id;
  DELETE FROM odoo_events.subscription_secret s WHERE s.subscription_id = c.id;
  DELETE FROM odoo_events.held h WHERE h.subscription_id = c.id;
  DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id;
  DELETE FROM odoo_events.replay_job r WHERE r.subscription_id = c.id;
  DELETE FROM odoo_events.command x WHERE x.subscription_id = c.id;
  DELETE FROM odoo_events.pull_cursor k WHERE k.subscription_id = c.id;
  DELETE FROM odoo_events.overrun o WHERE o.subscription_id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.unsubscribe(text) IS 'removes a subscription with all it had waiting, and its dead letters';

CREATE FUNCTION odoo_events.pause(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  IF c.state <> 'paused' THEN
    UPDATE odoo_events.subscription_config s
       SET state = 'paused', state_reason = format('paused by %s', session_user), state_since = clock_timestamp() WHERE s.id = c.id;
    PERFORM odoo_events._wake('config');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.pause(text) IS 'starts no more requests to a subscription; its place is kept, events wait';

CREATE FUNCTION odoo_events.resume(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  UPDATE odoo_events.subscription_config s
     SET state = 'active', state_reason = NULL, state_since = clock_timestamp() WHERE s.id = c.id;
  DELETE FROM odoo_events.overrun o WHERE o.subscription_id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.resume(text) IS 'goes on where a paused or disabled subscription stopped, and closes its breaker';

CREATE FUNCTION odoo_events.ping(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  PERFORM odoo_events._platform_event('odoo.platform.subscription.pinged.v1', c.name, '{}');
  PERFORM odoo_events._audit('ping', c.name);
END $$;
COMMENT ON FUNCTION odoo_events.ping(text) IS 'sends a signed test event to this subscription, whatever it filters';

CREATE FUNCTION odoo_events.retry_now(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
BEGIN
  INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'retry_now', '{}', session_user);
  PERFORM odoo_events._audit('retry_now', c.name);
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.retry_now(text) IS 'endpoint mended: closes the breaker and retries all that waits, now';

CREATE FUNCTION odoo_events.skip(name text, ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  found_positions int8[];
BEGIN
  SELECT array_agg(w.position) INTO found_positions
    FROM odoo_events.waiting w WHERE w.subscription = c.name AND w.state = 'retry' AND w.event_id = ANY (ids);
  IF found_positions IS NULL OR cardinality(found_positions) <> (SELECT count(DISTINCT i) FROM unnest(ids) i) THEN
    RAISE EXCEPTION 'argument "ids" names an event that subscription "%" is not retrying', name USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT event_id FROM odoo_events.waiting WHERE state = ''retry'' lists them.';
  END IF;
  INSERT INTO odoo_events.command (subscription_id, what, positions, by) VALUES (c.id, 'skip', found_positions, session_user);
  PERFORM odoo_events._audit('skip', c.name, NULL, jsonb_build_object('ids', ids));
  PERFORM odoo_events._wake('config');
  RETURN cardinality(found_positions);
END $$;
COMMENT ON FUNCTION odoo_events.skip(text, uuid[]) IS 'poison events: to the dead letters, and on with what waits behind them';

CREATE FUNCTION odoo_events.discard(name text, ids uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  found uuid[];
BEGIN
  WITH gone AS (DELETE FROM odoo_events.dead d WHERE d.subscription_id = c.id AND d.event_id = ANY (ids) RETURNING d.event_id)
  SELECT array_agg(g.event_id) INTO found FROM gone g;
  IF found IS NOT NULL THEN
    PERFORM odoo_events._audit('discard', c.name, jsonb_build_object('ids', found));
  END IF;
  RETURN COALESCE(cardinality(found), 0);
END $$;
COMMENT ON FUNCTION odoo_events.discard(text, uuid[]) IS 'drops dead letters for good; answers how many';

-- The events of a replay after a position, as the worker reads them: what the selectors and the subscription itself let through.  Without
-- selectors they are what fetch() answers.
CREATE FUNCTION odoo_events._replay_events(job odoo_events.replay_job, after_position int8, max_events int4)
RETURNS TABLE ("position" int8, id uuid, type text, subject text, partitionkey text, company_id int4, warehouse_id int4, event text, classes text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c odoo_events.subscription_config;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.id = job.subscription_id;
  RETURN QUERY
  SELECT x.position, x.id, x.type, x.subject, x.partitionkey, x.company_id, x.warehouse_id, x.event, x.classes
    FROM (SELECT d.position, d.event_id AS id, d.type, d.subject, d.partitionkey, d.company_id, d.warehouse_id, d.event, d.classes,
                 (d.event::json ->> 'time')::timestamptz AS "time"
            FROM odoo_events.dead d
           WHERE job.dead_letters AND d.subscription_id = c.id AND d.position > after_position AND d.position <= job.to_position
          UNION ALL
          SELECT o.position, o.id, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, o.event, o.classes, o."time"
            FROM odoo_events.outbox_all o
           WHERE NOT job.dead_letters AND o.position > after_position AND o.position <= job.to_position
             AND o.type LIKE ANY (c.types_like)
             AND CASE WHEN o.type = 'odoo.platform.subscription.pinged.v1' THEN o.subject = 'subscription/' || c.name
                      WHEN o.type ~ '^odoo[.]platform[.](subscription|event)[.]'      -- only by name, as match.c has it
                      THEN EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND o.type LIKE t) ELSE true END
             AND (c.companies IS NULL OR o.company_id = ANY (c.companies))
             AND (c.warehouses IS NULL OR o.warehouse_id = ANY (c.warehouses))
             AND odoo_events._filter_passes(o.event, c.filter)) x
   WHERE x.position >= job.from_position
     AND (job.since IS NULL OR x."time" >= job.since) AND (job.until IS NULL OR x."time" < job.until)
     AND (job.types_like IS NULL OR x.type LIKE ANY (job.types_like))
     AND (job.keys IS NULL OR x.partitionkey = ANY (job.keys))
     AND (job.subject IS NULL OR x.subject = job.subject)
     AND (job.ids IS NULL OR x.id = ANY (job.ids))
   ORDER BY x.position
   LIMIT max_events;
END $$;
COMMENT ON FUNCTION odoo_events._replay_events(odoo_events.replay_job, int8, int4) IS 'internal: the next events of a replay';

CREATE FUNCTION odoo_events.replay(name text, from_position int8 DEFAULT NULL, to_position int8 DEFAULT NULL,
  since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, types text[] DEFAULT NULL, keys text[] DEFAULT NULL,
  subject text DEFAULT NULL, ids uuid[] DEFAULT NULL, dead_letters boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config := odoo_events._subscription(name);
  job odoo_events.replay_job;
BEGIN
  IF c.url IS NULL THEN
    RAISE EXCEPTION 'subscription "%" is fetched, nothing is sent to it', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL, start_from => %L);', name || '-again', COALESCE(from_position::text, 'earliest'));
  END IF;
  IF NOT dead_letters AND num_nonnulls(from_position, to_position, since, until, types, keys, subject, ids) = 0 THEN
    RAISE EXCEPTION 'nothing says what to replay' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give from_position, since, types, keys, subject, ids or dead_letters => true; from_position => 0 means all.';
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
  SELECT count(*), min(e.position) - 1, max(e.position) INTO job.matched, job.cursor, job.to_position
    FROM odoo_events._replay_events(job, -1, NULL) e;
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
COMMENT ON FUNCTION odoo_events.replay(text, int8, int8, timestamptz, timestamptz, text[], text[], text, uuid[], boolean, boolean) IS
'sends again what the subscription got, or its dead letters: same ids, same bytes, in order per key; answers how many events';

CREATE FUNCTION odoo_events.cancel_replay(id int8) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  subscription text;
BEGIN
  UPDATE odoo_events.replay_job r SET state = 'cancelled', finished_at = clock_timestamp()
    FROM odoo_events.subscription_config c
   WHERE r.id = cancel_replay.id AND r.state = 'running' AND c.id = r.subscription_id RETURNING c.name INTO subscription;
  IF subscription IS NULL THEN
    RAISE EXCEPTION 'replay % is not running', id USING ERRCODE = 'undefined_object',
      HINT = 'SELECT * FROM odoo_events.replay_status lists them.';
  END IF;
  PERFORM odoo_events._audit('cancel_replay', subscription, NULL, jsonb_build_object('replay', id));
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.cancel_replay(int8) IS 'stops a replay; what is under way is finished';
-- deliver, fifth part: how subscriptions go, and what they still need.

CREATE VIEW odoo_events.subscription AS
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
       c.created_at
  FROM odoo_events.subscription_config c;
COMMENT ON VIEW odoo_events.subscription IS 'configuration of the subscriptions, without any secret';

CREATE VIEW odoo_events.subscription_progress AS
SELECT c.id AS subscription_id, c.name, c.types_like, p.n, p.at, p.cursor, p.in_flight, p.batches, p.requests, p.delivered, p.failed,
       p.filter_errors, p.breaker, p.not_before, p.last_status, p.last_error, p.last_success_at, p.failing_since, p.p50, p.p95, p.outcomes, p.gate, p.fired_at, p.probe_ms,
       pg_catalog.translate(pg_catalog.jsonb_path_query_array(p.batches, '$[*].positions[*]')::text, '[]', '{}')::int8[] AS batched
  FROM odoo_events.subscription_config c
       CROSS JOIN LATERAL (SELECT * FROM odoo_events.progress x WHERE x.subscription_id = c.id ORDER BY x.n DESC LIMIT 1) p
UNION ALL
SELECT c.id, c.name, c.types_like, NULL, k.at, k.position, '{}', '[]', 0, k.acked, 0,
       0, 'closed', NULL, NULL, NULL, k.at, NULL, NULL, NULL, '{}', NULL, NULL, 0, '{}'
  FROM odoo_events.pull_cursor k JOIN odoo_events.subscription_config c ON c.id = k.subscription_id;
COMMENT ON VIEW odoo_events.subscription_progress IS 'internal: the row of progress that holds, per subscription';

-- Events behind a held key, and the held one itself.
CREATE VIEW odoo_events.held_event AS
SELECT h.subscription_id, h.position AS held_position, h.attempts, h.first_at, h.next_attempt_at, h.last_error, o.position, o.id, o.type,
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
COMMENT ON VIEW odoo_events.held_event IS 'internal: the events that wait for a retry or behind one';

-- Estimated to be a few rows, whatever their number: the planner would have the plan of a thousand subscriptions compiled, which takes
-- ten times as long as to run it.
CREATE VIEW odoo_events.subscription_status AS
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
       LEAST(h.next_attempt_at, p.not_before,
             CASE WHEN p.cursor < l.last_position THEN odoo_events._schedule_next(c.schedule, COALESCE(p.fired_at, c.state_since)) END,
             (SELECT min(timestamptz '2000-01-01 00:00Z' + (b ->> 'next')::int8 * interval '1 us') FROM jsonb_array_elements(p.batches) b
               WHERE (b ->> 'attempts')::int4 > 0)) AS next_attempt_at,
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
COMMENT ON VIEW odoo_events.subscription_status IS
'how each subscription goes, as of the worker''s last settlement; lag_events counts what the filters may still pass over';

CREATE VIEW odoo_events.waiting AS
SELECT p.name AS subscription, w.id AS event_id, w.position, w.type, w.subject, w.partitionkey,
       CASE WHEN w.batch_attempts > 0 THEN 'retry' WHEN w.position > w.head AND NOT w.position = ANY (p.batched) THEN 'behind'
            ELSE 'in_flight' END AS state,
       w.batch_attempts AS attempts, w.next_attempt_at,
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
COMMENT ON VIEW odoo_events.waiting IS
'what is taken in and not settled: on its way or next, waiting for a retry, or behind an event that does (as of the last settlement)';

CREATE VIEW odoo_events.attempt AS
SELECT c.name AS subscription, a.event_id, a.batch_id, a.first_position, a.last_position, a.attempt, a.at,
       pg_catalog.make_interval(secs => a.duration) AS duration, a.status, a.error, a.response
  FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) a
       JOIN odoo_events.subscription_config c ON c.id = a.subscription_id;
COMMENT ON VIEW odoo_events.attempt IS
'one row per request; response is kept of failures, its first 4 KiB; of a dry run there is neither status nor error, and response is what was not sent';

CREATE VIEW odoo_events.dead_letter AS
SELECT c.name AS subscription, d.event_id, d.position, d.type, d.subject, d.attempts, d.first_at, d.last_at, d.last_status, d.last_error
  FROM odoo_events.dead d JOIN odoo_events.subscription_config c ON c.id = d.subscription_id;
COMMENT ON VIEW odoo_events.dead_letter IS 'what was given up, and why; replay(name, dead_letters => true) sends it again';

CREATE VIEW odoo_events.replay_status AS
SELECT r.id, c.name AS subscription, r.state, r.matched, r.sent, r.failed, r.cursor AS position, r.from_position, r.to_position,
       r.dead_letters, r.created_by, r.created_at, r.finished_at
  FROM odoo_events.replay_job r JOIN odoo_events.subscription_config c ON c.id = r.subscription_id;
COMMENT ON VIEW odoo_events.replay_status IS 'replays and how far they are';

-- The least position of the outbox that somebody still needs; null if nobody does.
CREATE VIEW odoo_events.needed AS
SELECT 'subscription ' || p.name AS held_by, LEAST(p.cursor + 1, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS position
  FROM odoo_events.subscription_progress p
UNION ALL
SELECT 'subscription ' || c.name, min(h.position)
  FROM odoo_events.held h JOIN odoo_events.subscription_config c ON c.id = h.subscription_id GROUP BY c.id, c.name
UNION ALL
SELECT 'replay ' || r.id, r.cursor + 1 FROM odoo_events.replay_job r WHERE r.state = 'running' AND NOT r.dead_letters;
COMMENT ON VIEW odoo_events.needed IS 'internal: who needs the outbox, and from where on';

CREATE FUNCTION odoo_events._low_water() RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT min(n.position) FROM odoo_events.needed n';
COMMENT ON FUNCTION odoo_events._low_water() IS 'internal: least outbox position that delivery still needs';
-- deliver, fifth part: what holds the rings, and what was lost when they were full.

CREATE FUNCTION odoo_events._overrun(subscription int4, first int8, last int8) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name text := (SELECT c.name FROM odoo_events.subscription_config c WHERE c.id = subscription);
BEGIN
  INSERT INTO odoo_events.overrun (subscription_id, at, first_position, last_position) VALUES (subscription, clock_timestamp(), first, last);
  PERFORM odoo_events._audit('overrun', name, NULL, jsonb_build_object('first_position', first, 'last_position', last));
  PERFORM odoo_events._platform_event('odoo.platform.subscription.overrun.v1', name,
                                      jsonb_build_object('first_position', first, 'last_position', last));
END $$;
COMMENT ON FUNCTION odoo_events._overrun(int4, int8, int8) IS 'internal: notes which positions a subscription has lost';

CREATE FUNCTION odoo_events._overrun_pull(upto int8) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k record;
BEGIN
  FOR k IN SELECT * FROM odoo_events.pull_cursor p WHERE p.position < upto FOR UPDATE SKIP LOCKED LOOP
    PERFORM odoo_events._overrun(k.subscription_id, k.position + 1, upto);
    UPDATE odoo_events.pull_cursor p SET position = upto, fetched = GREATEST(p.fetched, upto), scanned = GREATEST(p.scanned, upto)
     WHERE p.subscription_id = k.subscription_id;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._overrun_pull(int8) IS 'internal: pull consumers lose what is dropped; one that is fetching keeps it for now';

CREATE VIEW odoo_events.storage AS
WITH t AS (
  SELECT pg_catalog.regexp_replace(c.relname, '_[0-9]+$', '') AS part, c.relname,
         pg_catalog.pg_total_relation_size(c.oid) AS bytes, pg_catalog.pg_relation_size(c.oid) > 0 AS used
    FROM pg_catalog.pg_class c
   WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind = 'r'
     AND (c.relname ~ '^(journal|outbox|publish_cursor|progress|attempt)_[0-9]+$'
          OR c.relname IN ('held', 'dead', 'quarantined', 'audit', 'capture_gap'))
), s AS (
  SELECT t.part, pg_catalog.count(*) AS members, pg_catalog.count(*) FILTER (WHERE t.used) AS used, pg_catalog.sum(t.bytes)::int8 AS bytes
    FROM t GROUP BY t.part
)
SELECT s.part, s.used || ' of ' || s.members AS segments, s.bytes,
       CASE s.part
         WHEN 'outbox' THEN (SELECT pg_catalog.min(o.recordedtime) FROM odoo_events.outbox_all o
                              WHERE o.position = (SELECT pg_catalog.min(x.position) FROM odoo_events.outbox_all x))
         WHEN 'attempt' THEN (SELECT pg_catalog.min(a.at) FROM odoo_events.attempt a)
         WHEN 'dead' THEN (SELECT pg_catalog.min(d.first_at) FROM odoo_events.dead d)
         WHEN 'quarantined' THEN (SELECT pg_catalog.min(q.at) FROM odoo_events.quarantined q)
         WHEN 'audit' THEN (SELECT pg_catalog.min(a.at) FROM odoo_events.audit a)
         WHEN 'held' THEN (SELECT pg_catalog.min(h.first_at) FROM odoo_events.held h)
       END AS oldest,
       CASE s.part
         WHEN 'outbox' THEN (SELECT n.held_by FROM odoo_events.needed n
                              WHERE n.position <= (SELECT k.last_position FROM odoo_events.publish_cursor k ORDER BY k.n DESC LIMIT 1) ORDER BY n.position, n.held_by LIMIT 1)
         WHEN 'journal' THEN (SELECT 'prepared transaction ' || x.gid FROM pg_catalog.pg_prepared_xacts x
                               WHERE x.database = current_database() ORDER BY x.prepared LIMIT 1)
       END AS held_by
  FROM s;
COMMENT ON VIEW odoo_events.storage IS
'how much each part keeps, since when, and what holds it: segments in use, bytes with indexes; held_by null: only its retention';
-- deliver, sixth part: consumers that fetch, because nothing can be sent to them.

CREATE FUNCTION odoo_events._filter_passes(event text, filter jsonpath) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_filter_passes';
COMMENT ON FUNCTION odoo_events._filter_passes(text, jsonpath) IS 'internal: as the worker filters: an error is no match';

CREATE FUNCTION odoo_events._rendered(event text, classes text, payload text, clearance text[]) RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_rendered';
COMMENT ON FUNCTION odoo_events._rendered(text, text, text, text[]) IS 'internal: an event as a subscription of format structured gets it';

-- The configuration of a consumer that may fetch now, and where it is, locked: a second one on the same name waits for the first.
CREATE FUNCTION odoo_events._pull(name text) RETURNS odoo_events.pull_cursor
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.subscription_config;
  k odoo_events.pull_cursor;
  me record;
BEGIN
  SELECT * INTO c FROM odoo_events.subscription_config s WHERE s.name = _pull.name;
  IF c.id IS NULL THEN
    RAISE EXCEPTION 'subscription "%" does not exist', name USING ERRCODE = 'undefined_object',
      HINT = 'SELECT name FROM odoo_events.subscription lists them.';
  ELSIF c.url IS NOT NULL THEN
    RAISE EXCEPTION 'subscription "%" has a URL that its events are sent to', name USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.subscribe(%L, url => NULL);', name || '-pull');
  ELSIF c.state <> 'active' THEN
    RAISE EXCEPTION 'subscription "%" is %', name, c.state USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT odoo_events.resume(%L);', name);
  END IF;
  SELECT * INTO me FROM odoo_events._identity();
  IF NOT me.armed THEN
    RAISE EXCEPTION 'nothing is delivered from this database: %', me.reason USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'SELECT odoo_events.arm();  -- only if this is production';
  END IF;
  SELECT * INTO k FROM odoo_events.pull_cursor p WHERE p.subscription_id = c.id FOR UPDATE;
  IF k.subscription_id IS NULL THEN     -- restored from a backup: it begins with what comes now
    INSERT INTO odoo_events.pull_cursor (subscription_id, position, fetched, scanned)
    SELECT c.id, l, l, l FROM odoo_events._last_position() l
    ON CONFLICT (subscription_id) DO UPDATE SET at = pull_cursor.at RETURNING * INTO k;
  END IF;
  RETURN k;
END $$;
COMMENT ON FUNCTION odoo_events._pull(text) IS 'internal: what fetch() and ack() begin with';

-- Does another session have what was handed out?  Until it has acknowledged that, has ended, or its time is over.
CREATE FUNCTION odoo_events._pull_held(k odoo_events.pull_cursor) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT k.holder <> pg_backend_pid() AND k.held_until > clock_timestamp()
       AND EXISTS (SELECT 1 FROM pg_stat_get_activity(k.holder) a WHERE a.backend_start = k.holder_since)
$$;
COMMENT ON FUNCTION odoo_events._pull_held(odoo_events.pull_cursor) IS 'internal: whether another session has fetched and not acknowledged yet';

CREATE FUNCTION odoo_events.fetch(name text, max int DEFAULT 100) RETURNS TABLE ("position" int8, id uuid, event json)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  k odoo_events.pull_cursor := odoo_events._pull(name);
  c odoo_events.subscription_config;
  job odoo_events.replay_job;
  r record;
  n int := 0;
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
  FOR r IN
    SELECT o.position, o.id, odoo_events._rendered(o.event, o.classes, c.payload, c.clearance)::json AS event
      FROM odoo_events._replay_events(job, k.position, max) o
  LOOP
    n := n + 1;
    "position" := r.position; id := r.id; event := r.event;
    RETURN NEXT;
  END LOOP;
  IF n = max THEN
    job.to_position := r.position;
  END IF;
  IF n > 0 THEN
    UPDATE odoo_events.pull_cursor p
       SET fetched = GREATEST(p.fetched, r.position), scanned = CASE WHEN r.position >= p.fetched THEN GREATEST(p.scanned, job.to_position) ELSE p.scanned END,
           holder = pg_backend_pid(), holder_since = a.backend_start, held_until = clock_timestamp() + c.timeout
      FROM pg_stat_get_activity(pg_backend_pid()) a WHERE p.subscription_id = c.id;
  ELSIF job.to_position > k.position OR k.holder IS NOT NULL THEN
    -- nothing here is for it: that needs no acknowledgement
    UPDATE odoo_events.pull_cursor p SET position = job.to_position, fetched = job.to_position, scanned = job.to_position, at = now(), holder = NULL
     WHERE p.subscription_id = c.id;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.fetch(text, int) IS
'the next events of a subscription without a URL, in order; the same again until they are acknowledged; until then, or for the subscription''s timeout, no other session gets them';

-- The latest line about it in audit_log covers what the same consumer acknowledges within the hour: where somebody acknowledges every
-- second, that is one line an hour.
CREATE FUNCTION odoo_events._audit_ack(name text, k odoo_events.pull_cursor, upto int8) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF k.audited_by = session_user AND k.audited_at > clock_timestamp() - interval '1 hour' THEN
    RETURN false;
  END IF;
  PERFORM odoo_events._audit('ack', name, jsonb_build_object('position', CASE WHEN k.audited_by = session_user THEN k.audited ELSE k.position END),
                             jsonb_build_object('position', upto));
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events._audit_ack(text, odoo_events.pull_cursor, int8) IS 'internal: a line an hour and consumer about what it acknowledged';

CREATE FUNCTION odoo_events.ack(name text, "position" int8) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  upto CONSTANT int8 := "position";
  k odoo_events.pull_cursor := odoo_events._pull(name);
  tells boolean;
BEGIN
  IF upto IS NULL OR upto < k.position THEN
    RAISE EXCEPTION 'argument "position" is %, before what is acknowledged already', upto USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Acknowledged is all up to %s.', k.position), HINT = 'subscribe() another name with start_from to get events once more.';
  ELSIF upto > k.fetched THEN
    RAISE EXCEPTION 'argument "position" is %, beyond what was fetched', upto USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('Fetched is all up to %s.', k.fetched), HINT = format('SELECT * FROM odoo_events.fetch(%L);', name);
  END IF;
  IF upto > k.position THEN
    tells := odoo_events._audit_ack(name, k, upto);
    UPDATE odoo_events.pull_cursor p SET position = CASE WHEN upto = p.fetched THEN p.scanned ELSE upto END,
           fetched = CASE WHEN upto = p.fetched THEN p.scanned ELSE p.fetched END, acked = p.acked + 1, at = now(),
           holder = CASE WHEN upto < p.fetched THEN p.holder END,
           audited_by = CASE WHEN tells THEN session_user ELSE p.audited_by END,
           audited_at = CASE WHEN tells THEN clock_timestamp() ELSE p.audited_at END,
           audited = CASE WHEN tells THEN upto ELSE p.audited END
     WHERE p.subscription_id = k.subscription_id;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.ack(text, int8) IS 'acknowledges all events up to this position that fetch() answered';
-- worker: arming, and what the worker is doing.

-- One row once armed; in no dump, so that a restored copy is not.
CREATE TABLE odoo_events.arming_state (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier int8 NOT NULL,
    database_oid      oid NOT NULL,
    database_uuid     text,
    disarmed          boolean NOT NULL DEFAULT false,
    armed_by          text NOT NULL,
    armed_at          timestamptz NOT NULL
);
COMMENT ON TABLE odoo_events.arming_state IS 'the server and database for which delivery is armed';
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.arming_state
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('database_uuid', 'arm', '', 'disarm', 'only_row,armed_by,armed_at');

CREATE FUNCTION odoo_events._identity(OUT system_identifier int8, OUT database_uuid text, OUT neutralized boolean,
                                      OUT armed boolean, OUT reason text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_identity';
COMMENT ON FUNCTION odoo_events._identity() IS 'internal: this server and database as they are now, and whether they are the armed ones';

CREATE FUNCTION odoo_events.arm() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me record;
BEGIN
  SELECT * INTO me FROM odoo_events._identity();
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
COMMENT ON FUNCTION odoo_events.arm() IS
'lets this database, on this server, send deliveries; a copy stays silent until this is called in it';

CREATE FUNCTION odoo_events.disarm() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.arming_state SET disarmed = true, armed_by = session_user, armed_at = clock_timestamp();
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.disarm() IS 'stops all deliveries of this database; events are kept, cursors stay';

CREATE FUNCTION odoo_events.arm_first_time() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM odoo_events.arming_state)
     OR odoo_events._last_position() > 0                  -- a restored or copied database has a past
     OR EXISTS (SELECT 1 FROM odoo_events.attached)
     OR (SELECT i.neutralized FROM odoo_events._identity() i) THEN
    RETURN false;
  END IF;
  PERFORM odoo_events.arm();
  RETURN true;
END $$;
COMMENT ON FUNCTION odoo_events.arm_first_time() IS
'internal: called by attach() before it notes the first entity; arms a database that has never been attached';

CREATE VIEW odoo_events.arming AS
SELECT current_database() AS database, i.armed, i.reason, i.system_identifier, i.database_uuid,
       a.armed_by, a.armed_at
  FROM odoo_events._identity() i LEFT JOIN odoo_events.arming_state a ON true;
COMMENT ON VIEW odoo_events.arming IS 'whether this database may send deliveries, and why not';

CREATE FUNCTION odoo_events._preloaded() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_preloaded';
COMMENT ON FUNCTION odoo_events._preloaded() IS 'internal: whether the library is in shared_preload_libraries';

CREATE VIEW odoo_events.worker_status AS
SELECT w.pid, w.state, w.since, w.last_error, w.restarts,
       CASE WHEN w.pending OR w.published_until IS NULL THEN clock_timestamp() - w.published_until
            ELSE interval '0' END AS publish_lag,
       (SELECT a.pid FROM pg_catalog.pg_stat_activity a
         WHERE a.backend_xid IN (SELECT x::xid
                                   FROM pg_catalog.pg_snapshot_xip((SELECT c.s1 FROM odoo_events.publish_cursor c
                                                                     ORDER BY c.n DESC LIMIT 1)) x)
         ORDER BY a.xact_start LIMIT 1) AS oldest_open_transaction_pid
  FROM odoo_events._worker() w;
COMMENT ON VIEW odoo_events.worker_status IS
'the background worker of this database: alive, doing what, and which session''s open transaction it last found older than its snapshot';

DO $$
BEGIN
  IF NOT odoo_events._preloaded() THEN
    RAISE WARNING 'odoo_events is not in shared_preload_libraries: nothing is delivered until it is'
      USING HINT = 'Add odoo_events to shared_preload_libraries and restart; changes are captured meanwhile, and publish() works.';
  END IF;
  PERFORM odoo_events._wake('register');
END $$;
-- metrics: what a monitoring system scrapes.  Nothing here reads events: positions are compared, rows of small tables counted.

CREATE FUNCTION odoo_events._histogram_stats(OUT name text, OUT le float8, OUT count int8, OUT sum float8) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_histogram_stats';
COMMENT ON FUNCTION odoo_events._histogram_stats() IS 'internal: histograms since the server started; le is null in the bucket of all';

CREATE FUNCTION odoo_events._requests_in_flight() RETURNS int8
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_requests_in_flight';
COMMENT ON FUNCTION odoo_events._requests_in_flight() IS 'internal: requests that the worker has open now';

-- Rows of the journal that are not published yet; by its primary key, and no more than a scrape may cost.
CREATE FUNCTION odoo_events._journal_pending() RETURNS int8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT count(*)
  FROM (SELECT FROM (SELECT COALESCE((SELECT c.s1 FROM odoo_events.publish_cursor c ORDER BY c.n DESC LIMIT 1), '1:1:'::pg_snapshot) AS s1) k,
       LATERAL (SELECT j.xid FROM odoo_events.journal_0 j WHERE j.xid >= pg_snapshot_xmax(k.s1)
                UNION ALL SELECT j.xid FROM odoo_events.journal_1 j WHERE j.xid >= pg_snapshot_xmax(k.s1)
                UNION ALL SELECT j.xid FROM odoo_events.journal_2 j WHERE j.xid >= pg_snapshot_xmax(k.s1)) x
        LIMIT 100000) y
$$;
COMMENT ON FUNCTION odoo_events._journal_pending() IS 'internal: journal rows after the last reading, at most 100000';

-- Per subscription, what a scrape and health() ask of it: as subscription_status, but without looking behind held keys.
CREATE VIEW odoo_events._subscription_gauge AS
SELECT c.id, c.name,
       CASE WHEN c.state <> 'active' THEN c.state
            WHEN c.url IS NOT NULL AND s.subscription_id IS NULL THEN 'disabled'
            WHEN EXISTS (SELECT 1 FROM odoo_events.overrun o WHERE o.subscription_id = c.id) THEN 'overrun'
            WHEN l.unarmed IS NOT NULL THEN 'unarmed'
            WHEN c.dry_run THEN 'dry_run'
            WHEN p.breaker <> 'closed' THEN 'breaker_open' ELSE 'active' END AS state,
       GREATEST(l.last_position - p.cursor, 0) + cardinality(p.in_flight) + cardinality(p.batched) + COALESCE(h.keys, 0) AS lag,
       LEAST(CASE WHEN p.cursor < l.last_position THEN p.cursor + 1 END, h.position, (SELECT min(x) FROM unnest(p.in_flight || p.batched) x)) AS oldest,
       COALESCE(h.keys, 0) AS parked, p.delivered, p.failed, p.outcomes
  FROM odoo_events.subscription_config c
       LEFT JOIN odoo_events.subscription_secret s ON s.subscription_id = c.id
       LEFT JOIN odoo_events.subscription_progress p ON p.subscription_id = c.id
       LEFT JOIN (SELECT h.subscription_id, count(*) AS keys, min(h.position) AS position FROM odoo_events.held h GROUP BY 1) h
              ON h.subscription_id = c.id
       CROSS JOIN (SELECT odoo_events._last_position() AS last_position, (SELECT w.unarmed FROM odoo_events._worker() w) AS unarmed) l;
COMMENT ON VIEW odoo_events._subscription_gauge IS 'internal: subscriptions for metrics(); parked counts keys';

CREATE FUNCTION odoo_events.metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off ROWS 1000 AS $$
DECLARE
  none constant jsonb := '{}';
BEGIN
  RETURN QUERY
  SELECT 'odoo_events_build_info', 'gauge', jsonb_build_object('version', odoo_events.version(), 'postgresql', current_setting('server_version')),
         1::float8, 'Version of the library and of PostgreSQL.';
  RETURN QUERY
  SELECT v.name, v.kind, none, v.value::float8, v.help
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
         ) v(name, kind, value, help);
  RETURN QUERY
  SELECT 'odoo_events_captured_total', 'counter', jsonb_build_object('entity', COALESCE(e.entity, st.rule), 'source', CASE WHEN EXISTS (SELECT 1 FROM odoo_events.wal_rule w WHERE w.rule = st.rule AND w.state = 'wal') THEN 'wal' ELSE 'trigger' END), st.captured::float8,
         'Changed rows written to the journal, since the server started.'
    FROM odoo_events._rule_stats() st LEFT JOIN LATERAL (SELECT e.entity FROM odoo_events.entity e WHERE e.rules[1] = st.rule ORDER BY e.entity LIMIT 1) e ON true;
  RETURN QUERY
  SELECT 'odoo_events_capture_errors_total', 'counter', jsonb_build_object('entity', COALESCE(e.entity, st.rule), 'reason', 'not_written'), st.errors::float8,
         'Changed rows that could not be written to the journal, since the server started; capture_error has the reasons.'
    FROM odoo_events._rule_stats() st LEFT JOIN LATERAL (SELECT e.entity FROM odoo_events.entity e WHERE e.rules[1] = st.rule ORDER BY e.entity LIMIT 1) e ON true;
  RETURN QUERY
  SELECT 'odoo_events_published_total', 'counter', jsonb_build_object('type', t.type), t.published::float8,
         'Events published, since the server started.'
    FROM odoo_events._type_stats() t ORDER BY t.type;
  RETURN QUERY SELECT * FROM odoo_events._histogram_metrics();
  RETURN QUERY SELECT * FROM odoo_events._subscription_metrics();
END $$;
COMMENT ON FUNCTION odoo_events.metrics() IS
'figures for a monitoring system, named as Prometheus wants them; cheap: no event is read.  metrics_text() is the same as text';

CREATE FUNCTION odoo_events._histogram_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'odoo_events_' || h.name || v.suffix, 'histogram', v.labels, v.value, t.help
  FROM odoo_events._histogram_stats() WITH ORDINALITY h(name, le, count, sum, n)
       JOIN (VALUES ('delivery_duration_seconds', 'Duration of requests, whatever the answer, since the server started.'),
                    ('commit_to_ack_seconds', 'From the commit in Odoo to the acknowledgement by an endpoint, without replays, since the server started.')
            ) t(name, help) ON t.name = h.name
       CROSS JOIN LATERAL (
         SELECT 1 AS k, '_bucket' AS suffix, jsonb_build_object('le', COALESCE(h.le::text, '+Inf')) AS labels, h.count::float8 AS value
         UNION ALL SELECT 2, '_sum', '{}', h.sum WHERE h.le IS NULL
         UNION ALL SELECT 3, '_count', '{}', h.count WHERE h.le IS NULL) v
 ORDER BY h.n, v.k
$$;
COMMENT ON FUNCTION odoo_events._histogram_metrics() IS 'internal: the histograms of metrics()';

-- Samples of one name stand together, as the text format demands.
CREATE FUNCTION odoo_events._subscription_metrics(OUT name text, OUT kind text, OUT labels jsonb, OUT value float8, OUT help text) RETURNS SETOF record
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH g AS MATERIALIZED (SELECT g.*, jsonb_build_object('subscription', g.name) AS label FROM odoo_events._subscription_gauge g),
     o AS MATERIALIZED (SELECT p.position, e.recordedtime
                          FROM (SELECT DISTINCT g.oldest AS position FROM g WHERE g.oldest IS NOT NULL) p
                               JOIN LATERAL (SELECT x.recordedtime FROM odoo_events.outbox_all x WHERE x.position >= p.position ORDER BY x.position LIMIT 1) e ON true),
     d AS MATERIALIZED (SELECT d.subscription_id, count(*) AS n FROM odoo_events.dead d GROUP BY 1)
SELECT 'odoo_events_' || v.name, v.kind, g.label || v.labels, v.value::float8, v.help
  FROM g LEFT JOIN o ON o.position = g.oldest LEFT JOIN d ON d.subscription_id = g.id
       CROSS JOIN LATERAL (
         SELECT 10 AS n, 'subscription_lag_events' AS name, 'gauge' AS kind, '{}'::jsonb AS labels, g.lag::numeric AS value,
                'Events not acknowledged yet, those that filters will pass over included, those behind a parked key not.' AS help
         UNION ALL SELECT 20, 'subscription_oldest_pending_age_seconds', 'gauge', '{}',
                COALESCE(extract(epoch FROM GREATEST(clock_timestamp() - o.recordedtime, '0')), 0), 'Age of the oldest event not acknowledged yet, 0 if there is none.'
         UNION ALL SELECT 30 + a.i, 'delivery_attempts_total', 'counter', jsonb_build_object('outcome', a.outcome), COALESCE(g.outcomes[a.i], 0),
                'Requests by outcome: delivered (2xx), rejected (4xx), failed (any other status), throttled (429), no_answer.'
           FROM unnest(ARRAY['delivered', 'rejected', 'failed', 'throttled', 'no_answer']) WITH ORDINALITY a(outcome, i)
         UNION ALL SELECT 40, 'delivered_total', 'counter', '{}', COALESCE(g.delivered, 0), 'Events acknowledged by the endpoint.'
         UNION ALL SELECT 50, 'retries_total', 'counter', '{}', COALESCE(g.outcomes[6], 0), 'Requests that were not the first for their event.'
         UNION ALL SELECT 60, 'parked', 'gauge', '{}', g.parked, 'Keys whose first event waits for a retry, or for room.'
         UNION ALL SELECT 70, 'dead_letters', 'gauge', '{}', COALESCE(d.n, 0), 'Events given up, and kept.'
         UNION ALL SELECT 80, 'subscription_state', 'gauge', jsonb_build_object('state', t.state), (t.state = g.state)::int, 'The state of a subscription is 1, the others 0.'
           FROM unnest(ARRAY['active', 'paused', 'disabled', 'breaker_open', 'dry_run', 'overrun', 'unarmed']) t(state)) v
 ORDER BY v.n / 10, v.name, g.name, v.n, v.labels
$$;
COMMENT ON FUNCTION odoo_events._subscription_metrics() IS 'internal: the metrics of each subscription';

CREATE FUNCTION odoo_events.metrics_text() RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
SELECT string_agg(CASE WHEN f.first THEN format(E'# HELP %s %s\n# TYPE %s %s\n', f.family, replace(replace(f.help, '\', '\\'), E'\n', '\n'), f.family, f.kind) ELSE '' END
                  || f.name || f.labels || ' ' ||
                  CASE f.value WHEN 'Infinity' THEN '+Inf' WHEN '-Infinity' THEN '-Inf' ELSE f.value::text END || E'\n', '' ORDER BY f.n)
  FROM (SELECT m.*, x.family, row_number() OVER (PARTITION BY x.family ORDER BY m.n) = 1 AS first,
               COALESCE((SELECT '{' || string_agg(format('%s="%s"', l.key, replace(replace(replace(l.value, '\', '\\'), '"', '\"'), E'\n', '\n')), ',' ORDER BY l.key) || '}'
                           FROM jsonb_each_text(m.raw_labels) l), '') AS labels
          FROM odoo_events.metrics() WITH ORDINALITY m(name, kind, raw_labels, value, help, n)
               CROSS JOIN LATERAL (SELECT CASE WHEN m.kind = 'histogram' THEN regexp_replace(m.name, '_(bucket|sum|count)$', '') ELSE m.name END AS family) x) f
$$;
COMMENT ON FUNCTION odoo_events.metrics_text() IS 'metrics() in the text format of Prometheus';
-- observe: what a human should look at.

-- capture: what is captured, and drift between what is wanted and what is there.
CREATE VIEW odoo_events.capture_status AS
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
          CROSS JOIN LATERAL odoo_events._captured_table(r.tables) x(relid)
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

-- Health: one small function per thing that can be wrong; health() puts them together.  Each answers one row at
-- least, "ok" where nothing is wrong.  Every hint can be executed as it stands: test/t/082_health.pl does.

CREATE FUNCTION odoo_events._health_worker(max_lag interval) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
  wanted text := current_setting('odoo_events.databases', true);
BEGIN
  "check" := 'worker';
  SELECT s.*, x.last_error_at INTO w FROM odoo_events.worker_status s, odoo_events._worker() x;
  IF NOT odoo_events._preloaded() THEN
    status := 'critical';
    detail := 'the library is not in shared_preload_libraries: nothing is published or delivered';
    hint := format('ALTER SYSTEM SET shared_preload_libraries = %s;  -- then restart the server',
                   concat_ws(', ', NULLIF(current_setting('shared_preload_libraries'), ''), 'odoo_events'));
  ELSIF w.pid IS NULL THEN
    status := 'critical';
    detail := format('no worker runs: %s%s', COALESCE(w.state, 'unknown'), ': ' || w.last_error);
    hint := CASE WHEN w.last_error ~ 'cannot log in'
                 THEN format('ALTER ROLE %s LOGIN;', (SELECT d.datdba::regrole FROM pg_database d WHERE d.datname = current_database()))
                 WHEN w.last_error ~ 'max_worker_processes'
                 THEN format('ALTER SYSTEM SET max_worker_processes = %s;  -- then restart the server',
                             current_setting('max_worker_processes')::int + 8)
                 WHEN wanted <> '' AND NOT current_database() = ANY (SELECT btrim(d, ' "') FROM unnest(string_to_array(wanted, ',')) d)
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
COMMENT ON FUNCTION odoo_events._health_worker(interval) IS 'internal: does a worker run, and does it get on';

CREATE FUNCTION odoo_events._health_arming() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'arming', CASE WHEN i.armed THEN 'ok' ELSE 'critical' END,
       CASE WHEN i.armed THEN 'armed' ELSE 'nothing is delivered: ' || i.reason END,
       CASE WHEN i.armed THEN NULL
            WHEN i.neutralized THEN 'SELECT * FROM odoo_events.arming;  -- right for a copy; production has no parameter database.is_neutralized'
            ELSE 'SELECT odoo_events.arm();  -- only if this is production' END
  FROM odoo_events._identity() i
$$;
COMMENT ON FUNCTION odoo_events._health_arming() IS 'internal: may this database send';

CREATE FUNCTION odoo_events._health_capture() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH bad AS MATERIALIZED (
  SELECT c.entity, c.relation, c.note FROM odoo_events.capture_status c JOIN odoo_events.attached t ON t.entity = c.entity WHERE NOT c.attached)
SELECT 'capture', 'critical', 'no entity is attached: nothing is captured', 'SELECT * FROM odoo_events.attach();'
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.attached)
UNION ALL
SELECT 'capture', 'critical', format('%s: %s is not captured%s', b.entity, b.relation, ': ' || b.note), format('SELECT * FROM odoo_events.attach(%L);', ARRAY[b.entity])
  FROM bad b WHERE b.relation IS NOT NULL
UNION ALL
SELECT 'capture', 'ok', string_agg(t.entity, ', ' ORDER BY t.entity), NULL
  FROM odoo_events.attached t HAVING count(*) > 0 AND NOT EXISTS (SELECT 1 FROM bad b WHERE b.relation IS NOT NULL)
$$;
COMMENT ON FUNCTION odoo_events._health_capture() IS 'internal: is all that is wanted captured';

CREATE FUNCTION odoo_events._health_gaps() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'gaps', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'critical' END,
       CASE WHEN count(*) = 0 THEN 'no change was missed'
            ELSE format('%s changes could not be captured between %s and %s', sum(e.changes), min(e.at), max(e.at)) END,
       CASE WHEN count(*) > 0 THEN 'SELECT * FROM odoo_events.capture_error;' END
  FROM odoo_events.capture_error e
$$;
COMMENT ON FUNCTION odoo_events._health_gaps() IS 'internal: has capture missed anything';

CREATE FUNCTION odoo_events._health_quarantine() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'quarantine', CASE WHEN count(*) = 0 THEN 'ok' ELSE 'warn' END, format('%s changes could not become events%s', count(*), ': ' || min(q.reason)),
       CASE WHEN count(*) > 0 THEN 'SELECT odoo_events.requeue();  -- once the reason in odoo_events.quarantine is mended' END
  FROM odoo_events.quarantine q
$$;
COMMENT ON FUNCTION odoo_events._health_quarantine() IS 'internal: what could not become events';

-- The journal is emptied a moment after it was published: it grows while nobody publishes, or where a transaction holds its tables.
CREATE FUNCTION odoo_events._health_journal(max_bytes int8) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'journal', CASE WHEN j.bytes <= max_bytes THEN 'ok' ELSE 'warn' END, format('%s%s', pg_size_pretty(j.bytes),
         CASE WHEN j.bytes > max_bytes AND p.n > 0 THEN format(', held by %s prepared transactions', p.n) END),
       CASE WHEN j.bytes <= max_bytes THEN NULL
            WHEN p.n > 0 THEN format('SELECT gid, prepared, owner FROM pg_catalog.pg_prepared_xacts WHERE database = %L ORDER BY prepared;', current_database())
            ELSE 'SELECT * FROM odoo_events.worker_status;' END
  FROM (SELECT sum(pg_table_size(c.oid))::int8 AS bytes FROM pg_class c
         WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relname ~ '^journal_[0-9]+$') j,
       (SELECT count(*) AS n FROM pg_prepared_xacts x WHERE x.database = current_database()) p
$$;
COMMENT ON FUNCTION odoo_events._health_journal(int8) IS 'internal: does the journal grow';

-- Releases of PostgreSQL from 15.19 on load only output plugins that a setting names.
CREATE FUNCTION odoo_events._health_plugin() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'output plugin', CASE WHEN p.allowed THEN 'ok' ELSE 'critical' END,
       CASE WHEN p.allowed THEN format('%s replication slots', p.slots)
            ELSE 'output_plugin_libraries does not name odoo_events: its replication slots cannot be read, and keep WAL' END,
       CASE WHEN NOT p.allowed THEN format('ALTER SYSTEM SET output_plugin_libraries = %s; SELECT pg_catalog.pg_reload_conf();', concat_ws(', ', NULLIF(p.setting, ''), 'odoo_events')) END
  FROM (SELECT count(*) AS slots, s.setting,
               s.setting IS NULL OR 'odoo_events' = ANY (SELECT btrim(l, ' "') FROM unnest(string_to_array(s.setting, ',')) l) AS allowed
          FROM (SELECT current_setting('output_plugin_libraries', true) AS setting) s, pg_replication_slots r
         WHERE r.plugin = 'odoo_events' AND r.database = current_database() GROUP BY s.setting) p
$$;
COMMENT ON FUNCTION odoo_events._health_plugin() IS 'internal: may the output plugin be used, where it is';

-- Capture from the WAL.
CREATE FUNCTION odoo_events._health_wal() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
WITH w AS (SELECT count(*) AS rules, count(*) FILTER (WHERE r.state = 'waiting') AS waiting, min(r.since) FILTER (WHERE r.state = 'waiting') AS since FROM odoo_events.wal_rule r)
SELECT 'wal', 'critical', format('capture of %s fell back from mode %s to triggers at %s: %s', array_to_string(f.entities, ', '), f.mode, f.at, f.reason),
       format('SELECT * FROM odoo_events.attach(%L, mode => %L);', f.entities, f.mode)
  FROM odoo_events.wal_fallback f
UNION ALL
SELECT 'wal', 'critical', format('the reader of the WAL does not run: %s', COALESCE(p.error, 'see the server''s log')), 'SELECT * FROM odoo_events.capture_status WHERE mode <> ''trigger'';  -- and the server''s log'
  FROM w, odoo_events._wal_processes() p WHERE w.rules > 0 AND p.reader_pid IS NULL
UNION ALL
SELECT 'wal', 'warn', format('the slot keeps %s of WAL, half of odoo_events.max_slot_wal', pg_size_pretty(s.retained)), 'SELECT * FROM odoo_events.capture_status WHERE mode <> ''trigger'';'
  FROM odoo_events._wal_state() s, pg_settings g WHERE g.name = 'odoo_events.max_slot_wal' AND s.retained > g.setting::int8 * 524288
UNION ALL
SELECT 'wal', 'warn', format('the publisher waits since %s until the WAL is read', d.since), 'SELECT * FROM odoo_events._wal_state();' FROM odoo_events.wal_drain d WHERE d.hold
UNION ALL
SELECT 'wal', 'warn', format('%s tables still wait for the reader', w.waiting),
       'SELECT pid, xact_start, query FROM pg_catalog.pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start;  -- the slot waits for the oldest'
  FROM w WHERE w.waiting > 0 AND w.since < now() - interval '1 minute'
UNION ALL
SELECT 'wal', 'critical', format('mode both: %s net changes differ', count(*)), 'SELECT * FROM odoo_events.capture_difference ORDER BY at;' FROM odoo_events.capture_difference HAVING count(*) > 0
$$;
COMMENT ON FUNCTION odoo_events._health_wal() IS 'internal: how capture from the WAL goes; no rows where all is well';

-- What a human can do about an endpoint's last answer.  The comment says what to mend first; the statement then sends what waits.
CREATE FUNCTION odoo_events._endpoint_trouble(name text, url text, last_status int4, last_error text, OUT detail text, OUT hint text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN last_status IN (401, 403) THEN format('the endpoint answers %s: it does not accept our signature or credentials', last_status)
            WHEN last_status IN (404, 405, 410) THEN format('the endpoint answers %s: nothing takes events at %s', last_status, url)
            WHEN last_error LIKE 'oauth2:%' OR last_error LIKE 'handshake:%' THEN 'nothing can be sent: ' || last_error
            WHEN last_status >= 100 THEN format('the endpoint answers %s', last_status)
            WHEN e.kind = 'dns' THEN 'the endpoint''s name is unknown: ' || last_error
            WHEN e.kind = 'tls' THEN 'the endpoint''s certificate is refused: ' || last_error
            WHEN e.kind = 'address' THEN 'the endpoint''s ' || last_error
            ELSE 'the endpoint does not answer: ' || last_error END,
       CASE WHEN e.kind = 'address'
            THEN format('SELECT odoo_events.alter_subscription(%L, allow_networks => %L); SELECT odoo_events.retry_now(%L);', name,
                        COALESCE('{' || substring(url FROM '^https?://([0-9]+[.][0-9]+[.][0-9]+[.][0-9]+)[:/]') || '/32}', '{10.0.0.0/8,172.16.0.0/12,192.168.0.0/16}'), name)
            ELSE format('SELECT odoo_events.retry_now(%L);  -- once %s', name,
              CASE WHEN last_status IN (401, 403) THEN format('the endpoint accepts us; set_secret(%L) gives it a new secret', name)
                   WHEN last_status IN (404, 405, 410) THEN format('something is there; alter_subscription(%L, url => ...) gives another URL', name)
                   WHEN e.kind = 'dns' THEN 'the name resolves on this server'
                   WHEN e.kind = 'tls' THEN 'the certificate is renewed, or its CA known to this server'
                   ELSE 'the endpoint is mended' END) END
  FROM (SELECT CASE WHEN last_status > 0 THEN NULL
                    WHEN last_error ~* 'resolve (host|proxy)' THEN 'dns'
                    WHEN last_error ~* 'certificate|SSL' THEN 'tls'
                    WHEN last_error ~ 'outside allow_networks' THEN 'address' END AS kind) e
$$;
COMMENT ON FUNCTION odoo_events._endpoint_trouble(text, text, int4, text) IS 'internal: an endpoint''s last answer in words, and what to do';

CREATE FUNCTION odoo_events._health_subscriptions() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'subscriptions', 'warn', 'nobody subscribes', 'SELECT odoo_events.subscribe(''wms'', ''https://wms.example.com/hooks/odoo'');'
 WHERE NOT EXISTS (SELECT 1 FROM odoo_events.subscription_config)
UNION ALL
SELECT 'subscription ' || s.name, v.status, v.detail, v.hint
  FROM (SELECT g.*, c.url, c.state_reason, c.state_since, c.overlap_until, LEAST(c.auth_expires_at, c.tls_expires_at) AS expires_at, p.last_status, p.last_error, p.failing_since,
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
                format('SELECT odoo_events.resume(%L);  -- once the endpoint wants events again', s.name) WHERE s.state = 'disabled'
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
         UNION ALL SELECT 7, 'warn', format('%s dead letters', s.dead), format('SELECT odoo_events.replay(%L, dead_letters => true);', s.name) WHERE s.dead > 0
         UNION ALL SELECT 8, 'warn', format('paused since %s, %s events wait', s.state_since, s.lag), format('SELECT odoo_events.resume(%L);', s.name)
          WHERE s.state = 'paused' AND s.lag > 0 AND s.state_since < clock_timestamp() - interval '1 day'
         UNION ALL SELECT 9, 'warn', format('%s events behind, the oldest by %s', s.lag, s.age),
                format('SELECT * FROM odoo_events.waiting WHERE subscription = %L ORDER BY position LIMIT 20;', s.name)
          WHERE s.state = 'active' AND s.age > interval '15 minutes'
         UNION ALL SELECT 10, 'ok', format('%s, %s events behind', s.state, s.lag), NULL
         ORDER BY n LIMIT 1) v
$$;
COMMENT ON FUNCTION odoo_events._health_subscriptions() IS 'internal: how each subscription goes: the worst of it';

-- What the worker separates is one where the database's owner is a superuser.
CREATE FUNCTION odoo_events._health_owner() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'owner', CASE WHEN o.rolsuper THEN 'warn' ELSE 'ok' END,
       format('the database belongs to role %I%s', o.rolname,
              CASE WHEN o.rolsuper THEN ', a superuser: Odoo''s database manager cannot terminate the worker, and secrets are open to Odoo' END),
       CASE WHEN NOT o.rolsuper THEN NULL
            WHEN o.oid = e.extowner OR o.oid = 10
            THEN 'SELECT rolname, rolsuper FROM pg_catalog.pg_roles WHERE rolcanlogin;  -- Odoo needs a role of its own, that owns the database'
            ELSE format('ALTER ROLE %I NOSUPERUSER;', o.rolname) END
  FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba, pg_extension e
 WHERE d.datname = current_database() AND e.extname = 'odoo_events'
$$;
COMMENT ON FUNCTION odoo_events._health_owner() IS 'internal: is Odoo''s role an ordinary one';

CREATE FUNCTION odoo_events._health_outbox() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'outbox', CASE WHEN v.full THEN 'critical' ELSE 'ok' END,
       format('%s%s%s', pg_size_pretty(s.bytes), ' of ' || pg_size_pretty(NULLIF(v.most, 0)), ', held by ' || s.held_by),
       CASE WHEN v.full THEN 'SELECT * FROM odoo_events.storage;  -- then mend or drop what holds it, or raise odoo_events.max_outbox_size' END
  FROM odoo_events.storage s,
       LATERAL (SELECT g.setting::int8 * 1048576 AS most FROM pg_settings g WHERE g.name = 'odoo_events.max_outbox_size') m,
       LATERAL (SELECT m.most, m.most > 0 AND s.bytes > m.most AS full) v
 WHERE s.part = 'outbox'
$$;
COMMENT ON FUNCTION odoo_events._health_outbox() IS 'internal: is the outbox larger than it may be?';

-- Lines of documents are read by the column that names the document.  Odoo indexes most of these columns, to 16 not all; a small
-- table (8 MB) is read whole as fast.
CREATE FUNCTION odoo_events._health_indexes(least_bytes int8) RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'indexes', 'warn', format('%I.%I (%s) is read for %s by %I, without an index', n.nspname, c.relname, pg_size_pretty(pg_relation_size(c.oid)), string_agg(DISTINCT l.entity, ', '), a.attname),
       format('CREATE INDEX CONCURRENTLY ON %I.%I (%I) WHERE %I IS NOT NULL;', n.nspname, c.relname, a.attname, a.attname)
  FROM (SELECT p.entity, x.relid, column_name
          FROM odoo_events.part p
          JOIN odoo_events.attached t ON t.entity = p.entity
          JOIN odoo_events.capture_rule r ON r.rule = p.rule
         CROSS JOIN LATERAL odoo_events._captured_table(r.tables) x(relid)
         CROSS JOIN LATERAL unnest(p.parent) column_name
         WHERE NOT p.tx_only AND column_name NOT LIKE '<%') l
  JOIN pg_class c ON c.oid = l.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = l.column_name AND a.attnum > 0 AND NOT a.attisdropped
 WHERE pg_relation_size(c.oid) >= least_bytes
   AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum)
 GROUP BY n.nspname, c.relname, c.oid, a.attname
$$;
COMMENT ON FUNCTION odoo_events._health_indexes(int8) IS 'internal: has publishing to read whole tables for the lines of a document?';

CREATE FUNCTION odoo_events.health(OUT "check" text, OUT status text, OUT detail text, OUT hint text) RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
SELECT h."check", h.status, h.detail, h.hint
  FROM (SELECT 1 AS n, * FROM odoo_events._health_worker('1 minute')
        UNION ALL SELECT 2, * FROM odoo_events._health_arming()
        UNION ALL SELECT 3, * FROM odoo_events._health_capture()
        UNION ALL SELECT 4, * FROM odoo_events._health_gaps()
        UNION ALL SELECT 5, * FROM odoo_events._health_quarantine()
        UNION ALL SELECT 6, * FROM odoo_events._health_journal(268435456)
        UNION ALL SELECT 7, * FROM odoo_events._health_plugin()
        UNION ALL SELECT 7, * FROM odoo_events._health_wal()
        UNION ALL SELECT 8, * FROM odoo_events._health_subscriptions()
        UNION ALL SELECT 9, * FROM odoo_events._health_owner()
        UNION ALL SELECT 10, * FROM odoo_events._health_outbox()
        UNION ALL SELECT 11, * FROM odoo_events._health_indexes(8388608)) h
 ORDER BY h.n, h."check", h.detail
$$;
COMMENT ON FUNCTION odoo_events.health() IS
'what is wrong and what to do about it: status is ok, warn or critical; each hint can be executed as it stands';
-- lineage: the whole way of a document, and why there was no event.

-- Why a subscription does not want an event; null where it does.  As deliver/queue/filter.c decides.
CREATE FUNCTION odoo_events._unwanted(c odoo_events.subscription_config, type text, subject text, company_id int4, warehouse_id int4, event text)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN type = 'odoo.platform.subscription.pinged.v1' THEN CASE WHEN subject <> 'subscription/' || c.name THEN 'a ping of another' END
            WHEN NOT type LIKE ANY (c.types_like)
              OR type ~ '^odoo[.]platform[.](subscription|event)[.]' AND NOT EXISTS (SELECT 1 FROM unnest(c.types_like) t WHERE t LIKE 'odoo.platform.%' AND type LIKE t)
            THEN format('its types are %s', c.types)
            WHEN c.companies IS NOT NULL AND NOT COALESCE(company_id = ANY (c.companies), false) THEN format('its companies are %s', c.companies)
            WHEN c.warehouses IS NOT NULL AND NOT COALESCE(warehouse_id = ANY (c.warehouses), false) THEN format('its warehouses are %s', c.warehouses)
            WHEN c.filter IS NOT NULL AND NOT odoo_events._filter_passes(event, c.filter) THEN format('its filter is %s', c.filter)
       END
$$;
COMMENT ON FUNCTION odoo_events._unwanted(odoo_events.subscription_config, text, text, int4, int4, text) IS
'internal: why a subscription does not want an event, null where it does';

-- Is what this transaction wrote to the journal behind the publisher's cursor?
CREATE FUNCTION odoo_events._is_published(xid xid8, first_id int8) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE((SELECT pg_visible_in_snapshot(xid, c.s1)
                        OR c.s2 IS NOT NULL AND pg_visible_in_snapshot(xid, c.s2) AND first_id <= c.done_id
                   FROM odoo_events.publish_cursor c ORDER BY c.n DESC LIMIT 1), false)
$$;
COMMENT ON FUNCTION odoo_events._is_published(xid8, int8) IS 'internal: whether a transaction of the journal, whose first row is given, has been published';

-- What became of an event at one subscription.
CREATE FUNCTION odoo_events._settled(c odoo_events.subscription_config, event_id uuid, "position" int8, recordedtime timestamptz,
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
   WHERE a.subscription = c.name AND a.status BETWEEN 200 AND 299
     AND (a.event_id = _settled.event_id OR a.event_id IS NULL AND _settled.position BETWEEN a.first_position AND a.last_position);
  step := CASE WHEN at IS NOT NULL THEN 'acknowledged' WHEN c.created_at > recordedtime THEN 'before its start' ELSE 'settled' END;
  detail := CASE step WHEN 'settled' THEN 'no attempt is kept' WHEN 'before its start' THEN 'subscribed at ' || c.created_at END;
END $$;
COMMENT ON FUNCTION odoo_events._settled(odoo_events.subscription_config, uuid, int8, timestamptz) IS
'internal: what became of an event at a subscription that wants it';

CREATE FUNCTION odoo_events.trace(key text DEFAULT NULL, subject text DEFAULT NULL, event_id uuid DEFAULT NULL)
RETURNS TABLE (at timestamptz, step text, "position" int8, type text, subscription text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  o record;
  c odoo_events.subscription_config;
BEGIN
  IF num_nonnulls(trace.key, trace.subject, trace.event_id) = 0 THEN
    RAISE EXCEPTION 'nothing says what to trace' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT * FROM odoo_events.trace(key => ''manufacturing_order:1'');';
  END IF;
  FOR o IN SELECT x.* FROM odoo_events.outbox_all x
            WHERE (trace.key IS NULL OR x.partitionkey = trace.key) AND (trace.subject IS NULL OR x.subject = trace.subject)
              AND (trace.event_id IS NULL OR x.id = trace.event_id) ORDER BY x.position
  LOOP
    RETURN QUERY VALUES (o."time", 'committed', o.position, o.type, NULL::text, format('%s %s, transaction %s', o.entity, o.record_id, o.odootx)),
                        (o.recordedtime, 'published', o.position, o.type, NULL, format('%s, id %s', o.subject, o.id));
    FOR c IN SELECT * FROM odoo_events.subscription_config s ORDER BY s.name
    LOOP
      RETURN QUERY SELECT NULL::timestamptz, 'not wanted', o.position, o.type, c.name, u
                     FROM odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event) u WHERE u IS NOT NULL;
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
COMMENT ON FUNCTION odoo_events.trace(text, text, uuid) IS
'the whole way of a document, a subject or one event: committed, published, each attempt, what became of it at each subscription; what is quarantined or not published yet';

CREATE FUNCTION odoo_events._explain_change(entity text, record_id int8, xid xid8, OUT step text, OUT verdict text, OUT detail text) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_explain_change';
COMMENT ON FUNCTION odoo_events._explain_change(text, int8, xid8) IS
'internal: what the publisher makes of a transaction''s change of one record, and why not more';

CREATE FUNCTION odoo_events.explain(entity text, record_id bigint) RETURNS TABLE (step text, verdict text, detail text)
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
                   FROM odoo_events.subscription_config c, odoo_events._unwanted(c, o.type, o.subject, o.company_id, o.warehouse_id, o.event) u
                  WHERE u IS NOT NULL ORDER BY c.name;
  END LOOP;
  -- how far back this answers
  RETURN QUERY SELECT 'reach'::text, 'changes'::text, COALESCE('what a transaction changed is known since ' || min(j.at), 'no change is known: the journal is empty') FROM odoo_events.journal j;
  RETURN QUERY SELECT 'reach'::text, 'events'::text, COALESCE('events are known since ' || min(x.recordedtime) || ', position ' || min(x.position), 'no event is known: the outbox is empty')
                 FROM odoo_events.outbox_all x;
END $$;
COMMENT ON FUNCTION odoo_events.explain(text, bigint) IS
'why there was no event: not attached, a gap, no net change, condition false and which, disabled, quarantined, filtered; of the last change that the journal still holds, '
'else of the row as it is against what its last event told; "reach" says how far back that is known';
-- contract: what receivers may rely on, as JSON Schema and AsyncAPI, made from the catalog and the columns that this database has.
--
-- Schemas are open: members may be added to an event without a new version.  Any member of data may be absent, because a subscription
-- may not see it or this Odoo has no such column, but for the id of an object.  "base" is where definitions stand.

-- What a column's values look like in an event.
CREATE FUNCTION odoo_events._type_json(typ oid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE
       WHEN b.typcategory = 'A' THEN jsonb '{"type": "array"}'
       WHEN b.oid = 'bool'::regtype THEN jsonb '{"type": "boolean"}'
       WHEN b.oid IN ('int2'::regtype, 'int4'::regtype) THEN jsonb '{"type": "integer"}'
       WHEN b.oid = 'int8'::regtype THEN jsonb '{"type": ["integer", "string"]}'
       -- a string where a double would lose a digit
       WHEN b.oid IN ('numeric'::regtype, 'float4'::regtype, 'float8'::regtype) THEN jsonb '{"type": ["number", "string"]}'
       WHEN b.oid = 'date'::regtype THEN jsonb '{"type": "string", "format": "date"}'
       WHEN b.oid IN ('timestamp'::regtype, 'timestamptz'::regtype) THEN jsonb '{"type": "string", "format": "date-time"}'
       WHEN b.oid IN ('json'::regtype, 'jsonb'::regtype) THEN jsonb '{}'
       ELSE jsonb '{"type": "string"}' END
  FROM pg_type t JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
 WHERE t.oid = typ
$$;
COMMENT ON FUNCTION odoo_events._type_json(oid) IS 'internal: JSON Schema of a type''s values as events write them';

-- The first of "names" that the first of "tables" has; null where there is none.
CREATE FUNCTION odoo_events._column_json(tables text[], names text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN a.attnotnull THEN x.t WHEN NOT x.t ? 'type' THEN x.t
            WHEN jsonb_typeof(x.t -> 'type') = 'array' THEN jsonb_set(x.t, '{type}', (x.t -> 'type') || jsonb '["null"]')
            ELSE jsonb_set(x.t, '{type}', jsonb_build_array(x.t -> 'type', 'null')) END
  FROM unnest(names) WITH ORDINALITY n(name, i)
  JOIN pg_attribute a ON a.attrelid = odoo_events._captured_table(tables) AND a.attname::text = n.name AND a.attnum > 0 AND NOT a.attisdropped
  CROSS JOIN LATERAL (SELECT odoo_events._type_json(a.atttypid) AS t) x
 ORDER BY n.i LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._column_json(text[], text[]) IS 'internal: JSON Schema of the first of these columns that this database has';

CREATE FUNCTION odoo_events._without_null(s jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN jsonb_typeof(s -> 'type') = 'array' THEN jsonb_set(s, '{type}', CASE jsonb_array_length((s -> 'type') - 'null')
            WHEN 1 THEN ((s -> 'type') - 'null') -> 0 ELSE (s -> 'type') - 'null' END) ELSE s END
$$;
COMMENT ON FUNCTION odoo_events._without_null(jsonb) IS 'internal: the same JSON Schema, for a member that is left out instead of being null';

-- A row that an event names: its id, and the business keys that it has.
CREATE FUNCTION odoo_events._reference_json(reference text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('type', 'object', 'required', jsonb '["id"]', 'properties',
         jsonb '{"id": {"type": "integer"}}' || COALESCE((
           SELECT jsonb_object_agg(f.field, COALESCE((
                    SELECT CASE WHEN x.t = '{}' THEN jsonb '{"type": "string"}' ELSE odoo_events._without_null(x.t) END
                      FROM unnest(f.paths) WITH ORDINALITY p(path, n)
                      CROSS JOIN LATERAL (SELECT CASE WHEN p.path LIKE '%^%' THEN jsonb '{"type": "integer"}'
                        WHEN p.path LIKE '%>%' THEN odoo_events._column_json(ARRAY[split_part(split_part(p.path, '>', 2), '.', 1)], ARRAY[split_part(p.path, '.', 2)])
                        ELSE odoo_events._column_json(r.tables, ARRAY[p.path]) END AS t) x
                     WHERE x.t IS NOT NULL ORDER BY p.n LIMIT 1), '{}'))
             FROM odoo_events.reference_field f WHERE f.reference = r.reference AND f.shown), '{}'))
  FROM odoo_events.reference r WHERE r.reference = _reference_json.reference
$$;
COMMENT ON FUNCTION odoo_events._reference_json(text) IS 'internal: JSON Schema of a referred row';

-- One source of a field; null where this database does not have it.
CREATE FUNCTION odoo_events._source_json(source text, rule text, reference text, base text) RETURNS jsonb
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
  t := odoo_events._column_json(r.tables, (SELECT string_to_array(s, '=') FROM unnest(r.significant || r.carried) s WHERE split_part(s, '=', 1) = path[1] LIMIT 1));
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
COMMENT ON FUNCTION odoo_events._source_json(text, text, text, text) IS 'internal: JSON Schema of one source of a field';

CREATE FUNCTION odoo_events._field_json(f odoo_events.field, rule text, entity text, base text) RETURNS jsonb
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
COMMENT ON FUNCTION odoo_events._field_json(odoo_events.field, text, text, text) IS 'internal: JSON Schema of a field';

-- The lines of a document that are this part, with those inside them.
CREATE FUNCTION odoo_events._part_json(p odoo_events.part, base text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('type', 'object', 'required', jsonb '["part", "id"]', 'properties',
         jsonb_build_object('part', jsonb_build_object('const', p.part), 'id', jsonb '{"type": "integer"}')
         || COALESCE((SELECT jsonb_object_agg(f.field, odoo_events._field_json(f, p.rule, p.entity, base)) FROM odoo_events.field f WHERE f.owner = p.owner), '{}')
         || COALESCE((SELECT jsonb_build_object('lines', jsonb_build_object('type', 'array', 'items',
                               CASE count(*) WHEN 1 THEN (jsonb_agg(odoo_events._part_json(i, base)) -> 0) ELSE jsonb_build_object('anyOf', jsonb_agg(odoo_events._part_json(i, base))) END))
                        FROM odoo_events.part i WHERE i.entity = p.entity AND i.within = p.owner HAVING count(*) > 0), '{}'))
$$;
COMMENT ON FUNCTION odoo_events._part_json(odoo_events.part, text) IS 'internal: JSON Schema of the lines that are a part of a document';

-- What a sum adds: the columns of its query behind those that it is summed by.
CREATE FUNCTION odoo_events._sum_json(e odoo_events.entity) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_object_agg(x.m[1], '{}'::jsonb), '{}')
  FROM regexp_matches(split_part(e.sum_query, 'FROM', 1), '([a-z_]+)\s*(?:,|$)', 'g') WITH ORDINALITY x(m, n) WHERE x.n > cardinality(e.sum_by)
$$;
COMMENT ON FUNCTION odoo_events._sum_json(odoo_events.entity) IS 'internal: JSON Schema of the members that the query of a sum adds';

-- Constant members that some definitions add.
CREATE FUNCTION odoo_events._extra_json(entity text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_object_agg(x.key, jsonb_build_object('enum', x.choice)), '{}')
  FROM (SELECT m.key, jsonb_agg(DISTINCT m.value) AS choice
          FROM odoo_events.event_def d, jsonb_each(d.extra) m WHERE d.entity = _extra_json.entity GROUP BY m.key) x
$$;
COMMENT ON FUNCTION odoo_events._extra_json(text) IS 'internal: JSON Schema of the members that definitions add to an entity';

-- Everything that events about an entity are made of, by name of the definition.
CREATE FUNCTION odoo_events._entity_definitions(entity text, base text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e    odoo_events.entity;
  defs jsonb;
BEGIN
  SELECT * INTO e FROM odoo_events.entity x WHERE x.entity = _entity_definitions.entity;
  defs := jsonb_build_object(
    e.entity, jsonb_build_object('type', 'object', 'required', jsonb '["id"]', 'properties', jsonb '{"id": {"type": "integer"}}'
      || COALESCE((SELECT jsonb_object_agg(f.field, odoo_events._field_json(f, e.rule, e.entity, base)) FROM odoo_events.field f WHERE f.owner = e.entity), '{}')
      || odoo_events._extra_json(e.entity) || odoo_events._sum_json(e)),
    'data_' || e.entity, jsonb_build_object('type', 'object', 'required', jsonb_build_array(COALESCE(e.label, e.entity)), 'properties',
      jsonb_build_object(COALESCE(e.label, e.entity), jsonb_build_object('$ref', base || e.entity), 'deleted', jsonb '{"const": true, "description": "in a snapshot: the row is gone"}',
        'lines_read_at', jsonb '{"type": "string", "format": "date-time"}',
        'redacted', jsonb '{"type": "array", "items": {"type": "string"}}')
      || CASE WHEN e.state_column IS NULL THEN '{}' ELSE
         jsonb '{"transition": {"type": "object", "required": ["from", "to"], "properties": {"from": {"type": ["string", "null"]}, "to": {"type": ["string", "null"]}}}}' END
      || jsonb_build_object('changes', jsonb_build_object('type', 'array', 'items', jsonb_build_object('type', 'object',
           'required', jsonb '["part", "id", "op", "fields"]', 'properties', jsonb_build_object(
             'part', jsonb_build_object('type', 'string', 'examples', jsonb_build_array(COALESCE(e.label, e.entity)) || COALESCE((SELECT jsonb_agg(p.part ORDER BY p.position) FROM odoo_events.part p WHERE p.entity = e.entity), '[]')),
             'id', jsonb '{"type": "integer"}', 'op', jsonb '{"enum": ["added", "removed", "changed"]}',
             'fields', jsonb '{"type": "object", "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2}}'))))
      || COALESCE((SELECT jsonb_build_object('lines', jsonb_build_object('type', 'array', 'items', CASE count(*) WHEN 1 THEN jsonb_agg(odoo_events._part_json(p, base)) -> 0
                           ELSE jsonb_build_object('anyOf', jsonb_agg(odoo_events._part_json(p, base) ORDER BY p.position)) END))
                     FROM odoo_events.part p WHERE p.entity = e.entity AND p.within IS NULL HAVING count(*) > 0), '{}')));
  RETURN defs || COALESCE((SELECT jsonb_object_agg('ref_' || r.reference, odoo_events._reference_json(r.reference)) FROM odoo_events.reference r
                            WHERE position('"' || base || 'ref_' || r.reference || '"' IN defs::text) > 0), '{}');
END $$;
COMMENT ON FUNCTION odoo_events._entity_definitions(text, text) IS 'internal: JSON Schemas of what events about an entity carry';

-- All types that there are to promise: those of definitions, and a snapshot of each entity.  Several entities may tell of one thing.
CREATE VIEW odoo_events._promised AS
SELECT d.type, pg_catalog.array_agg(DISTINCT d.entity) AS entities, pg_catalog.max(d.minor) AS minor, pg_catalog.string_agg(DISTINCT d.description, '; ') AS description,
       pg_catalog.bool_and(d.deprecated) AS deprecated
  FROM odoo_events.event_def d WHERE d.emit GROUP BY d.type
UNION ALL
SELECT pg_catalog.format('odoo.%s.%s.snapshot.v1', e.domain, COALESCE(e.label, e.entity)), pg_catalog.array_agg(DISTINCT e.entity), 0,
       'what it is, whatever happened to it: by backfill() and reconcile()', false
  FROM odoo_events.entity e WHERE e.sum_query IS NULL AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = e.entity) GROUP BY 1;
COMMENT ON VIEW odoo_events._promised IS 'internal: every type with the entities that it tells of';

-- The attributes of every event.
CREATE FUNCTION odoo_events._envelope_json() RETURNS jsonb
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
    "odoorecordid": {"type": "integer"},
    "odootx": {"type": "string", "pattern": "^[0-9]+$"},
    "data": {"type": "object"}
  }}'
$$;
COMMENT ON FUNCTION odoo_events._envelope_json() IS 'internal: JSON Schema of the attributes of every event';

-- What one type pins down beside the attributes of all.
CREATE FUNCTION odoo_events._type_properties(type text, base text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('type', jsonb_build_object('const', d.type), 'odoomodel', jsonb_build_object('enum', d.models),
                          'data', CASE jsonb_array_length(d.data) WHEN 1 THEN d.data -> 0 ELSE jsonb_build_object('anyOf', d.data) END)
  FROM (SELECT p.type, jsonb_agg(DISTINCT e.model) AS models, jsonb_agg(jsonb_build_object('$ref', base || 'data_' || e.entity) ORDER BY e.entity) AS data
          FROM odoo_events._promised p JOIN odoo_events.entity e ON e.entity = ANY (p.entities) WHERE p.type = _type_properties.type GROUP BY p.type) d
$$;
COMMENT ON FUNCTION odoo_events._type_properties(text, text) IS 'internal: JSON Schemas of the members that a type pins down';

-- definitions: those of the type's entity; null for a type that the extension tells of itself.
CREATE FUNCTION odoo_events._json_schema(type text, definitions jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('$schema', 'https://json-schema.org/draft/2020-12/schema',
         '$id', current_setting('odoo_events.schema_base') || '/' || _json_schema.type || '/'
                || substring(_json_schema.type FROM '\.v([0-9]+)$') || '.' || COALESCE(d.minor, 0) || '.json',
         'title', _json_schema.type, 'description', COALESCE(d.description, 'told by the extension itself'))
       || odoo_events._envelope_json()
       || jsonb_build_object('properties', odoo_events._envelope_json() -> 'properties' || jsonb_build_object('type', jsonb_build_object('const', _json_schema.type))
                             || COALESCE(odoo_events._type_properties(_json_schema.type, '#/$defs/'), '{}'))
       || CASE WHEN definitions IS NULL THEN '{}' ELSE jsonb_build_object('$defs', definitions) END
       || CASE WHEN d.deprecated THEN jsonb '{"deprecated": true}' ELSE '{}' END
  FROM (SELECT 1) one LEFT JOIN odoo_events._promised d ON d.type = _json_schema.type
$$;
COMMENT ON FUNCTION odoo_events._json_schema(text, jsonb) IS 'internal: JSON Schema of a type with these definitions';

CREATE FUNCTION odoo_events.json_schema(type text) RETURNS json
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  definitions jsonb := '{}';
  about       text[] := (SELECT p.entities FROM odoo_events._promised p WHERE p.type = json_schema.type);
  e           text;
BEGIN
  IF about IS NULL AND NOT json_schema.type LIKE 'odoo.platform.%' THEN
    RAISE EXCEPTION 'event type "%" in argument "type" is not in the catalog', json_schema.type
      USING ERRCODE = 'undefined_object', HINT = 'SELECT type FROM odoo_events.event_type;';
  END IF;
  FOREACH e IN ARRAY COALESCE(about, '{}') LOOP
    definitions := definitions || odoo_events._entity_definitions(e, '#/$defs/');
  END LOOP;
  RETURN odoo_events._json_schema(json_schema.type, NULLIF(definitions, '{}'));
END $$;
COMMENT ON FUNCTION odoo_events.json_schema(text) IS
'JSON Schema (2020-12) of an event type, envelope and data, from the catalog and the columns that this database has; open: members may be added';

CREATE FUNCTION odoo_events.asyncapi() RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base     constant text := '#/components/schemas/';
  types    text[];
  messages jsonb;
  schemas  jsonb := jsonb_build_object('envelope', odoo_events._envelope_json());
  e        text;
BEGIN
  SELECT array_agg(t.type ORDER BY t.type) INTO types FROM odoo_events._promised t;
  FOR e IN SELECT DISTINCT u FROM odoo_events._promised t, unnest(t.entities) u LOOP
    schemas := schemas || odoo_events._entity_definitions(e, base);
  END LOOP;
  SELECT jsonb_object_agg(t.type, jsonb_build_object('name', t.type, 'summary', t.description, 'contentType', 'application/cloudevents+json',
           'payload', jsonb_build_object('type', 'object', 'allOf', jsonb_build_array(jsonb_build_object('$ref', base || 'envelope'),
                        jsonb_build_object('type', 'object', 'properties', odoo_events._type_properties(t.type, base))))
                      || CASE WHEN t.deprecated THEN jsonb '{"deprecated": true}' ELSE '{}' END))
    INTO messages FROM odoo_events._promised t;
  RETURN jsonb_build_object('asyncapi', '3.0.0',
    'info', jsonb_build_object('title', 'odoo_events', 'version', odoo_events.version(),
              'description', 'Business events from an Odoo database: CloudEvents 1.0, delivered by signed POST (Standard Webhooks 1.0), at least once, in order per partitionkey.',
              'license', jsonb '{"name": "PostgreSQL"}'),
    'defaultContentType', 'application/cloudevents+json',
    'channels', jsonb_build_object('events', jsonb_build_object('title', 'events', 'description', 'The URL of a subscription.', 'address', NULL,
                  'messages', (SELECT jsonb_object_agg(t, jsonb_build_object('$ref', '#/components/messages/' || t)) FROM unnest(types) t))),
    'operations', jsonb '{"deliver": {"action": "send", "summary": "A POST per event, answered by 2xx.", "channel": {"$ref": "#/channels/events"}}}',
    'components', jsonb_build_object('messages', messages, 'schemas', schemas));
END $$;
COMMENT ON FUNCTION odoo_events.asyncapi() IS 'an AsyncAPI 3 document of all event types that this catalog can emit';
-- define: tables and milestones of the DBA's own, on the same footing as the catalog's.
--
-- A definition is kept as the catalog rows that it stands for, and they are made from it again: when a dump is restored (rows come in
-- any order), and when an upgrade of the extension has replaced the catalog's own rows.
CREATE TABLE odoo_events.definition (
    id   text PRIMARY KEY CHECK (id ~ '^[a-z_0-9]+$'),      -- kind and name, in hexadecimal
    kind text NOT NULL CHECK (kind IN ('entity', 'part', 'event', 'switch')),
    name text NOT NULL,
    rows jsonb NOT NULL,                                    -- entity, part, event: {table: [row, ...]}; switch: {"enabled": boolean}
    UNIQUE (kind, name)
);
COMMENT ON TABLE odoo_events.definition IS 'what the DBA added to the catalog, and which types were enabled or disabled; read it through the view event_type';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.definition
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.definition
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'define', 'define', 'drop definition', 'id');

-- The rule of a table of the DBA's own has the columns of all definitions on that table, and goes with the last of them.
CREATE FUNCTION odoo_events._own_rules() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r record;
BEGIN
  FOR r IN SELECT w.rule, w.tables, w.significant, ARRAY(SELECT c FROM unnest(w.carried) c WHERE c <> ALL (w.significant)) AS carried, o.rule IS NOT NULL AS there
             FROM (SELECT x ->> 'rule' AS rule, (array_agg(x -> 'tables'))[1] AS tables,
                          ARRAY(SELECT DISTINCT c FROM jsonb_array_elements(jsonb_agg(x -> 'significant')) a, jsonb_array_elements_text(a) c ORDER BY c) AS significant,
                          ARRAY(SELECT DISTINCT c FROM jsonb_array_elements(jsonb_agg(x -> 'carried')) a, jsonb_array_elements_text(a) c ORDER BY c) AS carried
                     FROM odoo_events.definition d, jsonb_array_elements(d.rows -> 'capture_rule') x GROUP BY x ->> 'rule') w
             LEFT JOIN odoo_events.capture_rule o ON o.rule = w.rule
            WHERE o.rule IS NULL OR NOT o.builtin
  LOOP
    IF r.there THEN
      UPDATE odoo_events.capture_rule c SET significant = r.significant, carried = r.carried
       WHERE c.rule = r.rule AND (c.significant <> r.significant OR c.carried <> r.carried);
    ELSE
      INSERT INTO odoo_events.capture_rule (rule, tables, significant, carried, builtin)
      VALUES (r.rule, ARRAY(SELECT jsonb_array_elements_text(r.tables)), r.significant, r.carried, false);
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._own_rules() IS 'internal: makes the capture rules of the DBA''s own tables what their definitions need together';

CREATE FUNCTION odoo_events._drop_own_rules() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM odoo_events.link l USING odoo_events.capture_rule c WHERE c.rule = l.rule AND NOT c.builtin
     AND NOT EXISTS (SELECT 1 FROM odoo_events.definition d, jsonb_array_elements(d.rows -> 'link') x WHERE x ->> 'rule' = l.rule AND x ->> 'column_name' = l.column_name);
  DELETE FROM odoo_events.capture_rule c WHERE NOT c.builtin
     AND NOT EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.rule = c.rule) AND NOT EXISTS (SELECT 1 FROM odoo_events.part p WHERE p.rule = c.rule)
     AND NOT EXISTS (SELECT 1 FROM odoo_events.link l WHERE l.rule = c.rule);
  DELETE FROM odoo_events.reference_field f USING odoo_events.reference r WHERE r.reference = f.reference AND NOT r.builtin
     AND NOT EXISTS (SELECT 1 FROM odoo_events.definition d, jsonb_array_elements(d.rows -> 'reference') x WHERE x ->> 'reference' = r.reference);
  DELETE FROM odoo_events.reference r WHERE NOT r.builtin AND NOT EXISTS (SELECT 1 FROM odoo_events.reference_field f WHERE f.reference = r.reference);
END $$;
COMMENT ON FUNCTION odoo_events._drop_own_rules() IS 'internal: removes capture rules, links and references of the DBA''s own tables that no definition needs any more';

-- A table that the catalog captures itself since an upgrade has the catalog's rule: there is one pair of triggers per table.
CREATE FUNCTION odoo_events._moved_definition(d odoo_events.definition) RETURNS odoo_events.definition
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own    jsonb := d.rows -> 'capture_rule' -> 0;
  theirs text;
BEGIN
  SELECT c.rule INTO theirs FROM odoo_events.capture_rule c
   WHERE c.builtin AND c.tables && ARRAY(SELECT jsonb_array_elements_text(own -> 'tables')) ORDER BY c.rule LIMIT 1;
  IF FOUND THEN
    d.rows := replace((d.rows - 'capture_rule')::text, to_json(own ->> 'rule')::text, to_json(theirs)::text)::jsonb
              || jsonb_build_object('more_columns', jsonb_build_object(theirs, own -> 'significant'));
    IF d.kind = 'entity' THEN
      d.rows := jsonb_set(d.rows, '{entity,0,secondary}', 'true');
    END IF;
  END IF;
  RETURN d;
END $$;
COMMENT ON FUNCTION odoo_events._moved_definition(odoo_events.definition) IS 'internal: a definition as it stands on the rule of the catalog that captures its table by now';

-- Makes the catalog rows of a definition; those that are there already give way.
CREATE FUNCTION odoo_events._apply_definition(d odoo_events.definition) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  target  text;
  r       jsonb;
  columns text;
BEGIN
  IF d.kind = 'switch' THEN
    UPDATE odoo_events.event_def e SET enabled = (d.rows ->> 'enabled')::boolean
     WHERE e.type = d.name AND e.enabled <> (d.rows ->> 'enabled')::boolean;
    RETURN;
  END IF;
  -- an event and a part wait for their entity
  IF d.kind IN ('event', 'part') AND NOT EXISTS (SELECT 1 FROM odoo_events.entity e
       WHERE e.entity = COALESCE(d.rows -> 'event_def' -> 0, d.rows -> 'part' -> 0) ->> 'entity') THEN
    RETURN;
  END IF;
  PERFORM odoo_events._unapply_definition(d);
  d := odoo_events._moved_definition(d);
  PERFORM odoo_events._own_rules();
  -- columns that count from now on in a rule of another
  UPDATE odoo_events.capture_rule c
     SET significant = c.significant || ARRAY(SELECT COALESCE((SELECT s FROM unnest(c.carried) s WHERE split_part(s, '=', 1) = x), x)
                                                FROM jsonb_array_elements_text(d.rows -> 'more_columns' -> c.rule) x
                                               WHERE NOT EXISTS (SELECT 1 FROM unnest(c.significant) s WHERE split_part(s, '=', 1) = x)),
         carried = ARRAY(SELECT s FROM unnest(c.carried) s WHERE NOT d.rows -> 'more_columns' -> c.rule ? split_part(s, '=', 1))
   WHERE d.rows -> 'more_columns' ? c.rule;
  FOREACH target IN ARRAY ARRAY['reference', 'reference_field', 'entity', 'link', 'field', 'part', 'event_def'] LOOP
    FOR r IN SELECT * FROM jsonb_array_elements(d.rows -> target) LOOP
      SELECT string_agg(quote_ident(a.attname), ', ') INTO columns FROM pg_attribute a
       WHERE a.attrelid = format('odoo_events.%I', target)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND r ? a.attname;
      BEGIN
        EXECUTE format('INSERT INTO odoo_events.%1$I (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::odoo_events.%1$I, $1)', target, columns) USING r;
      EXCEPTION WHEN unique_violation THEN
        -- the catalog has it itself since an upgrade, or another definition brought it; ON CONFLICT is not for catalog tables
        IF target NOT IN ('link', 'reference', 'reference_field') THEN
          RAISE WARNING '% "%" is the catalog''s own by now', d.kind, d.name;
        END IF;
      END;
    END LOOP;
  END LOOP;
  IF d.kind = 'part' THEN
    UPDATE odoo_events.entity e SET rules = e.rules || (p ->> 'rule') FROM jsonb_array_elements(d.rows -> 'part') p
     WHERE e.entity = p ->> 'entity' AND NOT p ->> 'rule' = ANY (e.rules);
  ELSIF d.kind = 'entity' THEN
    PERFORM odoo_events._apply_definition(e) FROM odoo_events.definition e
      WHERE e.kind IN ('part', 'event') AND COALESCE(e.rows -> 'event_def' -> 0, e.rows -> 'part' -> 0) ->> 'entity' = d.name ORDER BY e.kind DESC, e.name;
  ELSE
    PERFORM odoo_events._apply_definition(s) FROM odoo_events.definition s WHERE s.kind = 'switch' AND s.name = d.name;
  END IF;
  PERFORM odoo_events._drop_own_rules();
END $$;
COMMENT ON FUNCTION odoo_events._apply_definition(odoo_events.definition) IS 'internal: makes the catalog rows that a definition stands for';

CREATE FUNCTION odoo_events._unapply_definition(d odoo_events.definition) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF d.kind = 'event' THEN
    DELETE FROM odoo_events.event_def e WHERE e.type = d.name AND NOT e.builtin;
  ELSIF d.kind = 'part' THEN
    UPDATE odoo_events.entity e SET rules = array_remove(e.rules, p.rule) FROM odoo_events.part p
     WHERE p.entity = e.entity AND p.entity || '.' || p.part = d.name AND NOT p.builtin AND p.rule <> e.rule
       AND NOT EXISTS (SELECT 1 FROM odoo_events.part o WHERE o.entity = p.entity AND o.rule = p.rule AND o.part <> p.part);
    DELETE FROM odoo_events.part p WHERE p.entity || '.' || p.part = d.name AND NOT p.builtin;
    DELETE FROM odoo_events.field f WHERE f.owner = 'line.' || d.name AND NOT f.builtin;
  ELSIF d.kind = 'entity' THEN
    DELETE FROM odoo_events.event_def e WHERE e.entity = d.name AND NOT e.builtin;
    DELETE FROM odoo_events.field f WHERE (f.owner = d.name OR f.owner IN (SELECT p.owner FROM odoo_events.part p WHERE p.entity = d.name)) AND NOT f.builtin;
    DELETE FROM odoo_events.part p WHERE p.entity = d.name AND NOT p.builtin;
    DELETE FROM odoo_events.entity e WHERE e.entity = d.name AND NOT e.builtin;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._unapply_definition(odoo_events.definition) IS 'internal: removes the catalog rows that a definition stands for';

CREATE FUNCTION odoo_events._apply_definition() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM odoo_events._unapply_definition(OLD);
    PERFORM odoo_events._own_rules();
    PERFORM odoo_events._drop_own_rules();
  ELSE
    PERFORM odoo_events._apply_definition(NEW);
  END IF;
  PERFORM odoo_events._wake('config');
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._apply_definition() IS 'internal: keeps the catalog in step with the definitions';
CREATE TRIGGER apply AFTER INSERT OR UPDATE OR DELETE ON odoo_events.definition FOR EACH ROW EXECUTE FUNCTION odoo_events._apply_definition();

-- The last line of every upgrade script (make upgrade-script).
CREATE FUNCTION odoo_events._apply_definitions() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS
'SELECT odoo_events._apply_definition(d) FROM odoo_events.definition d ORDER BY pg_catalog.array_position(''{entity,part,event,switch}'', d.kind), d.name';
COMMENT ON FUNCTION odoo_events._apply_definitions() IS 'internal: makes all that the DBA defined once more, after an upgrade has replaced the catalog''s own rows';

-- The first line: makes room for the rows of this version.
CREATE FUNCTION odoo_events._clear_catalog() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM odoo_events.event_def;
  DELETE FROM odoo_events.part;
  DELETE FROM odoo_events.milestone;
  DELETE FROM odoo_events.entity_kind;
  DELETE FROM odoo_events.field;
  DELETE FROM odoo_events.entity;
  DELETE FROM odoo_events.link;
  DELETE FROM odoo_events.reference_field;
  DELETE FROM odoo_events.reference;
  DELETE FROM odoo_events.capture_rule;
END $$;
COMMENT ON FUNCTION odoo_events._clear_catalog() IS 'internal: removes all rows of the catalog, in an upgrade; definitions of the DBA''s are made again by _apply_definitions()';

CREATE FUNCTION odoo_events._define(kind text, name text, rows jsonb) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
INSERT INTO odoo_events.definition AS d (id, kind, name, rows) VALUES (kind || '_' || encode(convert_to(name, 'UTF8'), 'hex'), kind, name, rows)
ON CONFLICT ON CONSTRAINT definition_pkey DO UPDATE SET rows = EXCLUDED.rows WHERE d.rows <> EXCLUDED.rows
$$;
COMMENT ON FUNCTION odoo_events._define(text, text, jsonb) IS 'internal: keeps a definition';

-- Refuses types that are not of the form, or the catalog's own.
CREATE FUNCTION odoo_events._check_type(type text) RETURNS void
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'oe_sql_check_type';
COMMENT ON FUNCTION odoo_events._check_type(text) IS 'internal: raises an error for a type that a DBA may not use';

CREATE FUNCTION odoo_events._check_class(argument text, class text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF class IS NULL OR class <> ALL ('{public,internal,confidential,personal}') THEN
    RAISE EXCEPTION 'argument "%" cannot be "%"', argument, class
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Classes are public, internal, confidential and personal.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_class(text, text) IS 'internal: raises an error for what is no class of data';

-- What a condition looks at in a row that is named by rows of these rules: only what never changes, since by the time the event is published it
-- may be another.
CREATE FUNCTION odoo_events._check_reference(place text, rules text[], col text, member text) RETURNS void
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
                  JOIN odoo_events.capture_rule c ON odoo_events._captured_table(c.tables) = odoo_events._captured_table(r.tables)
                  JOIN unnest(c.significant || c.carried) s ON split_part(s, '=', 1) = ANY (f.paths)
                 WHERE f.reference = ANY (known) AND f.field = member) THEN
    RAISE EXCEPTION 'argument "condition" looks at %, which may have changed by the time the event is published', concat_ws('.', place, col, member)
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask what the same transaction did to that row, for example ''exists($tx.*.* ? (@.new.state == "done"))'', or define the event on that row''s entity.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_reference(text, text[], text, text) IS 'internal: raises an error for what a condition may not look at in another row';

-- What a condition may look at; raises an error for anything else.
CREATE FUNCTION odoo_events._check_condition(condition text, e odoo_events.entity) RETURNS jsonpath
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  path   jsonpath;
  known  text[] := (SELECT array_agg(split_part(c, '=', 1)) || '{id}' FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) c WHERE r.rule = e.rule);
  m      text[];
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
  -- lines name rows, too
  FOR m IN SELECT regexp_matches(image, '(?<!\$|"old"|"new")\."refs"(?:\."([^"]+)")?(?:\."([^"]+)")?', 'g') LOOP
    PERFORM odoo_events._check_reference('@.refs', (SELECT array_agg(p.rule) FROM odoo_events.part p WHERE p.entity = e.entity), m[1], m[2]);
  END LOOP;
  RETURN path;
END $$;
COMMENT ON FUNCTION odoo_events._check_condition(text, odoo_events.entity) IS 'internal: the condition of a definition as jsonpath; raises an error for what it may not look at';

CREATE FUNCTION odoo_events.define_event(type text, entity text, condition text DEFAULT NULL, occasion text DEFAULT 'updated', states text[] DEFAULT NULL,
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
  -- the DBA's own table is captured from its first event on
  PERFORM odoo_events._attach(ARRAY[entity], 'trigger') WHERE NOT e.builtin;
END $$;
COMMENT ON FUNCTION odoo_events.define_event(text, text, text, text, text[], text, text, boolean, boolean, int, text, text, boolean, boolean) IS
'which change of an entity is an event: a row that was inserted, updated, deleted ..., where the condition (jsonpath over $.old and $.new) holds, or that reached '
'one of the states; attaches an entity of your own';

-- The definitions of a type, for the functions below.
CREATE FUNCTION odoo_events._known_type(type text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own boolean := (SELECT bool_and(NOT d.builtin) FROM odoo_events.event_def d WHERE d.type = _known_type.type);
BEGIN
  IF own IS NULL THEN
    RAISE EXCEPTION 'event type "%" in argument "type" is not in the catalog', type
      USING ERRCODE = 'undefined_object', HINT = 'SELECT type FROM odoo_events.event_type;';
  END IF;
  RETURN own;
END $$;
COMMENT ON FUNCTION odoo_events._known_type(text) IS 'internal: whether a type is the DBA''s own; raises an error where there is none';

CREATE FUNCTION odoo_events.drop_event(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT odoo_events._known_type(drop_event.type) THEN
    RAISE EXCEPTION 'event type "%" is the catalog''s own and cannot be dropped', drop_event.type
      USING ERRCODE = 'insufficient_privilege', HINT = format('SELECT odoo_events.disable_event(%L);', drop_event.type);
  END IF;
  DELETE FROM odoo_events.definition d WHERE d.kind IN ('event', 'switch') AND d.name = drop_event.type;
END $$;
COMMENT ON FUNCTION odoo_events.drop_event(text) IS 'removes an event of your own; what was published stays';

CREATE FUNCTION odoo_events.drop_entity(entity text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM odoo_events.definition d WHERE d.kind = 'entity' AND d.name = drop_entity.entity) THEN
    RAISE EXCEPTION 'entity "%" in argument "entity" is none of your own', drop_entity.entity
      USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.definition WHERE kind = ''entity'';';
  END IF;
  PERFORM odoo_events.detach(ARRAY[drop_entity.entity]);
  DELETE FROM odoo_events.definition d WHERE d.kind IN ('event', 'switch')
     AND d.name IN (SELECT e.type FROM odoo_events.event_def e WHERE e.entity = drop_entity.entity);
  DELETE FROM odoo_events.definition d WHERE d.kind = 'part' AND d.rows -> 'part' -> 0 ->> 'entity' = drop_entity.entity;
  DELETE FROM odoo_events.definition d WHERE d.kind = 'entity' AND d.name = drop_entity.entity;
END $$;
COMMENT ON FUNCTION odoo_events.drop_entity(text) IS 'removes an entity of your own with its events, and stops capturing it; what was published stays';

CREATE FUNCTION odoo_events.enable_event(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._known_type(enable_event.type);
  PERFORM odoo_events._define('switch', enable_event.type, '{"enabled": true}');
END $$;
COMMENT ON FUNCTION odoo_events.enable_event(text) IS 'an event type is emitted from now on';

CREATE FUNCTION odoo_events.disable_event(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._known_type(disable_event.type);
  PERFORM odoo_events._define('switch', disable_event.type, '{"enabled": false}');
END $$;
COMMENT ON FUNCTION odoo_events.disable_event(text) IS 'an event type is no longer emitted';
-- define_entity: tables of the DBA's own as documents, their lines, and how they hang together with Odoo's documents.

-- Columns of a table that there are to capture, in their order: all but housekeeping and what no event should carry.
CREATE FUNCTION odoo_events._columns(relid oid) RETURNS text[]
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(array_agg(a.attname::text ORDER BY a.attnum), '{}')
  FROM pg_attribute a
 WHERE a.attrelid = relid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'bytea'::regtype
   AND a.attname NOT IN ('id', 'create_uid', 'create_date', 'write_uid', 'write_date', 'message_main_attachment_id', 'access_token')
$$;
COMMENT ON FUNCTION odoo_events._columns(oid) IS 'internal: the columns of a table that are worth capturing';

-- The table that a definition names; raises an error for what cannot be captured.
CREATE FUNCTION odoo_events._own_table(relation text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relid oid := odoo_events._captured_table(ARRAY[relation]);
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
COMMENT ON FUNCTION odoo_events._own_table(text) IS 'internal: the table of a definition; raises an error for what cannot be captured';

-- The columns that a definition names, all of them where it names none; raises an error for what the table lacks.
CREATE FUNCTION odoo_events._own_columns(relation text, relid oid, columns text[], others text[], classification jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  there  text[] := odoo_events._columns(relid);
  fields text[] := COALESCE(columns, there);
  c      text;
BEGIN
  FOREACH c IN ARRAY fields || others LOOP
    IF c IS NOT NULL AND c <> ALL (there) THEN
      RAISE EXCEPTION 'table "%" has no column "%" that could be captured', relation, c
        USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(there, ', '));
    END IF;
  END LOOP;
  SELECT k INTO c FROM jsonb_each_text(classification) x(k, v) WHERE k <> ALL (fields) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "classification" names "%", which is not a column of the entity', c
      USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(fields, ', '));
  END IF;
  PERFORM odoo_events._check_class('classification', x.v) FROM jsonb_each_text(classification) x(k, v);
  RETURN fields;
END $$;
COMMENT ON FUNCTION odoo_events._own_columns(text, oid, text[], text[], jsonb) IS 'internal: the columns of a definition; raises an error for what the table does not have';

-- What the catalog, or an earlier definition, calls the rows of a table.
CREATE FUNCTION odoo_events._reference_of(relid oid) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'SELECT r.reference FROM odoo_events.reference r WHERE odoo_events._captured_table(r.tables) = relid ORDER BY NOT r.builtin, r.reference LIMIT 1';
COMMENT ON FUNCTION odoo_events._reference_of(oid) IS 'internal: the reference that reads rows of a table';

-- Tables that foreign keys of a table point to.
CREATE FUNCTION odoo_events._foreign_keys(relid oid, OUT column_name text, OUT target oid) RETURNS SETOF record
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT DISTINCT ON (a.attname) a.attname::text, k.confrelid
  FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
 WHERE k.conrelid = relid AND k.contype = 'f' AND cardinality(k.conkey) = 1 ORDER BY a.attname, k.oid
$$;
COMMENT ON FUNCTION odoo_events._foreign_keys(oid) IS 'internal: the columns of a table that are ids of other rows';

-- Business keys of a table that the catalog does not know, found by their usual names; its own foreign keys lead on in paths.
CREATE FUNCTION odoo_events._own_reference(relid oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation text := (SELECT c.relname FROM pg_class c WHERE c.oid = relid);
  named    text := odoo_events._own_name(relation);
  fields   jsonb;
BEGIN
  SELECT jsonb_agg(jsonb_build_object('reference', named, 'position', f.n, 'field', f.name, 'paths', ARRAY[f.name], 'shown', f.shown, 'target', f.target))
    INTO fields
    FROM (SELECT row_number() OVER (ORDER BY x.shown DESC, x.attnum) AS n, x.*
            FROM (SELECT a.attname::text AS name, a.attnum, true AS shown, NULL AS target FROM pg_attribute a
                   WHERE a.attrelid = relid AND NOT a.attisdropped AND a.attname IN ('name', 'display_name', 'complete_name', 'code', 'ref', 'reference', 'default_code', 'barcode', 'number')
                  UNION ALL
                  SELECT k.column_name, a.attnum, false, odoo_events._reference_of(k.target) FROM odoo_events._foreign_keys(relid) k
                    JOIN pg_attribute a ON a.attrelid = relid AND a.attname = k.column_name WHERE odoo_events._reference_of(k.target) IS NOT NULL) x) f;
  RETURN jsonb_build_object('reference', jsonb_build_array(jsonb_build_object('reference', named, 'tables', ARRAY[relation], 'builtin', false)),
                            'reference_field', COALESCE(fields, '[]'));
END $$;
COMMENT ON FUNCTION odoo_events._own_reference(oid) IS 'internal: how rows of a table are named that the catalog does not know';

-- The name of what is made for a table of the DBA's own.
CREATE FUNCTION odoo_events._own_name(relation text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT 'own_' || CASE WHEN relation ~ '^[a-z0-9_]{1,50}$' THEN relation ELSE regexp_replace(left(relation, 30), '[^a-z0-9_]', '_', 'g') || '_' || left(md5(relation), 12) END
$$;
COMMENT ON FUNCTION odoo_events._own_name(text) IS 'internal: the name of the rule and of the reference of a table of the DBA''s own';

-- The rows of the catalog that both entities and parts consist of.  owner: of the fields; more: columns that count beside them.
CREATE FUNCTION odoo_events._own_rows(relation text, relid oid, owner text, fields text[], more text[], classification jsonb, OUT rule text, OUT rows jsonb)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k      record;
  own    jsonb;
  links  jsonb := '[]';
  person text[] := '{}';                        -- columns that name people
BEGIN
  -- a table that is captured already keeps its rule: there is one pair of triggers per table
  SELECT r.rule INTO rule FROM odoo_events.capture_rule r WHERE odoo_events._captured_table(r.tables) = relid AND r.builtin ORDER BY r.rule LIMIT 1;
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
COMMENT ON FUNCTION odoo_events._own_rows(text, oid, text, text[], text[], jsonb) IS 'internal: capture rule, links, references and fields of a definition';

-- Past the column of a path: does each word lead on from the reference before it?  Answers the reference at its end.
CREATE FUNCTION odoo_events._path_end(reference text, hops text[], more jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  hop text;
BEGIN
  FOREACH hop IN ARRAY hops LOOP
    SELECT f.target INTO reference FROM (SELECT x.reference, x.field, x.target FROM odoo_events.reference_field x
                                         UNION SELECT x ->> 'reference', x ->> 'field', x ->> 'target' FROM jsonb_array_elements(more) x) f
     WHERE f.reference = _path_end.reference AND f.field = hop AND f.target IS NOT NULL;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
  END LOOP;
  RETURN reference;
END $$;
COMMENT ON FUNCTION odoo_events._path_end(text, text[], jsonb) IS 'internal: the reference that a path leads to; null where it leads nowhere';

-- The entity that rows of a reference are in the first place; more: references that are just being made.
CREATE FUNCTION odoo_events._document_of(reference text, more jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT e.entity FROM (SELECT r.tables FROM odoo_events.reference r WHERE r.reference = $1
                      UNION ALL SELECT ARRAY(SELECT jsonb_array_elements_text(m -> 'tables')) FROM jsonb_array_elements(more) m WHERE m ->> 'reference' = $1) t
  JOIN odoo_events.capture_rule c ON c.tables && t.tables JOIN odoo_events.entity e ON e.rule = c.rule AND NOT e.secondary AND e.label IS NULL AND e.sum_query IS NULL LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._document_of(text, jsonb) IS 'internal: the entity that rows of a reference are';

-- What the arguments "key" and "correlation" say, as the catalog writes it.  A column leads to the document that its row is, and on to
-- where that document belongs itself, as far as the catalog reads it.
CREATE FUNCTION odoo_events._own_paths(argument text, wanted text[], rule text, rows jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w      text;
  p      text;
  first  text;
  words  text[];
  named  text;
  e      odoo_events.entity;
  onward text[];
  result text[] := '{}';
BEGIN
  FOREACH w IN ARRAY wanted LOOP
    words := string_to_array(w, '.');
    SELECT COALESCE((SELECT l ->> 'reference' FROM jsonb_array_elements(rows -> 'link') l WHERE l ->> 'column_name' = words[1]),
                    (SELECT l.reference FROM odoo_events.link l WHERE l.rule = _own_paths.rule AND l.column_name = words[1])) INTO named;
    named := odoo_events._path_end(named, words[2:], rows -> 'reference_field');
    SELECT x.* INTO e FROM odoo_events.entity x WHERE x.entity = odoo_events._document_of(named, rows -> 'reference');
    IF NOT FOUND THEN
      RAISE EXCEPTION 'argument "%" cannot be "%": it leads to no document', argument, w
        USING ERRCODE = 'invalid_parameter_value', HINT = format('Name a column that is a foreign key to the table of an entity: %s.', COALESCE(
          (SELECT string_agg(x ->> 'column_name', ', ') FROM jsonb_array_elements(rows -> 'link') x WHERE odoo_events._document_of(x ->> 'reference', rows -> 'reference') IS NOT NULL),
          'this table has none'));
    END IF;
    onward := CASE argument WHEN 'key' THEN e.keys ELSE e.correlation END;
    FOREACH p IN ARRAY onward LOOP
      -- what begins with a column of the document begins here with the column that names it
      first := split_part(split_part(substr(p, strpos(p, '=') + 1), '~', 1), '.', 1);
      IF p LIKE '%=id~%' THEN
        result := result || regexp_replace(p, '=id~', '=' || w || '~');
      ELSIF EXISTS (SELECT 1 FROM (SELECT x.reference, x.field, x.target FROM odoo_events.reference_field x
                                   UNION SELECT x ->> 'reference', x ->> 'field', x ->> 'target' FROM jsonb_array_elements(rows -> 'reference_field') x) f
                     WHERE f.reference = named AND f.field = first AND f.target IS NOT NULL) THEN
        result := result || regexp_replace(p, '=', '=' || w || '.');
      END IF;
    END LOOP;
    -- nothing above it, or it may be the root itself
    IF argument = 'key' OR onward = '{}' OR EXISTS (SELECT 1 FROM unnest(onward) x WHERE split_part(x, '=', 1) = e.entity) THEN
      result := result || (e.entity || '=' || w);
    END IF;
  END LOOP;
  RETURN result;
END $$;
COMMENT ON FUNCTION odoo_events._own_paths(text, text[], text, jsonb) IS 'internal: columns that lead to documents, in the notation of the catalog; raises an error for what leads to none';

CREATE FUNCTION odoo_events.define_entity(entity text, relation text, columns text[] DEFAULT NULL, name_column text DEFAULT NULL,
  state_column text DEFAULT NULL, draft_states text[] DEFAULT '{}', open_states text[] DEFAULT '{}', cancelled_states text[] DEFAULT '{}',
  classification jsonb DEFAULT '{}', domain text DEFAULT 'custom', model text DEFAULT NULL, key text DEFAULT NULL, correlation text[] DEFAULT NULL,
  or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  relid  oid;
  fields text[];
  more   text[];
  rule   text;
  rows   jsonb;
BEGIN
  IF entity !~ '^[a-z][a-z0-9_]{0,48}$' OR entity IS NULL THEN
    RAISE EXCEPTION 'argument "entity" cannot be "%"', entity
      USING ERRCODE = 'invalid_name', HINT = 'An entity is a word of lower case letters, digits and underscores, for example quality_certificate.';
  END IF;
  IF domain !~ '^[a-z][a-z0-9_]{0,48}$' OR domain IS NULL THEN
    RAISE EXCEPTION 'argument "domain" cannot be "%"', domain
      USING ERRCODE = 'invalid_name', HINT = 'A domain is a word of lower case letters, digits and underscores, for example quality.';
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.entity x WHERE x.entity = entity AND x.builtin)
     OR EXISTS (SELECT 1 FROM odoo_events.field f WHERE f.owner = entity AND f.builtin)
     OR EXISTS (SELECT 1 FROM odoo_events.entity_kind k WHERE k.kind = entity) OR entity IN ('transition', 'changes', 'lines', 'lines_read_at', 'refs', 'redacted', 'event') THEN
    RAISE EXCEPTION 'entity "%" is a name of the catalog''s own', entity
      USING ERRCODE = 'reserved_name', HINT = format('Use another name, for example my_%s; to add an event to the catalog''s entity call define_event alone.', entity);
  END IF;
  IF NOT or_replace AND EXISTS (SELECT 1 FROM odoo_events.entity x WHERE x.entity = entity) THEN
    RAISE EXCEPTION 'entity "%" exists', entity USING ERRCODE = 'duplicate_object', HINT = 'Use or_replace => true.';
  END IF;
  relid := odoo_events._own_table(relation);
  more := ARRAY[name_column, state_column] || split_part(key, '.', 1) || ARRAY(SELECT split_part(c, '.', 1) FROM unnest(correlation) c);
  fields := odoo_events._own_columns(relation, relid, columns, more, classification);
  IF state_column IS NULL AND cardinality(draft_states || open_states || cancelled_states) > 0 THEN
    RAISE EXCEPTION 'states are given, but no column that has them'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Add state_column => ''state''.';
  END IF;
  SELECT o.rule, o.rows INTO rule, rows FROM odoo_events._own_rows(relation, relid, entity, fields, more, classification) o;
  rows := rows || jsonb_build_object(
    'entity', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('entity', entity, 'domain', domain, 'model', COALESCE(model, replace(relation, '_', '.')),
       'rule', rule, 'rules', ARRAY[rule], 'name_column', name_column, 'state_column', state_column, 'draft_states', draft_states,
       'open_states', open_states, 'cancelled_states', cancelled_states, 'change_columns', array_remove(fields, state_column),
       'warehouse', CASE WHEN 'warehouse_id' = ANY (fields) OR rows -> 'capture_rule' -> 0 -> 'carried' ? 'warehouse_id' THEN '["warehouse_id"]' ELSE '[]' END::jsonb,
       'keys', odoo_events._own_paths('key', array_remove(ARRAY[key], NULL), rule, rows),
       'correlation', odoo_events._own_paths('correlation', COALESCE(correlation, array_remove(ARRAY[key], NULL)), rule, rows),
       -- whose rows they are in the first place
       'secondary', EXISTS (SELECT 1 FROM odoo_events.entity x WHERE x.rule = rule AND x.entity <> entity AND NOT x.secondary), 'builtin', false))));
  PERFORM odoo_events._define('entity', entity, rows);
END $$;
COMMENT ON FUNCTION odoo_events.define_entity(text, text, text[], text, text, text[], text[], text[], jsonb, text, text, text, text[], boolean) IS
'makes a table of Odoo''s, of a module of your own for example, something that events can be about; columns: those whose change matters and that '
'events carry (default: all); key: a column that names the document in whose order its events go (default: its own); correlation: columns that lead '
'to the documents whose process it belongs to; define_event() then says which change is an event, define_part() which rows are its lines';

CREATE FUNCTION odoo_events.define_part(entity text, part text, relation text, parent text, columns text[] DEFAULT NULL, state_column text DEFAULT NULL,
  live_states text[] DEFAULT '{}', gone_states text[] DEFAULT '{}', classification jsonb DEFAULT '{}', or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  relid  oid;
  ids    text[];
  fields text[];
  e      odoo_events.entity;
  own    text := entity || '.' || part;
  rule   text;
  rows   jsonb;
BEGIN
  SELECT x.* INTO e FROM odoo_events.entity x WHERE x.entity = entity AND x.sum_query IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'entity "%" in argument "entity" is not in the catalog', entity
      USING ERRCODE = 'undefined_object', HINT = format('SELECT odoo_events.define_entity(%L, %L);', entity, entity);
  END IF;
  IF part !~ '^[a-z][a-z0-9_]{0,48}$' OR part IS NULL THEN
    RAISE EXCEPTION 'argument "part" cannot be "%"', part
      USING ERRCODE = 'invalid_name', HINT = 'A part is a word of lower case letters, digits and underscores, for example line.';
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.part p WHERE p.entity = entity AND p.part = part AND (p.builtin OR NOT or_replace)) THEN
    RAISE EXCEPTION 'entity "%" has a part "%"', entity, part
      USING ERRCODE = 'duplicate_object', HINT = format('Use another name, for example my_%s, or, for a part of your own, or_replace => true.', part);
  END IF;
  relid := odoo_events._own_table(relation);
  ids := ARRAY(SELECT c FROM unnest(odoo_events._columns(relid)) c JOIN pg_attribute a ON a.attrelid = relid AND a.attname = c WHERE a.atttypid IN ('int4'::regtype, 'int8'::regtype));
  IF parent IS NULL OR NOT parent = ANY (ids) THEN
    RAISE EXCEPTION 'table "%" has no column "%" that could name the document', relation, parent
      USING ERRCODE = 'undefined_column', HINT = format('Give as "parent" the column that is the id of the document: %s.', array_to_string(ids, ', '));
  END IF;
  fields := array_remove(odoo_events._own_columns(relation, relid, columns, ARRAY[state_column], classification), parent);
  IF (state_column IS NULL) <> (cardinality(live_states) = 0) THEN
    RAISE EXCEPTION 'state_column and live_states belong together'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Say in which states a line counts, for example state_column => ''state'', live_states => ''{draft,open}'', or leave both out.';
  END IF;
  SELECT o.rule, o.rows INTO rule, rows FROM odoo_events._own_rows(relation, relid, 'line.' || own, fields, ARRAY[parent, state_column], classification) o;
  -- who looks for the lines of a document does not read the whole table for each
  IF NOT EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = relid AND a.attname = parent AND i.indpred IS NULL) THEN
    RAISE WARNING 'column "%" of table "%" has no index', parent, relation
      USING HINT = format('CREATE INDEX ON %s (%I);', relid::regclass, parent);
  END IF;
  rows := rows || jsonb_build_object('part', jsonb_build_array(jsonb_build_object('entity', entity, 'part', part, 'rule', rule, 'parent', ARRAY[parent], 'owner', 'line.' || own,
      'position', (SELECT 1 + COALESCE(max(p.position), 0) FROM odoo_events.part p WHERE p.entity = entity AND p.part <> part),
      'state_column', COALESCE(state_column, '-'), 'live_states', CASE WHEN state_column IS NULL THEN '{*}' ELSE live_states END, 'gone_states', gone_states,
      'change_columns', array_remove(fields, state_column), 'builtin', false)));
  PERFORM odoo_events._define('part', own, rows);
  PERFORM odoo_events._attach(ARRAY[entity], 'trigger') WHERE EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = entity);
END $$;
COMMENT ON FUNCTION odoo_events.define_part(text, text, text, text, text[], text, text[], text[], jsonb, boolean) IS
'makes rows of a table the lines of an entity, of your own or of the catalog; parent: the column that is the id of the document; events with_lines carry them, '
'and what changes in them is a change of the document';

CREATE FUNCTION odoo_events.drop_part(entity text, part text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM odoo_events.definition d WHERE d.kind = 'part' AND d.name = drop_part.entity || '.' || drop_part.part;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'part "%" of entity "%" is none of your own', drop_part.part, drop_part.entity
      USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.definition WHERE kind = ''part'';';
  END IF;
  PERFORM odoo_events._drop_idle_triggers();
END $$;
COMMENT ON FUNCTION odoo_events.drop_part(text, text) IS 'rows of a table are no longer lines of an entity; what was published stays';
-- backfill: snapshot events of rows that are there already.

CREATE TABLE odoo_events.backfill_job (
    id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity     text NOT NULL,
    predicate  text,
    state      text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    last_id    int8 NOT NULL DEFAULT -9223372036854775808,  -- rows up to here have been looked at
    rows       int8 NOT NULL DEFAULT 0,                     -- snapshots asked for
    error      text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    at         timestamptz NOT NULL                         -- of the last step
);
COMMENT ON TABLE odoo_events.backfill_job IS 'backfills and how far they are; one step is one transaction';

CREATE VIEW odoo_events.backfill_status AS
SELECT b.id, b.entity, b.predicate, b.state, b.rows, NULLIF(b.last_id, -9223372036854775808) AS last_id, b.error, b.created_by, b.created_at, b.at
  FROM odoo_events.backfill_job b;
COMMENT ON VIEW odoo_events.backfill_status IS 'backfills and how far they are; rows counts the snapshots that were asked for';

CREATE FUNCTION odoo_events._backfill_step() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_backfill_step';
COMMENT ON FUNCTION odoo_events._backfill_step() IS 'internal: one step of the backfill that began first, as the worker takes it; false if none runs';

CREATE FUNCTION odoo_events._check_predicate(entity text, predicate text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_check_predicate';
COMMENT ON FUNCTION odoo_events._check_predicate(text, text) IS 'internal: raises an error for a predicate that the database''s owner could not use on the entity''s table';

CREATE FUNCTION odoo_events._snapshot(rule text, entity text, ids int8[]) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_snapshot';
COMMENT ON FUNCTION odoo_events._snapshot(text, text, int8[]) IS 'internal: asks for snapshot events of these rows in this transaction';

CREATE FUNCTION odoo_events.backfill(entity text, predicate text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  job bigint;
BEGIN
  PERFORM odoo_events._check_entities(ARRAY[backfill.entity]);
  IF NOT EXISTS (SELECT 1 FROM odoo_events.attached a WHERE a.entity = backfill.entity) THEN
    RAISE EXCEPTION 'entity "%" is not attached', backfill.entity
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = format('SELECT * FROM odoo_events.attach(%L);', ARRAY[backfill.entity]);
  END IF;
  IF EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = backfill.entity AND e.sum_query IS NOT NULL) THEN
    RAISE EXCEPTION 'entity "%" is a sum: it has no rows of its own', backfill.entity
      USING ERRCODE = 'wrong_object_type', HINT = 'SELECT odoo_events.backfill(''stock_level'');  -- what it sums up';
  END IF;
  PERFORM odoo_events._check_predicate(backfill.entity, backfill.predicate);
  INSERT INTO odoo_events.backfill_job (entity, predicate, created_by, created_at, at)
  VALUES (backfill.entity, backfill.predicate, session_user, clock_timestamp(), clock_timestamp()) RETURNING id INTO job;
  PERFORM odoo_events._audit('backfill', backfill.entity, NULL, jsonb_strip_nulls(jsonb_build_object('id', job, 'predicate', backfill.predicate)));
  PERFORM odoo_events._wake('config');
  RETURN job;
END $$;
COMMENT ON FUNCTION odoo_events.backfill(text, text) IS
'asks for a snapshot event of each row that there is (predicate: SQL over the table''s columns, run with the rights of the database''s owner); the worker does it '
'in small steps; answers the id in backfill_status';

CREATE FUNCTION odoo_events.cancel_backfill(id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.backfill_job b SET state = 'cancelled', at = clock_timestamp() WHERE b.id = cancel_backfill.id AND b.state = 'running';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'backfill % is not running', id USING ERRCODE = 'undefined_object', HINT = 'SELECT * FROM odoo_events.backfill_status;';
  END IF;
  PERFORM odoo_events._audit('cancel backfill', id::text);
END $$;
COMMENT ON FUNCTION odoo_events.cancel_backfill(bigint) IS 'stops a backfill after its current step';
-- reconcile: proof that events and tables agree.  A record is as its last event says, or the difference is none that an event would
-- tell of: that is decided by the rules themselves (publish/tools/compare.c), not by a second reading of them.

CREATE FUNCTION odoo_events._odoo_rows(entity text, columns text[], OUT id int8, OUT state text, OUT created timestamptz, OUT written timestamptz, OUT image jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_rows';
COMMENT ON FUNCTION odoo_events._odoo_rows(text, text[]) IS 'internal: the rows of an entity''s table, read as the database''s owner';

CREATE FUNCTION odoo_events._odoo_lines(entity text, columns text[], OUT document int8, OUT part text, OUT rule text, OUT id int8, OUT image jsonb) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_lines';
COMMENT ON FUNCTION odoo_events._odoo_lines(text, text[]) IS 'internal: the lines of an entity''s open documents, read as the database''s owner';

CREATE FUNCTION odoo_events._would_tell(entity text, docs int8[], rules text[], ids int8[], ops text[], olds text[], explain boolean,
                                        OUT record_id int8, OUT step text, OUT verdict text, OUT detail text) RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_would_tell';
COMMENT ON FUNCTION odoo_events._would_tell(text, int8[], text[], int8[], text[], text[], boolean) IS
'internal: which events it would be if rows had just become what they are; ops: I, U (olds: columns that differ) or D (olds: the row)';

-- Fields that are a column as it stands: {column: field}.
CREATE FUNCTION odoo_events._plain_fields(owner text) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(jsonb_object_agg(f.sources[1], f.field), '{}') FROM odoo_events.field f WHERE f.owner = $1 AND cardinality(f.sources) = 1 AND f.sources[1] !~ '[.@#(]'
$$;
COMMENT ON FUNCTION odoo_events._plain_fields(text) IS 'internal: the fields of an entity or a part that are a column as it stands';

-- What an event told of columns that have another value by now: {column: what it told}; null: they agree.  absent: a member that the
-- event lacks was null.
CREATE FUNCTION odoo_events._differing(fields jsonb, told jsonb, image jsonb, absent boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_object_agg(x.col, x.was)
  FROM (SELECT f.key AS col, image -> f.key AS is_now,
               COALESCE(CASE jsonb_typeof(told -> f.value) WHEN 'object' THEN told -> f.value -> 'id' ELSE told -> f.value END, 'null') AS was
          FROM jsonb_each_text(fields) f WHERE image ? f.key AND (absent OR told ? f.value)) x
 -- translated texts are several, times have their zone in the event, long numbers are strings there
 WHERE jsonb_typeof(x.is_now) NOT IN ('object', 'array') AND x.was <> x.is_now AND rtrim(x.was #>> '{}', 'Z') IS DISTINCT FROM (x.is_now #>> '{}')
$$;
COMMENT ON FUNCTION odoo_events._differing(jsonb, jsonb, jsonb, boolean) IS 'internal: columns of which an event told another value than the row has by now';

-- What an entity's last events told, one row per record.
CREATE FUNCTION odoo_events._told(e odoo_events.entity) RETURNS TABLE (record_id int8, state text, gone boolean, image jsonb, lines jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT l.record_id, COALESCE(l.image ->> e.state_column, l.event -> 'data' -> 'transition' ->> 'to', l.image ->> 'state', w.state), l.gone, l.image, w.lines
  FROM (SELECT DISTINCT ON (o.record_id) o.record_id, o.event::jsonb AS event, o.event::jsonb -> 'data' -> COALESCE(e.label, e.entity) AS image,
               o.type LIKE '%.deleted.v_' OR (o.event::json -> 'data' ->> 'deleted') IS NOT NULL AS gone
          FROM odoo_events.outbox_all o WHERE o.entity = COALESCE(e.label, e.entity) AND o.record_id IS NOT NULL ORDER BY o.record_id, o.position DESC) l
  -- an event that only its lines made does not carry the state
  LEFT JOIN (SELECT o.record_id, (array_agg(o.event::jsonb -> 'data' -> 'lines' ORDER BY o.position DESC) FILTER (WHERE o.event LIKE '%"lines":%'))[1] AS lines,
                    (array_agg(COALESCE(o.event::json -> 'data' -> COALESCE(e.label, e.entity) ->> e.state_column, o.event::json -> 'data' -> 'transition' ->> 'to') ORDER BY o.position DESC)
                       FILTER (WHERE COALESCE(o.event::json -> 'data' -> COALESCE(e.label, e.entity) ->> e.state_column, o.event::json -> 'data' -> 'transition' ->> 'to') IS NOT NULL))[1] AS state
               FROM odoo_events.outbox_all o WHERE o.entity = COALESCE(e.label, e.entity) AND o.record_id IS NOT NULL GROUP BY o.record_id) w ON w.record_id = l.record_id
$$;
COMMENT ON FUNCTION odoo_events._told(odoo_events.entity) IS 'internal: what the last events of each record of an entity said of it';

-- The changes of the lines of a document since its last event, as arguments of _would_tell().
CREATE FUNCTION odoo_events._line_changes(e odoo_events.entity, document int8, told jsonb, there jsonb, OUT rule text, OUT id int8, OUT op text, OUT old text) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT x.rule, x.id, CASE WHEN x.was IS NULL THEN 'I' WHEN x.image IS NULL THEN 'D' ELSE 'U' END,
       CASE WHEN x.was IS NULL THEN NULL
            WHEN x.image IS NULL THEN (odoo_events._differing(x.fields, x.was, (SELECT jsonb_object_agg(k, '"?"'::jsonb) FROM jsonb_object_keys(x.fields) k), true)
                                       || jsonb_build_object(x.parent, document))::text
            ELSE odoo_events._differing(x.fields, x.was, x.image, true)::text END
  -- a row may be one of several parts by what it is: it is told of as one of them
  FROM (SELECT COALESCE(t.rule, n.rule) AS rule, COALESCE(t.id, n.id) AS id, t.line AS was, n.image, t.parent, t.fields
          FROM (SELECT p.rule, (l ->> 'id')::int8 AS id, l AS line, p.parent[1] AS parent, odoo_events._plain_fields(p.owner) AS fields FROM jsonb_array_elements(told) l
                  JOIN odoo_events.part p ON p.entity = e.entity AND p.part = l ->> 'part' AND p.within IS NULL AND NOT p.tx_only AND p.counted) t
          FULL JOIN (SELECT DISTINCT ON (l ->> 'rule', l ->> 'id') l ->> 'rule' AS rule, (l ->> 'id')::int8 AS id, l -> 'image' AS image FROM jsonb_array_elements(there) l
                      ORDER BY l ->> 'rule', l ->> 'id') n ON n.rule = t.rule AND n.id = t.id) x
 WHERE x.was IS NULL OR x.image IS NULL OR odoo_events._differing(x.fields, x.was, x.image, true) IS NOT NULL
$$;
COMMENT ON FUNCTION odoo_events._line_changes(odoo_events.entity, int8, jsonb, jsonb) IS 'internal: lines of a document that differ from what its last event told';

CREATE TYPE odoo_events._candidate AS (record_id int8, odoo_state text, last_event_state text, note text, op text, old jsonb, told_lines jsonb, lines jsonb, doubt boolean);
COMMENT ON TYPE odoo_events._candidate IS 'internal: a record that may not be as its last event says; op and old: the change as _would_tell() takes it; doubt: it may have changed while capture failed';

-- Records whose row is not what their last event says, at first sight.
CREATE FUNCTION odoo_events._candidates(e odoo_events.entity, since timestamptz, gap_at timestamptz) RETURNS SETOF odoo_events._candidate
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fields  constant jsonb := odoo_events._plain_fields(e.entity);
  columns constant text[] := ARRAY(SELECT jsonb_object_keys(fields));
  inside  constant text[] := ARRAY(SELECT DISTINCT k FROM odoo_events.part p, jsonb_object_keys(odoo_events._plain_fields(p.owner)) k WHERE p.entity = e.entity);
BEGIN
  RETURN QUERY
  WITH told AS MATERIALIZED (SELECT * FROM odoo_events._told(e)),
  there AS MATERIALIZED (SELECT r.* FROM odoo_events._odoo_rows(e.entity, columns) r),
  line AS MATERIALIZED (SELECT l.document, jsonb_agg(jsonb_build_object('rule', l.rule, 'id', l.id, 'image', l.image)) AS lines FROM odoo_events._odoo_lines(e.entity, inside) l GROUP BY l.document),
  x AS (SELECT COALESCE(r.id, t.record_id) AS id, r.id IS NOT NULL AS here, r.state AS is_now, t.state AS was, t.record_id IS NOT NULL AS told, t.gone, r.created, t.lines AS told_lines, l.lines,
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
         x.told_lines, COALESCE(x.lines, '[]'), x.doubt
    FROM x
   WHERE CASE WHEN NOT x.here THEN NOT x.gone AND (x.was IS NULL OR x.was <> ALL (e.draft_states || e.cancelled_states))
                   AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.enabled AND d.emit AND d.occasion = 'deleted')
              WHEN NOT x.told THEN x.created >= since
              ELSE x.gone OR x.other IS NOT NULL OR x.other_state IS NOT NULL OR x.told_lines IS NOT NULL AND x.lines IS NOT NULL OR x.doubt END;
END $$;
COMMENT ON FUNCTION odoo_events._candidates(odoo_events.entity, timestamptz, timestamptz) IS 'internal: records whose row and last event do not agree, at first sight';

-- Records of which something has still to be published: that is no difference.
CREATE FUNCTION odoo_events._pending(e odoo_events.entity) RETURNS int8[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT ARRAY(SELECT j.record_id FROM odoo_events.journal j WHERE j.rule = e.rule AND j.record_id IS NOT NULL AND NOT odoo_events._is_published(j.xid, j.id)
             UNION
             SELECT (t.image::jsonb ->> p.parent[1])::int8 FROM odoo_events.part p JOIN odoo_events.journal j ON j.rule = p.rule, unnest(ARRAY[j.old, j.new]) t(image)
              WHERE p.entity = e.entity AND p.within IS NULL AND j.op IN ('I', 'U', 'D') AND NOT odoo_events._is_published(j.xid, j.id) AND t.image::jsonb ->> p.parent[1] IS NOT NULL
             UNION
             SELECT q.record_id FROM odoo_events.quarantined q WHERE q.rule = e.rule AND q.record_id IS NOT NULL)
$$;
COMMENT ON FUNCTION odoo_events._pending(odoo_events.entity) IS 'internal: records of an entity of which the journal or the quarantine has still to tell';

-- Of some candidates those that are differences.  tip: position up to which the events were read that they were compared with.
CREATE FUNCTION odoo_events._judge(e odoo_events.entity, candidates odoo_events._candidate[], tip int8) RETURNS TABLE (record_id int8, odoo_state text, last_event_state text, note text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  w       record;
  failed  text;
  tells   int8[];
  pending int8[];
BEGIN
  SELECT array_agg(x.doc) AS docs, array_agg(x.rule) AS rules, array_agg(x.id) AS ids, array_agg(x.op) AS ops, array_agg(x.old) AS olds INTO w
    FROM (SELECT c.record_id AS doc, e.rule AS rule, c.record_id AS id, c.op, c.old::text AS old FROM unnest(candidates) c WHERE c.op = 'I' OR c.op = 'U' AND c.old IS NOT NULL
          UNION ALL
          SELECT c.record_id, l.rule, l.id, l.op, l.old FROM unnest(candidates) c, odoo_events._line_changes(e, c.record_id, c.told_lines, c.lines) l WHERE c.op = 'U' AND c.told_lines IS NOT NULL
          ORDER BY 1) x;
  SELECT array_agg(t.record_id) FILTER (WHERE t.verdict = 'event'), max(t.detail) FILTER (WHERE t.verdict = 'error') INTO tells, failed
    FROM odoo_events._would_tell(e.entity, w.docs, w.rules, w.ids, w.ops, w.olds, false) t;
  IF failed IS NOT NULL THEN
    RAISE EXCEPTION 'rows of entity "%" cannot be compared with its events: %', e.entity, failed USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  -- after the rows were read: whatever changed them meanwhile is seen here
  PERFORM odoo_events._wal_wait(e.rules);
  pending := odoo_events._pending(e);
  RETURN QUERY
  SELECT c.record_id, c.odoo_state, c.last_event_state, CASE WHEN c.op IS NULL OR c.record_id = ANY (tells) THEN c.note ELSE 'may have changed while capture failed' END
    FROM unnest(candidates) c
   WHERE (c.op IS NULL OR c.record_id = ANY (tells) OR c.doubt) AND c.record_id <> ALL (pending)
     AND NOT EXISTS (SELECT 1 FROM odoo_events.outbox_all o WHERE o.position > tip AND o.entity = COALESCE(e.label, e.entity) AND o.record_id = c.record_id)
   ORDER BY c.record_id;
END $$;
COMMENT ON FUNCTION odoo_events._judge(odoo_events.entity, odoo_events._candidate[], int8) IS 'internal: of records that do not agree at first sight those that are a difference';

-- The differences of one entity, in pieces of bounded size: what is kept of all of them lies in files.
CREATE FUNCTION odoo_events._differences(e odoo_events.entity, since timestamptz, gap_at timestamptz, repair boolean)
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
      ids := ids || d.record_id;
      RETURN QUERY VALUES (d.record_id, d.odoo_state, d.last_event_state, d.note || CASE WHEN repair THEN ': snapshot sent' ELSE '' END);
    END LOOP;
    IF repair THEN
      PERFORM odoo_events._snapshot(e.rule, e.entity, ids);
    END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION odoo_events._differences(odoo_events.entity, timestamptz, timestamptz, boolean) IS 'internal: records of an entity whose row and last event do not agree';

CREATE FUNCTION odoo_events._reconcile(only_entity text, since timestamptz, repair boolean)
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
    RETURN QUERY SELECT e.entity, d.record_id, d.odoo_state, d.last_event_state, d.note
                   FROM odoo_events._differences(e, COALESCE(_reconcile.since, GREATEST((SELECT a.at FROM odoo_events.attached a WHERE a.entity = e.entity), oldest)), gap_at, _reconcile.repair) d;
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
COMMENT ON FUNCTION odoo_events._reconcile(text, timestamptz, boolean) IS 'internal: reconcile()';

CREATE FUNCTION odoo_events.reconcile(entity text DEFAULT NULL, since timestamptz DEFAULT NULL, repair boolean DEFAULT false,
  OUT entity text, OUT record_id int8, OUT odoo_state text, OUT last_event_state text, OUT note text) RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT r.entity, r.record_id, r.odoo_state, r.last_event_state, r.note FROM odoo_events._reconcile($1, $2, $3) r';
COMMENT ON FUNCTION odoo_events.reconcile(text, timestamptz, boolean) IS
'records whose row and last event do not agree: capture was off, or failed; repair => true sends a snapshot event of each and acknowledges the gaps in capture_error; '
'mode both: also what triggers and the WAL did not have alike, which repair forgets';
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
GRANT EXECUTE ON FUNCTION odoo_events._captured_table(text[]), odoo_events._missing_columns(oid, text[]), odoo_events._rule_stats(), odoo_events._wal_state(),
  odoo_events._wal_slot() TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events._worker(), odoo_events.version(), odoo_events._schedule_next(text, timestamptz) TO pg_monitor;
GRANT EXECUTE ON FUNCTION odoo_events.health(), odoo_events.metrics(), odoo_events.metrics_text() TO pg_monitor;

-- The database's owner: Odoo's role dumps, restores and duplicates the database, and names the trigger functions when it
-- restores.  It sees configuration without secrets, and no payloads.
GRANT USAGE ON SCHEMA odoo_events TO pg_database_owner;
GRANT SELECT ON odoo_events.saved_config, odoo_events.subscription_id_seq TO pg_database_owner;
GRANT EXECUTE ON FUNCTION odoo_events.capture(), odoo_events.capture_truncate() TO pg_database_owner;
