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
AS 'SELECT r.reference FROM odoo_events.reference r WHERE odoo_events._captured_table(r.tables, r.builtin) = relid ORDER BY NOT r.builtin, r.reference LIMIT 1';
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
  PERFORM odoo_events._must_be_free('define_entity');
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
  PERFORM odoo_events._must_be_free('define_part');
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
  PERFORM odoo_events._must_be_free('drop_part');
  DELETE FROM odoo_events.definition d WHERE d.kind = 'part' AND d.name = drop_part.entity || '.' || drop_part.part;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'part "%" of entity "%" is none of your own', drop_part.part, drop_part.entity
      USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.definition WHERE kind = ''part'';';
  END IF;
  PERFORM odoo_events._drop_idle_triggers();
END $$;
COMMENT ON FUNCTION odoo_events.drop_part(text, text) IS 'rows of a table are no longer lines of an entity; what was published stays';
