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

-- Every upgrade script calls this after the rows of the catalog (src/schema/upgrade/make_script.py).
CREATE FUNCTION odoo_events._apply_definitions() RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS
'SELECT odoo_events._apply_definition(d) FROM odoo_events.definition d ORDER BY pg_catalog.array_position(''{entity,part,event,switch}'', d.kind), d.name';
COMMENT ON FUNCTION odoo_events._apply_definitions() IS 'internal: makes all that the DBA defined once more, after an upgrade has replaced the catalog''s own rows';

-- Every upgrade script calls this before it inserts the rows of its version.
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
                  JOIN odoo_events.capture_rule c ON odoo_events._captured_table(c.tables, c.builtin) = odoo_events._captured_table(r.tables, r.builtin)
                  JOIN unnest(c.significant || c.carried) s ON split_part(s, '=', 1) = ANY (f.paths)
                 WHERE f.reference = ANY (known) AND f.field = member) THEN
    RAISE EXCEPTION 'argument "condition" looks at %, which may have changed by the time the event is published', concat_ws('.', place, col, member)
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask what the same transaction did to that row, for example ''exists($tx.*.* ? (@.new.state == "done"))'', or define the event on that row''s entity.';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_reference(text, text[], text, text) IS 'internal: raises an error for what a condition may not look at in another row';

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
CREATE FUNCTION odoo_events._check_condition(condition text, e odoo_events.entity) RETURNS jsonpath
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
COMMENT ON FUNCTION odoo_events._check_condition(text, odoo_events.entity) IS 'internal: the condition of a definition as jsonpath; raises an error for what it may not look at';

-- The states of an entity of the catalog are those that its own events, milestones and lists of states name.
CREATE FUNCTION odoo_events._warn_states(e odoo_events.entity, states text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known text[] := ARRAY(SELECT x FROM unnest(e.draft_states || e.open_states || e.cancelled_states) x
                        UNION SELECT m[1] FROM odoo_events.event_def d,
                                regexp_matches(d.condition::text, format('\."%s" == "([^"]+)"', e.state_column), 'g') m WHERE d.entity = e.entity AND d.builtin
                        UNION SELECT unnest(d.states) FROM odoo_events.milestone d WHERE d.entity = e.entity
                        ORDER BY 1);
  unknown text;
BEGIN
  SELECT s INTO unknown FROM unnest(states) s WHERE NOT s = ANY (known) LIMIT 1;
  IF FOUND AND e.builtin AND known <> '{}' THEN
    RAISE WARNING 'argument "states" names "%", which the catalog does not know as a state of %', unknown, e.entity
      USING HINT = format('It knows %s; an app of your own may have others.', array_to_string(known, ', '));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._warn_states(odoo_events.entity, text[]) IS 'internal: warns of states that an entity of the catalog does not have';

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
  PERFORM odoo_events._must_be_free('define_event');
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
    PERFORM odoo_events._warn_states(e, states);
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
  PERFORM odoo_events._must_be_free('drop_event');
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
  PERFORM odoo_events._must_be_free('drop_entity');
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
  PERFORM odoo_events._must_be_free('enable_event');
  PERFORM odoo_events._known_type(enable_event.type);
  PERFORM odoo_events._define('switch', enable_event.type, '{"enabled": true}');
END $$;
COMMENT ON FUNCTION odoo_events.enable_event(text) IS 'an event type is emitted from now on';

CREATE FUNCTION odoo_events.disable_event(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('disable_event');
  PERFORM odoo_events._known_type(disable_event.type);
  PERFORM odoo_events._define('switch', disable_event.type, '{"enabled": false}');
END $$;
COMMENT ON FUNCTION odoo_events.disable_event(text) IS 'an event type is no longer emitted';
