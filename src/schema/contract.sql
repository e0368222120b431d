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
COMMENT ON FUNCTION odoo_events._type_json(oid) IS 'internal: JSON Schema of a type''s values as events write them';

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

CREATE FUNCTION odoo_events._without_null(s jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN jsonb_typeof(s -> 'type') = 'array' THEN jsonb_set(s, '{type}', CASE jsonb_array_length((s -> 'type') - 'null')
            WHEN 1 THEN ((s -> 'type') - 'null') -> 0 ELSE (s -> 'type') - 'null' END) ELSE s END
$$;
COMMENT ON FUNCTION odoo_events._without_null(jsonb) IS 'internal: the same JSON Schema, for a member that is left out instead of being null';

-- An id: a string where a table has bigint ids and a double would round it.
CREATE FUNCTION odoo_events._id_json(tables text[], builtin boolean) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE(odoo_events._without_null(odoo_events._column_json(tables, builtin, '{id}')), '{"type": "integer"}')
$$;
COMMENT ON FUNCTION odoo_events._id_json(text[], boolean) IS 'internal: JSON Schema of the ids of the first of these tables that there is';

-- A row that an event names: its id, and the business keys that it has.
CREATE FUNCTION odoo_events._reference_json(reference text) RETURNS jsonb
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
COMMENT ON FUNCTION odoo_events._reference_json(text) IS 'internal: JSON Schema of a referred row';

-- One source of a field; null where this database does not have it.
CREATE FUNCTION odoo_events._source_json(source text, rule text, reference text, base text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- what it says about when to look at it does not matter here
  path text[] := string_to_array(split_part(split_part(ltrim(source, '-'), '?', 1), '@', 1), '.');
  r    odoo_events.capture_rule;
  ref  text;
  t    jsonb;
BEGIN
  IF source LIKE 'sum(%' THEN
    RETURN '{"type": ["number", "string"]}';
  ELSIF source LIKE '%first(%' THEN
    RETURN '{"anyOf": [{"$ref": "' || base || 'ref_' || reference || '"}, {"type": "null"}]}';     -- null: the sources before it tell the type
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
  ref := COALESCE(_source_json.reference, ref);
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
      WHEN '#purpose' THEN jsonb_build_object('enum', (SELECT jsonb_agg(DISTINCT k.purpose) FROM odoo_events.entity_kind k WHERE k.entity = e.entity AND k.purpose NOT LIKE '~%'))
      WHEN '#route' THEN jsonb_build_object('enum', (SELECT jsonb_agg(DISTINCT substr(k.purpose, 2)) FROM odoo_events.entity_kind k WHERE k.entity = e.entity AND k.purpose LIKE '~%'))
      WHEN '#reservation' THEN jsonb '{"enum": ["full", "partial", "none"]}'
      WHEN '#earlier' THEN jsonb '{"const": true}'
      WHEN '#merged_into' THEN jsonb '{"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}'
      WHEN '#merged_from' THEN jsonb '{"type": "array", "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}}'
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
         jsonb_build_object('part', jsonb_build_object('const', p.part), 'id', (SELECT odoo_events._id_json(r.tables, r.builtin) FROM odoo_events.capture_rule r WHERE r.rule = p.rule))
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
                     FROM odoo_events.part p WHERE p.entity = e.entity AND p.within IS NULL AND p.owner <> 'none' HAVING count(*) > 0), '{}')));
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
    "odoorecordid": {"type": ["integer", "string"], "description": "a string beyond 2147483647, which is the largest integer of CloudEvents"},
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
  IF about IS NULL AND NOT json_schema.type LIKE ANY ('{odoo.platform.%,odoo.process.promise.%}') THEN
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
