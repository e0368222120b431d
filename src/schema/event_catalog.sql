-- event_catalog: the catalog as one HTML page for those who write receivers, from the same rows as docs/events.

-- A value that satisfies a JSON Schema of ours: what an event looks like.
CREATE FUNCTION odoo_events._schema_example(schema jsonb, definitions jsonb, depth int DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind text := CASE jsonb_typeof(schema -> 'type') WHEN 'array' THEN ((schema -> 'type') - 'null') ->> 0 ELSE schema ->> 'type' END;
BEGIN
  IF schema ? '$ref' THEN
    RETURN odoo_events._schema_example(definitions -> regexp_replace(schema ->> '$ref', '^.*/', ''), definitions, depth + 1);
  ELSIF schema ? 'const' THEN
    RETURN schema -> 'const';
  ELSIF schema ? 'enum' THEN
    RETURN schema -> 'enum' -> 0;
  ELSIF schema ? 'examples' THEN
    RETURN schema -> 'examples' -> 0;
  ELSIF schema ? 'anyOf' AND (kind IS NULL OR kind <> 'string') THEN
    RETURN odoo_events._schema_example(schema -> 'anyOf' -> 0, definitions, depth + 1);
  ELSIF kind = 'object' THEN
    RETURN COALESCE((SELECT jsonb_object_agg(p.key, odoo_events._schema_example(p.value, definitions, depth + 1))
                       FROM jsonb_each(schema -> 'properties') p WHERE depth < 8), '{}');
  ELSIF kind = 'array' THEN
    RETURN CASE WHEN schema ? 'items' AND depth < 6 THEN jsonb_build_array(odoo_events._schema_example(schema -> 'items', definitions, depth + 1)) ELSE '[]' END;
  END IF;
  RETURN CASE kind WHEN 'integer' THEN jsonb '42' WHEN 'number' THEN jsonb '10.5' WHEN 'boolean' THEN jsonb 'true'
                   ELSE CASE COALESCE(schema ->> 'format', schema #>> '{anyOf,0,format}')
                          WHEN 'date-time' THEN jsonb '"2026-11-30T08:15:00.000000Z"' WHEN 'date' THEN jsonb '"2026-11-30"' ELSE jsonb '"text"' END END;
END $$;
COMMENT ON FUNCTION odoo_events._schema_example(jsonb, jsonb, int) IS 'internal: a value that this JSON Schema allows';

-- What a member's schema says, in a word or two.
CREATE FUNCTION odoo_events._schema_word(schema jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN schema ? '$ref' THEN regexp_replace(schema ->> '$ref', '^.*/(ref_)?', '') || ' (object)'
            WHEN schema ? 'const' THEN schema ->> 'const'
            WHEN schema ? 'enum' THEN (SELECT string_agg(v, ', ') FROM jsonb_array_elements_text(schema -> 'enum') v)
            WHEN schema ? 'format' THEN schema ->> 'format'
            WHEN schema ? 'anyOf' THEN (SELECT string_agg(DISTINCT COALESCE(odoo_events._schema_word(v), 'text'), ' or ') FROM jsonb_array_elements(schema -> 'anyOf') v)
            WHEN jsonb_typeof(schema -> 'type') = 'array' THEN (SELECT string_agg(v, ' or ') FROM jsonb_array_elements_text(schema -> 'type') v)
            WHEN schema ->> 'type' = 'array' THEN 'list of ' || COALESCE(odoo_events._schema_word(schema -> 'items'), 'values')
            WHEN schema ? 'pattern' THEN 'string'
            ELSE COALESCE(schema ->> 'type', 'any') END
$$;
COMMENT ON FUNCTION odoo_events._schema_word(jsonb) IS 'internal: a JSON Schema in a few words';

CREATE FUNCTION odoo_events._catalog_fields(owner text, properties jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<div class="wide" tabindex="0"><table><thead><tr><th scope="col">member</th><th scope="col">value</th><th scope="col">class</th><th scope="col">from</th></tr></thead><tbody>'
       || string_agg(format('<tr><th scope="row"><code>%s</code></th><td>%s</td><td>%s</td><td>%s</td></tr>', odoo_events._html(f.field),
                            odoo_events._html_value(COALESCE(odoo_events._schema_word(properties -> f.field), 'not in this database')),
                            odoo_events._html(f.classification), odoo_events._html_value(array_to_string(f.sources, ', '))), E'\n' ORDER BY f.position, f.field)
       || '</tbody></table></div>'
  FROM odoo_events.field f WHERE f.owner = _catalog_fields.owner
$$;
COMMENT ON FUNCTION odoo_events._catalog_fields(text, jsonb) IS 'internal: the members of an entity or part as an HTML table';

CREATE FUNCTION odoo_events._catalog_type(type text, entity text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('<details id="%s"><summary><code>%s</code> %s%s</summary>',
              odoo_events._html(replace(min(d.type), '.', '-') || CASE WHEN EXISTS (SELECT 1 FROM odoo_events.event_def o WHERE o.type = min(d.type) AND o.entity < min(d.entity) AND o.emit) THEN '-of-' || min(d.entity) ELSE '' END),
              odoo_events._html(min(d.type)),
              odoo_events._html(string_agg(DISTINCT d.description, '; ')), CASE WHEN bool_and(d.deprecated) THEN ' <strong class="warn">deprecated</strong>' ELSE '' END)
       || '<dl><dt>When</dt>'
       || string_agg('<dd>' || odoo_events._html(concat_ws(' ', d.occasion, d.milestone)) || COALESCE(': <code>' || odoo_events._html_value(d.condition::text, 1200) || '</code>', '') || '</dd>', '' ORDER BY d.variant)
       || '<dt>Class</dt><dd>' || (SELECT c FROM unnest('{personal,confidential,internal,public}'::text[]) WITH ORDINALITY u(c, n) WHERE c = ANY (array_agg(d.classification)) ORDER BY n LIMIT 1) || '</dd>'
       || '<dt>Sent</dt><dd>' || CASE WHEN bool_or(d.enabled) THEN 'yes' ELSE 'only after <code>SELECT odoo_events.enable_event(''' || odoo_events._html(min(d.type)) || ''');</code>' END || '</dd>'
       || '<dt>Changes</dt><dd>' || CASE max(d.minor) WHEN 0 THEN 'none since version 1.0 of the type' ELSE 'members were added: version ' || substring(min(d.type) FROM '[0-9]+$') || '.' || max(d.minor) END || '</dd>'
       || COALESCE('<dt>EPCIS</dt><dd>' || odoo_events._html(min(d.epcis_bizstep) || ' / ' || COALESCE(min(d.epcis_disposition), '')) || '</dd>', '')
       || '<dt>Schema</dt><dd><code>SELECT odoo_events.json_schema(''' || odoo_events._html(min(d.type)) || ''');</code></dd></dl></details>'
  FROM odoo_events.event_def d WHERE d.type = _catalog_type.type AND d.entity = _catalog_type.entity AND d.emit
$$;
COMMENT ON FUNCTION odoo_events._catalog_type(text, text) IS 'internal: an event type as a part of an HTML page';

CREATE FUNCTION odoo_events._catalog_entity(e odoo_events.entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  definitions jsonb := odoo_events._entity_definitions(e.entity, '#/$defs/');
  data        jsonb := definitions -> ('data_' || e.entity);
  name        text := COALESCE(e.label, e.entity);
BEGIN
  RETURN format('<section aria-labelledby="entity-%s"><h3 id="entity-%s">%s</h3><p class="sub">%s. Key: %s. Company: %s. Warehouse: %s.</p>', odoo_events._html(e.entity), odoo_events._html(e.entity), odoo_events._html(e.entity),
                odoo_events._html(e.model), odoo_events._html(COALESCE(NULLIF(array_to_string(e.keys, ', '), '') || ', else ', '') || name || ':id'),
                odoo_events._html(COALESCE(NULLIF(array_to_string(e.company, ', '), ''), 'none')), odoo_events._html(COALESCE(NULLIF(array_to_string(e.warehouse, ', '), ''), 'none')))
      || COALESCE((SELECT string_agg(odoo_events._catalog_type(t.type, e.entity), E'\n' ORDER BY t.rank, t.type)
                     FROM (SELECT d.type, min(d.rank) AS rank FROM odoo_events.event_def d WHERE d.entity = e.entity AND d.emit GROUP BY d.type) t), '')
      || '<details><summary>Members of data.' || odoo_events._html(name) || '</summary>' || COALESCE(odoo_events._catalog_fields(e.entity, data #> ARRAY['properties', name, 'properties']), '')
      || COALESCE((SELECT string_agg('<h4>Lines: ' || odoo_events._html(p.part) || '</h4>' || COALESCE(odoo_events._catalog_fields(p.owner, odoo_events._part_json(p, '#/$defs/') -> 'properties'), ''), '' ORDER BY p.position)
                     FROM odoo_events.part p WHERE p.entity = e.entity AND p.owner <> 'none'), '')
      || '</details><details><summary>Example of data</summary><pre><code>' || odoo_events._html(COALESCE(jsonb_pretty(odoo_events._schema_example(data, definitions)), '{}')) || '</code></pre></details></section>';
END $$;
COMMENT ON FUNCTION odoo_events._catalog_entity(odoo_events.entity) IS 'internal: an entity and its event types as a part of an HTML page';

CREATE FUNCTION odoo_events.event_catalog() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
WITH e AS (SELECT x.* FROM odoo_events.entity x WHERE EXISTS (SELECT 1 FROM odoo_events.event_def d WHERE d.entity = x.entity AND d.emit)),
     d AS (SELECT DISTINCT e.domain FROM e)
SELECT odoo_events._page_document('en', 'Event catalog - ' || current_database(),
  '<header><h1>Event catalog</h1><p class="sub">What this database can tell: ' || (SELECT count(DISTINCT t.type) FROM odoo_events.event_type t)
  || ' event types. Every event is a CloudEvent; the members of <code>data</code> stand below. A subscription sees members of its clearance only. Any member may be absent; more may be added without a new version.</p>'
  || '<nav aria-label="entities"><ul>' || (SELECT string_agg('<li><a href="#domain-' || odoo_events._html(d.domain) || '">' || odoo_events._html(replace(d.domain, '_', ' ')) || '</a>: '
       || (SELECT string_agg('<a href="#entity-' || odoo_events._html(e.entity) || '">' || odoo_events._html(replace(e.entity, '_', ' ')) || '</a>', ', ' ORDER BY e.entity) FROM e WHERE e.domain = d.domain) || '</li>', E'\n' ORDER BY d.domain) FROM d)
  || E'</ul></nav></header>\n<main>'
  || '<section aria-labelledby="envelope"><h2 id="envelope">Attributes of every event</h2><div class="wide" tabindex="0"><table><thead><tr><th scope="col">attribute</th><th scope="col">value</th><th scope="col">meaning</th></tr></thead><tbody>'
  || (SELECT string_agg('<tr><th scope="row"><code>' || odoo_events._html(p.key) || '</code></th><td>' || odoo_events._html_value(odoo_events._schema_word(p.value)) || '</td><td>' || odoo_events._html(COALESCE(p.value ->> 'description', '')) || '</td></tr>', E'\n')
        FROM jsonb_each(odoo_events._envelope_json() -> 'properties') p)
  || '</tbody></table></div></section>'
  || (SELECT string_agg('<section aria-labelledby="domain-' || odoo_events._html(d.domain) || '"><h2 id="domain-' || odoo_events._html(d.domain) || '">' || odoo_events._html(replace(d.domain, '_', ' ')) || '</h2>'
       || (SELECT string_agg(odoo_events._catalog_entity(x), E'\n' ORDER BY x.entity) FROM odoo_events.entity x WHERE x.domain = d.domain AND x.entity IN (SELECT e.entity FROM e)) || '</section>', E'\n' ORDER BY d.domain) FROM d)
  || '</main>')
$$;
COMMENT ON FUNCTION odoo_events.event_catalog() IS
'the catalog as one HTML page for integrators: per type when, key, members with their class, an example, how to get its schema, what changed; a few seconds';
