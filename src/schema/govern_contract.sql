-- contract: what own types promise, what the catalog's types promised when somebody accepted that, and what has become of it.

CREATE TABLE odoo_events.own_type (
    id             text PRIMARY KEY,            -- md5 of type: a key of saved_config is letters, digits and "_"
    type           text NOT NULL UNIQUE,
    schema         jsonb NOT NULL,              -- of the event's data
    owner          text,
    classification jsonb NOT NULL DEFAULT '{}', -- member of data: class
    compatibility  text NOT NULL DEFAULT 'backward'
);
COMMENT ON TABLE odoo_events.own_type IS 'what define_type() was given';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.own_type
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.own_type
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('type', 'define_type', 'define_type', 'drop_type', 'id,type');
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.own_type
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();

CREATE TABLE odoo_events.accepted_contract (
    id     text PRIMARY KEY,                    -- md5 of type
    type   text NOT NULL UNIQUE,
    schema jsonb NOT NULL,                      -- {"$defs": ...} of json_schema() then
    at     timestamptz NOT NULL,
    who    text NOT NULL,
    note   text
);
COMMENT ON TABLE odoo_events.accepted_contract IS 'what contract_accept() found: the schemas that receivers rely on';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.accepted_contract
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');

-- ---- JSON Schema, the part of it that these schemas use (docs/own-events.md lists the keywords) ----

-- Checked where json_schema() or define_type() use it; anything else that can be a string is left alone.
CREATE FUNCTION odoo_events._fits_format(value text, format text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CASE format
    WHEN 'date' THEN
      RETURN value ~ '^\d{4}-\d{2}-\d{2}$' AND value::date IS NOT NULL;
    WHEN 'date-time' THEN
      RETURN value ~* '^\d{4}-\d{2}-\d{2}t\d{2}:\d{2}:\d{2}(\.\d+)?(z|[+-]\d{2}:\d{2})$' AND value::timestamptz IS NOT NULL;
    WHEN 'uuid' THEN
      RETURN value ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$';
    WHEN 'uri' THEN
      RETURN value ~ '^[A-Za-z][A-Za-z0-9+.-]*:\S+$';
    ELSE
      RETURN true;
  END CASE;
EXCEPTION WHEN data_exception THEN
  RETURN false;
END $$;
COMMENT ON FUNCTION odoo_events._fits_format(text, text) IS 'internal: does a string have this format of JSON Schema';

CREATE FUNCTION odoo_events._fits_type(doc jsonb, type text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE type WHEN 'integer' THEN CASE jsonb_typeof(doc) WHEN 'number' THEN trunc(doc::numeric) = doc::numeric ELSE false END ELSE jsonb_typeof(doc) = type END
$$;
COMMENT ON FUNCTION odoo_events._fits_type(jsonb, text) IS 'internal: is a JSON value of this type of JSON Schema';

-- What keywords say about one value, without what is inside it.
CREATE FUNCTION odoo_events._value_violation(doc jsonb, schema jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind text := jsonb_typeof(doc);
  n    numeric := CASE kind WHEN 'number' THEN doc::numeric WHEN 'string' THEN length(doc #>> '{}') WHEN 'array' THEN jsonb_array_length(doc) END;
BEGIN
  IF schema ? 'type' AND NOT EXISTS (SELECT 1 FROM jsonb_path_query(schema, 'lax $.type[*]') t WHERE odoo_events._fits_type(doc, t #>> '{}')) THEN
    RETURN format('is %s instead of %s', CASE kind WHEN 'null' THEN 'null' ELSE 'of type ' || kind END, translate(schema ->> 'type', '[]"', ''));
  ELSIF schema ? 'const' AND schema -> 'const' <> doc THEN
    RETURN format('is not %s', schema -> 'const');
  ELSIF schema ? 'enum' AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(schema -> 'enum') e WHERE e = doc) THEN
    RETURN format('is none of %s', schema -> 'enum');
  ELSIF kind = 'number' AND (n < (schema ->> 'minimum')::numeric OR n > (schema ->> 'maximum')::numeric
                             OR n <= (schema ->> 'exclusiveMinimum')::numeric OR n >= (schema ->> 'exclusiveMaximum')::numeric) THEN
    RETURN 'is out of its range';
  ELSIF kind = 'string' AND (n < (schema ->> 'minLength')::numeric OR n > (schema ->> 'maxLength')::numeric) THEN
    RETURN 'is too short or too long';
  ELSIF kind = 'string' AND doc #>> '{}' !~ (schema ->> 'pattern') THEN
    RETURN format('does not match %s', schema -> 'pattern');
  ELSIF kind = 'string' AND NOT odoo_events._fits_format(doc #>> '{}', schema ->> 'format') THEN
    RETURN format('is no %s', schema ->> 'format');
  ELSIF kind = 'array' AND (n < (schema ->> 'minItems')::numeric OR n > (schema ->> 'maxItems')::numeric) THEN
    RETURN 'has too few or too many items';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._value_violation(jsonb, jsonb) IS 'internal: why a JSON value does not fit the keywords of a schema that concern itself';

-- Why a document does not fit a schema: the first reason; null where it fits.  root has the definitions.
CREATE FUNCTION odoo_events._violation(doc jsonb, schema jsonb, root jsonb, path text DEFAULT 'data') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found text;
  m     record;
  inner_schema jsonb;
BEGIN
  IF schema = 'true' THEN
    RETURN NULL;
  ELSIF schema = 'false' THEN
    RETURN path || ' is not allowed';
  ELSIF schema ? '$ref' THEN
    RETURN odoo_events._violation(doc, root #> string_to_array(substr(schema ->> '$ref', 3), '/'), root, path);
  END IF;
  found := odoo_events._value_violation(doc, schema);
  IF found IS NOT NULL THEN
    RETURN path || ' ' || found;
  END IF;
  FOR m IN SELECT e FROM jsonb_array_elements(schema -> 'allOf') e LOOP
    found := odoo_events._violation(doc, m.e, root, path);
    EXIT WHEN found IS NOT NULL;
  END LOOP;
  IF found IS NULL AND schema ? 'anyOf' AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(schema -> 'anyOf') e WHERE odoo_events._violation(doc, e, root, path) IS NULL) THEN
    found := odoo_events._violation(doc, schema #> '{anyOf,0}', root, path);
  ELSIF found IS NULL AND schema ? 'oneOf' AND (SELECT count(*) FROM jsonb_array_elements(schema -> 'oneOf') e WHERE odoo_events._violation(doc, e, root, path) IS NULL) <> 1 THEN
    found := path || ' does not fit exactly one of its alternatives';
  ELSIF found IS NULL AND schema ? 'not' AND odoo_events._violation(doc, schema -> 'not', root, path) IS NULL THEN
    found := path || ' is what it must not be';
  END IF;
  IF found IS NOT NULL OR jsonb_typeof(doc) NOT IN ('object', 'array') THEN
    RETURN found;
  ELSIF jsonb_typeof(doc) = 'array' THEN
    FOR m IN SELECT e.value, e.n FROM jsonb_array_elements(doc) WITH ORDINALITY e(value, n) WHERE schema ? 'items' LOOP
      found := odoo_events._violation(m.value, schema -> 'items', root, format('%s[%s]', path, m.n - 1));
      EXIT WHEN found IS NOT NULL;
    END LOOP;
    RETURN found;
  END IF;
  SELECT format('%s lacks %s', path, r) INTO found FROM jsonb_array_elements_text(schema -> 'required') r WHERE NOT doc ? r LIMIT 1;
  IF found IS NOT NULL THEN
    RETURN found;
  END IF;
  FOR m IN SELECT e.key, e.value FROM jsonb_each(doc) e LOOP
    inner_schema := COALESCE(schema -> 'properties' -> m.key, schema -> 'additionalProperties', 'true');
    found := odoo_events._violation(m.value, inner_schema, root, path || '.' || m.key);
    EXIT WHEN found IS NOT NULL;
  END LOOP;
  RETURN found;
END $$;
COMMENT ON FUNCTION odoo_events._violation(jsonb, jsonb, jsonb, text) IS 'internal: why a document does not fit a JSON schema; null where it does';

-- Keywords that nobody here understands are refused, rather than believed to be enforced.
CREATE FUNCTION odoo_events._check_schema(schema jsonb, root jsonb, path text DEFAULT 'schema') RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known constant text[] := '{type,const,enum,minimum,maximum,exclusiveMinimum,exclusiveMaximum,minLength,maxLength,pattern,format,minItems,maxItems,items,properties,required,additionalProperties,allOf,anyOf,oneOf,not,$ref,$defs,$schema,$id,$comment,title,description,default,examples,deprecated,readOnly,writeOnly}';
  m     record;
BEGIN
  IF jsonb_typeof(schema) = 'boolean' THEN
    RETURN;
  ELSIF jsonb_typeof(schema) IS DISTINCT FROM 'object' THEN
    RAISE EXCEPTION 'argument "schema" is no JSON schema at %', path USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A schema is an object, for example ''{"type": "object", "required": ["customs_hold"], "properties": {"customs_hold": {"type": "object"}}}''.';
  END IF;
  FOR m IN SELECT e.key, e.value FROM jsonb_each(schema) e LOOP
    IF m.key <> ALL (known) THEN
      RAISE EXCEPTION 'argument "schema" has the keyword "%" at %, which is not checked here', m.key, path USING ERRCODE = 'feature_not_supported',
        HINT = format('Keywords are %s.', array_to_string(known, ', '));
    ELSIF m.key = '$ref' AND (m.value #>> '{}' !~ '^#/' OR root #> string_to_array(substr(m.value #>> '{}', 3), '/') IS NULL) THEN
      RAISE EXCEPTION 'argument "schema" refers to % at %, which it does not have', m.value, path USING ERRCODE = 'invalid_parameter_value',
        HINT = 'A reference is "#/$defs/<name>".';
    ELSIF m.key IN ('items', 'additionalProperties', 'not') THEN
      PERFORM odoo_events._check_schema(m.value, root, path || '.' || m.key);
    ELSIF m.key IN ('properties', '$defs') THEN
      PERFORM odoo_events._check_schema(e.value, root, path || '.' || e.key) FROM jsonb_each(m.value) e;
    ELSIF m.key IN ('allOf', 'anyOf', 'oneOf') THEN
      PERFORM odoo_events._check_schema(e, root, path || '.' || m.key) FROM jsonb_array_elements(m.value) e;
    END IF;
  END LOOP;
  PERFORM '' ~ (schema ->> 'pattern');
EXCEPTION WHEN invalid_regular_expression OR sqlstate '22023' OR feature_not_supported THEN
  IF SQLSTATE = '2201B' THEN
    RAISE EXCEPTION 'argument "schema" has a pattern at % that cannot be used: %', path, SQLERRM USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Patterns are regular expressions of PostgreSQL.';
  END IF;
  RAISE;
END $$;
COMMENT ON FUNCTION odoo_events._check_schema(jsonb, jsonb, text) IS 'internal: refuses a schema that cannot be checked';

-- ---- compatibility ----

-- What a receiver that knows the old schema may no longer rely on, and what is new to it.
CREATE FUNCTION odoo_events._schema_changes(was jsonb, is_now jsonb, place text DEFAULT 'data') RETURNS TABLE (change text, level text, path text, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  a constant jsonb := was;
  b constant jsonb := is_now;
  m record;
BEGIN
  IF a = b OR jsonb_typeof(a) <> 'object' OR jsonb_typeof(b) <> 'object' THEN
    RETURN;
  END IF;
  IF a ? 'type' AND EXISTS (SELECT 1 FROM jsonb_path_query(b, 'lax $.type[*]') t WHERE NOT EXISTS (SELECT 1 FROM jsonb_path_query(a, 'lax $.type[*]') o WHERE o = t OR o = '"number"' AND t = '"integer"'))
     OR a ? 'type' AND NOT b ? 'type' THEN
    RETURN QUERY SELECT 'type', 'breaking', place, format('was %s, is %s', a ->> 'type', COALESCE(b ->> 'type', 'anything'));
  END IF;
  IF a ? 'enum' AND (NOT b ? 'enum' OR NOT a -> 'enum' @> (b -> 'enum')) AND NOT a -> 'enum' @> jsonb_build_array(COALESCE(b -> 'const', 'null')) THEN
    RETURN QUERY SELECT 'values', 'breaking', place, format('was one of %s, is %s', a ->> 'enum', COALESCE('one of ' || (b ->> 'enum'), 'anything'));
  END IF;
  IF a ? 'const' AND a -> 'const' IS DISTINCT FROM b -> 'const' THEN
    RETURN QUERY SELECT 'values', 'breaking', place, format('was %s', a -> 'const');
  END IF;
  FOR m IN SELECT k FROM unnest('{pattern,format,minimum,maximum,exclusiveMinimum,exclusiveMaximum,minLength,maxLength,minItems,maxItems,anyOf,oneOf,allOf,not,$ref}'::text[]) k WHERE a ? k LOOP
    IF a -> m.k IS DISTINCT FROM b -> m.k AND NOT (m.k IN ('minimum', 'minLength', 'minItems') AND (b ->> m.k)::numeric >= (a ->> m.k)::numeric)
       AND NOT (m.k IN ('maximum', 'maxLength', 'maxItems') AND (b ->> m.k)::numeric <= (a ->> m.k)::numeric) THEN
      RETURN QUERY SELECT m.k, 'breaking', place, format('was %s, is %s', a ->> m.k, COALESCE(b ->> m.k, 'anything'));
    END IF;
  END LOOP;
  RETURN QUERY SELECT 'no longer required', 'breaking', place || '.' || r, 'may be absent' FROM jsonb_array_elements_text(a -> 'required') r
                WHERE b -> 'properties' ? r AND NOT COALESCE(b -> 'required' ? r, false);
  FOR m IN SELECT COALESCE(x.key, y.key) AS key, x.value AS old, y.value AS new
             FROM jsonb_each(a -> 'properties') x FULL JOIN jsonb_each(b -> 'properties') y ON y.key = x.key LOOP
    IF m.new IS NULL THEN
      RETURN QUERY SELECT 'removed', 'breaking', place || '.' || m.key, 'is not sent any more';
    ELSIF m.old IS NULL THEN
      RETURN QUERY SELECT 'added', 'compatible', place || '.' || m.key, 'is new';
    ELSE
      RETURN QUERY SELECT * FROM odoo_events._schema_changes(m.old, m.new, place || '.' || m.key);
    END IF;
  END LOOP;
  -- what $ref names is compared under its own name
  FOR m IN SELECT x.key, x.value AS old, y.value AS new FROM jsonb_each(a -> '$defs') x JOIN jsonb_each(b -> '$defs') y ON y.key = x.key WHERE x.value <> y.value LOOP
    RETURN QUERY SELECT * FROM odoo_events._schema_changes(m.old, m.new, m.key);
  END LOOP;
  IF a ? 'items' AND b ? 'items' THEN
    RETURN QUERY SELECT * FROM odoo_events._schema_changes(a -> 'items', b -> 'items', place || '[]');
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._schema_changes(jsonb, jsonb, text) IS
'internal: how a schema differs from a former one; breaking is what a receiver may have relied on';

CREATE FUNCTION odoo_events._next_version(type text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT regexp_replace(type, '\.v[0-9]+$', '.v' || (substring(type FROM '\.v([0-9]+)$')::int + 1))
$$;
COMMENT ON FUNCTION odoo_events._next_version(text) IS 'internal: the type with the next version';

CREATE FUNCTION odoo_events._set_type(t odoo_events.own_type, or_replace boolean, may_break boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was   odoo_events.own_type;
  wrong record;
BEGIN
  t.id := md5(t.type);
  t.classification := COALESCE(t.classification, '{}');
  PERFORM odoo_events._check_type(t.type);
  PERFORM odoo_events._check_schema(t.schema, t.schema);
  IF EXISTS (SELECT 1 FROM odoo_events._promised p WHERE p.type = t.type) THEN
    RAISE EXCEPTION 'event type "%" is defined by define_event(): its schema follows from the catalog', t.type USING ERRCODE = 'duplicate_object',
      HINT = format('SELECT odoo_events.json_schema(%L);', t.type);
  ELSIF jsonb_typeof(t.classification) <> 'object' OR EXISTS (SELECT 1 FROM jsonb_each(t.classification) c WHERE c.value #>> '{}' <> ALL ('{public,internal,confidential,personal}')) THEN
    RAISE EXCEPTION 'argument "classification" is not an object of members and classes' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Classes are public, internal, confidential and personal: classification => ''{"customs_hold": "confidential"}''';
  ELSIF t.compatibility IS NULL OR t.compatibility NOT IN ('backward', 'none') THEN
    RAISE EXCEPTION 'argument "compatibility" is "%"', t.compatibility USING ERRCODE = 'invalid_parameter_value',
      HINT = 'backward: what receivers may rely on is not taken away; none: anything goes.';
  END IF;
  SELECT * INTO was FROM odoo_events.own_type o WHERE o.id = t.id FOR UPDATE;
  IF was.id IS NOT NULL AND NOT or_replace THEN
    RAISE EXCEPTION 'event type "%" exists', t.type USING ERRCODE = 'duplicate_object', HINT = 'Use or_replace => true, or the next version of the type.';
  END IF;
  IF was.compatibility = 'backward' AND NOT may_break THEN
    SELECT * INTO wrong FROM odoo_events._schema_changes(was.schema, t.schema) c WHERE c.level = 'breaking' LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'the new schema of "%" breaks what receivers rely on: % %', t.type, wrong.path, wrong.detail USING ERRCODE = 'object_not_in_prerequisite_state',
        HINT = format('Define %s instead, and emit both until nobody subscribes to the old one.', odoo_events._next_version(t.type));
    END IF;
  END IF;
  INSERT INTO odoo_events.own_type AS o SELECT (t).*
  ON CONFLICT ON CONSTRAINT own_type_pkey DO UPDATE SET schema = EXCLUDED.schema, owner = EXCLUDED.owner, classification = EXCLUDED.classification, compatibility = EXCLUDED.compatibility
   WHERE o IS DISTINCT FROM EXCLUDED;
END $$;
COMMENT ON FUNCTION odoo_events._set_type(odoo_events.own_type, boolean, boolean) IS 'internal: checks and writes a type of one''s own';

CREATE FUNCTION odoo_events.define_type(type text, schema json, owner text DEFAULT NULL, classification jsonb DEFAULT '{}', compatibility text DEFAULT 'backward',
  or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t odoo_events.own_type;
BEGIN
  PERFORM odoo_events._must_be_free('define_type');
  IF num_nulls(type, schema) > 0 THEN
    RAISE EXCEPTION 'argument "%" is null', CASE WHEN type IS NULL THEN 'type' ELSE 'schema' END USING ERRCODE = 'null_value_not_allowed',
      HINT = 'SELECT odoo_events.define_type(''acme.logistics.customs_hold.placed.v1'', ''{"type": "object"}'');';
  END IF;
  PERFORM odoo_events._check_publish(define_type.type);
  t.type := define_type.type; t.schema := define_type.schema::jsonb; t.owner := COALESCE(define_type.owner, session_user);
  t.classification := define_type.classification; t.compatibility := define_type.compatibility;
  PERFORM odoo_events._set_type(t, or_replace);
END $$;
COMMENT ON FUNCTION odoo_events.define_type(text, json, text, jsonb, text, boolean) IS
'a type of one''s own with the JSON schema of its data: emit() refuses what does not fit; or_replace changes it where no receiver can notice, else SQLSTATE 55000 and the next version in the hint';

CREATE FUNCTION odoo_events.drop_type(type text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_type');
  PERFORM odoo_events._check_publish(drop_type.type);
  DELETE FROM odoo_events.own_type t WHERE t.type = drop_type.type;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'event type "%" is none that define_type() has defined', drop_type.type USING ERRCODE = 'undefined_object',
      HINT = 'SELECT odoo_events.config_export(''{type}'');  -- lists them';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.drop_type(text) IS 'emit() checks this type no longer';

-- What json_schema() says of the frame of a type's data: the document with its id, lists of lines and changes.  The whole schema takes a
-- quarter of a second to make, which is no time for emit().
CREATE FUNCTION odoo_events._frame_json(type text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('anyOf', jsonb_agg(jsonb_build_object('type', 'object', 'required', jsonb_build_array(COALESCE(e.label, e.entity)), 'properties',
         jsonb_build_object(COALESCE(e.label, e.entity), jsonb_build_object('type', 'object', 'required', jsonb '["id"]', 'properties',
                              jsonb_build_object('id', odoo_events._id_json(r.tables, r.builtin))))
         || jsonb '{"lines": {"type": "array", "items": {"type": "object", "required": ["part", "id"]}},
                    "changes": {"type": "array", "items": {"type": "object", "required": ["part", "id", "op", "fields"]}},
                    "transition": {"type": "object", "required": ["from", "to"]}}')))
  FROM (SELECT DISTINCT d.entity FROM odoo_events.event_def d WHERE d.type = _frame_json.type) x
       JOIN odoo_events.entity e ON e.entity = x.entity JOIN odoo_events.capture_rule r ON r.rule = e.rule
$$;
COMMENT ON FUNCTION odoo_events._frame_json(text) IS 'internal: JSON Schema of the frame of a type that define_event() has defined';

-- Called by emit(): may the caller publish this type, and do the data fit?
CREATE FUNCTION odoo_events._check_emit(type text, data jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s     jsonb;
  wrong text;
BEGIN
  IF EXISTS (SELECT 1 FROM odoo_events.policy_rule) THEN
    PERFORM odoo_events._check_publish(type);
  END IF;
  SELECT o.schema INTO s FROM odoo_events.own_type o WHERE o.id = md5(_check_emit.type);
  IF FOUND THEN
    wrong := odoo_events._violation(data, s, s);
  ELSIF type NOT LIKE 'odoo.%' AND EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.type = _check_emit.type) THEN    -- emit() refuses those itself
    s := odoo_events._frame_json(type);
    wrong := odoo_events._violation(data, s, s);
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'argument "data" does not fit the schema of "%": %', type, wrong USING ERRCODE = 'invalid_parameter_value',
      HINT = CASE WHEN EXISTS (SELECT 1 FROM odoo_events.own_type o WHERE o.type = _check_emit.type)
                  THEN format('SELECT odoo_events.config_export(''{type}'') -> ''type'' -> %L;', type) ELSE format('SELECT odoo_events.json_schema(%L);', type) END;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_emit(text, jsonb) IS 'internal: refuses an event that the caller may not publish, or that does not fit its schema';

-- Kind type of the configuration.
CREATE FUNCTION odoo_events._export_type() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT t.type, jsonb_strip_nulls(jsonb_build_object('owner', t.owner, 'classification', NULLIF(t.classification, '{}'), 'compatibility', NULLIF(t.compatibility, 'backward')))
               || jsonb_build_object('schema', t.schema)
  FROM odoo_events.own_type t
$$;
COMMENT ON FUNCTION odoo_events._export_type() IS 'internal: kind type of config_export()';

CREATE FUNCTION odoo_events._import_type(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    DELETE FROM odoo_events.own_type t WHERE t.type = _import_type.name;
    RETURN;
  END IF;
  PERFORM odoo_events._check_item('type', name, item, '{schema,owner,classification,compatibility}');
  PERFORM odoo_events._set_type(jsonb_populate_record(NULL::odoo_events.own_type, '{"compatibility": "backward"}'::jsonb || item || jsonb_build_object('type', name)), true, true);
END $$;
COMMENT ON FUNCTION odoo_events._import_type(text, jsonb) IS 'internal: kind type of config_apply()';

-- A breaking change is shown rather than refused: a rollback has to be able to take an addition back.
CREATE FUNCTION odoo_events._effect_type(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c record;
BEGIN
  IF path = 'schema' THEN
    SELECT x.path, x.detail INTO c FROM odoo_events._schema_changes(is_now, wanted) x WHERE x.level = 'breaking' LIMIT 1;
  END IF;
  risk := CASE WHEN c.path IS NOT NULL THEN 'high' WHEN path IS NULL AND wanted IS NULL THEN 'medium' ELSE 'low' END;
  effect := CASE WHEN c.path IS NOT NULL THEN format('breaks what receivers rely on: %s %s; subscribed by %s', c.path, c.detail,
                        COALESCE(NULLIF(array_to_string(odoo_events._subscribers(name), ', '), ''), 'nobody')) END;
END $$;
COMMENT ON FUNCTION odoo_events._effect_type(text, text, jsonb, jsonb) IS 'internal: what a change of a type of one''s own means';

-- ---- what the catalog's types promised ----

CREATE FUNCTION odoo_events._contract_types(types text[]) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT p.type FROM odoo_events._promised p
 WHERE types IS NULL OR EXISTS (SELECT 1 FROM unnest(types) t WHERE p.type LIKE replace(replace(t, '_', '\_'), '*', '%')) ORDER BY 1
$$;
COMMENT ON FUNCTION odoo_events._contract_types(text[]) IS 'internal: types of the catalog that these patterns name';

CREATE FUNCTION odoo_events.contract_accept(types text[] DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  PERFORM odoo_events._must_be_free('contract_accept');
  INSERT INTO odoo_events.accepted_contract AS a (id, type, schema, at, who, note)
  WITH wanted AS (SELECT p.type, p.entities FROM odoo_events._promised p WHERE p.type IN (SELECT odoo_events._contract_types(contract_accept.types))),
       made AS MATERIALIZED (SELECT e.entity, odoo_events._entity_definitions(e.entity, '#/$defs/') AS defs FROM (SELECT DISTINCT unnest(w.entities) AS entity FROM wanted w) e)
  SELECT md5(w.type), w.type, jsonb_build_object('$defs', (SELECT jsonb_object_agg(k.key, k.value) FROM made d, jsonb_each(d.defs) k WHERE d.entity = ANY (w.entities))),
         clock_timestamp(), session_user, contract_accept.note
    FROM wanted w WHERE true
  ON CONFLICT ON CONSTRAINT accepted_contract_pkey DO UPDATE SET schema = EXCLUDED.schema, at = EXCLUDED.at, who = EXCLUDED.who, note = EXCLUDED.note;
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM odoo_events._audit('contract_accept', array_to_string(types, ','), NULL, jsonb_strip_nulls(jsonb_build_object('types', n, 'note', note)));
  RETURN n;
END $$;
COMMENT ON FUNCTION odoo_events.contract_accept(text[], text) IS
'notes the schemas of these types (patterns; null: all) as what receivers rely on: contract_check() compares with them; answers how many';

-- Members that read a column, of a document or of its lines, and types that cannot be told without it.  columns: {table: [column, ...]}.
CREATE FUNCTION odoo_events._lost_by_columns(columns jsonb) RETURNS TABLE (type text, change text, level text, path text, detail text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH lost AS (
  SELECT r.rule, c.relname::text AS relation, split_part(s, '=', 1) AS column_name
    FROM odoo_events.capture_rule r CROSS JOIN LATERAL odoo_events._captured_table(r.tables, r.builtin) t(relid)
         JOIN pg_class c ON c.oid = t.relid CROSS JOIN LATERAL unnest(r.significant || r.carried) s
   WHERE EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = ANY (string_to_array(s, '=')) AND NOT a.attisdropped)
     AND NOT EXISTS (SELECT 1 FROM unnest(string_to_array(s, '=')) x, unnest(r.tables) o WHERE columns -> o ? x)),
owner AS (
  SELECT e.entity, e.rule, e.entity AS owner, COALESCE(e.label, e.entity) AS place FROM odoo_events.entity e
  UNION ALL SELECT p.entity, p.rule, p.owner, 'lines[]' FROM odoo_events.part p)
SELECT d.type, 'member lost', 'breaking', 'data.' || o.place || '.' || f.field, format('reads %s.%s', l.relation, l.column_name)
  FROM lost l JOIN owner o ON o.rule = l.rule JOIN odoo_events.field f ON f.owner = o.owner
       JOIN odoo_events._promised d ON o.entity = ANY (d.entities)
 WHERE EXISTS (SELECT 1 FROM unnest(f.sources) s WHERE split_part(split_part(s, '@', 1), '.', 1) = l.column_name)
   AND NOT EXISTS (SELECT 1 FROM unnest(f.sources) s WHERE s NOT LIKE '#%' AND split_part(split_part(s, '@', 1), '.', 1) NOT IN (SELECT x.column_name FROM lost x WHERE x.rule = l.rule)
                      AND EXISTS (SELECT 1 FROM odoo_events.capture_rule r, unnest(r.significant || r.carried) u WHERE r.rule = l.rule AND split_part(u, '=', 1) = split_part(split_part(s, '@', 1), '.', 1)))
UNION
SELECT d.type, 'type lost', 'breaking', NULL, format('cannot be told without %s.%s', l.relation, l.column_name)
  FROM lost l JOIN odoo_events.entity e ON e.rule = l.rule JOIN odoo_events.event_def d ON d.entity = e.entity AND d.emit
 WHERE d.occasion IN ('milestone', 'cancelled', 'open', 'changed') AND e.state_column = l.column_name
    OR strpos(d.condition::text, '."' || l.column_name || '"') > 0 OR l.column_name = ANY (SELECT split_part(w, '@', 1) FROM unnest(d.watches) w)
$$;
COMMENT ON FUNCTION odoo_events._lost_by_columns(jsonb) IS 'internal: what types would lose if tables had these columns only';

CREATE FUNCTION odoo_events.contract_check(types text[] DEFAULT NULL, columns jsonb DEFAULT NULL)
RETURNS TABLE (type text, change text, level text, path text, detail text, subscribers text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  IF jsonb_typeof(columns) <> 'object' OR EXISTS (SELECT 1 FROM jsonb_each(CASE jsonb_typeof(columns) WHEN 'object' THEN columns ELSE '{}' END) e WHERE jsonb_typeof(e.value) <> 'array') THEN
    RAISE EXCEPTION 'argument "columns" is not an object of tables, each a list of columns' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT jsonb_object_agg(t, c) FROM (SELECT r.relname, jsonb_agg(a.attname) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class r ON r.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relnamespace = ''public''::regnamespace GROUP BY 1) x(t, c);  -- in a database of the new version';
  END IF;
  RETURN QUERY
  WITH made AS MATERIALIZED (           -- each entity once, since that takes a while
    SELECT e.entity, odoo_events._entity_definitions(e.entity, '#/$defs/') AS defs
      FROM (SELECT DISTINCT unnest(p.entities) AS entity FROM odoo_events._promised p JOIN odoo_events.accepted_contract a ON a.type = p.type
             WHERE columns IS NULL AND p.type IN (SELECT odoo_events._contract_types(types))) e)
  SELECT x.type, x.change, x.level, x.path, x.detail, odoo_events._subscribers(x.type)
    FROM (SELECT a.type, c.change, c.level, c.path, c.detail
            FROM odoo_events.accepted_contract a JOIN odoo_events._promised p ON p.type = a.type JOIN made d ON d.entity = ANY (p.entities)
                 CROSS JOIN LATERAL odoo_events._schema_changes(jsonb_build_object('$defs', a.schema -> '$defs'), jsonb_build_object('$defs', d.defs)) c
          UNION
          SELECT a.type, 'removed', 'breaking', NULL, 'the catalog has no such type any more'
            FROM odoo_events.accepted_contract a WHERE columns IS NULL AND NOT EXISTS (SELECT 1 FROM odoo_events._promised p WHERE p.type = a.type)
          UNION
          SELECT l.type, l.change, l.level, l.path, l.detail FROM odoo_events._lost_by_columns(columns) l WHERE columns IS NOT NULL) x
   WHERE types IS NULL OR EXISTS (SELECT 1 FROM unnest(types) t WHERE x.type LIKE replace(replace(t, '_', '\_'), '*', '%'))
   ORDER BY x.level, x.type, x.path, x.detail;
END $$;
COMMENT ON FUNCTION odoo_events.contract_check(text[], jsonb) IS
'what receivers may no longer rely on since contract_accept(), and who subscribes; with columns, {table: [column, ...]} of a coming version of Odoo: what these types would lose; level is breaking or compatible';
