-- define: tables and milestones of the DBA's own, on the same footing as the catalog's.
--
-- A definition is kept as the catalog rows that it stands for, and they are made from it again: when a dump is restored (rows come in
-- any order), and when an upgrade of the extension has replaced the catalog's own rows.
CREATE TABLE odoo_events.definition (
    id   text PRIMARY KEY CHECK (id ~ '^[a-z_0-9]+$'),      -- kind and name, in hexadecimal
    kind text NOT NULL CHECK (kind IN ('entity', 'event', 'switch')),
    name text NOT NULL,
    rows jsonb NOT NULL,                                    -- entity, event: {table: [row, ...]}; switch: {"enabled": boolean}
    UNIQUE (kind, name)
);
COMMENT ON TABLE odoo_events.definition IS 'what the DBA added to the catalog, and which types were enabled or disabled; read it through the view event_type';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.definition
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.definition
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'define', 'define', 'drop definition', 'id');

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
  -- an event waits for its entity
  IF d.kind = 'event' AND NOT EXISTS (SELECT 1 FROM odoo_events.entity e WHERE e.entity = d.rows -> 'event_def' -> 0 ->> 'entity') THEN
    RETURN;
  END IF;
  PERFORM odoo_events._unapply_definition(d);
  -- columns that count from now on in a rule of the catalog's own
  UPDATE odoo_events.capture_rule c
     SET significant = c.significant || ARRAY(SELECT COALESCE((SELECT s FROM unnest(c.carried) s WHERE split_part(s, '=', 1) = x), x)
                                                FROM jsonb_array_elements_text(d.rows -> 'more_columns' -> c.rule) x
                                               WHERE NOT EXISTS (SELECT 1 FROM unnest(c.significant) s WHERE split_part(s, '=', 1) = x)),
         carried = ARRAY(SELECT s FROM unnest(c.carried) s WHERE NOT d.rows -> 'more_columns' -> c.rule ? split_part(s, '=', 1))
   WHERE d.rows -> 'more_columns' ? c.rule;
  FOREACH target IN ARRAY ARRAY['capture_rule', 'entity', 'link', 'field', 'event_def'] LOOP
    FOR r IN SELECT * FROM jsonb_array_elements(d.rows -> target) LOOP
      SELECT string_agg(quote_ident(a.attname), ', ') INTO columns FROM pg_attribute a
       WHERE a.attrelid = format('odoo_events.%I', target)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND r ? a.attname;
      BEGIN
        EXECUTE format('INSERT INTO odoo_events.%1$I (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::odoo_events.%1$I, $1)', target, columns) USING r;
      EXCEPTION WHEN unique_violation THEN
        -- the catalog has it itself since an upgrade; ON CONFLICT is not for catalog tables
        IF target <> 'link' THEN
          RAISE WARNING '% "%" is the catalog''s own by now', d.kind, d.name;
        END IF;
      END;
    END LOOP;
  END LOOP;
  IF d.kind = 'entity' THEN
    PERFORM odoo_events._apply_definition(e) FROM odoo_events.definition e
      WHERE e.kind = 'event' AND e.rows -> 'event_def' -> 0 ->> 'entity' = d.name;
  ELSE
    PERFORM odoo_events._apply_definition(s) FROM odoo_events.definition s WHERE s.kind = 'switch' AND s.name = d.name;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._apply_definition(odoo_events.definition) IS 'internal: makes the catalog rows that a definition stands for';

CREATE FUNCTION odoo_events._unapply_definition(d odoo_events.definition) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF d.kind = 'event' THEN
    DELETE FROM odoo_events.event_def e WHERE e.type = d.name AND NOT e.builtin;
  ELSIF d.kind = 'entity' THEN
    DELETE FROM odoo_events.event_def e WHERE e.entity = d.name AND NOT e.builtin;
    DELETE FROM odoo_events.field f WHERE f.owner = d.name AND NOT f.builtin;
    DELETE FROM odoo_events.entity e WHERE e.entity = d.name AND NOT e.builtin;
    DELETE FROM odoo_events.link l USING jsonb_array_elements(d.rows -> 'capture_rule') r WHERE l.rule = r ->> 'rule';
    DELETE FROM odoo_events.capture_rule c USING jsonb_array_elements(d.rows -> 'capture_rule') r WHERE c.rule = r ->> 'rule' AND NOT c.builtin;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._unapply_definition(odoo_events.definition) IS 'internal: removes the catalog rows that a definition stands for';

CREATE FUNCTION odoo_events._apply_definition() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM odoo_events._unapply_definition(OLD);
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
'SELECT odoo_events._apply_definition(d) FROM odoo_events.definition d ORDER BY d.kind = ''event'', d.kind = ''switch'', d.name';
COMMENT ON FUNCTION odoo_events._apply_definitions() IS 'internal: makes all that the DBA defined once more, after an upgrade has replaced the catalog''s own rows';

-- The first line: makes room for the rows of this version.
CREATE FUNCTION odoo_events._clear_catalog() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._unapply_definition(d) FROM odoo_events.definition d WHERE d.kind = 'event';
  PERFORM odoo_events._unapply_definition(d) FROM odoo_events.definition d WHERE d.kind = 'entity';
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

-- Columns of a table that there are to capture, in their order: all but housekeeping and what no event should carry.
CREATE FUNCTION odoo_events._columns(relid oid) RETURNS text[]
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(array_agg(a.attname::text ORDER BY a.attnum), '{}')
  FROM pg_attribute a
 WHERE a.attrelid = relid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid <> 'bytea'::regtype
   AND a.attname NOT IN ('id', 'create_uid', 'create_date', 'write_uid', 'write_date', 'message_main_attachment_id', 'access_token')
$$;
COMMENT ON FUNCTION odoo_events._columns(oid) IS 'internal: the columns of a table that are worth capturing';

CREATE FUNCTION odoo_events.define_entity(entity text, relation text, columns text[] DEFAULT NULL, name_column text DEFAULT NULL,
  state_column text DEFAULT NULL, draft_states text[] DEFAULT '{}', open_states text[] DEFAULT '{}', cancelled_states text[] DEFAULT '{}',
  classification jsonb DEFAULT '{}', domain text DEFAULT 'custom', model text DEFAULT NULL, or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  e      odoo_events.entity;
  rule   odoo_events.capture_rule;
  relid  oid := odoo_events._captured_table(ARRAY[relation]);
  there  text[];
  fields text[];
  c      text;
  rows   jsonb := '{}';
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
  IF relid IS NULL THEN
    RAISE EXCEPTION 'table "%" in argument "relation" does not exist', relation
      USING ERRCODE = 'undefined_table', HINT = 'Give the name of a table without its schema: Odoo''s model x.y is table x_y; views cannot be captured.';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = relid AND a.attname = 'id' AND NOT a.attisdropped AND a.atttypid IN ('int4'::regtype, 'int8'::regtype)) THEN
    RAISE EXCEPTION 'table "%" in argument "relation" has no integer column "id"', relation
      USING ERRCODE = 'invalid_table_definition', HINT = 'Capture knows rows by their integer id, as Odoo does: a relation table cannot be captured, the table of its model can.';
  END IF;
  there := odoo_events._columns(relid);
  fields := COALESCE(columns, there);
  FOREACH c IN ARRAY fields || name_column || state_column LOOP
    IF c IS NOT NULL AND c <> ALL (there) THEN
      RAISE EXCEPTION 'table "%" has no column "%" that could be captured', relation, c
        USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(there, ', '));
    END IF;
  END LOOP;
  SELECT k, v INTO c FROM jsonb_each_text(classification) x(k, v) WHERE k <> ALL (fields) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'argument "classification" names "%", which is not a column of the entity', c
      USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(fields, ', '));
  END IF;
  PERFORM odoo_events._check_class('classification', x.v) FROM jsonb_each_text(classification) x(k, v);
  IF state_column IS NULL AND cardinality(draft_states || open_states || cancelled_states) > 0 THEN
    RAISE EXCEPTION 'states are given, but no column that has them'
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Add state_column => ''state''.';
  END IF;
  -- a table that is captured already keeps its rule: there is one pair of triggers per table
  SELECT r.* INTO rule FROM odoo_events.capture_rule r WHERE odoo_events._captured_table(r.tables) = relid AND r.rule <> 'own_' || entity LIMIT 1;
  IF NOT FOUND THEN
    rule.rule := 'own_' || entity;
    rows := jsonb_build_object('capture_rule', jsonb_build_array(jsonb_build_object('rule', rule.rule, 'tables', ARRAY[relation], 'significant', fields || name_column || state_column,
      'carried', ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = relid AND a.attname IN ('company_id', 'write_uid', 'create_uid')
                          AND a.attname::text <> ALL (fields)), 'builtin', false)));
    rows := jsonb_set(rows, '{capture_rule,0,significant}', (SELECT jsonb_agg(DISTINCT x) FROM unnest(fields || name_column || state_column) x WHERE x IS NOT NULL));
  ELSE
    rows := jsonb_build_object('more_columns', jsonb_build_object(rule.rule, fields));
  END IF;
  rows := rows || jsonb_build_object(
    'entity', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('entity', entity, 'domain', domain, 'model', COALESCE(model, replace(relation, '_', '.')),
       'rule', rule.rule, 'rules', ARRAY[rule.rule], 'name_column', name_column, 'state_column', state_column, 'draft_states', draft_states,
       'open_states', open_states, 'cancelled_states', cancelled_states, 'secondary', rule.rule <> 'own_' || entity, 'builtin', false))),
    -- columns that are ids of rows which the catalog can name
    'link', COALESCE((SELECT jsonb_agg(jsonb_build_object('rule', rule.rule, 'column_name', l.attname, 'reference', l.reference)) FROM (
         SELECT DISTINCT ON (a.attname) a.attname, f.reference
           FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
           JOIN odoo_events.reference f ON odoo_events._captured_table(f.tables) = k.confrelid
          WHERE k.conrelid = relid AND k.contype = 'f' AND cardinality(k.conkey) = 1
            AND NOT EXISTS (SELECT 1 FROM odoo_events.link x WHERE x.rule = rule.rule AND x.column_name = a.attname AND rule.rule <> 'own_' || entity)
          ORDER BY a.attname, f.reference) l), '[]'));
  rows := rows || jsonb_build_object('field', (SELECT COALESCE(jsonb_agg(jsonb_build_object('owner', entity, 'position', f.n, 'field', regexp_replace(f.name, '_id$', ''),
       'sources', ARRAY[f.name], 'builtin', false, 'classification', COALESCE(classification ->> f.name,
         CASE WHEN EXISTS (SELECT 1 FROM jsonb_array_elements(rows -> 'link') l WHERE l ->> 'column_name' = f.name AND l ->> 'reference' IN ('partner', 'user'))
              THEN 'personal' ELSE 'internal' END))), '[]')
     FROM unnest(fields) WITH ORDINALITY f(name, n)));
  PERFORM odoo_events._define('entity', entity, rows);
END $$;
COMMENT ON FUNCTION odoo_events.define_entity(text, text, text[], text, text, text[], text[], text[], jsonb, text, text, boolean) IS
'makes a table of Odoo''s, of a module of your own for example, something that events can be about; columns: those whose change matters and that '
'events carry (default: all); define_event() then says which change is an event';

-- What a condition may look at; raises an error for anything else.
CREATE FUNCTION odoo_events._check_condition(condition text, e odoo_events.entity) RETURNS jsonpath
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  path   jsonpath;
  known  text[] := (SELECT array_agg(split_part(c, '=', 1)) || '{id}' FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) c WHERE r.rule = e.rule);
  m      text[];
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
  -- members of "$": the image of jsonpath quotes every name
  FOR m IN SELECT regexp_matches(path::text, '\$\."([^"]+)"(?:\."([^"]+)")?(?:\."([^"]+)")?', 'g') LOOP
    IF m[1] = 'rows' THEN
      RAISE EXCEPTION 'argument "condition" looks at $.rows, which is what other rows are when the event is published'
        USING ERRCODE = 'invalid_parameter_value', HINT = 'Use $.parts.<part>[*]: what the transaction changed in the rows that belong to it.';
    ELSIF m[1] IN ('old', 'new') AND m[2] IS NOT NULL AND m[2] <> ALL (known) THEN
      RAISE EXCEPTION 'argument "condition" looks at $.%.%, but "%" is no captured column of entity "%"', m[1], m[2], m[2], e.entity
        USING ERRCODE = 'undefined_column', HINT = format('Columns: %s.', array_to_string(known, ', '));
    ELSIF m[1] = 'refs' THEN
      SELECT l.reference INTO reason FROM odoo_events.link l WHERE l.rule = e.rule AND l.column_name = m[2];
      IF NOT FOUND OR NOT EXISTS (SELECT 1 FROM odoo_events.reference_field f WHERE f.reference = reason AND f.field = m[3]) THEN
        RAISE EXCEPTION 'argument "condition" looks at $.refs.%.%, which the catalog does not read', m[2], m[3]
          USING ERRCODE = 'undefined_column', HINT = format('References: %s.', COALESCE((SELECT string_agg(format('$.refs.%s.%s', l.column_name, f.field), ', ' ORDER BY l.column_name, f.position)
             FROM odoo_events.link l JOIN odoo_events.reference_field f ON f.reference = l.reference WHERE l.rule = e.rule), 'none'));
      -- a column whose change is captured: by the time the event is published it may be another
      ELSIF EXISTS (SELECT 1 FROM odoo_events.reference_field f JOIN odoo_events.reference r ON r.reference = f.reference
                      JOIN odoo_events.capture_rule c ON odoo_events._captured_table(c.tables) = odoo_events._captured_table(r.tables)
                      JOIN unnest(c.significant || c.carried) s ON split_part(s, '=', 1) = ANY (f.paths)
                     WHERE f.reference = reason AND f.field = m[3]) THEN
        RAISE EXCEPTION 'argument "condition" looks at $.refs.%.%, which may have changed by the time the event is published', m[2], m[3]
          USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask what the same transaction did to that row, for example ''exists($tx.*.* ? (@.new.state == "done"))'', or define the event on that row''s entity.';
      END IF;
    ELSIF m[1] = 'parts' AND NOT EXISTS (SELECT 1 FROM odoo_events.part p WHERE p.entity = e.entity AND p.part = m[2]) THEN
      RAISE EXCEPTION 'argument "condition" looks at $.parts.%, but entity "%" has no such part', m[2], e.entity
        USING ERRCODE = 'undefined_object', HINT = format('Parts: %s.', COALESCE((SELECT string_agg(p.part, ', ' ORDER BY p.position) FROM odoo_events.part p WHERE p.entity = e.entity), 'none'));
    ELSIF m[1] NOT IN ('old', 'new', 'parts') THEN
      RAISE EXCEPTION 'argument "condition" looks at $.%, which there is not', m[1]
        USING ERRCODE = 'undefined_object', HINT = 'There are $.old, $.new, $.refs, $.parts and $tx.';
    END IF;
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
